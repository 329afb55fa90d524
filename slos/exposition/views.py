"""/metrics for Prometheus, and the page of ready-made kits for n8n and Zapier."""

import hmac

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from opsportal import clock
from opsportal.api.errors import Problem
from opsportal.identity.actors import Principal, principal_of
from opsportal.identity.authentication import REALM, TokenAuthentication
from slos.exposition import metrics as exposition
from slos.exposition.engine import text

SCOPE = "slos:read"


@require_safe
@login_not_required
def metrics(request: HttpRequest) -> HttpResponse:
    """Text 0.0.4 or OpenMetrics by Accept. A token with slos:read sees what it may see; OPSPORTAL_METRICS_TOKEN, and
    nobody else without a token or session, sees everything.
    """
    if _is_scraper(request):
        principal: Principal | None = None
    else:
        try:
            principal = _principal(request)
        except AuthenticationFailed as refused:
            return Problem(401, str(refused.get_codes()), str(refused.detail), headers=_CHALLENGE).http_response()
        if principal is None:
            return Problem(401, headers=_CHALLENGE).http_response()
        if not principal.allows(SCOPE):
            return Problem(403, "scope_missing", f"This takes the scope {SCOPE}.").http_response()
    openmetrics = text.wants_openmetrics(request.headers.get("Accept", ""))
    body = text.written(exposition.families(principal, clock.now()), openmetrics=openmetrics)
    content_type = text.OPENMETRICS if openmetrics else text.TEXT
    return HttpResponse(body, content_type=content_type, headers={"Cache-Control": "no-store", "Vary": "Accept"})


_CHALLENGE = {"WWW-Authenticate": REALM}


def _is_scraper(request: HttpRequest) -> bool:
    """A server's own token, for a Prometheus that should not depend on a token's expiry."""
    expected = str(getattr(settings, "METRICS_TOKEN", "") or "")
    scheme, _, given = request.headers.get("Authorization", "").partition(" ")
    return (
        len(expected) >= 16
        and scheme.lower() == "bearer"
        and hmac.compare_digest(given.strip().encode(), expected.encode())
    )


def _principal(request: HttpRequest) -> Principal | None:
    found = TokenAuthentication().authenticate(Request(request))
    return found[1] if found is not None else principal_of(request)
