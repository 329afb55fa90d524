"""Keeps the rollups short, in batches: narrow buckets leave after 400 days, days and downtime stay."""

import time
from datetime import datetime, timedelta

from opsportal.sweeps.registry import SweepResult
from slos.budgets.engine.buckets import DAY
from slos.models import RunBucket, SliBucket

EVERY = timedelta(minutes=10)
KEEP = timedelta(days=400)  # a year's window and its edges
BATCH = 2_000
SECONDS = 4.0


def prune(now: datetime) -> SweepResult:
    """Delete narrow buckets whose day has long been added up."""
    deadline, gone = time.monotonic() + SECONDS, 0
    for model in (RunBucket, SliBucket):
        while time.monotonic() < deadline:
            old = model.objects.filter(start__lt=now - KEEP, width__lt=DAY).order_by()
            keys = list(old.values_list("pk", flat=True)[:BATCH])
            model.objects.filter(pk__in=keys).delete()
            gone += len(keys)
            if len(keys) < BATCH:
                break
    return SweepResult(gone, gone)
