"""Why open time is what it is: what the clock lived through between two instants, piece by piece.

Rooms above add what only they know (pauses). The sentences are in opsportal.calendars.sentences.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from itertools import islice, pairwise

from opsportal.calendars.engine import zones
from opsportal.calendars.engine.definition import EPOCH_ORDINAL, Closure, Definition, Window, Windows
from opsportal.calendars.engine.timeline import pieces, shut_spans, subtract
from opsportal.calendars.engine.zones import DAY, Zone

LISTED = 200  # at most so many windows, closures, overrides and clock changes are listed; totals are always complete


@dataclass(frozen=True, slots=True)
class Stretch:
    """An open stretch [since, until) of one window of a local date; `total` counts from the beginning up to its end."""

    date: date
    window: Window
    since: datetime
    until: datetime
    seconds: int
    total: int
    offset: int


@dataclass(frozen=True, slots=True)
class UsedOverride:
    date: date
    name: str
    windows: Windows


@dataclass(frozen=True, slots=True)
class UsedClosure:
    since: datetime
    until: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class ClockChange:
    """At `at` the zone's offset went from `before` to `after` seconds ahead of UTC."""

    at: datetime
    before: int
    after: int

    @property
    def gained(self) -> int:
        """Seconds of wall clock that were skipped (positive) or lived through twice (negative)."""
        return self.after - self.before


@dataclass(frozen=True, slots=True)
class Explanation:
    """[start, end) holds `seconds` of open time. `complete` is false when there was more than could be listed."""

    start: datetime
    end: datetime
    seconds: int
    timezone: str
    offset: int
    stretches: tuple[Stretch, ...]
    overrides: tuple[UsedOverride, ...]
    closures: tuple[UsedClosure, ...]
    clock_changes: tuple[ClockChange, ...]
    complete: bool


def explain(definition: Definition, since: int, until: int, seconds: int, *, limit: int = LISTED) -> Explanation:
    """Explain [since, until) in epoch seconds, which holds `seconds` of open time."""
    zone = zones.zone(definition.timezone)
    stretches = tuple(islice(_stretches(definition, since, until), limit))
    listed_until = until if len(stretches) < limit else int(stretches[-1].until.timestamp())
    return Explanation(
        start=_utc(since),
        end=_utc(until),
        seconds=seconds,
        timezone=definition.timezone,
        offset=zone.offset_at(since),
        stretches=stretches,
        overrides=tuple(_overrides(definition, zone, since, listed_until))[:limit],
        closures=tuple(_closures(definition.closures, since, listed_until))[:limit],
        clock_changes=tuple(clock_changes(zone, since, listed_until))[:limit],
        complete=not stretches or stretches[-1].total == seconds,
    )


def _stretches(definition: Definition, since: int, until: int) -> Iterator[Stretch]:
    shut, total = shut_spans(definition.closures), 0
    for piece in pieces(definition, since, until):
        for begin, end in subtract([(piece.since, piece.until)], shut):
            total += end - begin
            yield Stretch(piece.date, piece.window, _utc(begin), _utc(end), end - begin, total, piece.offset)


def _overrides(definition: Definition, zone: Zone, since: int, until: int) -> Iterator[UsedOverride]:
    first, last = _local_date(zone, since), _local_date(zone, max(since, until - 1))
    for day, windows in sorted(definition.overrides.items()):
        if first <= day <= last:
            yield UsedOverride(day, definition.override_names.get(day, ""), windows)


def _closures(closures: tuple[Closure, ...], since: int, until: int) -> Iterator[UsedClosure]:
    for shut in closures:
        if shut.since < until and since < shut.until:
            yield UsedClosure(_utc(shut.since), _utc(shut.until), shut.reason)


def clock_changes(zone: Zone, since: int, until: int) -> Iterator[ClockChange]:
    """The changes of the zone's offset in (since, until)."""
    for before, after in pairwise(zone.spans(since, until)):
        if before.offset != after.offset:
            yield ClockChange(_utc(after.since), before.offset, after.offset)


def _local_date(zone: Zone, instant: int) -> date:
    return date.fromordinal(EPOCH_ORDINAL + (instant + zone.offset_at(instant)) // DAY)


def _utc(instant: int) -> datetime:
    return datetime.fromtimestamp(instant, UTC)
