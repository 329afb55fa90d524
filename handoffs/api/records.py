"""/api/v1/handoffs/. Names and shapes are the published contract: docs/api.md."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from rest_framework import serializers as drf
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from handoffs import operations, queries
from handoffs.api.fields import (
    MINUTES,
    ReasonOnlySerializer,
    SaidActorField,
    person_named,
    require_configuring,
    source_of,
    words,
)
from handoffs.models import Handoff
from handoffs.operations import NewHandoff
from handoffs.shapes import handoff_data
from handoffs.states import HandoffState, Reopen
from opsportal import trace
from opsportal.api.serializers import DateTimeField, ModelSerializer, Serializer
from opsportal.api.viewsets import ResourceViewSet
from opsportal.errors import InvalidInput
from opsportal.identity.actors import actor_of, principal_of

PROPOSE = "A running timer is changed by an ops lead. You can propose another one on the handoff's page."


class HandoffSerializer(ModelSerializer):
    """A record somebody must act on. The verdict is that of the moment of the answer."""

    rule = drf.CharField()
    owner = drf.CharField(allow_null=True)
    backup_owner = drf.CharField(allow_null=True)
    attributes = drf.DictField()
    elapsed_seconds = drf.IntegerField(help_text="Open time of the calendar that counted so far.")

    class Meta:
        model = Handoff
        fields = [
            "id",
            "rule",
            "external_ref",
            "subject",
            "state",
            "cycle",
            "owner",
            "backup_owner",
            "sla_minutes",
            "stop_clock",
            "started_at",
            "assigned_at",
            "ingested_at",
            "due_at",
            "breach_at",
            "first_response_at",
            "completed_at",
            "cancelled_at",
            "elapsed_seconds",
            "missed",
            "breached",
            "breach_reason",
            "cancel_reason",
            "business_hit",
            "absolute_hit",
            "within_business_hours",
            "late_on_arrival",
            "historical",
            "shadow",
            "backup_missing",
            "responder_unknown",
            "clock_skew",
            "source",
            "event_id",
            "trace_id",
            "channel",
            "icp",
            "amount",
            "outcome",
            "url",
            "attributes",
        ]

    def to_representation(self, handoff: Handoff) -> dict[str, Any]:
        return handoff_data(handoff, queries.verdict_of(handoff, self.context["view"].now))


class NewHandoffSerializer(Serializer):
    """What opens a handoff. What is left out comes from the rule."""

    rule = drf.SlugField(max_length=60)
    subject = drf.CharField(max_length=200)
    external_ref = words(max_length=200)
    owner = words(max_length=150, allow_null=True)
    backup_owner = words(max_length=150, allow_null=True)
    sla_minutes = drf.IntegerField(required=False, allow_null=True, **MINUTES)
    started_at = DateTimeField(required=False, allow_null=True)
    channel = words()
    icp = words()
    amount = drf.DecimalField(max_digits=14, decimal_places=2, required=False, allow_null=True)
    url = drf.URLField(max_length=500, required=False, allow_blank=True)
    attributes = drf.DictField(required=False)
    trace_id = drf.RegexField(f"^{trace.TRACE_ID.pattern}$", required=False)
    event_id = words(max_length=200)
    source = words()  # type: ignore[assignment]
    historical = drf.BooleanField(required=False)


class ChangeHandoffSerializer(Serializer):
    """What may be set on a handoff without a move: its timer, its outcome."""

    sla_minutes = drf.IntegerField(required=False, **MINUTES)
    outcome = words()
    reason = words(max_length=240)


class MoveSerializer(Serializer):
    """What every action on a handoff takes. `actor` names who did it where that is not the credential."""

    occurred_at = DateTimeField(required=False, allow_null=True)
    actor = SaidActorField(required=False, allow_null=True)
    reason = words(max_length=240)
    event_id = words(max_length=200)


class RespondSerializer(MoveSerializer):
    automatic = drf.BooleanField(required=False)


class CompleteSerializer(MoveSerializer):
    outcome = words()


class AssignSerializer(MoveSerializer):
    owner = words(max_length=150)
    backup_owner = words(max_length=150)


class ReassignSerializer(MoveSerializer):
    owner = words(max_length=150, help_text="Left out: whoever the ladder would choose.")


class ReopenSerializer(MoveSerializer):
    mode = drf.ChoiceField(choices=[str(mode) for mode in Reopen], required=False)


class ReasonSerializer(MoveSerializer):
    breach_reason = drf.CharField(max_length=120)


class ActorSerializer(Serializer):
    kind = drf.CharField()
    id = drf.CharField()
    label = drf.CharField()  # type: ignore[assignment]


class StepSerializer(Serializer):
    """One step of a handoff's story. `stage` is the percentage of the timer it stands for, or null."""

    at = DateTimeField()
    occurred_at = DateTimeField()
    action = drf.CharField()
    sentence = drf.CharField()
    actor = ActorSerializer()
    source = drf.CharField()  # type: ignore[assignment]
    rule = drf.CharField()
    stage = drf.IntegerField(allow_null=True)
    reason = drf.CharField()
    trace_id = drf.CharField()
    before = drf.DictField()
    after = drf.DictField()


