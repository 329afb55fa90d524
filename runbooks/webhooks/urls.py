from django.urls import include, path

from runbooks.webhooks import views

webhook_urls = [
    path("webhooks/", views.list_view, name="list"),
    path("webhooks/new/", views.create, name="create"),
    path("webhooks/<slug:slug>/", views.detail, name="detail"),
    path("webhooks/<slug:slug>/edit/", views.edit, name="edit"),
    path("webhooks/<slug:slug>/<slug:name>/", views.act, name="act"),
]
urlpatterns = [path("runbooks/", include((webhook_urls, "webhooks-of-runbooks")))]
