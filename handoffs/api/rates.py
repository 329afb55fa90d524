"""/api/v1/hit-rate/: how much was in time, of what began in a span. Days and weeks are those of UTC, for everybody."""

import re
from datetime import UTC, datetime
from typing import Any

from rest_framework import serializers as drf
from rest_framework.request import Request
from rest_framework.response import Response

from handoffs import queries
from handoffs.cohort import ATTRIBUTE, COLUMNS, Instant
from handoffs.engine.rates import Rate, Tally
from handoffs.queries.rates import HitRate, Question, Week, hit_rate
from handoffs.timers import SKEW, spell_instant
from opsportal.api.errors import Malformed
from opsportal.api.serializers import DateTimeField, Serializer
from opsportal.api.viewsets import BaseViewSet
from opsportal.identity.actors import principal_of

MAX_NAMES, MAX_GROUPS = 4, 1_000
SHARE: dict[str, Any] = {"max_digits": 7, "decimal_places": 6, "allow_null": True}
NAME = re.compile(r"[^\x00-\x1f,]{1,60}")


class RateSerializer(Serializer):
    """`low` and `high` are the 95% interval after Wilson. All three are null where nothing was evaluated."""

    hits = drf.IntegerField()
    evaluated = drf.IntegerField()
    rate = drf.DecimalField(**SHARE)
    low = drf.DecimalField(**SHARE)
    high = drf.DecimalField(**SHARE)


class ExcludedSerializer(Serializer):
    reason = drf.CharField()
    count = drf.IntegerField()


class OutcomeSerializer(Serializer):
    outcome = drf.CharField()
    count = drf.IntegerField()


class LagSerializer(Serializer):
    """Mean wall-clock seconds of the `n` that reached the portal before they stopped; null where there are none."""

    n = drf.IntegerField()
    ingest_seconds = drf.IntegerField(allow_null=True, help_text="From the start until it reached the portal.")
    routing_seconds = drf.IntegerField(allow_null=True, help_text="From then until it had an owner.")
    human_seconds = drf.IntegerField(allow_null=True, help_text="From then until the clock stopped.")


class TallySerializer(Serializer):
    """`pending` still run and are within their timer by the business clock; `excluded` were cancelled."""

    n = drf.IntegerField()
    pending = drf.IntegerField()
    excluded = ExcludedSerializer(many=True)
    absolute = RateSerializer(help_text="All of them, by the wall clock.")
    business = RateSerializer(help_text="All of them, by the rule's calendar, pauses left out.")
    in_hours = RateSerializer(help_text="By the wall clock, only what began within business hours.")
    strict = RateSerializer(help_text="Business, with what was cancelled past its timer counted as missed.")
    outcomes = OutcomeSerializer(many=True)
    lag = LagSerializer()


class GroupSerializer(TallySerializer):
    key = drf.DictField()


class WeekSerializer(TallySerializer):
    """One week from Monday, UTC, cut to the span."""

    def get_fields(self) -> dict[str, Any]:
        return {"from": DateTimeField(), "to": DateTimeField(), **super().get_fields()}


class HitRateSerializer(TallySerializer):
    """What began in [from, to), judged as known at `at`. `from` is null where no start of the span was asked for."""

    rule = drf.CharField(allow_null=True)
    at = DateTimeField()
    groups = GroupSerializer(many=True)
    trend = WeekSerializer(many=True)

    def get_fields(self) -> dict[str, Any]:
        return {"from": DateTimeField(allow_null=True), "to": DateTimeField(), **super().get_fields()}


