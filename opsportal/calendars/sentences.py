"""Calendars in words: a week, whether it is open, and why a deadline falls where it falls. Plain text."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import groupby
from zoneinfo import ZoneInfo

from opsportal.calendars.engine import BusinessTime, Definition, Window
from opsportal.calendars.engine.agenda import Day
from opsportal.calendars.engine.changes import hours_in_words
from opsportal.calendars.engine.definition import MIDNIGHT
from opsportal.calendars.engine.explanation import ClockChange, Explanation
from opsportal.web import words

SHORT_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
ALL_DAY = (Window(0, MIDNIGHT),)
AHEAD = timedelta(days=14)


def open_time(seconds: int) -> str:
    """An amount of open time, exactly: “7 h 30 min”, “45 s”. Days are not used: how long one is differs."""
    whole = abs(seconds)
    parts = [(whole // 3600, "h"), (whole // 60 % 60, "min"), (whole % 60, "s")]
    text = " ".join(f"{number:,} {unit}" for number, unit in parts if number) or "0 min"
    return f"−{text}" if seconds < 0 else text


def week(definition: Definition) -> str:
    """“Mon–Fri 09:00–17:00, Sat 10:00–14:00”."""
    if all(windows == ALL_DAY for windows in definition.weekly):
        return "Around the clock"
    runs = [(windows, [day for day, _ in run]) for windows, run in groupby(_days(definition), lambda pair: pair[1])]
    named = [f"{_run(days)} {hours_in_words(windows)}" for windows, days in runs if windows]
    return "; ".join(named) or "No weekly hours"


def week_seconds(definition: Definition) -> int:
    """Open wall-clock time of a week without anything special, in seconds."""
    return sum((window.end - window.start) * 60 for windows in definition.weekly for window in windows)


def state(clock: BusinessTime, now: datetime) -> tuple[bool, str]:
    """Whether it is open at `now`, and a sentence until when, in the calendar's local time."""
    now = now.replace(microsecond=0)
    opening = clock.next_opening(now)
    if opening is None:
        return False, "Closed, and it does not open again."
    if opening > now:
        return False, f"Closed until {local(opening, clock.definition.timezone)}."
    closing = clock.segments(now, now + AHEAD)[0][1]
    if closing == now + AHEAD:
        return True, "Open without a break for the next two weeks."
    return True, f"Open until {local(closing, clock.definition.timezone)}."


def local(instant: datetime, timezone: str) -> str:
    """“Tue 3 Nov 2026, 09:15 CET” in a calendar's zone; seconds only where there are some."""
    there = instant.astimezone(ZoneInfo(timezone))
    return f"{there:%a} {there.day} {there:%b %Y}, {local_time(instant, timezone)}"


def local_time(instant: datetime, timezone: str) -> str:
    """“09:15 CET”."""
    there = instant.astimezone(ZoneInfo(timezone))
    seconds = f":{there:%S}" if there.second else ""
    return f"{there:%H:%M}{seconds} {words.zone_name(there)}"


def hours_of(day: Day) -> str:
    """The hours of a date as they come out, and how much is open when closures cut into them."""
    if not day.seconds:
        return "closed"
    return hours_in_words(day.windows) + (f", {open_time(day.seconds)} open" if day.closures else "")


def offset(seconds: int) -> str:
    """“UTC+05:45”."""
    sign, rest = ("−" if seconds < 0 else "+"), abs(seconds)
    tail = f":{rest % 60:02}" if rest % 60 else ""
    return f"UTC{sign}{rest // 3600:02}:{rest // 60 % 60:02}{tail}"


def clock_change(change: ClockChange, timezone: str) -> str:
    """“On Sun 29 Mar 2026 the clocks go from 02:00 to 03:00; that hour is not lived through.”"""
    zone = ZoneInfo(timezone)
    before = (change.at.astimezone(UTC) + timedelta(seconds=change.before)).replace(tzinfo=None)
    after = change.at.astimezone(zone)
    span = open_time(abs(change.gained))
    fate = "are not lived through" if change.gained > 0 else "are lived through twice"
    return f"On {after:%a} {after.day} {after:%b %Y} the clocks go from {before:%H:%M} to {after:%H:%M}; {span} {fate}."


def verdict(explanation: Explanation) -> str:
    """What an explanation comes to, in one sentence."""
    start, end = (local(at, explanation.timezone) for at in (explanation.start, explanation.end))
    return f"From {start} to {end} there is {open_time(explanation.seconds)} of open time."


def reasons(explanation: Explanation) -> Iterator[str]:
    """What made a difference on the way, sentence by sentence."""
    zone = explanation.timezone
    yield f"Local time is that of {zone}, at the start {offset(explanation.offset)}."
    for used in explanation.overrides:
        day = f"{used.date:%a} {used.date.day} {used.date:%b %Y}"
        name = f" ({used.name})" if used.name else ""
        yield f"On {day}{name} the usual hours do not hold: {hours_in_words(used.windows)}."
    for shut in explanation.closures:
        reason = f": {shut.reason}" if shut.reason else ""
        yield f"Closed from {local(shut.since, zone)} to {local(shut.until, zone)}{reason}."
    for change in explanation.clock_changes:
        yield clock_change(change, zone)
    if not explanation.complete:
        yield "The list below is cut; the totals are complete."


def _days(definition: Definition) -> list[tuple[int, tuple[Window, ...]]]:
    return list(enumerate(definition.weekly))


def _run(days: list[int]) -> str:
    first, last = SHORT_DAYS[days[0]], SHORT_DAYS[days[-1]]
    return first if first == last else f"{first}–{last}" if len(days) > 2 else f"{first}, {last}"
