from django.urls import include, path

from runbooks.executions import views

execution_urls = [
    path("executions/", views.list_view, name="list"),
    path("toil/", views.toil, name="toil"),
    path("executions/<uuid:pk>/", views.detail, name="detail"),
    path("executions/<uuid:pk>/finish/", views.finish, name="finish"),
    path("executions/<uuid:pk>/stop/", views.abandon, name="abandon"),
    path("executions/<uuid:pk>/<slug:key>/<slug:name>/", views.act, name="act"),
    path("<slug:slug>/start/", views.start, name="start"),
]
urlpatterns = [path("runbooks/", include((execution_urls, "executions")))]
