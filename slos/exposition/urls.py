from django.urls import path

from slos.exposition import inbound

app_name = "exposition"

urlpatterns = [
    path("integrations/n8n/error/", inbound.n8n_error, name="n8n-error-by-header"),
    path("integrations/n8n/<str:key>/error/", inbound.n8n_error, name="n8n-error"),
]
