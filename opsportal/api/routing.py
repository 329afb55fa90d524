"""One router for every room's routes, and the answer for addresses that nobody owns."""

from collections.abc import Iterable

from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, URLResolver, re_path
from rest_framework.routers import SimpleRouter
from rest_framework.viewsets import ViewSetMixin

from opsportal.api.errors import Problem

# (path below /api/v1/, viewset, base name of its URL names)
Route = tuple[str, type[ViewSetMixin], str]


def unknown_address(request: HttpRequest) -> HttpResponse:
    """404 as a problem; it tells nobody apart, so it needs no login."""
    return Problem(404).http_response()


unknown_address.login_required = False  # type: ignore[attr-defined]
unknown_address.csrf_exempt = True  # type: ignore[attr-defined]


def urls_of(routes: Iterable[Route]) -> list[URLPattern | URLResolver]:
    """The URL patterns of all routes, closed by the 404 problem. Raises ValueError for a path that is taken twice."""
    router = SimpleRouter()
    for prefix, viewset, name in routes:
        router.register(prefix, viewset, basename=name)
    return [*router.urls]


def fallback() -> URLPattern:
    return re_path(r"^", unknown_address, name="api-unknown")
