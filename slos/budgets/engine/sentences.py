"""What a budget means, in one plain sentence for people who sell."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal
from typing import TYPE_CHECKING

from slos.states import BudgetState

if TYPE_CHECKING:
    from slos.budgets.engine.budgets import Budget


def sentence_of(budget: Budget) -> str:
    """ "12.5 of 50.4 minutes of the error budget are used; 75% remains." """
    if budget.state is BudgetState.NO_DATA or budget.remaining is None:
        return f"No data: {budget.reason or 'nothing was valid'}."
    used = f"{_amount(budget)} of the error budget {_verb(budget)} used"
    percent = _percent(budget.remaining)
    if budget.remaining > 0:
        return f"{used}; {percent} remains."
    if budget.remaining == 0:
        return f"{used}; nothing remains."
    return f"{used}; it is overspent by {percent.removeprefix('-')}."


def _amount(budget: Budget) -> str:
    if budget.counts_time:
        return f"{_short(budget.used_minutes)} of {_short(budget.total_minutes)} minutes"
    return f"{budget.bad} of {_short(budget.allowed)} failures"


def _verb(budget: Budget) -> str:
    return "are"


def _short(value: Decimal | None) -> str:
    """One place where it tells something: 50.4, 12, 0.3."""
    text = f"{(value or Decimal()).quantize(Decimal('0.1'), ROUND_HALF_UP):f}"
    return text.removesuffix(".0")


def _percent(share: Decimal) -> str:
    return f"{(share * 100).quantize(Decimal('1'), ROUND_HALF_UP):f}%"
