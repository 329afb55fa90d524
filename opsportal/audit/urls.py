from django.urls import path

from opsportal.audit import views

app_name = "audit"
urlpatterns = [
    path("audit/", views.entry_list, name="list"),
    path("audit/<int:entry_id>/", views.entry_page, name="entry"),
]
