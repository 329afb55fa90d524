"""Addresses of sign-in, people, teams and one's own account."""

from django.urls import URLPattern

urlpatterns: list[URLPattern] = []
