from django.urls import include, path

from slos.alarms import views

fact_urls = [
    path("", views.list_view, name="list"),
    path("watch/<slug:slug>/", views.watch, name="watch"),
]
urlpatterns = [path("facts/", include((fact_urls, "facts")))]
