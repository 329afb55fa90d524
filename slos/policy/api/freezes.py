"""/api/v1/freezes/: what is frozen, asking two people to set it aside, leadership's commitment."""

from typing import Any, cast

from django.db.models import QuerySet
from rest_framework import serializers as drf
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from opsportal.api.serializers import DateTimeField, Serializer
from opsportal.api.viewsets import ResourceViewSet
from opsportal.catalog.api.fields import FreezeSerializer as InForceSerializer
from opsportal.catalog.models import Freeze
from opsportal.errors import Forbidden, InvalidInput
from opsportal.identity.actors import principal_of
from opsportal.identity.models import Person
from opsportal.web import words
from slos.models import BudgetFreeze
from slos.policy import overrides, queries


class OverrideShownSerializer(Serializer):
    until = DateTimeField()
    reason = drf.CharField()
    requested_by = drf.CharField()
    approved_by = drf.CharField()
    approval = drf.CharField()

    def get_fields(self) -> dict[str, Any]:
        return {"from": DateTimeField(), **super().get_fields()}


class FreezeSerializer(InForceSerializer):
    """A freeze: what it holds back, until when, why, and who committed to it or set it aside."""

    state = drf.ChoiceField(choices=queries.FREEZE_STATES)
    ended_at = DateTimeField(allow_null=True)
    ended_because = drf.CharField(allow_blank=True)
    policy = drf.CharField(allow_null=True)
    rule = drf.CharField(allow_null=True)
    slo = drf.CharField(allow_null=True)
    acknowledged_at = DateTimeField(allow_null=True)
    acknowledged_by = drf.CharField(allow_null=True)
    commitment = drf.CharField(allow_blank=True)
    overrides = OverrideShownSerializer(many=True)

    def to_representation(self, freeze: Freeze) -> dict[str, Any]:
        budget: BudgetFreeze | None = getattr(freeze, "budget", None)
        return {
            **super().to_representation(freeze),
            "state": queries.freeze_state(freeze, self.context["view"].now),
            "ended_at": words.iso(freeze.lifted_at) if freeze.lifted_at else None,
            "ended_because": freeze.lifted_reason,
            "policy": budget.policy.slug if budget else None,
            "rule": budget.rule if budget else None,
            "slo": budget.slo.slug if budget else None,
            "acknowledged_at": words.iso(freeze.acknowledged_at) if freeze.acknowledged_at else None,
            "acknowledged_by": freeze.acknowledged_by.username if freeze.acknowledged_by else None,
            "commitment": freeze.commitment,
            "overrides": [_override(each) for each in freeze.overrides.all()],
        }


def _override(override: Any) -> dict[str, Any]:
    return {
        "from": words.iso(override.from_at),
        "until": words.iso(override.until),
        "reason": override.reason,
        "requested_by": override.requested_by.username,
        "approved_by": override.approved_by.username,
        "approval": override.approval,
    }


class AskOverrideSerializer(Serializer):
    until = DateTimeField(help_text="Until when the freeze is to hold nothing back.")
    reason = drf.CharField(max_length=240)
    also = drf.ListField(
        child=drf.IntegerField(min_value=1, max_value=2**62),
        required=False,
        max_length=50,
        help_text="Other freezes over the same, decided together with this one.",
    )


class AskedSerializer(Serializer):
    """The request: a second person decides it at `/approvals/<approval>/`."""

    approval = drf.UUIDField()
    state = drf.CharField()
    expires_at = DateTimeField()
    consequence = drf.CharField()


class CommitmentSerializer(Serializer):
    commitment = drf.CharField(max_length=240)


class FreezeViewSet(ResourceViewSet):
    """Freezes of features and experiments, newest first. Fixes and security changes are never held back."""

    queryset = Freeze.objects.none()
    serializer_class = FreezeSerializer
    read_scope, write_scope = "slos:read", "slos:write"
    # Whose automation it is decides: the operations check that. A program asks for nothing and commits to nothing.
    person_scopes = {"override": "slos:read", "acknowledge": "slos:read"}
    filter_fields = {"scope": "scope", "team": "team__slug", "automation": "automation__slug", "kind": "kind"}
    query_fields = {
        "list": {
            "in_force": drf.BooleanField(required=False, help_text="Only what holds back now."),
            "state": drf.ChoiceField(choices=queries.FREEZE_STATES, required=False, help_text="As it stands now."),
        }
    }
    default_ordering = "-from_at"
    request_serializers = {"override": AskOverrideSerializer, "acknowledge": CommitmentSerializer}
    response_serializers = {"override": {201: AskedSerializer}, "acknowledge": FreezeSerializer}

    def get_queryset(self) -> QuerySet[Freeze]:
        return queries.list_freezes(principal_of(self.request))

    def narrowed(self, queryset: Any) -> QuerySet[Freeze]:
        found: Any = super().narrowed(queryset)
        if "in_force" in self.query:
            inside = Freeze.objects.in_force(self.now)
            found = found.filter(pk__in=inside) if self.query["in_force"] else found.exclude(pk__in=inside)
        if "state" in self.query:
            found = queries.in_state(found, self.query["state"], self.now)
        return cast("QuerySet[Freeze]", found)

    @action(detail=True, methods=["post"])
    def override(self, request: Request, pk: str) -> Response:
        person, freeze, values = self._person(), self.get_object(), self.body()
        also = self._others(values.pop("also", []))
        approval = overrides.request_override(freeze, **values, also=also, requested_by=person, now=self.now)
        data = {
            "approval": str(approval.pk),
            "state": str(approval.state),
            "expires_at": words.iso(approval.expires_at),
            "consequence": approval.consequence,
        }
        return Response(data, status=201)

    @action(detail=True, methods=["post"])
    def acknowledge(self, request: Request, pk: str) -> Response:
        person, freeze = self._person(), self.get_object()
        overrides.acknowledge_freeze(freeze, person=person, **self.body(), now=self.now)
        return self.answer(self.get_object())

    def _others(self, keys: list[int]) -> list[Freeze]:
        found = {one.pk: one for one in self.get_queryset().filter(pk__in=keys)}
        if unknown := [key for key in keys if key not in found]:
            raise InvalidInput("unknown_freeze", f"There is no freeze {unknown[0]}.", field="also")
        return [one for key, one in found.items()]

    def _person(self) -> Person:
        principal = principal_of(self.request)
        if not isinstance(principal, Person):
            raise Forbidden("needs_a_person", "This needs a person's session; a token cannot do it.")
        return principal
