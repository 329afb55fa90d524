"""The sweep's part: marks become buckets, buckets that are over become wider ones, and the watermark moves.

A mark commits with the runs it stands for. It is taken away before the runs are read, so whatever commits in between
leaves a mark of its own; whoever dies in between takes nothing away.
"""

import time
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from django.db import connection, transaction

from opsportal.sweeps.registry import SweepResult
from slos.budgets import terms
from slos.budgets.adding import add_up
from slos.budgets.downtimes import rework
from slos.budgets.engine.buckets import DAY, MINUTE, WIDTHS, floor
from slos.budgets.gathering import Inputs, gather, packed
from slos.budgets.knowledge import watermark
from slos.budgets.readings import by_automation
from slos.budgets.spans import Stretch, instant
from slos.budgets.widening import note_wider, widen
from slos.models import DirtyMinute, OpenBucket, Slo, SloReading, Watermark
from slos.states import SliKind, SloState

BATCH = 5_000  # marks in one transaction
WIDE_BATCH = 2_000  # buckets in one transaction
REBUILT_BATCH = 3  # days of SLOs whose definition changed in one transaction
LIMIT_SECONDS = 8.0
ADDING = 7_405  # the advisory lock of whoever adds up


def sweep_rollups(now: datetime) -> SweepResult:
    """Add up what changed, for about eight seconds at most. Of several sweepers one does it, the others go on."""
    until = time.monotonic() + LIMIT_SECONDS
    total = 0
    for step in (take_marks, take_rebuilt, take_wider):
        while (done := step(now)) and time.monotonic() < until:
            total += done
        if done is None:
            return SweepResult(total, total)  # somebody else is at it
        total += done
        if done:
            return SweepResult(total, total)  # out of time: the rest next round, and the watermark stays
    moved = move_watermark(now)
    return SweepResult(total + moved, total)


@transaction.atomic
def take_marks(now: datetime, *, limit: int = BATCH) -> int | None:
    """Add up the runs of dirty minutes; answers how many marks that were, None if somebody else is at work."""
    if not _is_alone():
        return None
    marks = _take("automation_id", limit)
    if marks:
        _add_up_minutes(set(marks))
    return len(marks)


@transaction.atomic
def take_rebuilt(now: datetime, *, limit: int = REBUILT_BATCH) -> int | None:
    """Add up days of SLOs whose definition changed."""
    if not _is_alone():
        return None
    marks = _take("slo_id", limit)
    slos = {one.pk: one for one in Slo.objects.filter(pk__in={slo for slo, _ in marks})}
    for slo, day in sorted(set(marks)):
        if terms.is_rolled_up(slos[slo]):
            _rebuild_day(slos[slo], floor(day, DAY), now)
    return len(marks)


@transaction.atomic
def take_wider(now: datetime, *, limit: int = WIDE_BATCH) -> int | None:
    """Add up buckets that are over, the narrowest first."""
    if not _is_alone():
        return None
    due = OpenBucket.objects.filter(due_at__lte=_horizon(now))
    width = due.order_by("width").values_list("width", flat=True).first()
    if width is None:
        return 0
    rows = list(due.filter(width=width).order_by("due_at")[:limit])
    OpenBucket.objects.filter(pk__in=[one.pk for one in rows]).delete()
    buckets = sorted((one.automation_id, one.start) for one in rows)
    widen(width, buckets, _slos_of({automation for automation, _ in buckets}))
    if width < DAY:
        note_wider(buckets, WIDTHS[WIDTHS.index(width) + 1])
    return len(rows)


@transaction.atomic
def move_watermark(now: datetime) -> int:
    """Everything up to `now` has been added up: say so, and read every SLO there."""
    if not _is_alone():
        return 0
    mark = watermark()
    at = max(now, mark.at) if mark else now
    Watermark.objects.update_or_create(pk=1, defaults={"at": at}, create_defaults={"since": now, "at": at})
    return keep_readings(at)


