from django.urls import include, path

from opsportal.imports import urls as imports
from runbooks.queue import inbound, views
from runbooks.targets import views as targets

pages = [
    path("", views.list_view, name="list"),
    *imports.patterns("replay-items"),
    path("items/<uuid:pk>/", views.item, name="item"),
    path("items/<uuid:pk>/unmask/", views.unmask, name="unmask"),
    path("items/<uuid:pk>/legal-hold/<slug:name>/", views.hold, name="hold"),
    path("items/<uuid:pk>/<slug:name>/", views.decide, name="decide"),
    path("targets/", targets.list_view, name="targets"),
    path("targets/new/", targets.create, name="target-create"),
    path("targets/<slug:slug>/", targets.detail, name="target"),
    path("targets/<slug:slug>/edit/", targets.edit, name="target-edit"),
    path("targets/<slug:slug>/<slug:name>/", targets.act, name="target-act"),
]
programs = [
    path("n8n-replay/payload/", inbound.n8n_payload, name="n8n-payload-by-header"),
    path("n8n-replay/<str:key>/payload/", inbound.n8n_payload, name="n8n-payload"),
]
urlpatterns = [
    path("replay/", include((pages, "replay"))),
    path("integrations/", include((programs, "replay-inbound"))),
]
