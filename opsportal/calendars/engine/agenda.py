"""What a run of local dates looks like: hours, open time, and everything that is not as usual."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from opsportal.calendars.engine import zones
from opsportal.calendars.engine.definition import EPOCH_ORDINAL, Closure, Definition, Windows
from opsportal.calendars.engine.explanation import ClockChange, clock_changes
from opsportal.calendars.engine.timeline import pieces, shut_spans, subtract
from opsportal.calendars.engine.zones import DAY, Zone

MARGIN = 2 * DAY  # no offset is larger


@dataclass(frozen=True, slots=True)
class Day:
    """A local date. `seconds` is what is really open; `exists` is false for a date the zone skipped."""

    date: date
    windows: Windows
    seconds: int
    is_override: bool
    name: str
    closures: tuple[Closure, ...]
    clock_changes: tuple[ClockChange, ...]
    exists: bool

    @property
    def is_usual(self) -> bool:
        return self.exists and not (self.is_override or self.closures or self.clock_changes)


def local_date(definition: Definition, instant: datetime) -> date:
    return instant.astimezone(zones.zone(definition.timezone).info).date()


def agenda(definition: Definition, first: date, count: int) -> list[Day]:
    """`count` local dates from `first` on."""
    begin = (first.toordinal() - EPOCH_ORDINAL) * DAY
    since, until = begin - MARGIN, begin + count * DAY + MARGIN
    zone = zones.zone(definition.timezone)
    lived, seconds = _lived(zone, since, until), _open_seconds(definition, since, until)
    changes = [(change, change.at.astimezone(zone.info).date()) for change in clock_changes(zone, since, until)]
    return [
        Day(
            date=day,
            windows=definition.windows_on(day),
            seconds=seconds.get(day, 0),
            is_override=day in definition.overrides,
            name=definition.override_names.get(day, ""),
            closures=tuple(shut for shut in definition.closures if _meets(shut, lived.get(day, []))),
            clock_changes=tuple(change for change, on in changes if on == day),
            exists=day in lived,
        )
        for day in (first + timedelta(days=number) for number in range(count))
    ]


def _lived(zone: Zone, since: int, until: int) -> dict[date, list[tuple[int, int]]]:
    """The stretches of each local date that are lived through; a skipped date has none."""
    lived: dict[date, list[tuple[int, int]]] = defaultdict(list)
    for span in zone.spans(since, until):
        for day in range((span.since + span.offset) // DAY, (span.until + span.offset - 1) // DAY + 1):
            midnight = day * DAY - span.offset
            part = max(span.since, midnight), min(span.until, midnight + DAY)
            lived[date.fromordinal(EPOCH_ORDINAL + day)].append(part)
    return dict(lived)


def _open_seconds(definition: Definition, since: int, until: int) -> dict[date, int]:
    shut, seconds = shut_spans(definition.closures), defaultdict[date, int](int)
    for piece in pieces(definition, since, until):
        seconds[piece.date] += sum(end - begin for begin, end in subtract([(piece.since, piece.until)], shut))
    return dict(seconds)


def _meets(shut: Closure, parts: list[tuple[int, int]]) -> bool:
    return any(shut.since < until and since < shut.until for since, until in parts)
