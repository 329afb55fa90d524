"""What other areas ask of the rollups: an SLO's definition or its exclusions changed."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from django.db import transaction

from slos.budgets import terms
from slos.budgets.engine.buckets import DAY, EPOCH, floor
from slos.budgets.knowledge import first_event, runs_kept_from
from slos.models import DirtyMinute, Downtime, SliBucket, Slo, SloReading


@transaction.atomic
def rebuild(slo: Slo, *, now: datetime) -> int:
    """Forget what was added up for it and mark its history, day by day; answers how many days. Until the sweep has
    been there its budget says that there is no data. To be called when a definition is new or has changed. What is
    older than the runs that are kept stays as it was counted.
    """
    automation = slo.automation_id or 0
    kept = runs_kept_from([automation]).get(automation, EPOCH)
    SloReading.objects.filter(slo=slo).delete()
    SliBucket.objects.filter(slo=slo, start__gte=kept).delete()
    Downtime.objects.filter(slo=slo, from_at__gte=kept).delete()
    DirtyMinute.objects.filter(slo=slo).delete()
    first = first_event(slo.automation_id) if slo.automation_id and terms.is_rolled_up(slo) else None
    if first is None:
        return 0
    days, day = [], max(floor(first, DAY), kept)
    while day <= now + timedelta(days=1):
        days.append(DirtyMinute(slo=slo, minute=day))
        day += timedelta(days=1)
    DirtyMinute.objects.bulk_create(days, batch_size=1_000)
    return len(days)


def forget_readings(slos: Iterable[Slo]) -> None:
    """An exclusion was made or withdrawn: what was read at the watermark no longer holds."""
    SloReading.objects.filter(slo__in=[one.pk for one in slos]).delete()
