"""The sweep's part: marks become buckets, buckets that are over become wider ones, and the watermark moves.

A mark commits with the runs it stands for. It is taken away before the runs are read, so whatever commits in between
leaves a mark of its own; whoever dies in between takes nothing away.
"""

import time
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from django.db import connection, transaction
from django.db.models import F

from opsportal.sweeps.registry import SweepResult
from slos.budgets import terms
from slos.budgets.adding import add_up
from slos.budgets.downtimes import rework
from slos.budgets.engine.buckets import DAY, EPOCH, MINUTE, WIDTHS, floor
from slos.budgets.gathering import Inputs, gather, judged, packed
from slos.budgets.knowledge import runs_kept_from, watermark
from slos.budgets.readings import by_automation
from slos.budgets.spans import Stretch, instant
from slos.budgets.standings import standing_of
from slos.budgets.widening import note_wider, widen
from slos.models import DirtyMinute, OpenBucket, Slo, SloReading, Watermark
from slos.states import SliKind, SloState

BATCH = 20_000  # marks in one transaction
MANY = 2  # minutes of one day that make it worth while to add up the day as a whole
WIDE_BATCH = 2_000  # buckets in one transaction
REBUILT_BATCH = 60  # days of SLOs whose definition changed in one transaction
LIMIT_SECONDS = 8.0
A_DAY = timedelta(seconds=DAY)
READ_AGAIN = timedelta(seconds=55)
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
        _add_up_marks(set(marks), _horizon(now))
    return len(marks)


@transaction.atomic
def take_rebuilt(now: datetime, *, limit: int = REBUILT_BATCH) -> int | None:
    """Add up days of SLOs whose definition changed."""
    if not _is_alone():
        return None
    marks = _take("slo_id", limit)
    slos = {one.pk: one for one in Slo.objects.filter(pk__in={slo for slo, _ in marks})}
    for pk, slo in slos.items():
        if terms.is_rolled_up(slo):
            days = sorted({floor(minute, DAY) for owner, minute in marks if owner == pk})
            _rebuild(slo, days, _horizon(now))
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
    """What an SLO's window and burn rates come to at the watermark, a row for each that changed or is a minute old."""
    fresh = SloReading.objects.filter(at__gt=at - READ_AGAIN, version=F("slo__version")).values("slo")
    slos = list(Slo.objects.exclude(state=SloState.RETIRED).exclude(kind=SliKind.COMPOSITE).exclude(pk__in=fresh))
    gathered = gather(slos, at)
    rows = [_reading(one, gathered[one.pk], at) for one in slos]
    SloReading.objects.filter(slo__in=[one.pk for one in slos]).delete()
    SloReading.objects.bulk_create(rows, batch_size=500)
    return len(rows)


def _reading(slo: Slo, inputs: Inputs, at: datetime) -> SloReading:
    start, end = inputs.window.start, inputs.window.end
    standing = standing_of(judged(slo, inputs, at))
    return SloReading(
        slo_id=slo.pk,
        version=slo.version,
        at=at,
        window_start=start,
        window_end=end,
        data=packed(inputs),
        verdict=standing.state.value,
        remaining=standing.remaining,
        burn_week=standing.burn,
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


def _add_up_marks(marks: set[tuple[int, datetime]], horizon: datetime) -> None:
    """Days that are over and changed in several minutes at once, all widths together; else by the minute."""
    slos = _slos_of({automation for automation, _ in marks})
    SloReading.objects.filter(slo__automation__in={automation for automation, _ in marks}).delete()
    kept = runs_kept_from({automation for automation, _ in marks})
    by_day: dict[tuple[int, datetime], list[datetime]] = {}
    for automation, minute in marks:
        by_day.setdefault((automation, floor(minute, DAY)), []).append(minute)
    whole = {
        (automation, day)
        for (automation, day), minutes in by_day.items()
        if len(minutes) >= MANY and day >= kept.get(automation, EPOCH) and day + A_DAY <= horizon
    }
    days = [(n, automation, DAY, day, day + A_DAY) for n, (automation, day) in enumerate(sorted(whole))]
    rework(days, slos, add_up(days, slos, to_days=True))
    stretches = _stretches(
        ((automation, minute) for automation, minute in marks if (automation, floor(minute, DAY)) not in whole), slos
    )
    rework(stretches, slos, add_up(stretches, slos))
    note_wider(_starts(stretches, WIDTHS[1]), WIDTHS[1])


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


def _rebuild(slo: Slo, days: Sequence[datetime], horizon: datetime) -> None:
    """Days of one SLO: all widths at once where they are over, else with those of its automation."""
    automation, mine = slo.automation_id or 0, {slo.automation_id or 0: [slo]}
    stretches = [(n, automation, MINUTE, day, day + A_DAY) for n, day in enumerate(days)]
    over = [one for one in stretches if one[4] <= horizon]
    rework(over, mine, add_up(over, mine, with_runs=False, to_days=True))
    rest = [one for one in stretches if one[4] > horizon]
    rework(rest, mine, add_up(rest, mine, with_runs=False))
    for width in WIDTHS[1:] if terms.has_buckets(slo) else ():
        note_wider(_starts(rest, width), width)


def _horizon(now: datetime) -> datetime:
    """Buckets that end by then are over: readers use them up to the watermark."""
    mark = watermark()
    return max(now, mark.at) if mark else now


def _slos_of(automations: set[int]) -> dict[int, list[Slo]]:
    slos = Slo.objects.filter(automation__in=automations).order_by("pk")
    return by_automation(one for one in slos if terms.is_rolled_up(one))
