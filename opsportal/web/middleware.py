"""What every request gets: a trace id and a source, the person's time zone, headers that keep pages private."""

from collections.abc import Callable
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils import timezone

from opsportal import trace

Handler = Callable[[HttpRequest], HttpResponseBase]


class TraceMiddleware:
    """Runs the request under the caller's trace id (or a new one) and names it in the answer."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        headers = request.headers
        trace_id = trace.from_headers(headers.get("X-Correlation-ID", ""), headers.get("traceparent", ""))
        with trace.scope(trace_id=trace_id, source=source_of(request.path_info)):
            response = self.get_response(request)
        response.headers.setdefault("X-Correlation-ID", trace_id)  # a body may have named another
        return response


class PersonZoneMiddleware:
    """Times are shown, and typed, in the zone of the person who is signed in; else in UTC."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        name = getattr(request.user, "timezone", "") if request.user.is_authenticated else ""
        with timezone.override(zone_of(name)):
            return self.get_response(request)


class PrivatePagesMiddleware:
    """Answers are never stored, unless a view for anonymous readers says otherwise (badges, feeds)."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        signed_in = hasattr(request, "user") and request.user.is_authenticated
        if signed_in or "Cache-Control" not in response.headers:
            response.headers["Cache-Control"] = "no-store"
        return response


def source_of(path: str) -> str:
    """The audit source of an address: admin and api by their prefix (inbound integrations count as api), else web."""
    if path.startswith("/admin/"):
        return "admin"
    return "api" if path.startswith(("/api/", "/integrations/", "/ping/")) else "web"


def zone_of(name: str) -> ZoneInfo:
    """A zone by name; UTC where the name is empty or no longer in the zone database."""
    try:
        return ZoneInfo(name or "UTC")
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return ZoneInfo("UTC")
