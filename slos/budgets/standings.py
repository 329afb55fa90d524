"""How budgets stand, where hundreds are ranked and few are shown: the verdicts that the sweep left at the watermark."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple

from django.db.models import Case, F, Q, QuerySet, Value, When

from slos.budgets.engine import Budget
from slos.budgets.queries import budgets
from slos.models import Slo
from slos.states import BudgetState

WEEK = "7d"


class Standing(NamedTuple):
    """A verdict without its figures; `burn` is the rate of the last seven days."""

    state: BudgetState
    remaining: Decimal | None
    burn: Decimal | None


def standing_of(budget: Budget) -> Standing:
    week = budget.burn.get(WEEK)
    return Standing(budget.state, budget.remaining, week.rate if week else None)


def standings(slos: QuerySet[Slo], at: datetime, *columns: str) -> list[tuple[Standing, Any]]:
    """Of each SLO its standing and `columns` of it as a tuple, by one query; what the sweep has not read since its
    definition or its window changed is judged here.
    """
    rows = slos.order_by("pk").values_list("pk", _verdict(at), "reading__remaining", "reading__burn_week", *columns)
    found = list(rows)
    unread = _judge(slos, [row[0] for row in found if not row[1]], at)
    return [
        (unread[pk] if pk in unread else Standing(BudgetState(verdict), left, burn), tuple(told))
        for pk, verdict, left, burn, *told in found
    ]


def _judge(slos: QuerySet[Slo], keys: Sequence[int], at: datetime) -> dict[int, Standing]:
    if not keys:
        return {}
    wanted = slos.filter(pk__in=keys).select_related("rule", "reading")
    return {pk: standing_of(one) for pk, one in budgets(wanted, at).items() if pk in set(keys)}


def _verdict(at: datetime) -> Case:
    """What the sweep found, where it holds at `at` (as `queries.budgets` takes a reading or does not); else ""."""
    in_window = Q(reading__window_start__lte=at, reading__window_end__gt=at)
    is_read = Q(reading__version=F("version"), reading__at__lte=at) & (Q(window_kind="rolling") | in_window)
    return Case(When(is_read, then=F("reading__verdict")), default=Value(""))
