"""The sweep `seal`: seal what is new, verify a stretch, and once a day let the head leave the system in a log line."""

import logging
import time
from datetime import datetime, timedelta

from opsportal.audit import queries
from opsportal.audit.sealer import BATCH, seal_entries
from opsportal.audit.verification import verify_stretch
from opsportal.sweeps.registry import SweepResult

log = logging.getLogger("opsportal.audit")

EVERY = timedelta(minutes=2)
SECONDS = 6.0


def seal(now: datetime) -> SweepResult:
    """Make seals until nothing waits; one of nothing also says that nothing happened."""
    before, until, sealed = queries.head(), time.monotonic() + SECONDS, 0
    while (made := seal_entries(now)) is not None:
        sealed += made.entry_count
        if made.entry_count < BATCH or time.monotonic() > until:
            break
    tell_head(before, now)
    verify_stretch(now)
    return SweepResult(examined=sealed, fired=1 if made is not None else 0, range_until=now)


def tell_head(before: queries.Head | None, now: datetime) -> None:
    """Log the newest head with the first seal of each day (UTC): a chain written anew cannot match it any more."""
    newest = queries.head()
    if newest is not None and (before is None or before.sealed_at.date() < now.date()):
        log.info("Audit head %s, sealed at %s", newest, newest.sealed_at.isoformat())
