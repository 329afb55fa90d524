"""Facts nobody takes up: until the on-call side claims one within its grace, somebody hears of it, once."""

from datetime import datetime
from functools import partial

from django.db import transaction

from opsportal.facts import registry
from opsportal.sweeps.registry import SweepResult, in_batches

BATCH = 500


def sweep_unclaimed(now: datetime) -> SweepResult:
    """Tell of facts whose grace has passed unclaimed, room by room. Several sweepers may run at once."""
    parts = (in_batches(partial(_tell_batch, source), now, size=BATCH) for source in registry.sources())
    return sum(parts, SweepResult())


@transaction.atomic
def _tell_batch(source: registry.Source, now: datetime) -> SweepResult:
    rows = source.model.objects
    facts = rows.unheard(now).lock(BATCH)
    if not facts:
        return SweepResult()
    rows.filter(pk__in=[fact.pk for fact in facts]).update(told_at=now)
    waits = [fact.grace_until for fact in facts]
    return SweepResult(len(facts), source.tell(facts, now), min(waits), max(waits))
