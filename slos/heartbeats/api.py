"""/api/v1/heartbeats/: what should give a sign of life when, what is known of it, and the address it pings."""

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers as drf
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from opsportal.api import routing
from opsportal.api.serializers import DateTimeField, ModelSerializer, Serializer
from opsportal.api.viewsets import ResourceViewSet, page_fields
from opsportal.catalog.models import Automation
from opsportal.errors import InvalidInput
from opsportal.identity.actors import Principal, actor_of, principal_of
from opsportal.identity.queries import team_for
from slos.heartbeats import engine, operations, queries, shapes
from slos.models import Flip, Heartbeat, Ping
from slos.states import HeartbeatKind, HeartbeatStatus

SECONDS: dict[str, Any] = {"min_value": 1, "max_value": engine.MAX_SECONDS, "required": False}
MOST: dict[str, Any] = {"min_value": 1, "max_value": 2**31 - 1, "required": False, "allow_null": True}
COLUMNS = {
    "timeout": "timeout_seconds",
    "grace": "grace_seconds",
    "tz": "timezone",
    "max_runtime": "max_runtime_seconds",
    "start_deadline": "start_deadline_seconds",
}
OPTIONS = ("manual_resume", "methods")
INSTANTS = ("last_ping_at", "last_start_at", "due_at", "down_at", "unknown_since")


def words(max_length: int, **extra: Any) -> drf.CharField:
    return drf.CharField(max_length=max_length, required=False, allow_blank=True, **extra)


class HeartbeatSerializer(Serializer):
    """What is expected. `timeout`, `grace`, `max_runtime` and `start_deadline` are seconds."""

    slug = drf.RegexField(r"^[a-z0-9][a-z0-9-]*$", max_length=100)
    name = words(100)
    automation = drf.CharField(max_length=60, required=False, allow_null=True)
    team = drf.CharField(max_length=60, required=False, allow_null=True)
    kind = drf.ChoiceField(choices=[str(one) for one in HeartbeatKind], required=False)
    timeout = drf.IntegerField(**SECONDS)
    grace = drf.IntegerField(**SECONDS)
    schedule = words(1000)
    tz = drf.CharField(max_length=60, required=False)
    max_runtime = drf.IntegerField(**SECONDS, allow_null=True)
    start_deadline = drf.IntegerField(**SECONDS, allow_null=True)
    min_items = drf.IntegerField(**MOST)
    max_pings_per_hour = drf.IntegerField(**MOST)
    manual_resume = drf.BooleanField(required=False)
    methods = drf.ChoiceField(choices=["", "POST"], required=False)
    tags = words(500)
    description = words(2000)


