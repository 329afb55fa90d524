"""What the queue does for itself now and then: removing old payloads, and making heads due that were left behind."""

from datetime import datetime

from django.db import transaction

from opsportal.audit.engine import Actor
from opsportal.sweeps.registry import SweepResult
from runbooks.models import ReplayItem
from runbooks.queue import lanes
from runbooks.queue.operations.keeping import remove_old_payloads

CLOCKWORK = Actor.system("replay")


def remove_payloads(now: datetime) -> SweepResult:
    """The part of `housekeeping`."""
    count = remove_old_payloads(actor=CLOCKWORK, now=now)
    return SweepResult(examined=count, fired=count)


def mend(now: datetime) -> SweepResult:
    """Make heads due that wait without being due. There are none unless somebody changed the tables by hand."""
    found = [lane for several in lanes.stranded().values() for lane in several]
    if not found:
        return SweepResult()
    with transaction.atomic():
        lanes.lock_of(ReplayItem.objects.filter(lane__in=found))
        count = lanes.promote(found, now)
    return SweepResult(examined=len(found), fired=count)
