"""What people are told about a handoff: durations, instants and messages in plain words, without blame."""

from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from handoffs.states import StopClock

MINUTE, HOUR, DAY = 60, 3600, 86_400


@dataclass(frozen=True, slots=True)
class Words:
    """A message: one line, and what stands under it."""

    title: str
    body: str = ""


def duration(seconds: float) -> str:
    """ "45 s", "30 min", "2 h 5 min", "3 d 4 h": at most two units."""
    whole = int(abs(seconds))
    if whole < MINUTE:
        return f"{whole} s"
    if whole < HOUR:
        return _two(whole // MINUTE, "min", whole % MINUTE if whole < 10 * MINUTE else 0, "s")
    if whole < DAY:
        return _two(whole // HOUR, "h", whole % HOUR // MINUTE, "min")
    return _two(whole // DAY, "d", whole % DAY // HOUR, "h")


def mark(sla_minutes: int, percent: int) -> str:
    """The elapsed time a stage stands for: 100% of 30 minutes is "30 min"."""
    return duration(sla_minutes * MINUTE * percent / 100)


def when(sla_minutes: int, percent: int, late_seconds: float) -> str:
    """ " at 30 min, 12 s after it was due" """
    late = f", {duration(late_seconds)} after it was due" if late_seconds >= 1 else ""
    return f" at {mark(sla_minutes, percent)}{late}"


def instant(moment: datetime, zone: str) -> str:
    """ "Fri 21 Nov, 10:30 CET" """
    return f"{moment.astimezone(_zone(zone)):%a %d %b, %H:%M %Z}"


def waits_for(stop_clock: str) -> str:
    return "a first response" if stop_clock == StopClock.FIRST_RESPONSE else "completion"


def waited(subject: str, sla_minutes: int, percent: int, stop_clock: str) -> str:
    """ "“Lead 4711” has waited 30 min for a first response" """
    return f"“{subject}” has waited {mark(sla_minutes, percent)} for {waits_for(stop_clock)}"


def due_sentence(due_at: datetime | None, zone: str) -> str:
    return f"It was due {instant(due_at, zone)}." if due_at else ""


@lru_cache(maxsize=512)
def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        return ZoneInfo("UTC")


def _two(first: int, first_unit: str, second: int, second_unit: str) -> str:
    return f"{first} {first_unit} {second} {second_unit}" if second else f"{first} {first_unit}"