class ShownHeartbeatSerializer(HeartbeatSerializer):
    """The same with what is known. `ping_url` is a secret: null for those who may not write heartbeats. `due_at`: when
    the next ping is expected, `down_at`: when its silence becomes an outage, `run_until`: by when the run that is due
    first of those under way has to end.
    """

    slug = drf.CharField(read_only=True)  # type: ignore[assignment]
    timeout = drf.IntegerField(read_only=True, allow_null=True, help_text="Null where a schedule says when.")
    status = drf.ChoiceField(choices=[str(one) for one in HeartbeatStatus], read_only=True)
    started = drf.BooleanField(read_only=True)
    ping_url = drf.CharField(read_only=True, allow_null=True)
    last_ping_at = DateTimeField(read_only=True, allow_null=True)
    last_start_at = DateTimeField(read_only=True, allow_null=True)
    due_at = DateTimeField(read_only=True, allow_null=True)
    down_at = DateTimeField(read_only=True, allow_null=True)
    run_until = DateTimeField(read_only=True, allow_null=True)
    unknown_since = DateTimeField(read_only=True, allow_null=True)
    next_times = drf.ListField(child=DateTimeField(), read_only=True)
    last_duration = drf.FloatField(read_only=True, allow_null=True)
    ping_count = drf.IntegerField(read_only=True)
    missed_count = drf.IntegerField(read_only=True)

    def to_representation(self, heartbeat: Heartbeat) -> dict[str, Any]:
        now, options = self.context["view"].now, {**operations.OPTIONS, **heartbeat.options}
        iso = DateTimeField().to_representation
        plain = ("slug", "name", "kind", "schedule", "min_items", "max_pings_per_hour", "tags", "description")
        instants = {name: getattr(heartbeat, name, None) for name in (*INSTANTS, "run_until")}
        return {
            **{name: getattr(heartbeat, name) for name in plain},
            **{name: getattr(heartbeat, column) for name, column in COLUMNS.items()},
            "timeout": heartbeat.timeout_seconds if heartbeat.kind == HeartbeatKind.SIMPLE else None,
            **{name: options[name] for name in OPTIONS},
            "automation": heartbeat.automation.slug if heartbeat.automation else None,
            "team": heartbeat.team.slug if heartbeat.team else None,
            "status": str(queries.status_of(heartbeat, now)),
            "started": queries.is_started(heartbeat),
            "ping_url": shapes.ping_url(heartbeat) if self.context["view"].may_see_addresses() else None,
            **{name: iso(at) if at else None for name, at in instants.items()},
            "next_times": [iso(at) for at in queries.next_times(heartbeat, now)],
            "last_duration": _in_seconds(heartbeat.last_duration_ms),
            "ping_count": heartbeat.ping_count,
            "missed_count": heartbeat.missed_count,
        }


class ChangeHeartbeatSerializer(HeartbeatSerializer):
    slug = drf.CharField(read_only=True)  # type: ignore[assignment]


class NothingSerializer(Serializer):
    """An empty body."""


class PingSerializer(ModelSerializer):
    """A ping as it came. `duration` in seconds, of the run that it ended."""

    duration = drf.SerializerMethodField()

    class Meta:
        model = Ping
        fields = ["n", "kind", "at", "rid", "exit_status", "duration", "items", "method", "user_agent", "trace_id"]

    @extend_schema_field(drf.FloatField(allow_null=True))
    def get_duration(self, ping: Ping) -> float | None:
        return _in_seconds(ping.duration_ms)


class FlipSerializer(Serializer):
    """A change of what is known: `at` as of when; `since` when it began by the clock (a missed ping: when due)."""

    at = DateTimeField()
    since = DateTimeField()
    reason = drf.CharField()

    def get_fields(self) -> dict[str, Any]:
        states = [str(one) for one in HeartbeatStatus]
        either = {"from": ("from_status", states), "to": ("to_status", states)}
        shown = {name: drf.ChoiceField(choices=each, source=source) for name, (source, each) in either.items()}
        return {**super().get_fields(), **shown}


