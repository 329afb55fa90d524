"""Addresses of the catalogue's pages."""

from django.urls import path

from opsportal.catalog import views

app_name = "catalog"
urlpatterns = [
    path("automations/", views.automation_list, name="automations"),
    path("automations/new/", views.automation_new, name="automation_new"),
    path("automations/<slug:slug>/", views.automation_page, name="automation"),
    path("automations/<slug:slug>/edit/", views.automation_edit, name="automation_edit"),
    path("automations/<slug:slug>/activate/", views.automation_activate, name="automation_activate"),
]
