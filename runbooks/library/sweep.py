"""The part of the sweep `housekeeping` that draws the month's runbook."""

from datetime import datetime

from opsportal.audit.engine import Actor
from opsportal.sweeps.registry import SweepResult
from runbooks.library import operations
from runbooks.library.operations.upkeep import month_of
from runbooks.models.library import RunbookDraw

CLOCKWORK = Actor.system("runbooks")


def draw_when_due(now: datetime) -> SweepResult:
    """Once a month, as soon as something is published."""
    month = month_of(now)
    if RunbookDraw.objects.filter(month=month).exists():
        return SweepResult(examined=1, range_until=now)
    drawn = operations.draw_month(month=month, actor=CLOCKWORK, now=now)
    return SweepResult(examined=1, fired=int(drawn is not None), range_until=now)
