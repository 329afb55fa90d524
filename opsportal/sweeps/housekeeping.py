"""Keeps the worker's own tables short, in batches: runs of sweeps, django-q2's results, beats of lost hosts."""

import time
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Q
from django_q.models import OrmQ, Task

from opsportal.sweeps.beats import LANE_PREFIX
from opsportal.sweeps.models import SweepRun
from opsportal.sweeps.registry import SweepResult

EVERY = timedelta(minutes=10)
KEEP_QUIET_RUNS = timedelta(days=1)
KEEP_TELLING_RUNS = timedelta(days=30)
KEEP_TASKS = timedelta(days=7)
KEEP_BEATS = timedelta(hours=1)
BATCH = 1_000
SECONDS = 8.0


def prune(now: datetime) -> SweepResult:
    """Delete what was kept long enough. Runs that fired or failed are kept longer than those that found nothing."""
    quiet = Q(fired=0, error="", started_at__lt=now - KEEP_QUIET_RUNS)
    old_runs = SweepRun.objects.filter(quiet | Q(started_at__lt=now - KEEP_TELLING_RUNS))
    old_tasks = Task.objects.filter(stopped__lt=now - KEEP_TASKS)
    old_beats = OrmQ.objects.filter(key__startswith=LANE_PREFIX, lock__lt=now - KEEP_BEATS)
    deadline = time.monotonic() + SECONDS
    count = sum(_delete_in_batches(rows.order_by(), deadline) for rows in (old_runs, old_tasks, old_beats))
    return SweepResult(examined=count, fired=count)


def _delete_in_batches(rows: Any, deadline: float) -> int:
    """Short transactions: one large delete would hold its locks, and on SQLite the whole database, for its length."""
    total = 0
    while time.monotonic() < deadline:
        keys = list(rows.values_list("pk", flat=True)[:BATCH])
        if not keys:
            break
        rows.model.objects.filter(pk__in=keys).delete()
        total += len(keys)
    return total
