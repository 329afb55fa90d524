"""Wiring of /api/v1/: every app's `api.routes` in one router."""

from django.urls import URLPattern, URLResolver

urlpatterns: list[URLPattern | URLResolver] = []
