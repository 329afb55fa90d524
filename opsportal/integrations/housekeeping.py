"""Ids of received messages leave after a month: far longer than any sender repeats itself."""

from datetime import datetime, timedelta

from opsportal.integrations.models import ReceivedMessage
from opsportal.sweeps.registry import SweepResult

EVERY = timedelta(hours=1)
KEPT = timedelta(days=31)
BATCH = 1000


def sweep(now: datetime) -> SweepResult:
    old = ReceivedMessage.objects.filter(received_at__lt=now - KEPT).order_by("received_at")
    ids = list(old.values_list("pk", flat=True)[:BATCH])
    ReceivedMessage.objects.filter(pk__in=ids).delete()
    return SweepResult(examined=len(ids), fired=len(ids))