class HitRateViewSet(BaseViewSet):
    """The hit rate: stopped within the timer, of all that can be judged. Three rates and a strict one, side by side.

    The cohort is what began in [from, to); each cycle of a reopened handoff counts once. Without `rule` all rules you
    may see count together.
    """

    serializer_class = HitRateSerializer
    read_scope = "handoffs:read"
    response_serializers = {"list": HitRateSerializer}
    query_fields = {
        "list": {
            "rule": drf.CharField(required=False, max_length=60, help_text="Slug of a rule."),
            "from": DateTimeField(required=False, help_text="Start of the span; default: the first there is."),
            "to": DateTimeField(required=False, help_text="End of the span, not included; default: `at`."),
            "at": DateTimeField(required=False, help_text="Judge as known then; default: now."),
            "group_by": drf.CharField(
                required=False,
                max_length=300,
                help_text=f"{', '.join((*COLUMNS, 'rule'))}, attribute:NAME; several with commas.",
            ),
        }
    }

    def list(self, request: Request) -> Response:
        question, names = self._question(), read_names(self.query.get("group_by"))
        found = hit_rate(question, names, most=MAX_GROUPS)
        if len(found.groups) > MAX_GROUPS:
            raise Malformed("too_many_groups", f"There are more than {MAX_GROUPS:,} groups.", field="group_by")
        return Response(rate_data(found, self.query.get("rule")))

    def _question(self) -> Question:
        asked, principal = self.query, principal_of(self.request)
        rules = [queries.get_rule(principal, asked["rule"])] if "rule" in asked else list(queries.list_rules(principal))
        at = asked.get("at", self.now)
        if at > self.now + SKEW:
            raise Malformed("in_the_future", "What will be known is not known yet.", field="at")
        until = asked.get("to", min(at, self.now))
        if "from" in asked and asked["from"] > until:
            raise Malformed("bad_span", "This lies after the end of the span.", field="from")
        return Question(rules, asked.get("from"), until, Instant(at, is_past=at < self.now))


def read_names(text: str | None) -> list[str]:
    """The names of `group_by`; raises Malformed for one there is not."""
    names = text.split(",") if text is not None else []
    for name in names:
        attribute = name.removeprefix(ATTRIBUTE) if name.startswith(ATTRIBUTE) else None
        if not (name in (*COLUMNS, "rule") or (attribute and NAME.fullmatch(attribute))):
            raise Malformed("bad_value", f"There is no splitting by “{name[:60]}”.", field="group_by")
    if len(set(names)) < len(names) or len(names) > MAX_NAMES:
        raise Malformed("bad_value", f"At most {MAX_NAMES} names, each once.", field="group_by")
    return names


def rate_data(found: HitRate, rule: str | None) -> dict[str, Any]:
    """The published shape."""
    question = found.question
    return {
        "rule": rule,
        **_span(question.since, question.until),
        "at": _instant(question.instant.at),
        **tally_data(found.total),
        "groups": [{"key": key, **tally_data(one)} for key, one in found.groups],
        "trend": [_week_data(week) for week in found.weeks],
    }


def tally_data(tally: Tally) -> dict[str, Any]:
    lags = tally.lags
    return {
        "n": tally.counts.n,
        "pending": tally.counts.pending,
        "excluded": [{"reason": reason, "count": count} for reason, count in largest(tally.excluded)],
        "absolute": _rate_data(tally.absolute),
        "business": _rate_data(tally.business),
        "in_hours": _rate_data(tally.in_hours),
        "strict": _rate_data(tally.strict),
        "outcomes": [{"outcome": outcome, "count": count} for outcome, count in largest(tally.outcomes)],
        "lag": {
            "n": lags.n,
            "ingest_seconds": lags.ingest_seconds,
            "routing_seconds": lags.routing_seconds,
            "human_seconds": lags.human_seconds,
        },
    }


def largest(counts: dict[str, int]) -> list[tuple[str, int]]:
    """The most frequent first."""
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))


def _week_data(week: Week) -> dict[str, Any]:
    return {**_span(week.since, week.until), **tally_data(week.tally)}


def _rate_data(rate: Rate) -> dict[str, Any]:
    shares = {"rate": rate.rate, "low": rate.low, "high": rate.high}
    return {
        "hits": rate.hits,
        "evaluated": rate.evaluated,
        **{name: None if share is None else str(share) for name, share in shares.items()},
    }


def _span(since: datetime | None, until: datetime) -> dict[str, str | None]:
    return {"from": _instant(since), "to": _instant(until)}


def _instant(instant: datetime | None) -> str | None:
    return spell_instant(instant.astimezone(UTC) if instant else None)
