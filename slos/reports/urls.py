from django.urls import path

from slos.reports import views

app_name = "reports"
urlpatterns = [
    path("budgets/", views.budget_page, name="budgets"),
    path("budgets/shares/", views.share_create, name="share"),
    path("budgets/shares/<uuid:key>/revoke/", views.share_revoke, name="revoke"),
    path("shared/budgets/<str:token>/", views.shared_budgets, name="shared"),
    path("executive/", views.executive_page, name="executive"),
    path("debug/", views.debug_page, name="debug"),
]