def keep_readings(at: datetime) -> int:
    """What each SLO's window and burn rates come to at the watermark, a row for each."""
    slos = list(Slo.objects.exclude(state=SloState.RETIRED).exclude(kind=SliKind.COMPOSITE))
    gathered = gather(slos, at)
    rows = [_reading(one, gathered[one.pk], at) for one in slos]
    SloReading.objects.all().delete()
    SloReading.objects.bulk_create(rows, batch_size=500)
    return len(rows)


def _reading(slo: Slo, inputs: Inputs, at: datetime) -> SloReading:
    start, end = inputs.window.start, inputs.window.end
    return SloReading(
        slo_id=slo.pk, version=slo.version, at=at, window_start=start, window_end=end, data=packed(inputs)
    )


# --- the parts ---


def _is_alone() -> bool:
    """Until this transaction ends nobody else adds up: an older state could be written over a newer one."""
    if connection.vendor != "postgresql":
        return True  # one writer
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [ADDING])
        return bool(cursor.fetchone()[0])


def _take(column: str, limit: int) -> list[tuple[int, datetime]]:
    """Take the oldest marks away: exactly those that are answered."""
    statement = (
        f"DELETE FROM {DirtyMinute._meta.db_table} WHERE id IN "  # noqa: S608
        f"(SELECT id FROM {DirtyMinute._meta.db_table} WHERE {column} IS NOT NULL ORDER BY id LIMIT %s) "
        f"RETURNING {column}, minute"
    )
    with connection.cursor() as cursor:
        cursor.execute(statement, [limit])
        return [(owner, instant(minute)) for owner, minute in cursor.fetchall()]


def _add_up_minutes(minutes: Iterable[tuple[int, datetime]]) -> None:
    slos = _slos_of({automation for automation, _ in minutes})
    stretches = _stretches(minutes, slos)
    seen = add_up(stretches, slos, with_minutes=True)
    rework(stretches, slos, seen)
    wider = WIDTHS[1]
    note_wider(_starts(stretches, wider), wider)


def _stretches(minutes: Iterable[tuple[int, datetime]], slos: dict[int, list[Slo]]) -> list[Stretch]:
    """Minutes joined where they touch, and widened to the whole slices that they lie in."""
    found: list[Stretch] = []
    units = {automation: max(terms.base_width(one) for one in mine) for automation, mine in slos.items()}
    for automation, minute in sorted(minutes):
        width = units.get(automation, MINUTE)
        start = floor(minute, width)
        end = start + timedelta(seconds=width)
        if found and found[-1][1] == automation and start <= found[-1][4]:
            found[-1] = (*found[-1][:4], max(end, found[-1][4]))
        else:
            found.append((len(found), automation, MINUTE, start, end))
    return found


def _starts(stretches: Sequence[Stretch], width: int) -> Iterable[tuple[int, datetime]]:
    """The buckets of `width` that these stretches touch."""
    for _, automation, _, since, until in stretches:
        start = floor(since, width)
        while start < until:
            yield automation, start
            start += timedelta(seconds=width)


def _rebuild_day(slo: Slo, day: datetime, now: datetime) -> None:
    """One day of one SLO; buckets that are over at once, the others with their automation's."""
    automation, mine = slo.automation_id or 0, {slo.automation_id or 0: [slo]}
    end = day + timedelta(seconds=DAY)
    stretches = [(0, automation, MINUTE, day, end)]
    rework(stretches, mine, add_up(stretches, mine, with_minutes=False))
    if not terms.has_buckets(slo):
        return
    horizon = _horizon(now)
    for width in WIDTHS[1:]:
        buckets = [one for one in _starts(stretches, width) if one[1] + timedelta(seconds=width) <= horizon]
        widen(width, buckets, mine, with_runs=False)
    if end > horizon:
        for width in WIDTHS[1:]:
            note_wider([(automation, floor(horizon, width))], width)


def _horizon(now: datetime) -> datetime:
    """Buckets that end by then are over: readers use them up to the watermark."""
    mark = watermark()
    return max(now, mark.at) if mark else now


def _slos_of(automations: set[int]) -> dict[int, list[Slo]]:
    slos = Slo.objects.filter(automation__in=automations).order_by("pk")
    return by_automation(one for one in slos if terms.is_rolled_up(one))
