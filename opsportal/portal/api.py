"""/api/v1/traces/{trace_id}/: everything with that id, oldest first."""

from typing import Any

from django.http import Http404
from rest_framework import serializers as drf
from rest_framework.request import Request
from rest_framework.response import Response

from opsportal import trace
from opsportal.api import serializers
from opsportal.api.serializers import DateTimeField
from opsportal.api.viewsets import BaseViewSet
from opsportal.identity.actors import principal_of
from opsportal.portal.traces import Step, Trace, get_trace


class StepSerializer(serializers.Serializer):
    """One thing that happened. `at` is when it was over, `began_at` when it began where it took `seconds`;
    `gap_seconds` the time since the step before. `url` leads to what it is about, `source_url` to the entry or the run.
    """

    at = DateTimeField()
    began_at = DateTimeField(allow_null=True)
    kind = drf.ChoiceField(choices=["audit", "message", "event", "delivery", "run", "runbook"])
    name = drf.CharField()
    sentence = drf.CharField()
    actor = drf.CharField()
    tone = drf.ChoiceField(choices=["good", "warn", "bad", "calm"])
    url = drf.CharField()
    source_url = drf.CharField()
    seconds = drf.FloatField(allow_null=True)
    gap_seconds = drf.FloatField(allow_null=True)


class TracedHandoffSerializer(serializers.Serializer):
    id = drf.UUIDField(source="pk")
    subject = drf.CharField()
    state = drf.CharField()
    rule = drf.CharField(source="rule.slug")
    external_ref = drf.CharField()


class TraceSerializer(serializers.Serializer):
    """The line, from when its first step began `to` when the last one was over. `broke` is the first step that went
    wrong; `is_cut` says that only the first 500 steps are here.
    """

    trace_id = drf.CharField()
    seconds = drf.FloatField()
    is_cut = drf.BooleanField()
    broke = StepSerializer(allow_null=True)
    steps = StepSerializer(many=True)
    handoffs = TracedHandoffSerializer(many=True)

    def get_fields(self) -> dict[str, Any]:
        ends = {"from": DateTimeField(allow_null=True), "to": DateTimeField(allow_null=True)}
        return {**super().get_fields(), **ends}

    def to_representation(self, line: Trace) -> dict[str, Any]:
        return {
            "trace_id": line.trace_id,
            "from": _instant(line.began_at),
            "to": _instant(line.ended_at),
            "seconds": line.seconds,
            "is_cut": line.is_cut,
            "broke": _step(line.broke) if line.broke else None,
            "steps": [_step(step) for step in line.steps],
            "handoffs": TracedHandoffSerializer(line.handoffs, many=True).data,
        }


class TraceViewSet(BaseViewSet):
    """The one view of everything that carries a trace id, across rooms."""

    serializer_class = TraceSerializer
    read_scope = "audit:read"
    lookup_field = "trace_id"

    def retrieve(self, request: Request, trace_id: str) -> Response:
        line = get_trace(principal_of(request), trace_id) if trace.is_valid(trace_id) else None
        if line is None or line.is_empty:
            raise Http404
        return self.answer(line)


def _step(step: Step) -> dict[str, Any]:
    shown: dict[str, Any] = dict(StepSerializer(step).data)
    return shown


def _instant(at: Any) -> str | None:
    return None if at is None else DateTimeField().to_representation(at)


routes = [("traces", TraceViewSet, "trace")]
