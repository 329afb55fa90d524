"""Addresses of pings, of the management API that existing programs call, of badges, and of our own pages."""

from collections.abc import Callable
from uuid import UUID

from django.http import HttpResponse
from django.urls import URLPattern, URLResolver, include, path, re_path, register_converter

from slos.heartbeats import badges, doors, management, views


class AnyUUID:
    """A UUID in either case, with or without hyphens: whoever writes it otherwise is not turned away."""

    regex = "[0-9a-fA-F]{8}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{12}"

    def to_python(self, value: str) -> UUID:
        return UUID(value)

    def to_url(self, value: UUID) -> str:
        return str(value)


class Digits:
    regex = "[0-9]+"

    def to_python(self, value: str) -> str:
        return value

    def to_url(self, value: object) -> str:
        return str(value)


class Sha1:
    regex = "[a-f0-9]{40}"

    def to_python(self, value: str) -> str:
        return value

    def to_url(self, value: str) -> str:
        return value


register_converter(Sha1, "sha1")
register_converter(AnyUUID, "anyuuid")
register_converter(Digits, "digits")

BY_CODE, BY_SLUG = "ping/<anyuuid:code>", "ping/<slug:ping_key>/<slug:slug>"
ACTIONS = ("start", "fail", "log")


def _pings(address: str, view: Callable[..., HttpResponse], name: str) -> list[URLPattern]:
    """With and without a slash at the end: a redirect would turn a POST into a GET, and lose its body."""
    found = [path(address, view, name=name), path(f"{address}/", view)]
    for end in ("", "/"):
        found += [path(f"{address}/{action}{end}", view, {"action": action}) for action in ACTIONS]
        found.append(path(f"{address}/<digits:exit_status>{end}", view))
    return found


def _management(version: int) -> list[URLPattern]:
    """Collections with and without a slash at the end, as the original."""
    base, code, key = f"api/v{version}", "<anyuuid:code>", "<sha1:unique_key>"
    collections = {
        "checks": management.checks,
        f"checks/{code}/pings": management.pings,
        f"checks/{code}/flips": management.flips,
        f"checks/{key}/flips": management.flips_by_unique_key,
        "channels": management.channels,
        "badges": management.list_badges,
        "status": management.status,
    }
    singles = {
        f"checks/{code}": management.single,
        f"checks/{key}": management.by_unique_key,
        f"checks/{code}/pause": management.pause,
        f"checks/{code}/resume": management.resume,
        f"checks/{code}/pings/<int:n>/body": management.ping_body,
    }
    given = {"version": version}
    return [
        *(path(f"{base}/{at}", view, given) for at, view in {**collections, **singles}.items()),
        *(path(f"{base}/{at}/", view, given) for at, view in collections.items()),
    ]


pages = [
    path("", views.list_view, name="list"),
    path("new/", views.create, name="create"),
    path("keys/", views.projects, name="projects"),
    path("<slug:slug>/", views.detail, name="detail"),
    path("<slug:slug>/edit/", views.edit, name="edit"),
    path("<slug:slug>/<slug:name>/", views.act, name="act"),
]
urlpatterns: list[URLPattern | URLResolver] = [
    path("heartbeats/", include((pages, "heartbeats"))),
    *_pings(BY_CODE, doors.ping, "ping"),
    *_pings(BY_SLUG, doors.ping_by_slug, "ping-slug"),
    re_path(r"^ping/(?P<rest>.*)$", doors.unknown),
    *(pattern for version in (1, 2, 3) for pattern in _management(version)),
    path("badge/<uuid:badge_key>/<slug:signature>.<slug:fmt>", badges.badge),
    path("badge/<uuid:badge_key>/<slug:signature>/<path:tag>.<slug:fmt>", badges.badge),
    path("b/<int:states>/<uuid:badge_key>.<slug:fmt>", badges.one_badge),
]