class HeartbeatViewSet(ResourceViewSet):
    """Heartbeats: a period, cron or OnCalendar, with a grace time."""

    queryset = Heartbeat.objects.none()
    serializer_class = ShownHeartbeatSerializer
    read_scope, write_scope = "heartbeats:read", "heartbeats:write"
    lookup_field = "slug"
    filter_fields = {
        "slug": "slug",
        "name": "name",
        "automation": ("automation__slug", drf.CharField(required=False, max_length=60)),
        "team": ("team__slug", drf.CharField(required=False, max_length=60)),
        "kind": "kind",
        "status": ("known", drf.ChoiceField(choices=[str(one) for one in HeartbeatStatus], required=False)),
    }
    ordering_fields = ("slug", "name", "due_at", "last_ping_at")
    search_fields = ("slug", "name", "tags")
    default_ordering = "slug"
    query_fields = {"pings": page_fields(), "flips": page_fields()}
    request_serializers = {
        "create": HeartbeatSerializer,
        "partial_update": ChangeHeartbeatSerializer,
        **dict.fromkeys(("pause", "resume", "rotate"), NothingSerializer),
    }
    response_serializers = {
        "create": {201: ShownHeartbeatSerializer},
        "partial_update": ShownHeartbeatSerializer,
        **dict.fromkeys(("pause", "resume", "rotate"), ShownHeartbeatSerializer),
        "destroy": None,
    }
    page_serializers = {"pings": PingSerializer, "flips": FlipSerializer}

    def get_queryset(self) -> QuerySet[Heartbeat]:
        now = getattr(self, "now", None)
        rows = queries.list_heartbeats(self.principal)
        return rows if now is None else rows.with_status(now)

    def may_see_addresses(self) -> bool:
        return self.principal.allows("heartbeats:write")

    def create(self, request: Request) -> Response:
        given = self.body()
        slug, values = given.pop("slug"), _values(given, principal_of(request))
        if values.get("automation") is None:
            values["team"] = team_for(principal_of(request), given.get("team"))
        made = operations.create_heartbeat(slug=slug, values=values, actor=actor_of(request), now=self.now)
        return self._answer(made, status=201)

    def partial_update(self, request: Request, slug: str) -> Response:
        values = _values(given := self.body(partial=True), principal_of(request))
        if "team" in given:
            values["team"] = team_for(principal_of(request), given["team"])
        heartbeat = self.get_object()
        return self._answer(
            operations.change_heartbeat(heartbeat, values=values, actor=actor_of(request), now=self.now)
        )

    def destroy(self, request: Request, slug: str) -> Response:
        operations.delete_heartbeat(self.get_object(), actor=actor_of(request), now=self.now)
        return Response(status=204)

    @action(detail=True, methods=["post"])
    def pause(self, request: Request, slug: str) -> Response:
        self.body()
        return self._answer(operations.pause_heartbeat(self.get_object(), actor=actor_of(request), now=self.now))

    @action(detail=True, methods=["post"])
    def resume(self, request: Request, slug: str) -> Response:
        self.body()
        return self._answer(operations.resume_heartbeat(self.get_object(), actor=actor_of(request), now=self.now))

    @action(detail=True, methods=["post"])
    def rotate(self, request: Request, slug: str) -> Response:
        """A new ping address; the old one is unknown from now on."""
        self.body()
        return self._answer(operations.rotate_heartbeat(self.get_object(), actor=actor_of(request), now=self.now))

    @action(detail=True, methods=["get"])
    def pings(self, request: Request, slug: str) -> Response:
        rows = Ping.objects.filter(heartbeat=self.get_object()).defer("body")
        return self.page(rows, PingSerializer, ordering="-n")

    @action(detail=True, methods=["get"])
    def flips(self, request: Request, slug: str) -> Response:
        return self.page(Flip.objects.filter(heartbeat=self.get_object()), FlipSerializer, ordering="-pk")

    def _answer(self, heartbeat: Heartbeat, status: int = 200) -> Response:
        return self.answer(Heartbeat.objects.with_runs().get(pk=heartbeat.pk), status=status)


def _values(given: dict[str, Any], principal: Principal | None) -> dict[str, Any]:
    """What a body says, as values of a heartbeat."""
    values = {COLUMNS.get(name, name): value for name, value in given.items() if name not in ("team", *OPTIONS)}
    if "automation" in given:
        values["automation"] = _automation(given["automation"], principal)
    options = {name: given[name] for name in OPTIONS if name in given}
    return {**values, "options": options} if options else values


def _automation(slug: str | None, principal: Principal | None) -> Automation | None:
    if slug is None:
        return None
    found = Automation.objects.visible_to(principal).filter(slug=slug).first()
    if found is None:
        raise InvalidInput("unknown_automation", f"There is no automation “{slug}”.", field="automation")
    return found


def _in_seconds(milliseconds: int | None) -> float | None:
    return None if milliseconds is None else milliseconds / 1000


routes: list[routing.Route] = [("heartbeats", HeartbeatViewSet, "heartbeat")]
