"""Keeping the hit rate added up: days are marked by whoever changes something settled, and added up again by the sweep.

A mark commits with the change it stands for. The sweep takes marks away before it reads what they speak of, so whatever
commits in between leaves a mark of its own.
"""

from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime
from functools import reduce
from operator import or_
from typing import Any

from django.db import connection, transaction
from django.db.models import Q

from handoffs import bulk
from handoffs.cohort import ROLLED, Days, Instant, count, of_handoffs, of_past_cycles, spans_of
from handoffs.engine.rates import COUNTED, Counts, Dimension, Product, fan_out
from handoffs.models import DirtyDay, Handoff, PastCycle, RateDay
from handoffs.models.handoffs import RUNNING
from opsportal.sweeps.registry import SweepResult, in_batches

Mark = tuple[int, date]

DIMENSIONS: list[Dimension] = [(), *((name,) for name in ROLLED)]
BATCH = 60  # days of a rule in one transaction
REBUILDING = 7_404  # the advisory lock of whoever rebuilds


def settled_days(handoffs: Iterable[Handoff]) -> set[Mark]:
    """The rule and UTC day of those whose clock does not run: what a change to them makes dirty."""
    return {(one.rule_id, one.started_at.astimezone(UTC).date()) for one in handoffs if not one.is_running}


def mark_days(marks: Iterable[Mark]) -> None:
    """Say in the caller's transaction that something settled has changed there. Nobody waits for anybody."""
    bulk.insert(DirtyDay, [DirtyDay(rule_id=rule, day=day) for rule, day in sorted(set(marks))])


def sweep_rates(now: datetime) -> SweepResult:
    """Add up dirty days, for about eight seconds at most. Of several sweepers one does it, the others go on."""

    def rebuild(now: datetime) -> SweepResult:
        rebuilt = rebuild_days(now)
        return SweepResult(rebuilt, rebuilt)

    return in_batches(rebuild, now, size=BATCH)


@transaction.atomic
def rebuild_days(now: datetime, *, limit: int = BATCH) -> int:
    """Add up the oldest dirty days anew; answers how many. Commits wholly or leaves everything as it was."""
    if not _is_alone():
        return 0
    marks = list(DirtyDay.objects.order_by("rule_id", "day").values_list("rule_id", "day").distinct()[:limit])
    if not marks:
        return 0
    spans = spans_of(marks)
    DirtyDay.objects.filter(_on(spans)).delete()
    RateDay.objects.filter(_on(spans)).delete()
    bulk.insert(RateDay, list(_added_up(spans, now)))
    return len(marks)


def _is_alone() -> bool:
    """Until this transaction ends nobody else rebuilds: an older state could be written over a newer one."""
    if connection.vendor != "postgresql":
        return True  # one writer
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [REBUILDING])
        return bool(cursor.fetchone()[0])


def _on(spans: list[Days]) -> Q:
    return reduce(or_, (Q(rule_id=one.rule, day__gte=one.first, day__lt=one.until) for one in spans))


def _added_up(spans: list[Days], now: datetime) -> Iterator[RateDay]:
    """A row for each value of each day; what still runs is left to the reader."""
    rows: dict[tuple[Any, ...], Counts] = {}
    for one in fan_out(_products(spans, now), DIMENSIONS):
        key = (one.rule, one.since, "".join(one.dimension), "".join(one.value), one.reason)
        rows.setdefault(key, Counts()).add(one.counts)
    for (rule, day, dimension, value, reason), counts in rows.items():
        said = {name: getattr(counts, name) for name in COUNTED}
        yield RateDay(rule_id=rule, day=day, dimension=dimension, value=value, reason=reason, **said)


def _products(spans: list[Days], now: datetime) -> Iterator[Product]:
    """Settled cycles of these days, by day."""
    handoffs = Handoff.objects.exclude(RUNNING).filter(reduce(or_, (one.began() for one in spans)))
    past = PastCycle.objects.filter(reduce(or_, (one.began("handoff__rule_id") for one in spans)))
    moment = Instant(now)
    rows = (of_handoffs(handoffs, ROLLED, moment, by_day=True), of_past_cycles(past, ROLLED, moment, by_day=True))
    return count(ROLLED, *rows)
