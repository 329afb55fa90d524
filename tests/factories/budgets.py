"""Sweeping budgets in tests, as the worker does it: everything that is due, by the time the test says."""

from datetime import datetime

from opsportal.catalog.models import Automation
from slos.budgets.sweep import sweep_rollups
from slos.models import Slo
from tests.factories.objectives import make_slo

WEEKLY = {"kind": "calendar", "unit": "week", "timezone": "UTC"}


def sweep(at: datetime) -> None:
    """Until nothing is left to add up."""
    while sweep_rollups(at).fired:
        pass


def weekly_downtime(automation: Automation, **fields: object) -> Slo:
    """The Lead Router's: 99.5% of a week, down while two runs in a row have failed or one takes over ten minutes."""
    violation = {"max_run_seconds": 600, "consecutive_failures": 2}
    said = {"method": "downtime", "target": "99.5", "window": WEEKLY, "violation": violation, **fields}
    return make_slo(automation=automation, **said)
