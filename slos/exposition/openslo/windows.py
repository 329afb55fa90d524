"""OpenSLO's windows and ours: `28d` rolling, `1w` from a calendar's start."""

import re
from datetime import datetime
from typing import Any

from slos.exposition.openslo.reading import Document, Source, objects_in

DURATION = re.compile(r"([1-9][0-9]*)([mhdwMQY])")
DAYS = {"d": 1, "w": 7, "M": 30, "Q": 90, "Y": 365}
MINUTES = {"m": 1, "h": 60, "d": 1_440}
UNITS = {"w": "week", "M": "month", "Q": "quarter", "Y": "year"}
LETTERS = {unit: letter for letter, unit in UNITS.items()}
ALIGNED = "2024-01-01 00:00:00"  # a Monday, and the first of a month, quarter and year
UTC, UTC_WRITTEN = "UTC", "Etc/UTC"  # the schema asks for Area/Place
UNSAID = {"kind": "rolling", "days": 28, "timezone": "UTC"}


def window_of(source: Source, spec: Document) -> Document:
    """A window as our documents write it; whatever it cannot be is noted."""
    windows = spec.get("timeWindow")
    window = windows[0] if isinstance(windows, list) and windows else None
    path = "spec.timeWindow[0]"
    match = DURATION.fullmatch(str(window.get("duration", ""))) if isinstance(window, dict) else None
    if not isinstance(window, dict) or match is None:
        source.note("spec.timeWindow", "is missing or has no duration; taken as 28 days rolling.")
        return dict(UNSAID)
    count, letter = int(match[1]), match[2]
    if window.get("isRolling", True) and "calendar" not in window:
        return {"kind": "rolling", "days": _days(source, path, count, letter), "timezone": "UTC"}
    given = window.get("calendar")
    calendar: Document = given if isinstance(given, dict) else {}
    if letter == "m":
        source.note(f"{path}.duration", "is minutes (M would be months); taken as a calendar month.")
        letter = "M"
    if letter not in UNITS:
        source.note(f"{path}.duration", f"{count}{letter} is no calendar week, month, quarter, year; taken as a week.")
        letter = "w"
    elif count != 1:
        source.note(f"{path}.duration", f"is {count} of them; our calendar windows are one {UNITS[letter]}.")
    _check_start(source, f"{path}.calendar.startTime", calendar, letter)
    zone = str(calendar.get("timeZone") or UTC)
    return {"kind": "calendar", "unit": UNITS[letter], "timezone": UTC if zone == UTC_WRITTEN else zone}


def written(window: Document) -> list[Document]:
    """Our window as OpenSLO writes it."""
    if window["kind"] == "rolling":
        return [{"duration": f"{window['days']}d", "isRolling": True}]
    calendar = {"startTime": ALIGNED, "timeZone": window["timezone"]}
    ours = [{"duration": f"1{LETTERS[window['unit']]}", "isRolling": False, "calendar": calendar}]
    spell_utc(ours)
    return ours


def spell_utc(theirs: Any) -> None:
    """Have windows say UTC as the schema spells it; everything else stays as it stands."""
    for window in objects_in(theirs):
        calendar = window.get("calendar")
        if isinstance(calendar, dict) and calendar.get("timeZone") == UTC:
            calendar["timeZone"] = UTC_WRITTEN


def seconds_of(duration: Any) -> int | None:
    """The length of a slice; None where it is none."""
    match = DURATION.fullmatch(str(duration))
    return int(match[1]) * MINUTES[match[2]] * 60 if match and match[2] in MINUTES else None


def slice_written(seconds: int) -> str:
    return f"{seconds // 60}m"


def _days(source: Source, path: str, count: int, letter: str) -> int:
    if letter in MINUTES and letter != "d":
        days = max(1, -(-count * MINUTES[letter] // 1_440))
        source.note(f"{path}.duration", f"{count}{letter} is taken as {days} days: our windows are whole days.")
        return days
    if letter in "MQY":
        source.note(f"{path}.duration", f"{count}{letter} rolling is taken as {count * DAYS[letter]} days.")
    return count * DAYS[letter]


def _check_start(source: Source, path: str, calendar: Document, letter: str) -> None:
    """Ours begin at midnight, weeks on Monday, the others on the first."""
    said = str(calendar.get("startTime", ALIGNED))
    try:
        start = datetime.fromisoformat(said)
    except ValueError:
        source.note(path, f"{said[:40]!r} is no time; taken as the calendar's own start.")
        return
    on_time = (start.hour, start.minute, start.second) == (0, 0, 0)
    on_day = start.weekday() == 0 if letter == "w" else start.day == 1
    if not (on_time and on_day):
        begins = "Monday" if letter == "w" else "the first"
        source.note(path, f"{said}: our {UNITS[letter]} begins on {begins} at midnight; kept, and not followed.")
