"""The management API of healthchecks.io, versions 1 to 3: its addresses, its shapes, its errors. No problem+json here:
existing programs call it."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import wraps
from typing import Any
from uuid import UUID

from django.contrib.auth.decorators import login_not_required
from django.db import connection
from django.db.models import Case, IntegerField, Q, Value, When
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt

from opsportal import clock
from opsportal.api import parsers
from opsportal.api.errors import Malformed, TooLarge
from opsportal.audit.engine import Actor
from opsportal.errors import Conflict, DomainError
from opsportal.integrations.models import Integration
from slos.heartbeats import badges, operations, queries, shapes, spec
from slos.models import Flip, Heartbeat, Ping, PingProject
from slos.models.heartbeats import HeartbeatQuerySet

PINGS_SHOWN = 1_000
LAST_SECOND = 2**33
# This client reads a plain list, as the documentation once showed it; the server answers an object.
LISTS_FLIPS = "py-healthchecks.io"

View = Callable[..., HttpResponse]


class Refusal(Exception):
    """An answer other than the usual one."""

    def __init__(self, status: int, error: str = "") -> None:
        super().__init__(error)
        self.status, self.error = status, error


@dataclass(frozen=True, slots=True)
class Asked:
    """A request that has proved its key: whose it is, and by which version it wants to be answered."""

    request: HttpRequest
    project: PingProject
    readonly: bool
    version: int
    body: Any
    now: datetime

    @property
    def actor(self) -> Actor:
        integration = self.project.integration
        return Actor("token", f"integration:{integration.pk}", integration.name)

    def answer(self, heartbeat: Heartbeat, status: int = 200) -> JsonResponse:
        shape = shapes.check(heartbeat, self.now, version=self.version, readonly=self.readonly)
        return JsonResponse(shape, status=status)


def endpoint(*methods: str, reads: bool = False) -> Callable[[View], View]:
    """Wrap a view: these methods, a key (a read-only one where it `reads`), CORS, every refusal as {"error": …}."""

    def decorate(view: View) -> View:
        @csrf_exempt
        @login_not_required
        @wraps(view)
        def wrapped(request: HttpRequest, version: int, **kwargs: Any) -> HttpResponse:
            if request.method == "OPTIONS":
                answer: HttpResponse = HttpResponse(status=204)
            elif request.method not in methods:
                answer = _error(405, "method not allowed")
            else:
                answer = _guarded(view, request, version, reads and request.method == "GET", kwargs)
            answer["Access-Control-Allow-Origin"] = "*"
            answer["Access-Control-Allow-Headers"] = "X-Api-Key"
            answer["Access-Control-Allow-Methods"] = ", ".join([*methods, "OPTIONS"])
            answer["Access-Control-Max-Age"] = "600"
            return answer

        return wrapped

    return decorate


def _guarded(view: View, request: HttpRequest, version: int, reads: bool, kwargs: dict[str, Any]) -> HttpResponse:
    try:
        return view(_asked(request, version, reads=reads), **kwargs)
    except Refusal as refusal:
        return _error(refusal.status, refusal.error)
    except spec.Refused as refused:
        return _error(400, str(refused))
    except DomainError as error:
        return _error(409 if isinstance(error, Conflict) else 400, error.message)


def _error(status: int, text: str) -> JsonResponse:
    return JsonResponse({"error": text} if text else {}, status=status)


def _asked(request: HttpRequest, version: int, *, reads: bool) -> Asked:
    body = _body(request)
    key = request.headers.get("X-Api-Key") or (body.get("api_key") if isinstance(body, dict) else "")
    if not isinstance(key, str) or len(key) != 32 or not key.isascii() or "\x00" in key:
        raise Refusal(401, "missing api key")
    project = _project_of(key)
    readonly = project is not None and key == project.readonly_key
    if project is None or (readonly and not reads):
        raise Refusal(401, "wrong api key")
    return Asked(request, project, readonly, version, body, clock.now())


def _project_of(key: str) -> PingProject | None:
    found = PingProject.objects.select_related("integration__team")
    own = Q(integration__key=key, integration__kind=operations.KIND) | Q(readonly_key=key)
    project = found.filter(own, integration__disabled_at=None).first()
    if project is not None:
        return project
    integration = Integration.objects.filter(key=key, kind=operations.KIND, disabled_at=None).first()
    if integration is None:
        return None
    return operations.open_project(integration, actor=Actor.system("heartbeats"), now=clock.now())


def _body(request: HttpRequest) -> Any:
    if request.method != "POST":
        return {}
    try:
        raw = parsers.read_body(request)
        return json.loads(raw) if raw.strip() else {}
    except (ValueError, RecursionError, Malformed, TooLarge):
        raise Refusal(400, "could not parse request body") from None
    except Exception as error:  # a content encoding that is not read here
        raise Refusal(415, "could not read request body") from error


# --- checks ---


@endpoint("GET", "POST", reads=True)
def checks(asked: Asked) -> HttpResponse:
    """List the checks of the project, or make (or, by `unique`, update) one."""
    return _create(asked) if asked.request.method == "POST" else _list(asked)


def _list(asked: Asked) -> HttpResponse:
    rows, query = _own(asked).order_by("pk"), asked.request.GET
    tags = set(query.getlist("tag"))
    if (slug := query.get("slug")) is not None:
        rows = rows.filter(ping_slug=slug.replace("\x00", ""))
    found = [row for row in rows if tags <= set(row.tags.split())]
    shown = [shapes.check(row, asked.now, version=asked.version, readonly=asked.readonly) for row in found]
    return JsonResponse({"checks": shown})


def _create(asked: Asked) -> HttpResponse:
    given = spec.read(asked.body, version=asked.version)
    values, actor, now = spec.columns(given), asked.actor, asked.now
    if (known := _known(asked, given)) is not None:
        operations.change_heartbeat(known, values=values, actor=actor, now=now)
        return asked.answer(_reread(known))
    integration = asked.project.integration
    made = operations.create_heartbeat(values=values, integration=integration, actor=actor, now=now)
    return asked.answer(_reread(made), 201)


def _known(asked: Asked, given: dict[str, Any]) -> Heartbeat | None:
    """The check that `unique` names; none where a field it names is not given."""
    names = given.get("unique") or []
    if not names or any(name not in given for name in names):
        return None
    return _own(asked).filter(**{spec.COLUMNS[name]: given[name] for name in names}).order_by("pk").first()


@endpoint("GET", "POST", "DELETE", reads=True)
def single(asked: Asked, code: UUID) -> HttpResponse:
    """Read, update or delete one check."""
    heartbeat = _get(asked, code)
    if asked.request.method == "POST":
        values = spec.columns(spec.read(asked.body, version=asked.version))
        operations.change_heartbeat(heartbeat, values=values, actor=asked.actor, now=asked.now)
        return asked.answer(_reread(heartbeat))
    if asked.request.method == "DELETE":
        answer = asked.answer(heartbeat)
        operations.delete_heartbeat(heartbeat, actor=asked.actor, now=asked.now)
        return answer
    return asked.answer(heartbeat)


@endpoint("GET", reads=True)
def by_unique_key(asked: Asked, unique_key: str) -> HttpResponse:
    return asked.answer(_get_by_unique_key(asked, unique_key))


@endpoint("POST")
def pause(asked: Asked, code: UUID) -> HttpResponse:
    heartbeat = operations.pause_heartbeat(_get(asked, code), actor=asked.actor, now=asked.now)
    return asked.answer(_reread(heartbeat))


@endpoint("POST")
def resume(asked: Asked, code: UUID) -> HttpResponse:
    heartbeat = operations.resume_heartbeat(_get(asked, code), actor=asked.actor, now=asked.now)
    return asked.answer(_reread(heartbeat))


# --- what came ---


@endpoint("GET")
def pings(asked: Asked, code: UUID) -> HttpResponse:
    """The last pings, newest first."""
    heartbeat = _get(asked, code)
    has_body = Case(When(body=None, then=Value(0)), default=Value(1), output_field=IntegerField())
    rows = Ping.objects.filter(heartbeat=heartbeat).defer("body").annotate(has_body=has_body).order_by("-n")
    return JsonResponse({"pings": shapes.pings(heartbeat, rows[:PINGS_SHOWN], version=asked.version)})


@endpoint("GET")
def ping_body(asked: Asked, code: UUID, n: int) -> HttpResponse:
    row = Ping.objects.filter(heartbeat=_get(asked, code), n=n).first() if n < 2**62 else None
    if row is None or not row.body:
        raise Refusal(404, "not found")
    return HttpResponse(bytes(row.body), content_type="text/plain")


@endpoint("GET", reads=True)
def flips(asked: Asked, code: UUID) -> HttpResponse:
    return _flips(asked, _get(asked, code))


@endpoint("GET", reads=True)
def flips_by_unique_key(asked: Asked, unique_key: str) -> HttpResponse:
    return _flips(asked, _get_by_unique_key(asked, unique_key))


def _flips(asked: Asked, heartbeat: Heartbeat) -> HttpResponse:
    """Changes in [start, end) and within the last `seconds`, newest first."""
    rows = Flip.objects.filter(heartbeat=heartbeat).order_by("-id")
    if (start := _whole(asked, "start", LAST_SECOND)) is not None:
        rows = rows.filter(at__gte=datetime.fromtimestamp(start, UTC))
    if (end := _whole(asked, "end", LAST_SECOND)) is not None:
        rows = rows.filter(at__lt=datetime.fromtimestamp(end, UTC))
    if (seconds := _whole(asked, "seconds", 31_536_000)) is not None:
        rows = rows.filter(at__gte=asked.now - timedelta(seconds=seconds))
    shown = shapes.flips(rows)
    as_list = asked.version < 3 or asked.request.headers.get("User-Agent", "").startswith(LISTS_FLIPS)
    return JsonResponse(shown if as_list else {"flips": shown}, safe=False)


def _whole(asked: Asked, name: str, most: int) -> int | None:
    given = asked.request.GET.get(name)
    if not given:
        return None
    if not (given.isascii() and given.isdecimal()) or len(given) > 12 or int(given) > most:
        raise Refusal(400, f"{name} is not valid")
    return int(given)


# --- what belongs to the project ---


@endpoint("GET")
def channels(asked: Asked) -> HttpResponse:
    """Who hears of it is decided by the portal, not by channels of the project."""
    return JsonResponse({"channels": []})


@endpoint("GET", reads=True)
def list_badges(asked: Asked) -> HttpResponse:
    tags = {tag for row in _own(asked).values_list("tags", flat=True) for tag in row.split()}
    key = asked.project.badge_key
    return JsonResponse({"badges": {tag: badges.addresses(key, tag) for tag in sorted({"*", *tags})}})


@csrf_exempt
@login_not_required
def status(request: HttpRequest, version: int) -> HttpResponse:
    """Whether the database answers."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return HttpResponse("OK", content_type="text/plain")


# --- finding ---


def _own(asked: Asked) -> HeartbeatQuerySet:
    return Heartbeat.objects.with_runs().filter(integration=asked.project.integration)


def _reread(heartbeat: Heartbeat) -> Heartbeat:
    return Heartbeat.objects.with_runs().get(pk=heartbeat.pk)


def _get(asked: Asked, code: UUID) -> Heartbeat:
    found = queries.find_by_code(code)
    if found is None:
        raise Refusal(404, "not found")
    if found.integration_id != asked.project.integration_id:
        raise Refusal(403, "wrong api key")
    return found


def _get_by_unique_key(asked: Asked, unique_key: str) -> Heartbeat:
    for heartbeat in _own(asked):
        if shapes.unique_key(heartbeat) == unique_key:
            return heartbeat
    raise Refusal(404, "not found")
