"""Windows of SLOs: rolling ones are N times 24 hours that end at an instant, calendar ones follow the wall clock of a
zone, so the week of a clock change has 167 or 169 hours. Half open, in UTC.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo

DAY = timedelta(days=1)


class Windowed(Protocol):
    """What an SLO says of its window."""

    window_kind: str
    window_days: int | None
    window_unit: str
    timezone: str


@dataclass(frozen=True, slots=True)
class Window:
    """[start, end), both in UTC."""

    start: datetime
    end: datetime

    @property
    def seconds(self) -> int:
        return round((self.end - self.start).total_seconds())

    @property
    def minutes(self) -> int:
        return self.seconds // 60

    def __contains__(self, at: datetime) -> bool:
        return self.start <= at < self.end


def window_of(slo: Windowed, at: datetime) -> Window:
    """A rolling window ends at `at`; of a calendar's, the one that `at` lies in."""
    if slo.window_kind == "rolling":
        return Window(at.astimezone(UTC) - (slo.window_days or 1) * DAY, at.astimezone(UTC))
    zone = ZoneInfo(slo.timezone)
    first = first_day(slo.window_unit, at.astimezone(zone).date())
    return Window(midnight(first, zone), midnight(next_first_day(slo.window_unit, first), zone))


def window_before(slo: Windowed, window: Window) -> Window:
    """The window of the same kind that ends where this one starts."""
    if slo.window_kind == "rolling":
        return window_of(slo, window.start)
    return window_of(slo, window.start - timedelta(seconds=1))


def first_day(unit: str, day: date) -> date:
    """The first day of the week (from Monday), month, quarter or year that `day` lies in."""
    if unit == "week":
        return day - timedelta(days=day.weekday())
    if unit == "month":
        return day.replace(day=1)
    if unit == "quarter":
        return day.replace(month=(day.month - 1) // 3 * 3 + 1, day=1)
    if unit == "year":
        return day.replace(month=1, day=1)
    raise ValueError(f"{unit!r} is no unit of a calendar window: week, month, quarter, year.")


def next_first_day(unit: str, first: date) -> date:
    """The first day of the unit after the one that begins on `first`."""
    longest = {"week": 7, "month": 31, "quarter": 92, "year": 366}[unit]
    return first_day(unit, first + timedelta(days=longest))


def midnight(day: date, zone: ZoneInfo) -> datetime:
    """When the day begins there; a midnight that is skipped is the instant of the change."""
    return datetime.combine(day, time(), zone).astimezone(UTC)


def day_window(day: date, zone: ZoneInfo) -> Window:
    return Window(midnight(day, zone), midnight(day + DAY, zone))


def days_of(first: date, until: date) -> Iterator[date]:
    """The dates [first, until)."""
    for number in range((until - first).days):
        yield first + number * DAY
