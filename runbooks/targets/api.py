"""/api/v1/replay/targets/: where replay may send, and how each of these places fares."""

from typing import Any

from django.db.models import QuerySet
from rest_framework import serializers as drf
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from opsportal.api import routing
from opsportal.api.serializers import DateTimeField, Serializer
from opsportal.api.viewsets import ResourceViewSet
from opsportal.catalog.models import Automation
from opsportal.errors import InvalidInput
from opsportal.identity.actors import actor_of, principal_of, require_person
from opsportal.identity.queries import team_for
from runbooks.models import ReplayTarget
from runbooks.models.targets import MOST_ATTEMPTS, MOST_PER_MINUTE, MOST_SECONDS
from runbooks.targets import operations, queries

DECLARES = "A person says where payloads go, signed in; a token never does."
PLAIN = (
    "slug",
    "name",
    "url",
    "rate_per_minute",
    "max_attempts",
    "timeout_seconds",
    "idempotent",
    "superseding",
    "already_there",
    "secret_ref",
    "shadow_url",
    "shadow_secret_ref",
    "backup_mode",
)


class TargetSerializer(Serializer):
    """What a target declares. `idempotent`: it acts once per webhook-id. `already_there`: statuses that mean it had the
    payload before. `secret_ref`: env:NAME, read from OPSPORTAL_REPLAY_SECRET_NAME. `shadow_url` gets samples of dry
    runs under `shadow_secret_ref` alone; it is no address that replay sends to in earnest.
    """

    slug = drf.RegexField(r"^[a-z0-9][a-z0-9-]*$", max_length=60)
    name = drf.CharField(max_length=120, required=False)
    url = drf.CharField(max_length=2000)
    automation = drf.CharField(max_length=60, required=False, allow_null=True)
    team = drf.CharField(max_length=60, required=False, allow_null=True)
    rate_per_minute = drf.IntegerField(min_value=1, max_value=MOST_PER_MINUTE, required=False)
    max_attempts = drf.IntegerField(min_value=1, max_value=MOST_ATTEMPTS, required=False)
    timeout_seconds = drf.IntegerField(min_value=1, max_value=MOST_SECONDS, required=False)
    idempotent = drf.BooleanField(required=False)
    superseding = drf.BooleanField(required=False)
    already_there = drf.ListField(
        child=drf.IntegerField(min_value=400, max_value=499), max_length=operations.MOST_STATUSES, required=False
    )
    secret_ref = drf.CharField(max_length=80, required=False, allow_blank=True)
    shadow_url = drf.CharField(max_length=2000, required=False, allow_blank=True)
    shadow_secret_ref = drf.CharField(max_length=80, required=False, allow_blank=True)


class NewTargetSerializer(TargetSerializer):
    """`secret` is the signing secret (`whsec_…`); one is made where none is given."""

    secret = drf.CharField(max_length=200, required=False)


class ChangeTargetSerializer(TargetSerializer):
    slug = drf.CharField(read_only=True)  # type: ignore[assignment]


class ShownTargetSerializer(TargetSerializer):
    """The same with how it fares. `health`: well, unused, failing, open (its breaker), stopped."""

    backup_mode = drf.BooleanField(read_only=True)
    stopped_at = DateTimeField(read_only=True, allow_null=True)
    health = drf.ChoiceField(choices=["well", "unused", "failing", "open", "stopped"], read_only=True)
    sentence = drf.CharField(read_only=True)
    waiting = drf.IntegerField(read_only=True)
    undecided = drf.IntegerField(read_only=True)
    oldest_at = DateTimeField(read_only=True, allow_null=True)

    def to_representation(self, target: ReplayTarget) -> dict[str, Any]:
        fare, iso = queries.fare_of(target, self.context["view"].now), DateTimeField().to_representation
        return {
            **{name: getattr(target, name) for name in PLAIN},
            "automation": target.automation.slug if target.automation else None,
            "team": target.team.slug if target.team else None,
            "stopped_at": iso(target.stopped_at) if target.stopped_at else None,
            "health": fare.word,
            "sentence": fare.sentence,
            "waiting": fare.waiting,
            "undecided": fare.undecided,
            "oldest_at": iso(fare.oldest_at) if fare.oldest_at else None,
        }


class MadeTargetSerializer(ShownTargetSerializer):
    secret = drf.CharField(read_only=True, help_text="The signing secret; shown this once.")

    def to_representation(self, target: ReplayTarget) -> dict[str, Any]:
        return {**super().to_representation(target), "secret": self.context["secret"]}


