"""Definitions as people type them into the editor: hours in a line, a line for each override and each closure.

Reads and writes plain text; what it makes is the JSON spelling, which the engine checks. Faults name the form's field.
"""

import re
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from opsportal.errors import InvalidInput, InvalidInputs

TIME = r"(?:2[0-4]|[01]?[0-9])(?:[:.][0-5][0-9])?"
RANGE = rf"{TIME}\s*(?:-|–|—|to|until)\s*{TIME}"
_RANGE = re.compile(rf"({TIME})\s*(?:-|–|—|to|until)\s*({TIME})", re.ASCII)
_HOURS = re.compile(rf"(closed|all day|{RANGE}(?:\s*[,;]\s*{RANGE})*)(?=\s|$)", re.ASCII | re.IGNORECASE)
_DATE_LINE = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})(?:\s+(.*))?", re.ASCII | re.DOTALL)
_MOMENT = r"[0-9]{4}-[0-9]{2}-[0-9]{2}[ T][0-9]{2}:[0-9]{2}(?::[0-9]{2})?(?:Z|[+-][0-9]{2}:[0-9]{2})?"
_CLOSURE_LINE = re.compile(rf"({_MOMENT})\s*(?:-|–|—|to|until)\s*({_MOMENT})(?:\s+(.*))?", re.ASCII | re.DOTALL)
ALL_DAY = [["00:00", "24:00"]]

Pairs = list[list[str]]


def hours_text(pairs: Pairs) -> str:
    """“09:00–12:00, 13:00–17:00”; empty when closed."""
    return ", ".join(f"{start}–{end}" for start, end in pairs)


def read_hours(text: str) -> Pairs:
    """Pairs of a line of hours; empty or “closed” is none. Raises InvalidInput."""
    text = text.strip()
    if not text or text.lower() == "closed":
        return []
    if text.lower() == "all day":
        return ALL_DAY
    if _HOURS.fullmatch(text) is None:
        raise InvalidInput("bad_hours", "Write hours as 09:00–17:00, several with commas, or “closed” or “all day”.")
    return [[_padded(start), _padded(end)] for start, end in _RANGE.findall(text)]


def overrides_text(overrides: dict[str, Pairs], names: dict[str, str]) -> str:
    """A line for each date: “2026-12-24 09:00–12:00 Christmas Eve”."""
    return "\n".join(
        " ".join(filter(None, [day, hours_text(pairs) or "closed", names.get(day, "")]))
        for day, pairs in sorted(overrides.items())
    )


def read_overrides(text: str) -> tuple[dict[str, Pairs], dict[str, str]]:
    """Overrides and their names; a date without hours is closed. Raises InvalidInputs, each with its line."""
    overrides: dict[str, Pairs] = {}
    names: dict[str, str] = {}

    def read(line: str) -> None:
        day, pairs, name = _override(line)
        if day in overrides:
            raise InvalidInput("twice", f"{day} is there twice.")
        overrides[day] = pairs
        if name:
            names[day] = name

    _each_line("overrides", text, read)
    return overrides, names


def closures_text(closures: list[dict[str, str]], timezone: str) -> str:
    """A line for each closure in the calendar's local time: “2026-12-24 12:00 to 2026-12-27 00:00 Stocktaking”."""
    zone = ZoneInfo(timezone)
    return "\n".join(
        f"{_moment_text(shut['from'], zone)} to {_moment_text(shut['until'], zone)} {shut['reason']}".rstrip()
        for shut in closures
    )


def read_closures(text: str, timezone: str) -> list[dict[str, str]]:
    """Closures in the JSON spelling. Local times are the calendar's; raises InvalidInputs, each with its line."""
    zone, closures = ZoneInfo(timezone), []

    def read(line: str) -> None:
        found = _CLOSURE_LINE.fullmatch(line)
        if found is None:
            raise InvalidInput("bad_closure", "Write 2026-12-24 12:00 to 2026-12-27 00:00, then the reason.")
        since, until, reason = found.groups()
        closures.append({"from": _moment(since, zone), "until": _moment(until, zone), "reason": reason or ""})

    _each_line("closures", text, read)
    return closures


def _override(line: str) -> tuple[str, Pairs, str]:
    found = _DATE_LINE.fullmatch(line)
    if found is None:
        raise InvalidInput("bad_date", "Begin with the date, such as 2026-12-25.")
    day, rest = _real_date(found[1]), found[2] or ""
    hours = _HOURS.match(rest)
    if hours is None and rest[:1].isdigit():
        raise InvalidInput("bad_hours", "Write hours as 09:00–17:00, several with commas, or “closed” or “all day”.")
    return (day, read_hours(hours[1]), rest[hours.end() :].strip()) if hours else (day, [], rest.strip())


def _real_date(text: str) -> str:
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError:
        raise InvalidInput("bad_date", f"There is no such date as {text}.") from None


def _each_line(field: str, text: str, read: Callable[[str], Any]) -> None:
    faults = []
    for number, line in enumerate(text.splitlines(), 1):
        try:
            if line.strip():
                read(line.strip())
        except InvalidInput as fault:
            faults.append(InvalidInput(fault.code, f"Line {number}: {fault.message}", field=field))
    if faults:
        raise InvalidInputs(faults)


def _padded(time: str) -> str:
    hour, _, minute = time.replace(".", ":").partition(":")
    return f"{hour:0>2}:{minute or '00'}"


def _moment(text: str, zone: ZoneInfo) -> str:
    """An instant in the JSON spelling. A local time that occurs twice is its first occurrence."""
    try:
        typed = datetime.fromisoformat(text)
        moment = typed.replace(tzinfo=zone) if typed.tzinfo is None else typed
        instant = moment.astimezone(UTC)
    except (ValueError, OverflowError):
        raise InvalidInput("bad_instant", f"There is no such time as {text}.") from None
    if typed.tzinfo is None and instant.astimezone(zone).replace(tzinfo=None) != typed:
        raise InvalidInput("no_such_time", f"The clocks in {zone.key} skip {text}.")
    return instant.strftime("%Y-%m-%dT%H:%M:%SZ")


def _moment_text(spelled: str, zone: ZoneInfo) -> str:
    """Local time where that means this instant and no other, else with its offset."""
    local = datetime.fromisoformat(spelled).astimezone(zone)
    shown = f"{local:%Y-%m-%d %H:%M}" + (f":{local:%S}" if local.second else "")
    return shown if local.fold == 0 else spelled.replace("T", " ")
