from django.urls import include, path

from runbooks.plans import views

pages = [
    path("", views.list_view, name="list"),
    path("new/", views.create, name="create"),
    path("<uuid:pk>/", views.detail, name="detail"),
    path("<uuid:pk>/edit/", views.edit, name="edit"),
    path("<uuid:pk>/report.csv", views.report_csv, name="report-csv"),
    path("<uuid:pk>/requests/", views.requests, name="requests"),
    path("<uuid:pk>/<slug:name>/", views.act, name="act"),
]
urlpatterns = [path("replay/plans/", include((pages, "plans")))]