class StopTargetSerializer(Serializer):
    reason = drf.CharField(max_length=240)


class BackupSerializer(Serializer):
    on = drf.BooleanField()
    reason = drf.CharField(max_length=240, required=False, allow_blank=True)


class LiveSerializer(Serializer):
    """Requests sent to the target past the queue: they take slots of the same rate."""

    count = drf.IntegerField(min_value=1, max_value=MOST_PER_MINUTE)


class NothingSerializer(Serializer):
    """An empty body."""


class TargetViewSet(ResourceViewSet):
    """Targets of the replay queue. https to public addresses, but for what the installation allows by name."""

    queryset = ReplayTarget.objects.none()
    serializer_class = ShownTargetSerializer
    read_scope, write_scope = "replay:read", "catalog:write"
    action_scopes = {"live": "replay:enqueue"}
    lookup_field = "slug"
    filter_fields = {
        "automation": ("automation__slug", drf.CharField(required=False, max_length=60)),
        "idempotent": "idempotent",
        "backup_mode": "backup_mode",
    }
    ordering_fields = ("slug", "name")
    search_fields = ("slug", "name")
    default_ordering = "slug"
    request_serializers = {
        "create": NewTargetSerializer,
        "partial_update": ChangeTargetSerializer,
        "stop": StopTargetSerializer,
        "start": NothingSerializer,
        "backup": BackupSerializer,
        "live": LiveSerializer,
    }
    response_serializers = {
        "create": {201: MadeTargetSerializer},
        "live": None,
        **dict.fromkeys(("partial_update", "stop", "start", "backup"), ShownTargetSerializer),
    }

    def get_queryset(self) -> QuerySet[ReplayTarget]:
        return queries.list_targets(principal_of(self.request))

    def create(self, request: Request) -> Response:
        """A new target: an ops lead, never a token."""
        require_person(request, DECLARES)
        given = self.body()
        slug, secret = given.pop("slug"), given.pop("secret", "")
        values = self._values(given)
        if values.get("automation") is None:
            values["team"] = team_for(principal_of(request), given.get("team"))
        target, known = operations.create_target(
            slug=slug, values=values, secret=secret, actor=actor_of(request), now=self.now
        )
        context = {**self.get_serializer_context(), "secret": known}
        return Response(MadeTargetSerializer(target, context=context).data, status=201)

    def partial_update(self, request: Request, slug: str) -> Response:
        """Change what it declares: an ops lead, never a token."""
        require_person(request, DECLARES)
        given = self.body(partial=True)
        values = self._values(given)
        if "team" in given:
            values["team"] = team_for(principal_of(request), given["team"])
        target = self.get_object()
        return self.answer(operations.change_target(target, values=values, actor=actor_of(request), now=self.now))

    @action(detail=True, methods=["post"])
    def stop(self, request: Request, slug: str) -> Response:
        """Send nothing more to it; what is in flight ends."""
        reason = self.body()["reason"]
        return self.answer(
            operations.stop_target(self.get_object(), reason=reason, actor=actor_of(request), now=self.now)
        )

    @action(detail=True, methods=["post"])
    def start(self, request: Request, slug: str) -> Response:
        """Let sending go on: a person, never a token."""
        require_person(request, DECLARES)
        self.body()
        return self.answer(operations.start_target(self.get_object(), actor=actor_of(request), now=self.now))

    @action(detail=True, methods=["post"])
    def backup(self, request: Request, slug: str) -> Response:
        """Ask whoever sends to the target to store in the queue instead, or to send again."""
        said, target = self.body(), self.get_object()
        who = actor_of(request)
        return self.answer(
            operations.switch_backup(target, on=said["on"], reason=said.get("reason", ""), actor=who, now=self.now)
        )

    @action(detail=True, methods=["post"])
    def live(self, request: Request, slug: str) -> Response:
        """Report live traffic, so that both together keep to the rate."""
        operations.note_live_traffic(self.get_object(), count=self.body()["count"], now=self.now)
        return Response(status=204)

    def _values(self, given: dict[str, Any]) -> dict[str, Any]:
        values = {name: value for name, value in given.items() if name != "team"}
        if given.get("automation") is not None:
            found = Automation.objects.visible_to(self.principal).filter(slug=given["automation"]).first()
            if found is None:
                sentence = f"There is no automation “{given['automation']}”."
                raise InvalidInput("unknown_automation", sentence, field="automation")
            values["automation"] = found
        return values


routes: list[routing.Route] = [("replay/targets", TargetViewSet, "replay-target")]