class TimelineSerializer(Serializer):
    results = StepSerializer(many=True)


class HandoffViewSet(ResourceViewSet):
    """Handoffs: opened by a program or a person, moved by actions, watched by the sweep."""

    queryset = Handoff.objects.none()
    serializer_class = HandoffSerializer
    read_scope, write_scope = "handoffs:read", "handoffs:write"
    filter_fields = {
        "rule": "rule__slug",
        "state": ("state", drf.ChoiceField(choices=[str(state) for state in HandoffState], required=False)),
        "owner": "owner__username",
        "backup_owner": "backup_owner__username",
        "external_ref": "external_ref",
        "trace_id": "trace_id",
        "channel": "channel",
        "icp": "icp",
        "source": "source",
        "breach_reason": "breach_reason",
        "historical": "historical",
        "shadow": "shadow",
        "late_on_arrival": "late_on_arrival",
        "backup_missing": "backup_missing",
        "started_from": ("started_at__gte", DateTimeField(required=False)),
        "started_until": ("started_at__lt", DateTimeField(required=False)),
    }
    query_fields = {"list": {"missed": drf.BooleanField(required=False), "breached": drf.BooleanField(required=False)}}
    ordering_fields = ("started_at", "due_at", "ingested_at")
    search_fields = ("subject", "external_ref")
    default_ordering = "-started_at"
    request_serializers = {
        "create": NewHandoffSerializer,
        "partial_update": ChangeHandoffSerializer,
        "assign": AssignSerializer,
        "respond": RespondSerializer,
        "complete": CompleteSerializer,
        "cancel": MoveSerializer,
        "reassign": ReassignSerializer,
        "pause": MoveSerializer,
        "resume": MoveSerializer,
        "reopen": ReopenSerializer,
        "reason": ReasonSerializer,
        "live": ReasonOnlySerializer,
    }
    response_serializers = {
        "create": {201: HandoffSerializer, 200: HandoffSerializer},
        "timeline": TimelineSerializer,
    }

    def get_queryset(self) -> QuerySet[Handoff]:
        return Handoff.objects.visible_to(principal_of(self.request)).with_names().prefetch_related("pauses")

    def narrowed(self, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Verdicts of running records follow the clock, so these two filters are no plain columns."""
        asked = self.query
        for name, late in (("missed", Handoff.objects.past_timer), ("breached", Handoff.objects.breached_at)):
            if name in asked:
                keys = late(self.now).values("pk")
                queryset = queryset.filter(pk__in=keys) if asked[name] else queryset.exclude(pk__in=keys)
        return super().narrowed(queryset)

    def create(self, request: Request) -> Response:
        accepted = operations.create_handoff(new=self._new(), actor=actor_of(request), now=self.now)
        if accepted.duplicate:
            return self.answer(accepted.handoff, headers={"Duplicate": "true"})
        return self.answer(accepted.handoff, status=201)

    @transaction.atomic
    def partial_update(self, request: Request, pk: str) -> Response:
        handoff, values = self.get_object(), self.body()
        who: dict[str, Any] = {"actor": actor_of(request), "now": self.now}
        if "sla_minutes" in values:
            require_configuring(request, PROPOSE)
            minutes, reason = values["sla_minutes"], values.get("reason", "")
            handoff = operations.change_sla(handoff, sla_minutes=minutes, reason=reason, **who)
        if "outcome" in values:
            handoff = operations.note_outcome(handoff, outcome=values["outcome"], **who)
        return self.answer(handoff)

    @action(detail=True, methods=["post"])
    def assign(self, request: Request, pk: str) -> Response:
        return self._move(operations.assign_handoff)

    @action(detail=True, methods=["post"])
    def respond(self, request: Request, pk: str) -> Response:
        return self._move(operations.respond_to_handoff)

    @action(detail=True, methods=["post"])
    def complete(self, request: Request, pk: str) -> Response:
        return self._move(operations.complete_handoff)

    @action(detail=True, methods=["post"])
    def cancel(self, request: Request, pk: str) -> Response:
        return self._move(operations.cancel_handoff)

    @action(detail=True, methods=["post"])
    def reassign(self, request: Request, pk: str) -> Response:
        return self._move(operations.reassign_handoff)

    @action(detail=True, methods=["post"])
    def pause(self, request: Request, pk: str) -> Response:
        return self._move(operations.pause_handoff)

    @action(detail=True, methods=["post"])
    def resume(self, request: Request, pk: str) -> Response:
        return self._move(operations.resume_handoff)

    @action(detail=True, methods=["post"])
    def reopen(self, request: Request, pk: str) -> Response:
        return self._move(operations.reopen_handoff)

    @action(detail=True, methods=["post"])
    def reason(self, request: Request, pk: str) -> Response:
        return self._move(_tag_reason)

    @action(detail=True, methods=["post"])
    def live(self, request: Request, pk: str) -> Response:
        who: dict[str, Any] = {"actor": actor_of(request), "now": self.now}
        return self.answer(operations.make_handoff_live(self.get_object(), **self.body(), **who))

    @action(detail=True)
    def timeline(self, request: Request, pk: str) -> Response:
        return Response({"results": [step.data() for step in queries.timeline_of(self.get_object())]})

    def _move(self, operation: Callable[..., Handoff]) -> Response:
        handoff, values = self.get_object(), self.body()
        actor, said = actor_of(self.request), values.pop("actor", None)
        if said is not None and self.action == "respond":
            values["respondent"] = said
        elif said is not None:
            # The credential answers for it; the words say on whose behalf.
            actor = replace(actor, label=f"{said.label} through {actor.label}")
        values |= {name: person_named(values[name], name) for name in ("owner", "backup_owner") if name in values}
        moved = operation(handoff, actor=actor, now=self.now, source=source_of(self.request), **values)
        return self.answer(moved)

    def _new(self) -> NewHandoff:
        values = self.body()
        values["amount"] = values.get("amount")
        rule = queries.list_rules(principal_of(self.request)).filter(slug=values["rule"]).first()
        if rule is None:
            raise InvalidInput("unknown_rule", f"There is no rule “{values['rule']}”.", field="rule")
        people = {name: person_named(values.get(name), name) for name in ("owner", "backup_owner")}
        source = source_of(self.request) or values.get("source", "")
        return NewHandoff(**{**values, **people, "rule": rule, "source": source})


def _tag_reason(handoff: Handoff, *, occurred_at: datetime | None = None, **said: Any) -> Handoff:
    """A tag belongs to the record, not to an instant: `occurred_at` is taken like in every action, and not needed."""
    return operations.tag_reason(handoff, **said)
