from django.urls import path

from slos.exposition import inbound, pages, views

app_name = "exposition"

urlpatterns = [
    path("metrics", views.metrics, name="metrics"),
    path("metrics/", views.metrics),
    path("kits/", pages.kits, name="kits"),
    path("kits/<slug:slug>.json", pages.kit_file, name="kit-file"),
    path("kits/n8n/name/", pages.name_workflow, name="name-workflow"),
    path("kits/n8n/drop/", pages.drop_reports, name="drop-reports"),
    path("integrations/n8n/error/", inbound.n8n_error, name="n8n-error-by-header"),
    path("integrations/n8n/<str:key>/error/", inbound.n8n_error, name="n8n-error"),
]
