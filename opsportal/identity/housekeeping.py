"""What access leaves behind and nobody needs for long: ended sessions, old attempts, counters, idempotent answers."""

from datetime import datetime, timedelta

from axes.models import AccessAttempt

from opsportal.api import idempotency, throttles
from opsportal.identity.models import BrowserSession
from opsportal.sweeps.registry import SweepResult

EVERY = timedelta(minutes=10)
KEEP_ATTEMPTS = timedelta(days=1)
BATCH = 1000


def sweep(now: datetime) -> SweepResult:
    """One bounded batch of each; the next run takes the rest."""
    sessions = BrowserSession.objects.filter(expire_date__lt=now).order_by("expire_date")[:BATCH]
    attempts = AccessAttempt.objects.filter(attempt_time__lt=now - KEEP_ATTEMPTS).order_by("attempt_time")[:BATCH]
    gone = sum(
        rows.model.objects.filter(pk__in=list(rows.values_list("pk", flat=True))).delete()[0]
        for rows in (sessions, attempts)
    )
    gone += idempotency.prune(now) + throttles.prune(now)
    return SweepResult(examined=gone, fired=gone)
