from django.urls import path

from opsportal.notify import views

app_name = "notify"

urlpatterns = [
    path("inbox/", views.inbox, name="inbox"),
    path("inbox/read/", views.read_all, name="read_all"),
    path("inbox/reach/", views.reach, name="reach"),
    path("inbox/<uuid:pk>/read/", views.read, name="read"),
    path("inbox/<uuid:pk>/open/", views.open_message, name="open"),
    path("deliveries/", views.deliveries, name="deliveries"),
    path("deliveries/<int:pk>/", views.delivery, name="delivery"),
    path("webhooks/", views.webhooks, name="webhooks"),
    path("webhooks/new/", views.add_webhook, name="add_webhook"),
    path("webhooks/<uuid:pk>/", views.webhook, name="webhook"),
    path("webhooks/<uuid:pk>/edit/", views.edit_webhook, name="edit_webhook"),
    path("webhooks/<uuid:pk>/rotate/", views.rotate_webhook, name="rotate_webhook"),
    path("webhooks/<uuid:pk>/disable/", views.disable_webhook, name="disable_webhook"),
    path("webhooks/<uuid:pk>/enable/", views.enable_webhook, name="enable_webhook"),
]
