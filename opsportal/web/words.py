"""Instants and durations as words. Pure: no request, no settings; zones and `now` come in as arguments."""

from datetime import UTC, datetime, tzinfo

MINUTE, HOUR, DAY = 60, 3600, 86400


def duration(seconds: float) -> str:
    """The two largest units of a length in seconds: `42 s`, `12 min`, `3 h 5 min`, `2 d 4 h`, `19 d`."""
    whole = int(abs(seconds))
    if whole < MINUTE:
        return f"{whole} s"
    if whole < HOUR:
        return f"{whole // MINUTE} min"
    if whole < DAY:
        return _two(whole // HOUR, "h", whole % HOUR // MINUTE, "min")
    if whole < 10 * DAY:
        return _two(whole // DAY, "d", whole % DAY // HOUR, "h")
    return f"{whole // DAY} d"


def ago(instant: datetime, now: datetime) -> str:
    """How far an instant is from now: `just now`, `12 min ago`, `in 3 h 5 min`."""
    seconds = (instant - now).total_seconds()
    if abs(seconds) < 5:
        return "just now"
    return f"in {duration(seconds)}" if seconds > 0 else f"{duration(seconds)} ago"


def due(instant: datetime, now: datetime) -> str:
    """A deadline as what is left of it: `due in 4 min`, `12 min late`."""
    seconds = (instant - now).total_seconds()
    if abs(seconds) < 1:
        return "due now"
    return f"due in {duration(seconds)}" if seconds > 0 else f"{duration(seconds)} late"


def absolute(instant: datetime, zone: tzinfo, now: datetime) -> str:
    """A wall-clock time with its zone: `today 09:15 CET`, `Tue 3 Nov, 09:15 CET`; another year is named."""
    local, here = instant.astimezone(zone), now.astimezone(zone)
    clock = f"{local:%H:%M} {zone_name(local)}"
    if local.date() == here.date():
        return f"today {clock}"
    year = "" if local.year == here.year else f" {local.year}"
    return f"{local:%a} {local.day} {local:%b}{year}, {clock}"


def zone_name(local: datetime) -> str:
    """The abbreviation of a local time's zone; numeric ones read `UTC+05:45` instead of a bare `+0545`."""
    name = local.tzname() or ""
    if name[:1].isalpha():
        return name
    offset = f"{local:%z}"
    return f"UTC{offset[:3]}:{offset[3:5]}"


def utc(instant: datetime) -> str:
    """The same instant in UTC, to the second: `2026-11-03 08:15:00 UTC`."""
    return f"{instant.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def iso(instant: datetime) -> str:
    """ISO 8601 in UTC with `Z`, to the microsecond only where there is one."""
    return instant.astimezone(UTC).isoformat().replace("+00:00", "Z")


def count(number: int, singular: str, plural: str = "") -> str:
    """`1 handoff`, `12 handoffs`, `1,204 handoffs`; the plural is singular + s unless given."""
    return f"{number:,} {singular if number == 1 else plural or singular + 's'}"


def _two(large: int, large_unit: str, small: int, small_unit: str) -> str:
    return f"{large} {large_unit} {small} {small_unit}" if small else f"{large} {large_unit}"
