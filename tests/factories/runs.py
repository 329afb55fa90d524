"""Runs for tests, written as reports are. Everything has a working default, and a counter keeps run ids apart."""

import itertools
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from opsportal.catalog.models import Automation
from slos.models import Run
from slos.runs.engine import NewRun
from slos.runs.operations import record_runs
from tests.factories.identity import NOW

_numbers = itertools.count(1)


def a_run(automation: Automation, *, ended: datetime | None = None, seconds: float = 60, **fields: Any) -> NewRun:
    """A report of a run that ended at `ended` (default: NOW) after so many seconds. `status="running"`: began then."""
    ended = ended or NOW
    is_running = fields.get("status") == "running"
    times = {
        "started_at": ended if is_running else ended - timedelta(seconds=seconds),
        "finished_at": None if is_running else ended,
    }
    named = {"run_id": f"run-{next(_numbers)}", "status": "succeeded"}
    return NewRun(automation=automation.slug, **{**named, **times, **fields})


def make_runs(reports: Sequence[NewRun], *, now: datetime | None = None) -> list[Run]:
    """Enter reports; the runs in their order."""
    latest = max((one.finished_at or one.started_at for one in reports), default=NOW)
    recorded = record_runs(reports, among=Automation.objects.all(), now=now or max(NOW, latest))
    found = Run.objects.in_bulk([int(one.id) for one in recorded if one.id])
    return [found[int(one.id)] for one in recorded if one.id]


def make_run(
    automation: Automation, *, ended: datetime | None = None, seconds: float = 60, now: datetime | None = None,
    **fields: Any,
) -> Run:  # fmt: skip
    (run,) = make_runs([a_run(automation, ended=ended, seconds=seconds, **fields)], now=now)
    return run
