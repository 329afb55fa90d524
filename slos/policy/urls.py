from django.urls import path

from slos.policy import views

app_name = "policy"
urlpatterns = [
    path("policy/", views.policy_page, name="page"),
    path("policy/publish/", views.policy_publish, name="publish"),
    path("policy/<slug:slug>/activate/", views.policy_activate, name="activate"),
    path("policy/<slug:slug>/retire/", views.policy_retire, name="retire"),
    path("policy/decisions/", views.decision_list, name="decisions"),
    path("policy/decisions/<int:key>/", views.decision_page, name="decision"),
    path("policy/dry-run/", views.dry_run_page, name="dry_run"),
    path("policy/freezes/<int:key>/", views.freeze_page, name="freeze"),
    path("policy/freezes/<int:key>/override/", views.freeze_override, name="override"),
    path("policy/freezes/<int:key>/acknowledge/", views.freeze_acknowledge, name="acknowledge"),
]
