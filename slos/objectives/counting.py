"""The one place that asks budgets to count again."""

from collections.abc import Iterable
from datetime import datetime

from slos.budgets import operations as budgets
from slos.models import Slo


def count_again(slo: Slo, *, now: datetime) -> None:
    """Its definition is new or other: what was counted for it is due to be counted again, from its beginning on."""
    budgets.rebuild(slo, now=now)


def read_again(slos: Iterable[Slo]) -> None:
    """Time was left out or counts again: what is kept holds, what was read from it does not."""
    budgets.forget_readings(slos)
