"""The clock of one cycle: elapsed time, due instants, verdicts. The one calculator of every figure about a timer.

A(t) is the open time of the calendar over the running intervals since the start; a pause freezes it. Everything is
exact in whole seconds: an instant is read as the second it lies in, as the calendars do.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Protocol

from opsportal.errors import InvalidInput

Interval = tuple[datetime, datetime | None]
SECOND = timedelta(seconds=1)


class Hours(Protocol):
    """What a calendar must answer (opsportal.calendars.engine.BusinessTime does)."""

    def between(self, start: datetime, end: datetime, /) -> int: ...

    def add(self, instant: datetime, seconds: int, /) -> datetime: ...


@dataclass(frozen=True, slots=True)
class Clock:
    """What a verdict depends on. `pauses` are sorted and disjoint, the last may be open; `stopped_at` is the stop of
    the rule's own clock (first response or completion), `cancelled_at` takes the record out of the rate.
    """

    hours: Hours
    started_at: datetime
    sla_seconds: int
    pauses: tuple[Interval, ...] = ()
    stopped_at: datetime | None = None
    cancelled_at: datetime | None = None
    grace_seconds: int = 0


@dataclass(frozen=True, slots=True)
class Verdict:
    """`business_hit` and `absolute_hit` are None while undecided, and for ever when the record was cancelled."""

    elapsed_seconds: int
    missed: bool
    breached: bool
    business_hit: bool | None
    absolute_hit: bool | None


@dataclass(frozen=True, slots=True)
class Deadline:
    """When a stage is due, grace included; None while a pause hides it, or when the calendar never gets there."""

    percent: int
    at: datetime | None


@dataclass(frozen=True, slots=True)
class Plan:
    """What follows from a clock that may still run. Stops before `missed_from` are hits, before `breached_from` not
    breaches; both know no grace, `due_at` (1x) and `breach_at` (2x) and the stages do."""

    deadlines: tuple[Deadline, ...]
    due_at: datetime | None
    breach_at: datetime | None
    missed_from: datetime | None
    breached_from: datetime | None


def elapsed(clock: Clock, at: datetime) -> int:
    """A(at) in seconds, at most up to the stop or the cancellation; 0 before the start."""
    end = _end(clock, at)
    return sum(clock.hours.between(begin, until) for begin, until in running_intervals(clock, end))


def wall_seconds(clock: Clock, at: datetime) -> int:
    """Seconds on the wall since the start, pauses included, up to the stop."""
    return max(0, (_second(_end(clock, at)) - _second(clock.started_at)) // SECOND)


def running_intervals(clock: Clock, end: datetime) -> Iterator[tuple[datetime, datetime]]:
    """The intervals of [start, end) in which the clock runs."""
    cursor = clock.started_at
    for begin, until in clock.pauses:
        if begin >= end:
            break
        if cursor < begin:
            yield cursor, begin
        if until is None:
            return
        cursor = max(cursor, until)
    if cursor < end:
        yield cursor, end


def judge(clock: Clock, at: datetime) -> Verdict:
    """The verdict on a stopped clock, or on a running one as of `at`."""
    spent = elapsed(clock, at)
    missed = spent > clock.sla_seconds
    absolutely_missed = wall_seconds(clock, at) > clock.sla_seconds
    return Verdict(
        elapsed_seconds=spent,
        missed=missed,
        breached=spent >= 2 * clock.sla_seconds,
        business_hit=_hit(clock, missed),
        absolute_hit=_hit(clock, absolutely_missed),
    )


def reach(clock: Clock, seconds: int) -> datetime | None:
    """min {u: A(u) >= seconds}, whatever stopped the clock; None when a pause or the calendar keeps it from getting
    there.

    An amount reached at closing time, or as a pause begins, is reached then.
    """
    cursor, left = clock.started_at, seconds
    for begin, until in clock.pauses:
        spent = clock.hours.between(cursor, begin) if cursor < begin else 0
        if spent >= left:
            break
        if until is None:
            return None
        left -= spent
        cursor = max(cursor, until)
    try:
        return clock.hours.add(cursor, left)
    except InvalidInput:  # not enough open time before the calendars end
        return None


def plan(clock: Clock, percents: Iterable[int]) -> Plan:
    """Every instant that follows from the clock, for the stages at `percents` of the timer."""
    sla = clock.sla_seconds
    return Plan(
        deadlines=tuple(Deadline(percent, _with_grace(clock, stage_seconds(sla, percent))) for percent in percents),
        due_at=_with_grace(clock, sla),
        breach_at=_with_grace(clock, 2 * sla),
        missed_from=reach(clock, sla + 1),
        breached_from=reach(clock, 2 * sla),
    )


def stage_seconds(sla_seconds: int, percent: int) -> int:
    """The elapsed time a stage stands for, in whole seconds, never early."""
    return -(-sla_seconds * percent // 100)


def due_stages(deadlines: Iterable[Deadline], fired_percent: int, now: datetime) -> list[Deadline]:
    """The stages to fire at `now`, in order: due, and beyond what has fired in this cycle."""
    return [one for one in deadlines if one.percent > fired_percent and one.at is not None and one.at <= now]


def next_fire_at(deadlines: Iterable[Deadline], fired_percent: int) -> datetime | None:
    """When the next stage beyond the fired ones is due."""
    return min((one.at for one in deadlines if one.percent > fired_percent and one.at is not None), default=None)


def known_at(clock: Clock, at: datetime) -> Clock:
    """The clock as the world stood at `at`: what happened later is left out."""
    return replace(
        clock,
        stopped_at=_until(clock.stopped_at, at),
        cancelled_at=_until(clock.cancelled_at, at),
        pauses=tuple((begin, _until(until, at)) for begin, until in clock.pauses if begin <= at),
    )


def _with_grace(clock: Clock, seconds: int) -> datetime | None:
    instant = reach(clock, seconds)
    return instant + timedelta(seconds=clock.grace_seconds) if instant else None


def _end(clock: Clock, at: datetime) -> datetime:
    return clock.stopped_at or clock.cancelled_at or at


def _hit(clock: Clock, missed: bool) -> bool | None:
    if clock.cancelled_at is not None:
        return None
    if clock.stopped_at is not None:
        return not missed
    return False if missed else None


def _until(instant: datetime | None, at: datetime) -> datetime | None:
    return instant if instant is not None and instant <= at else None


def _second(instant: datetime) -> datetime:
    return instant.replace(microsecond=0)
