"""The one place that asks budgets to count again."""

from datetime import datetime

from slos.models import Slo


def count_again(slo: Slo, *, now: datetime) -> None:
    """Mark what was counted for an SLO as due to be counted again, from its beginning on."""
    try:
        from slos.budgets import operations as budgets
    except ImportError:
        return
    budgets.rebuild(slo)
