"""The budget's part of /api/v1/slos/{slug}/, which the viewset of slos.objectives mounts (BudgetActions), and the
figures of an automation's runs.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from rest_framework import serializers as drf
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from handoffs.timers import spell_instant
from opsportal.api import routing
from opsportal.api.errors import Malformed
from opsportal.api.serializers import DateTimeField, Serializer
from opsportal.api.viewsets import BaseViewSet
from opsportal.catalog.queries import get_automation
from slos.budgets import queries
from slos.budgets.engine import Budget, Burn, Cause, Point, Window
from slos.budgets.engine.budgets import plain
from slos.budgets.figures import BELOW, LEAST, Figure, Figures, figures
from slos.models import Slo
from slos.states import BudgetState


class WindowSerializer(Serializer):
    start = DateTimeField()
    end = DateTimeField()
    minutes = drf.IntegerField()


class AmountSerializer(Serializer):
    """`allowed` is in events, or minutes where time is counted. Shares: 1 is the whole budget; below 0 is overspent."""

    allowed = drf.CharField()
    consumed = drf.CharField(allow_null=True)
    remaining = drf.CharField(allow_null=True)
    total_minutes = drf.CharField()
    used_minutes = drf.CharField(allow_null=True)
    remaining_minutes = drf.CharField(allow_null=True)


class BudgetSerializer(Serializer):
    """An error budget. `valid`, `good`, `bad` are events, or seconds where time is counted. Ratios are decimal text."""

    at = DateTimeField()
    watermark = DateTimeField(help_text="Up to here the portal was receiving and sweeping.")
    window = WindowSerializer()
    target = drf.CharField(help_text="In percent.")
    method = drf.CharField()
    valid = drf.IntegerField()
    good = drf.IntegerField()
    bad = drf.IntegerField()
    sli = drf.CharField(allow_null=True)
    coverage = drf.CharField(help_text="Share of the time in which the portal itself was looking.")
    state = drf.ChoiceField(choices=[one.value for one in BudgetState])
    budget = AmountSerializer()
    burn = drf.DictField(child=drf.CharField(allow_null=True), help_text="Burn rate by window, up to the watermark.")
    exhausts_at = DateTimeField(allow_null=True)
    sentence = drf.CharField()


class PointSerializer(Serializer):
    at = DateTimeField()
    remaining = drf.CharField(allow_null=True)


class CauseSerializer(Serializer):
    kind = drf.CharField(help_text="error or version; each kind sums to what is bad.")
    value = drf.CharField(allow_blank=True)
    bad = drf.IntegerField()
    share = drf.CharField()


class BurndownSerializer(Serializer):
    """How the budget of the window was used up, and because of what."""

    at = DateTimeField()
    window = WindowSerializer()
    results = PointSerializer(many=True)
    causes = CauseSerializer(many=True)


class RateSerializer(Serializer):
    window = drf.CharField()
    rate = drf.CharField(allow_null=True)
    valid = drf.IntegerField()
    bad = drf.IntegerField()


class BurnSerializer(Serializer):
    """Burn rates: (bad / valid) / (1 - target) over windows that end at the watermark."""

    at = DateTimeField()
    watermark = DateTimeField()
    results = RateSerializer(many=True)


AT: dict[str, drf.Field[Any, Any, Any, Any]] = {
    "at": DateTimeField(required=False, help_text="As of then; default: now.")
}
SUPPOSED: dict[str, drf.Field[Any, Any, Any, Any]] = {
    "target": drf.DecimalField(
        max_digits=9, decimal_places=6, required=False, help_text="What this target would have given, in percent."
    ),
    "threshold_seconds": drf.DecimalField(
        max_digits=12, decimal_places=3, min_value=0, required=False, help_text="Of a latency that counts events."
    ),
}
BUDGET_QUERY_FIELDS = {"budget": AT | SUPPOSED, "burndown": AT, "burn": AT}
BUDGET_RESPONSES = {"budget": BudgetSerializer, "burndown": BurndownSerializer, "burn": BurnSerializer}


class BudgetActions:
    """Mix into a viewset whose `get_object()` answers an Slo; add BUDGET_QUERY_FIELDS and BUDGET_RESPONSES to its
    `query_fields` and `response_serializers`.
    """

    query: dict[str, Any]
    now: datetime

    def get_object(self) -> Slo:  # pragma: no cover - the viewset's
        return super().get_object()  # type: ignore[misc,no-any-return]

    @action(detail=True, methods=["get"])
    def budget(self, request: Request, **_: Any) -> Response:
        """The error budget of the window that `at` lies in; by another target or threshold, where one is given."""
        target, seconds = self.query.get("target"), self.query.get("threshold_seconds")
        if target is None and seconds is None:
            return Response(budget_data(queries.budget(self.get_object(), self._at())))
        if target is not None and not 0 < target < 100:
            raise Malformed("out_of_range", "A target is above 0 and below 100.", field="target")
        limit = None if seconds is None else int(seconds * 1_000)
        return Response(budget_data(queries.what_if(self.get_object(), self._at(), target=target, threshold_ms=limit)))

    @action(detail=True, methods=["get"])
    def burndown(self, request: Request, **_: Any) -> Response:
        """How it was used up, and because of what."""
        found = queries.account(self.get_object(), self._at())
        return Response(burndown_data(found.budget, found.points, found.causes))

    @action(detail=True, methods=["get"])
    def burn(self, request: Request, **_: Any) -> Response:
        """How fast it is being used up, over several windows."""
        return Response(burn_data(queries.budget(self.get_object(), self._at())))

    def _at(self) -> datetime:
        at: datetime = self.query.get("at", self.now)
        if at > self.now + queries.SKEW:
            raise Malformed("in_the_future", "What will be known is not known yet.", field="at")
        return at


def budget_data(budget: Budget) -> dict[str, Any]:
    """The published shape."""
    return {
        "at": spell_instant(budget.at),
        "watermark": spell_instant(budget.watermark),
        "window": window_data(budget.window),
        "target": plain(budget.target),
        "method": budget.method,
        "valid": budget.valid,
        "good": budget.good,
        "bad": budget.bad,
        "sli": digits(budget.sli),
        "coverage": plain(budget.coverage),
        "state": budget.state.value,
        "budget": {
            "allowed": plain(budget.allowed),
            "consumed": digits(budget.consumed),
            "remaining": digits(budget.remaining),
            "total_minutes": plain(budget.total_minutes),
            "used_minutes": digits(budget.used_minutes),
            "remaining_minutes": digits(budget.remaining_minutes),
        },
        "burn": {name: digits(one.rate) for name, one in budget.burn.items()},
        "exhausts_at": spell_instant(budget.exhausts_at),
        "sentence": budget.sentence,
    }


def burndown_data(budget: Budget, points: Sequence[Point], causes: Sequence[Cause]) -> dict[str, Any]:
    return {
        "at": spell_instant(budget.at),
        "window": window_data(budget.window),
        "results": [{"at": spell_instant(one.at), "remaining": digits(one.remaining)} for one in points],
        "causes": [{"kind": one.kind, "value": one.value, "bad": one.bad, "share": plain(one.share)} for one in causes],
    }


def burn_data(budget: Budget) -> dict[str, Any]:
    return {
        "at": spell_instant(budget.at),
        "watermark": spell_instant(budget.watermark),
        "results": [_rate_data(name, one) for name, one in budget.burn.items()],
    }


def _rate_data(name: str, burn: Burn) -> dict[str, Any]:
    return {"window": name, "rate": digits(burn.rate), "valid": burn.valid, "bad": burn.bad}


def window_data(window: Window) -> dict[str, Any]:
    return {"start": spell_instant(window.start), "end": spell_instant(window.end), "minutes": window.minutes}


EXACT = Decimal("0.000001")
EARLIEST = datetime.min.replace(tzinfo=UTC)
SPAN, LONGEST_SPAN = timedelta(days=30), timedelta(days=400)


class FigureSerializer(Serializer):
    """`key` is M1 to M10 of docs/metrics.md, `target` what one starts with, `n` how many it is worked out from."""

    key = drf.CharField()
    name = drf.CharField()
    unit = drf.ChoiceField(choices=["ratio", "seconds", "money", "count"])
    value = drf.CharField(allow_null=True)
    n = drf.IntegerField()
    target = drf.CharField(allow_null=True)
    meets = drf.ChoiceField(choices=[LEAST, BELOW], help_text="The value is at least the target, or below it.")
    met = drf.BooleanField(allow_null=True)


class TagCostSerializer(Serializer):
    tag = drf.CharField()
    value = drf.CharField(allow_blank=True)
    runs = drf.IntegerField()
    cost = drf.CharField()


class FiguresSerializer(Serializer):
    """What the runs that ended in [from, to) tell. `looked_at`: so many of them, the last ones, were read for
    `log_completeness` and `cost_by_tag`; everything else counts all.
    """

    automation = drf.CharField()
    succeeded = drf.IntegerField()
    failed = drf.IntegerField()
    cancelled = drf.IntegerField()
    results = FigureSerializer(many=True)
    looked_at = drf.IntegerField()
    cost_by_tag = TagCostSerializer(many=True)

    def get_fields(self) -> dict[str, Any]:
        return {**super().get_fields(), "from": DateTimeField(), "to": DateTimeField()}


class FiguresViewSet(BaseViewSet):
    """Figures of an automation from its runs (M1, M2, M4, M5, M7, M8, M10); M3, M6 and M9 join with incidents."""

    serializer_class = FiguresSerializer
    read_scope = "runs:read"
    response_serializers = {"list": {200: FiguresSerializer}}
    query_fields = {
        "list": {
            "from": DateTimeField(required=False, help_text="Default: 30 days before `to`. At most 400 days before."),
            "to": DateTimeField(required=False, help_text="Not included. Default: now."),
        }
    }

    def list(self, request: Request, slug: str) -> Response:
        automation = get_automation(slug, principal=self.principal)  # type: ignore[arg-type]
        from_at, until = self._span()
        span = {"from": spell_instant(from_at), "to": spell_instant(until)}
        return Response({"automation": automation.slug, **span, **figures_data(figures(automation, from_at, until))})

    def _span(self) -> tuple[datetime, datetime]:
        until = self.query.get("to", self.now)
        if until > self.now + queries.SKEW:
            raise Malformed("in_the_future", "What will be known is not known yet.", field="to")
        from_at = self.query.get("from") or until - min(SPAN, until - EARLIEST)
        if from_at > until:
            raise Malformed("bad_span", "This lies after the end of the span.", field="from")
        if until - from_at > LONGEST_SPAN:
            raise Malformed("bad_span", "A span has at most 400 days.", field="from")
        return from_at, until


def figures_data(found: Figures) -> dict[str, Any]:
    told = found.counts
    return {
        "succeeded": told.succeeded,
        "failed": told.failed,
        "cancelled": told.cancelled,
        "results": [_figure_data(one) for one in found.results],
        "looked_at": found.looked_at,
        "cost_by_tag": [
            {"tag": one.tag, "value": one.value, "runs": one.runs, "cost": plain(one.cost)} for one in found.cost_by_tag
        ],
    }


def _figure_data(one: Figure) -> dict[str, Any]:
    value = None if one.value is None else plain(one.value.quantize(EXACT))
    plainly = {"key": one.key, "name": one.name, "unit": one.unit, "n": one.n, "meets": one.meets, "met": one.is_met}
    return {**plainly, "value": value, "target": digits(one.target)}


def digits(value: Decimal | None) -> str | None:
    return None if value is None else plain(value)


# `slos/` is slos.objectives'.
routes: list[routing.Route] = [("automations/(?P<slug>[^/]+)/figures", FiguresViewSet, "automation-figures")]
