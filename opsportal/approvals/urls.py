from django.urls import path

from opsportal.approvals import views

app_name = "approvals"
urlpatterns = [
    path("approvals/", views.approval_list, name="list"),
    path("approvals/<uuid:approval_id>/", views.approval_page, name="approval"),
]
