"""Addresses of runs."""

from django.urls import URLPattern, URLResolver, include, path

from slos.runs import views

run_urls = [
    path("", views.list_view, name="list"),
    path("<int:pk>/", views.detail, name="detail"),
]

urlpatterns: list[URLPattern | URLResolver] = [path("runs/", include((run_urls, "runs")))]
