"""Addresses of the health endpoints and of the page about the worker."""

from django.urls import path

from opsportal.sweeps import views

app_name = "sweeps"
urlpatterns = [
    path("healthz/", views.healthz, name="healthz"),
    path("readyz/", views.readyz, name="readyz"),
    path("livez/sweeps/", views.livez_sweeps, name="livez_sweeps"),
    path("worker/", views.worker, name="worker"),
]
