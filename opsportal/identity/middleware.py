"""A browser session ends after an hour without a request, and after twelve hours in any case."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.contrib.auth import logout
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from opsportal import clock
from opsportal.identity import operations
from opsportal.identity.addresses import client_address

RESOLUTION = timedelta(minutes=1)


class SessionLimitMiddleware:
    """Keeps `began_at` and `seen_at` in the session (written at most once a minute) and ends what is too old."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if request.user.is_authenticated:
            self._limit(request, clock.now())
        return self.get_response(request)

    def _limit(self, request: HttpRequest, now: datetime) -> None:
        began_at, seen_at = _instant(request, "began_at"), _instant(request, "seen_at")
        if began_at is None or seen_at is None:
            begin(request, now)
        elif reason := _too_old(began_at, seen_at, now):
            person: Any = request.user
            operations.record_sign_out(person, reason=reason, now=now)
            logout(request)
        elif now - seen_at >= RESOLUTION:
            request.session["seen_at"] = now.isoformat()


def begin(request: HttpRequest, now: datetime) -> None:
    """Start the clocks of a session that has just been signed in."""
    request.session["began_at"] = request.session["seen_at"] = now.isoformat()
    request.session["address"] = client_address(request)
    request.session["agent"] = request.headers.get("User-Agent", "")[:200]


def _too_old(began_at: datetime, seen_at: datetime, now: datetime) -> str:
    if now - seen_at > settings.SESSION_IDLE:
        return "idle"
    return "too_long" if now - began_at > settings.SESSION_LIFETIME else ""


def _instant(request: HttpRequest, name: str) -> datetime | None:
    text = request.session.get(name)
    return datetime.fromisoformat(text) if text else None
