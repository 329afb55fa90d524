"""Wiring: which room answers which address."""

from django.contrib import admin
from django.urls import include, path

urlpatterns = [
    path("", include("opsportal.sweeps.urls")),
    path("", include("opsportal.web.urls")),
    path("", include("opsportal.portal.urls")),
    path("", include("opsportal.identity.urls")),
    path("", include("opsportal.audit.urls")),
    path("", include("opsportal.approvals.urls")),
    path("", include("opsportal.calendars.urls")),
    path("", include("opsportal.catalog.urls")),
    path("", include("opsportal.notify.urls")),
    path("", include("opsportal.integrations.urls")),
    path("", include("handoffs.urls")),
    path("", include("slos.urls")),
    path("", include("runbooks.urls")),
    path("", include("opsportal.privacy.urls")),
    path("api/v1/", include("opsportal.api_urls")),
    path("api/", include("opsportal.api.urls")),
    path("admin/", admin.site.urls),
]

handler400 = "opsportal.web.views.bad_request"
handler403 = "opsportal.web.views.forbidden"
handler404 = "opsportal.web.views.not_found"
handler500 = "opsportal.web.views.failed"
