"""What the templates draw: a week as bars over 24 hours, and the coming weeks as a sheet of days. Pure geometry."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from opsportal.calendars import sentences
from opsportal.calendars.engine import Definition, Window
from opsportal.calendars.engine.agenda import Day, agenda
from opsportal.calendars.engine.changes import hours_in_words
from opsportal.calendars.engine.definition import DAY_NAMES, MIDNIGHT

WEEKS = 4
HOUR_MARKS = [(f"{hour:02}", round(hour * 100 / 24, 2)) for hour in (0, 6, 12, 18, 24)]


@dataclass(frozen=True, slots=True)
class Bar:
    """Where a window lies in its day, in percent of 24 hours."""

    x: float
    width: float
    title: str


@dataclass(frozen=True, slots=True)
class WeekRow:
    name: str
    hours: str
    bars: list[Bar]


@dataclass(frozen=True, slots=True)
class Cell:
    """A day of the sheet. `tone` is what it is at a glance: open, closed, special."""

    date: date
    hours: list[str]
    notes: list[str]
    tone: str
    is_today: bool
    open_time: str


@dataclass(frozen=True, slots=True)
class SheetRow:
    cells: list[Cell]
    open_time: str


def bars(windows: Sequence[Window]) -> list[Bar]:
    scale = 100 / MIDNIGHT
    return [Bar(round(w.start * scale, 3), round((w.end - w.start) * scale, 3), str(w)) for w in windows]


def week(definition: Definition) -> list[WeekRow]:
    """The usual week, Monday first."""
    rows = zip(DAY_NAMES, definition.weekly, strict=True)
    return [WeekRow(name, hours_in_words(windows), bars(windows)) for name, windows in rows]


def sheet(definition: Definition, today: date, weeks: int = WEEKS) -> list[SheetRow]:
    """The week `today` lies in and those after it."""
    days = agenda(definition, today - timedelta(days=today.weekday()), 7 * weeks)
    rows = [days[number : number + 7] for number in range(0, len(days), 7)]
    return [
        SheetRow([_cell(definition, day, today) for day in row], sentences.open_time(sum(day.seconds for day in row)))
        for row in rows
    ]


def special_days(definition: Definition, first: date, count: int) -> list[Day]:
    """The days among `count` from `first` on that are not as usual."""
    return [day for day in agenda(definition, first, count) if not day.is_usual]


def notes(definition: Definition, day: Day) -> list[str]:
    """What is not as usual on a day, shortest first words."""
    zone = definition.timezone
    said = [] if day.exists else ["this date was skipped"]
    if day.is_override:
        said.append(day.name or "own hours")
    said += [shut.reason or "closure" for shut in day.closures]
    said += [sentences.clock_change(change, zone).partition(" the ")[2].rstrip(".") for change in day.clock_changes]
    return said


def _cell(definition: Definition, day: Day, today: date) -> Cell:
    return Cell(
        date=day.date,
        hours=[str(window) for window in day.windows] if day.seconds else [],
        notes=notes(definition, day),
        tone="special" if not day.is_usual else "open" if day.seconds else "closed",
        is_today=day.date == today,
        open_time=sentences.open_time(day.seconds),
    )
