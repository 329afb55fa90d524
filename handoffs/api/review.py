"""/api/v1/review/: a week as the weekly review shows it. The same reading as the page (queries.review)."""

from typing import Any

from rest_framework import serializers as drf
from rest_framework.request import Request
from rest_framework.response import Response

from handoffs import queries
from handoffs.engine.weeks import Week
from handoffs.queries.review import review
from handoffs.reviewing import review_data
from opsportal.api.errors import Malformed
from opsportal.api.serializers import DateTimeField, Serializer
from opsportal.api.viewsets import BaseViewSet
from opsportal.errors import InvalidInput
from opsportal.identity.actors import principal_of


class OverrunSerializer(Serializer):
    """A record that ran past its timer. `breach_reason` is what it says, `reason` the slug that means on the list."""

    id = drf.UUIDField()
    subject = drf.CharField()
    rule = drf.CharField()
    owner = drf.CharField(allow_null=True)
    state = drf.CharField()
    breached = drf.BooleanField()
    ran_out_at = DateTimeField()
    started_at = DateTimeField()
    stopped_at = DateTimeField(allow_null=True)
    breach_reason = drf.CharField()
    reason = drf.CharField(allow_null=True)
    channel = drf.CharField()
    icp = drf.CharField()
    external_ref = drf.CharField()
    historical = drf.BooleanField()
    trace_id = drf.CharField()


class ReasonCountSerializer(Serializer):
    breach_reason = drf.CharField()
    listed = drf.BooleanField()
    count = drf.IntegerField()
    breached = drf.IntegerField()


class RuleWeekSerializer(Serializer):
    """`…_before` are of the week before, up to the same point where this one is not over."""

    rule = drf.CharField()
    started = drf.IntegerField()
    overran = drf.IntegerField()
    breached = drf.IntegerField()
    untagged = drf.IntegerField()
    started_before = drf.IntegerField()
    overran_before = drf.IntegerField()
    breached_before = drf.IntegerField()


class SilentStageSerializer(Serializer):
    """An alerting stage: `without_effect` of `fired` times nothing was done before the next one."""

    rule = drf.CharField()
    percent = drf.IntegerField()
    fired = drf.IntegerField()
    without_effect = drf.IntegerField()
    share = drf.CharField()
    candidate = drf.BooleanField()


class ChangeSerializer(Serializer):
    at = DateTimeField()
    action = drf.CharField()
    sentence = drf.CharField()


class CycleSerializer(Serializer):
    handoff = drf.UUIDField()
    cycle = drf.IntegerField()
    breached = drf.BooleanField()


class NamedHandoffSerializer(Serializer):
    id = drf.UUIDField()
    subject = drf.CharField()
    rule = drf.CharField()


class SomeSerializer(Serializer):
    """How many there are, and the first six."""

    count = drf.IntegerField()
    handoffs = NamedHandoffSerializer(many=True)


class ReviewSerializer(Serializer):
    """A week in UTC, up to `at`. `breaches` are at most 500, breached ones first; the counts are of all."""

    week = drf.CharField()
    at = DateTimeField()
    rule = drf.CharField(allow_null=True)
    sentence = drf.CharField()
    overran = drf.IntegerField()
    breached = drf.IntegerField()
    untagged = drf.IntegerField()
    untagged_before = drf.IntegerField()
    breaches = OverrunSerializer(many=True)
    reasons = ReasonCountSerializer(many=True)
    top_reason = drf.CharField(allow_null=True)
    top_handoffs = drf.ListField(child=drf.UUIDField())
    rules = RuleWeekSerializer(many=True)
    against_last_week = drf.ListField(child=drf.CharField())
    without_effect = SilentStageSerializer(many=True)
    idle_rules = drf.ListField(child=drf.CharField())
    changes = ChangeSerializer(many=True)
    earlier_cycles = CycleSerializer(many=True)
    missing_backup = SomeSerializer()
    late_arrivals = SomeSerializer()
    historical_open = SomeSerializer()

    def get_fields(self) -> dict[str, Any]:
        return {**super().get_fields(), "from": DateTimeField(), "to": DateTimeField()}


class ReviewViewSet(BaseViewSet):
    """The weekly review of what ran past its timer: reasons, alerts without effect, what changed."""

    serializer_class = ReviewSerializer
    read_scope = "handoffs:read"
    pagination_class = None
    query_fields = {
        "list": {
            "week": drf.CharField(required=False, max_length=8, help_text="Such as 2026-W47; left out: this one."),
            "rule": drf.SlugField(required=False, max_length=60),
        }
    }
    response_serializers = {"list": ReviewSerializer}

    def list(self, request: Request) -> Response:
        principal = principal_of(request)
        rule = queries.get_rule(principal, self.query["rule"]) if "rule" in self.query else None
        return Response(review_data(review(principal, self._week(), now=self.now, rule=rule)))

    def _week(self) -> Week:
        try:
            return Week.parse(self.query["week"]) if "week" in self.query else Week.of(self.now)
        except InvalidInput as error:
            raise Malformed("bad_value", error.message, field="week") from None
