"""The part of the sweep `facts` that writes down which approvals are over. Nothing depends on it: time decides."""

from datetime import datetime

from opsportal.approvals.operations import close_overdue
from opsportal.sweeps.registry import SweepResult


def close(now: datetime) -> SweepResult:
    closed = close_overdue(now)
    return SweepResult(examined=closed, fired=closed, range_until=now)
