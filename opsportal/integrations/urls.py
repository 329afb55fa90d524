from django.urls import path

from opsportal.integrations import inbound, views

app_name = "integrations"

urlpatterns = [
    path("integrations/", views.integrations, name="integrations"),
    path("integrations/new/", views.add_integration, name="add_integration"),
    path("integrations/<uuid:pk>/", views.integration, name="integration"),
    path("integrations/<uuid:pk>/edit/", views.edit_integration, name="edit_integration"),
    path("integrations/<uuid:pk>/rotate/", views.rotate_integration, name="rotate_integration"),
    path("integrations/<uuid:pk>/disable/", views.disable_integration, name="disable_integration"),
    path("integrations/<uuid:pk>/enable/", views.enable_integration, name="enable_integration"),
    path("integrations/webhook/<str:key>/", inbound.webhook, name="webhook"),
]
