"""Wiring of /api/v1/: every app's `api.routes` in one router."""

from django.urls import URLPattern, URLResolver

from handoffs import api as handoffs
from opsportal.api import docs, routing
from opsportal.approvals import api as approvals
from opsportal.audit import api as audit
from opsportal.calendars import api as calendars
from opsportal.catalog import api as catalog
from opsportal.identity import api as identity
from opsportal.integrations import api as integrations
from opsportal.notify import api as notify
from opsportal.portal import api as portal
from opsportal.privacy import api as privacy
from runbooks import api as runbooks
from slos import api as slos

routes: list[routing.Route] = [
    *handoffs.routes,
    *slos.routes,
    *runbooks.routes,
    *calendars.routes,
    *catalog.routes,
    *identity.routes,
    *audit.routes,
    *approvals.routes,
    *portal.routes,
    *privacy.routes,
    *notify.routes,
    *integrations.routes,
]

urlpatterns: list[URLPattern | URLResolver] = [
    *routing.urls_of(routes),
    *docs.urlpatterns,
]
