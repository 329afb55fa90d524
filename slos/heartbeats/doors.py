"""The ping addresses: public, any method, plain text. Whatever bytes come, a sign of life is kept."""

import json
import logging
from typing import Any
from urllib.parse import parse_qsl
from uuid import UUID

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.db import DatabaseError, InterfaceError
from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt

from opsportal import clock, trace
from opsportal.audit.engine import Actor
from opsportal.identity.addresses import client_address
from slos.heartbeats import engine, operations, pinging
from slos.heartbeats.pinging import Address, AmbiguousSlug, Call, Taken, UnknownHeartbeat
from slos.models import PingProject

MAX_QUERY = 4_000
MAX_ITEMS = 2**62

log = logging.getLogger("slos.heartbeats")


@csrf_exempt
@login_not_required
def ping(request: HttpRequest, code: UUID, action: str = engine.SUCCESS, exit_status: str = "") -> HttpResponse:
    """A ping by code: OK, or "not found"."""
    return _answer(request, Address(code=code), action, exit_status)


@csrf_exempt
@login_not_required
def ping_by_slug(
    request: HttpRequest, ping_key: str, slug: str, action: str = engine.SUCCESS, exit_status: str = ""
) -> HttpResponse:
    """A ping by the key of a project and a slug; `create=1` makes the heartbeat when there is none."""
    if slug != slug.lower():
        return _text("invalid url format", 400)
    return _answer(request, Address(ping_key=ping_key, slug=slug), action, exit_status)


@csrf_exempt
@login_not_required
def unknown(request: HttpRequest, rest: str = "") -> HttpResponse:
    return _text("not found", 404)


def _answer(request: HttpRequest, address: Address, action: str, exit_status: str) -> HttpResponse:
    query = _query(request)
    call, complaint = _call(request, query, action, exit_status)
    try:
        taken = pinging.take_ping(address, call, clock.now())
        created = False
    except UnknownHeartbeat:
        if complaint or query.get("create") != "1" or not address.slug:
            return _text("not found", 404)
        return _provisioned(address, call)
    except AmbiguousSlug:
        return _text("ambiguous slug", 409)
    except (DatabaseError, InterfaceError):
        log.exception("A ping could not be written.")
        return _text("try again", 503, **{"Retry-After": "5"})
    return _text(complaint, 400) if complaint else _taken(taken, created)


def _provisioned(address: Address, call: Call) -> HttpResponse:
    """Make the heartbeat of a slug that is new, then take the ping."""
    found = PingProject.objects.select_related("integration__team")
    project = found.filter(ping_key=address.ping_key, integration__disabled_at=None).first()
    if project is None or len(address.slug) > 100:
        return _text("not found", 404)
    integration, now = project.integration, clock.now()
    actor = Actor("token", f"integration:{integration.pk}", integration.name)
    made, created = operations.provision_heartbeat(project, slug=address.slug, actor=actor, now=now)
    return _taken(pinging.take_ping(Address(code=made.code), call, now), created)


def _taken(taken: Taken, created: bool) -> HttpResponse:
    if taken.retry_after:
        return _text("rate limited", 429, **{"Retry-After": str(taken.retry_after)})
    return _text("Created", 201) if created else _text("OK")


def _text(text: str, status: int = 200, **headers: str) -> HttpResponse:
    limit = str(settings.PING_BODY_LIMIT)
    given = {"Ping-Body-Limit": limit, "Access-Control-Allow-Origin": "*", **headers}
    return HttpResponse(text, status=status, content_type="text/plain; charset=utf-8", headers=given)


def _call(request: HttpRequest, query: dict[str, str], action: str, exit_status: str) -> tuple[Call, str]:
    """The call, and what the sender is told when a part of its address is none: the rest of the ping counts all the
    same.
    """
    rid, complaint = None, ""
    if (given := query.get("rid")) is not None:
        rid = _uuid(given)
        complaint = "" if rid else "invalid uuid format"
    number = int(exit_status[:6]) if exit_status else None
    if number is not None and number > 255:
        number, action, complaint = None, engine.FAIL, "invalid url format"
    elif number is not None:
        action = engine.FAIL if number else engine.SUCCESS
    body = _body(request)
    call = Call(
        action=action,
        method=_clean(request.method or "")[:10],
        scheme="https" if request.is_secure() else "http",
        user_agent=_clean(request.META.get("HTTP_USER_AGENT", ""))[:200],
        remote_address=client_address(request),
        body=body,
        rid=rid,
        rid_is_bad=complaint == "invalid uuid format",
        exit_status=number,
        items=_items(query, body),
        trace_id=trace.current_trace_id(),
    )
    return call, complaint


def _query(request: HttpRequest) -> dict[str, str]:
    """The first value of each parameter. Read by hand: a broken query string must not cost the ping."""
    text = request.META.get("QUERY_STRING", "")[:MAX_QUERY]
    found: dict[str, str] = {}
    for name, value in parse_qsl(text, keep_blank_values=True, errors="replace"):
        found.setdefault(name, value)
    return found


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def _body(request: HttpRequest) -> bytes:
    """The first bytes of the body; a connection that breaks off has brought its ping all the same."""
    # Django reads nothing without a length; the server below it knows where a chunked body ends.
    source = request.META["wsgi.input"] if "HTTP_TRANSFER_ENCODING" in request.META else request
    try:
        return source.read(settings.PING_BODY_LIMIT) or b""
    except OSError:
        return b""


def _items(query: dict[str, str], body: bytes) -> int | None:
    """How much the run produced: `?items=` or {"items": …} as the body."""
    given: Any = query.get("items")
    if given is None and body[:1] == b"{":
        try:
            said = json.loads(body)
        except (ValueError, RecursionError):
            return None
        given = said.get("items")
        return given if type(given) is int and 0 <= given <= MAX_ITEMS else None
    return min(int(given), MAX_ITEMS) if given and given.isascii() and given.isdecimal() and len(given) < 19 else None


def _clean(text: str) -> str:
    """PostgreSQL stores no NUL, UTF-8 no lone surrogate."""
    return text.replace("\x00", "").encode("utf-8", "replace").decode("utf-8")
