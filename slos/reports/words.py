"""Budgets in the words of people who sell: what is allowed, what is used, until when it lasts."""

from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal

from slos.budgets.engine import Budget
from slos.models import Slo
from slos.policy.rules import Verdict
from slos.states import BudgetState

VERDICTS = {
    BudgetState.EXHAUSTED: ("used up", "bad"),
    BudgetState.AT_RISK: ("running low", "warn"),
    BudgetState.OK: ("fine", "good"),
    BudgetState.NO_DATA: ("no data", "calm"),
}

FOLLOWS = {
    Verdict.FREEZE: "new features wait, because it fails more than it may",
    Verdict.REVIEW: "leadership looks at it, because it fails far faster than its budget lasts",
    Verdict.EXPERIMENT_ALLOWED: "experiments are allowed, because it has been healthy for weeks",
    Verdict.FREEZE_ENDED: "new features go ahead again",
    Verdict.NONE: "nothing follows",
}


def sentence(slo: Slo, budget: Budget) -> str:
    """What is allowed, what is used, until when it lasts."""
    if budget.state is BudgetState.NO_DATA:
        return f"Nothing can be said yet: {budget.reason or 'nothing was to be counted'}."
    return f"{_allowed(slo, budget)} {_lasts(slo, budget)}"


def _allowed(slo: Slo, budget: Budget) -> str:
    window = window_words(slo)
    if budget.counts_time:
        return f"It may fail for {_minutes(budget.total_minutes)} {window}; {_minutes(budget.used_minutes)} are used."
    allowed = int(budget.allowed or 0)  # half a failure cannot happen
    may = f"It may fail {_times(allowed)}" if allowed else "It may not fail once"
    return f"{may} {window}; it has failed {_times(budget.bad)}."


def _times(number: int) -> str:
    return "once" if number == 1 else f"{number:,} times"


def _lasts(slo: Slo, budget: Budget) -> str:
    if budget.state is BudgetState.EXHAUSTED:
        return "Nothing is left."
    if budget.exhausts_at is not None:
        return f"At the pace of the last day it lasts until {day(budget.exhausts_at)}."
    return "At this pace it lasts." if slo.window_kind == "rolling" else f"At this pace it lasts the {slo.window_unit}."


def window_words(slo: Slo) -> str:
    """`in 28 days`, `this week`."""
    return f"in {slo.window_days} days" if slo.window_kind == "rolling" else f"this {slo.window_unit}"


def left(budget: Budget) -> str:
    """How much remains, as a percentage for a column of numbers; overspent ones are below nought."""
    return "–" if budget.remaining is None else _percent(budget.remaining).replace("-", "−")


def left_in_words(budget: Budget) -> str:
    """`75% left`, `overspent by 103%`."""
    if budget.remaining is None:
        return "– left"
    return (
        f"overspent by {_percent(-budget.remaining)}" if budget.remaining < 0 else f"{_percent(budget.remaining)} left"
    )


def _percent(share: Decimal) -> str:
    return f"{(share * 100).quantize(Decimal(1), ROUND_HALF_UP):f}%"


def short(value: Decimal | None) -> str:
    """One place where it tells something: 50.4, 12, 1,310.4."""
    return f"{(value or Decimal()).quantize(Decimal('0.1'), ROUND_HALF_UP):,f}".removesuffix(".0")


def day(at: datetime) -> str:
    return f"{at:%a} {at.day} {at:%b}"


def _minutes(value: Decimal | None) -> str:
    """`50.4 minutes`, `10.9 hours`."""
    minutes = value or Decimal()
    return f"{short(minutes)} minutes" if minutes < 600 else f"{short(minutes / 60)} hours"
