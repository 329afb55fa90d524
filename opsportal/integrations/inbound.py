"""The addresses programs post to: public, without session or CSRF, answered in JSON and problem+json alone."""

import logging
from collections.abc import Callable
from functools import wraps

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt

from opsportal import clock, trace
from opsportal.api import parsers, throttles
from opsportal.api.errors import Problem, problem_of
from opsportal.integrations import operations, receiving
from opsportal.integrations.models import Integration
from opsportal.integrations.receiving import Signed
from opsportal.vault.signatures import SignatureError

View = Callable[..., HttpResponse]
log = logging.getLogger("opsportal.integrations")


def inbound(view: View) -> View:
    """Wrap a view that programs post to: POST only, a trace id, refusals as problems, never HTML."""

    @csrf_exempt
    @login_not_required
    @wraps(view)
    def wrapped(request: HttpRequest, *args: object, **kwargs: object) -> HttpResponse:
        sent = trace.from_headers(request.headers.get("X-Correlation-ID", ""), request.headers.get("traceparent", ""))
        with trace.scope(trace_id=sent, source="api") as trace_id:
            response = _answer(view, request, *args, **kwargs)
            response["X-Correlation-ID"] = trace_id
            response["Cache-Control"] = "no-store"
            return response

    return wrapped


@inbound
def webhook(request: HttpRequest, key: str) -> HttpResponse:
    """A message signed per Standard Webhooks: 200 with what became of it. The same one again gets the same answer."""
    now = clock.now()
    integration = receiving.find_integration("webhook", key)
    if wait := throttled(integration):
        return Problem(429, headers={"Retry-After": str(wait)}).http_response()
    try:
        taken = receiving.receive(integration, _signed(request), now)
    except SignatureError as error:
        note_refusal(integration, error.code)
        return Problem(401, error.code, str(error)).http_response()
    headers = {"Idempotency-Replayed": "true"} if taken.repeated else {}
    return JsonResponse(taken.answer, headers=headers)


def throttled(integration: Integration) -> int:
    """Seconds a sender has to wait for having sent more than a minute's share; 0 when it may go on."""
    now = clock.now()
    seen, ends_at = throttles.count(f"integration:{integration.pk}", now)
    return max(1, int((ends_at - now).total_seconds())) if seen > settings.API_WRITES_PER_MINUTE else 0


def note_refusal(integration: Integration, code: str) -> None:
    """One entry a minute for each sender and reason, so that nobody can fill the trail from outside."""
    now = clock.now()
    seen, _ = throttles.count(f"refused:{integration.pk}:{code}", now)
    if seen == 1:
        operations.record_refusal(integration, code=code, now=now)


def _answer(view: View, request: HttpRequest, *args: object, **kwargs: object) -> HttpResponse:
    if settings.API_REQUIRES_HTTPS and not request.is_secure():
        return Problem(403, "https_required", "This address is served over https only.").http_response()
    if request.method != "POST":
        return Problem(405, headers={"Allow": "POST"}).http_response()
    try:
        parsers.read_body(request)
        return view(request, *args, **kwargs)
    except Exception as error:
        problem = problem_of(error)
        if problem.status >= 500:
            log.exception("A message to %s could not be taken in.", view.__name__)
        return problem.http_response()


def _signed(request: HttpRequest) -> Signed:
    given = request.headers
    return Signed(
        message_id=given.get("webhook-id", ""),
        timestamp=given.get("webhook-timestamp", ""),
        signature=given.get("webhook-signature", ""),
        body=request.body,
    )
