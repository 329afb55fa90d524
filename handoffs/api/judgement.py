"""Below /api/v1/handoff-rules/{slug}/: what-if, calendar-check, shadow-result. They read and change nothing."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from rest_framework import serializers as drf
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from handoffs import queries
from handoffs.engine.ladder import MAX_STAGES
from handoffs.judging import check_data, what_if_data
from handoffs.queries.plausibility import calendar_check
from handoffs.queries.what_if import Terms, what_if
from handoffs.timers import spell_instant
from opsportal.api.errors import Malformed
from opsportal.api.querystring import Fields
from opsportal.api.serializers import DateTimeField, Serializer
from opsportal.api.viewsets import ResourceViewSet
from opsportal.calendars.queries import get_calendar
from opsportal.errors import InvalidInput, NotFound
from opsportal.identity.actors import principal_of

WEEK = timedelta(days=7)
SPAN: Fields = {
    "from": DateTimeField(required=False, help_text="Records that began from here on; left out: 91 days back."),
    "to": DateTimeField(required=False, help_text="And before this; left out: up to now."),
}
PERCENTS = rf"^[0-9]{{1,5}}(,[0-9]{{1,5}}){{0,{MAX_STAGES - 1}}}$"


class ShareSerializer(Serializer):
    """A rate with its 95% interval, as decimals from 0 to 1; null where nothing was evaluated."""

    hits = drf.IntegerField()
    evaluated = drf.IntegerField()
    rate = drf.CharField(allow_null=True)
    low = drf.CharField(allow_null=True)
    high = drf.CharField(allow_null=True)


class StageOutcomeSerializer(Serializer):
    """What became of a stage: it fired, or the clock had stopped before, or its time has not come."""

    percent = drf.IntegerField()
    actions = drf.ListField(child=drf.CharField())
    fired = drf.IntegerField()
    answered_before = drf.IntegerField()
    cancelled_before = drf.IntegerField()
    not_yet = drf.IntegerField()


class OutcomeSerializer(Serializer):
    """`kept`: a takeover was due and nobody was there to take over."""

    n = drf.IntegerField()
    alerted = drf.IntegerField()
    reassigned = drf.IntegerField()
    kept = drf.IntegerField()
    escalated = drf.IntegerField()
    breached = drf.IntegerField()
    missed = drf.IntegerField()
    pending = drf.IntegerField()
    cancelled = drf.IntegerField()
    business = ShareSerializer()
    absolute = ShareSerializer()
    stages = StageOutcomeSerializer(many=True)


class Spanned(Serializer):
    """An answer about [from, to)."""

    def get_fields(self) -> dict[str, Any]:
        return {**super().get_fields(), "from": DateTimeField(), "to": DateTimeField()}


class WhatIfSerializer(Spanned):
    """The rule's records judged as they were and under other terms. `cut`: only the 20,000 newest were read."""

    rule = drf.CharField()
    sla_minutes = drf.IntegerField(allow_null=True)
    calendar = drf.CharField(allow_null=True)
    percents = drf.ListField(child=drf.IntegerField(), allow_null=True)
    records = drf.IntegerField()
    cut = drf.BooleanField()
    kept_own_timer = drf.IntegerField()
    newly_hit = drf.IntegerField()
    newly_missed = drf.IntegerField()
    before = OutcomeSerializer()
    after = OutcomeSerializer()
    sentence = drf.CharField()


class WeekdaySerializer(Serializer):
    """`opening` and `first_active` are local times: what the calendar declares, and when work starts."""

    day = drf.CharField()
    opening = drf.CharField(allow_null=True)
    first_active = drf.CharField(allow_null=True)
    answers = drf.IntegerField()
    before = drf.IntegerField()
    after = drf.IntegerField()
    between = drf.IntegerField()
    dates = drf.IntegerField()


class ShiftSerializer(ShareSerializer):
    """The business rate if the calendar opened so many minutes later."""

    minutes = drf.IntegerField()


class CalendarCheckSerializer(Spanned):
    """Human answers beside the calendar's hours."""

    rule = drf.CharField()
    calendar = drf.CharField()
    version = drf.IntegerField()
    timezone = drf.CharField()
    records = drf.IntegerField()
    cut = drf.BooleanField()
    answers = drf.IntegerField()
    unknown = drf.IntegerField()
    outside = drf.IntegerField()
    share = drf.CharField()
    weekdays = WeekdaySerializer(many=True)
    shifts = ShiftSerializer(many=True)
    tone = drf.CharField()
    sentence = drf.CharField()


class ShadowResultSerializer(Spanned):
    """What the stages that came due in shadow would have done; the last seven days unless said otherwise."""

    rule = drf.CharField()
    handoffs = drf.IntegerField()
    alerted = drf.IntegerField()
    breached = drf.IntegerField()
    reassigned = drf.IntegerField()
    nobody_left = drf.IntegerField()
    escalated = drf.IntegerField()


QUERY_FIELDS: Mapping[str, Fields] = {
    "what_if": {
        **SPAN,
        "sla_minutes": drf.IntegerField(required=False, min_value=1),
        "calendar": drf.SlugField(required=False, max_length=60),
        "percents": drf.RegexField(PERCENTS, required=False, help_text="The stages at other percentages: 75,150,300."),
    },
    "calendar_check": SPAN,
    "shadow_result": SPAN,
}
RESPONSES: Mapping[str, Any] = {
    "what_if": WhatIfSerializer,
    "calendar_check": CalendarCheckSerializer,
    "shadow_result": ShadowResultSerializer,
}


class JudgedViewSet(ResourceViewSet):
    """The judgements on a rule, for the viewset of rules to inherit."""

    query_fields = QUERY_FIELDS
    response_serializers = RESPONSES

    @action(detail=True, url_path="what-if")
    def what_if(self, request: Request, slug: str) -> Response:
        """The rule's history judged again under another timer, calendar or ladder."""
        rule, terms = self.get_object(), self._terms()
        try:
            return Response(what_if_data(what_if(rule, terms, now=self.now, **self._span())))
        except InvalidInput as error:
            raise Malformed("bad_value", error.message, field=error.field) from None

    @action(detail=True, url_path="calendar-check")
    def calendar_check(self, request: Request, slug: str) -> Response:
        """The rule's calendar beside when people answered."""
        return Response(check_data(calendar_check(self.get_object(), now=self.now, **self._span())))

    @action(detail=True, url_path="shadow-result")
    def shadow_result(self, request: Request, slug: str) -> Response:
        """What the rule would have done while it ran in shadow."""
        until = self.query.get("to", self.now)
        from_at = self.query.get("from", until - WEEK)
        rule = self.get_object()
        told = queries.shadow_result(rule, from_at=from_at, until=until)
        names = ("handoffs", "alerted", "breached", "reassigned", "nobody_left", "escalated")
        counts = {name: getattr(told, name) for name in names}
        return Response({"rule": rule.slug, "from": spell_instant(from_at), "to": spell_instant(until), **counts})

    def _span(self) -> dict[str, datetime | None]:
        return {"from_at": self.query.get("from"), "until": self.query.get("to")}

    def _terms(self) -> Terms:
        calendar, percents = self.query.get("calendar"), self.query.get("percents")
        try:
            found = get_calendar(principal_of(self.request), calendar) if calendar else None
        except NotFound as missing:
            raise Malformed("bad_value", missing.message, field="calendar") from None
        return Terms(self.query.get("sla_minutes"), found, tuple(map(int, percents.split(","))) if percents else None)
