"""/api/v1/decisions/: what was decided by which inputs, and whether it replays."""

from typing import Any

from django.db.models import QuerySet
from rest_framework import serializers as drf
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from opsportal.api.serializers import DateTimeField, Serializer
from opsportal.api.viewsets import ResourceViewSet
from opsportal.identity.actors import principal_of
from opsportal.web import words
from slos.models import Decision
from slos.policy import queries
from slos.policy.rules import Verdict

VERDICTS = [str(verdict) for verdict in Verdict]


class DecisionSerializer(Serializer):
    """What a rule said of an SLO on a day. `inputs` is everything it was judged by and replays to the same verdict."""

    id = drf.IntegerField()
    at = DateTimeField()
    day = drf.DateField()
    policy = drf.CharField()
    policy_version = drf.IntegerField()
    rule = drf.CharField()
    slo = drf.CharField(allow_null=True)
    automation = drf.CharField(allow_null=True)
    verdict = drf.ChoiceField(choices=VERDICTS)
    held = drf.BooleanField()
    sentence = drf.CharField()
    inputs = drf.DictField()
    evidence = drf.DictField()
    freeze = drf.IntegerField(allow_null=True)
    trace_id = drf.CharField()

    def to_representation(self, decision: Decision) -> dict[str, Any]:
        plain = ("rule", "verdict", "held", "sentence", "inputs", "evidence", "trace_id")
        return {
            "id": decision.pk,
            "at": words.iso(decision.at),
            "day": decision.day.isoformat(),
            "policy": decision.policy_version.policy.slug,
            "policy_version": decision.policy_version.number,
            "slo": decision.slo.slug if decision.slo else None,
            "automation": decision.automation.slug if decision.automation else None,
            "freeze": decision.freeze_id,
            **{name: getattr(decision, name) for name in plain},
        }


class ReplaySerializer(Serializer):
    """The stored inputs judged again. `same`: verdict and evidence came out as they were stored."""

    verdict = drf.ChoiceField(choices=VERDICTS)
    held = drf.BooleanField()
    evidence = drf.DictField()
    same = drf.BooleanField()


class DecisionViewSet(ResourceViewSet):
    """Decisions of budget policies, newest first."""

    queryset = Decision.objects.none()
    serializer_class = DecisionSerializer
    read_scope = "slos:read"
    filter_fields = {
        "automation": "automation__slug",
        "slo": "slo__slug",
        "policy": "policy_version__policy__slug",
        "rule": "rule",
        "verdict": "verdict",
        "day": "day",
    }
    default_ordering = "-at"
    ordering_fields = ("at", "day")
    response_serializers = {"replay": ReplaySerializer}

    def get_queryset(self) -> QuerySet[Decision]:
        return queries.list_decisions(principal_of(self.request))

    @action(detail=True)
    def replay(self, request: Request, pk: str) -> Response:
        decision: Decision = self.get_object()
        outcome = queries.replay_decision(decision)
        said = {"verdict": str(outcome.verdict), "held": outcome.held, "evidence": outcome.evidence}
        return Response({**said, "same": queries.replays(decision)})
