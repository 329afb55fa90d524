"""What a calendar says: read from its JSON spelling with every fault named at its place, normalised, written back.

Weekly windows are local wall-clock minutes; a shift past midnight is split there, and each date owns its part.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any, NamedTuple

from opsportal.calendars.engine import zones
from opsportal.errors import InvalidInput, InvalidInputs

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
DAY_NAMES = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
MIDNIGHT = 24 * 60
FIRST_YEAR, LAST_YEAR = 1900, 2199  # calendars answer for [1900-01-01, 2200-01-01) UTC
MAX_WINDOWS, MAX_OVERRIDES, MAX_CLOSURES = 24, 2000, 500
MAX_TEXT = 120
EPOCH_ORDINAL = date(1970, 1, 1).toordinal()


class Window(NamedTuple):
    """Open from `start` until `end`, in minutes of a local day; `end` 1440 is midnight at its end."""

    start: int
    end: int

    def __str__(self) -> str:
        return f"{clock_time(self.start)}–{clock_time(self.end)}"


class Closure(NamedTuple):
    """Shut from `since` until `until` (epoch seconds, half open), whatever the windows say."""

    since: int
    until: int
    reason: str


Windows = tuple[Window, ...]


@dataclass(frozen=True, slots=True)
class Definition:
    """A calendar's content. `weekly` has seven entries, Monday first; windows are sorted, disjoint, not touching."""

    timezone: str
    weekly: tuple[Windows, ...]
    overrides: Mapping[date, Windows] = field(default_factory=dict)
    override_names: Mapping[date, str] = field(default_factory=dict)
    closures: tuple[Closure, ...] = ()

    def windows_on(self, day: date) -> Windows:
        """The windows of a local date: its override where there is one, else those of its weekday."""
        return self.overrides[day] if day in self.overrides else self.weekly[day.weekday()]

    @property
    def has_hours(self) -> bool:
        """Whether any window is named at all; closures may still cover them."""
        return any(self.weekly) or any(self.overrides.values())


def parse(
    *,
    timezone: Any,
    weekly: Any,
    overrides: Any = None,
    override_names: Any = None,
    closures: Any = None,
) -> Definition:
    """Read the JSON spelling: {"mon": [["09:00", "17:00"]], …}, {"2026-12-25": []}, [{"from", "until", "reason"}].

    Raises InvalidInputs with all faults; each `field` is the path to it, such as `weekly.mon.0` or `closures.1.until`.
    """
    reader = _Reader()
    definition = Definition(
        timezone=reader.timezone(timezone),
        weekly=reader.weekly(weekly),
        overrides=(dates := reader.overrides({} if overrides is None else overrides)),
        override_names=reader.names({} if override_names is None else override_names, dates),
        closures=reader.closures([] if closures is None else closures),
    )
    if reader.faults:
        raise InvalidInputs(reader.faults)
    return definition


def spell(definition: Definition) -> dict[str, Any]:
    """The JSON spelling of a definition: `parse(**spell(d)) == d`."""
    return {
        "timezone": definition.timezone,
        "weekly": {day: _pairs(windows) for day, windows in zip(DAYS, definition.weekly, strict=True)},
        "overrides": {day.isoformat(): _pairs(windows) for day, windows in sorted(definition.overrides.items())},
        "override_names": {day.isoformat(): name for day, name in sorted(definition.override_names.items())},
        "closures": [
            {"from": spell_instant(shut.since), "until": spell_instant(shut.until), "reason": shut.reason}
            for shut in definition.closures
        ],
    }


def normalise(windows: Iterable[Window]) -> Windows:
    """Sorted; overlapping and touching windows become one."""
    merged: list[Window] = []
    for window in sorted(windows):
        if merged and window.start <= merged[-1].end:
            merged[-1] = Window(merged[-1].start, max(merged[-1].end, window.end))
        else:
            merged.append(window)
    return tuple(merged)


def clock_time(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"


def spell_instant(instant: int) -> str:
    return datetime.fromtimestamp(instant, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _pairs(windows: Windows) -> list[list[str]]:
    return [[clock_time(window.start), clock_time(window.end)] for window in windows]


_CLOCK = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])|24:00", re.ASCII)
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)


class _Reader:
    """Reads the parts and collects faults instead of stopping at the first."""

    def __init__(self) -> None:
        self.faults: list[InvalidInput] = []

    def timezone(self, raw: Any) -> str:
        if isinstance(raw, str) and raw in zones.names():
            return raw
        self._fault("timezone", "unknown_timezone", "This is no time zone of the IANA database, such as Europe/Berlin.")
        return "UTC"

    def weekly(self, raw: Any) -> tuple[Windows, ...]:
        week: list[list[Window]] = [[] for _ in DAYS]
        for day, windows in self._mapping("weekly", raw, "weekdays"):
            if day not in DAYS:
                self._fault(
                    f"weekly.{day[:20]}", "unknown_weekday", "Weekdays are mon, tue, wed, thu, fri, sat and sun."
                )
                continue
            for window in self._windows(f"weekly.{day}", windows):
                _put(week, DAYS.index(day), window)
        return tuple(normalise(windows) for windows in week)

    def overrides(self, raw: Any) -> dict[date, Windows]:
        found = {}
        for key, windows in self._mapping("overrides", raw, "dates", MAX_OVERRIDES):
            day = self._date(f"overrides.{key[:20]}", key)
            read = self._windows(f"overrides.{key[:20]}", windows)
            if any(window.start > window.end for window in read):
                self._fault(
                    f"overrides.{key[:20]}",
                    "overnight_override",
                    "An override speaks for one date: let it end at 24:00 and give the rest to the next date.",
                )
            elif day:
                found[day] = normalise(read)
        return found

    def names(self, raw: Any, dates: Mapping[date, Windows]) -> dict[date, str]:
        found = {}
        for key, name in self._mapping("override_names", raw, "dates", MAX_OVERRIDES):
            place = f"override_names.{key[:20]}"
            day = self._date(place, key)
            if day and day not in dates:
                self._fault(place, "no_override", "Only a date that has an override can have a name.")
            elif day and (text := self._text(place, name)):
                found[day] = text
        return found

    def closures(self, raw: Any) -> tuple[Closure, ...]:
        if not isinstance(raw, Sequence) or isinstance(raw, str):
            self._fault("closures", "not_a_list", "Closures are a list of from, until and reason.")
            return ()
        if len(raw) > MAX_CLOSURES:
            self._fault("closures", "too_many", f"A calendar has at most {MAX_CLOSURES} closures.")
            return ()
        read = (self._closure(f"closures.{index}", item) for index, item in enumerate(raw))
        return tuple(sorted(closure for closure in read if closure))

    def _closure(self, place: str, raw: Any) -> Closure | None:
        if not isinstance(raw, Mapping) or set(raw) - {"reason"} != {"from", "until"}:
            self._fault(place, "bad_closure", "A closure has from, until and reason, and nothing else.")
            return None
        since, until = self._instant(f"{place}.from", raw["from"]), self._instant(f"{place}.until", raw["until"])
        reason = self._text(f"{place}.reason", raw.get("reason", ""))
        if since is None or until is None:
            return None
        if since >= until:
            self._fault(f"{place}.until", "ends_before_start", "A closure ends after it begins.")
            return None
        return Closure(since, until, reason)

    def _windows(self, place: str, raw: Any) -> list[Window]:
        if not isinstance(raw, Sequence) or isinstance(raw, str):
            self._fault(place, "not_a_list", "Hours are a list of pairs, such as [[“09:00”, “17:00”]].")
            return []
        if len(raw) > MAX_WINDOWS:
            self._fault(place, "too_many", f"A day has at most {MAX_WINDOWS} windows.")
            return []
        read = (self._window(f"{place}.{index}", pair) for index, pair in enumerate(raw))
        return [window for window in read if window]

    def _window(self, place: str, raw: Any) -> Window | None:
        """One pair. An overnight shift keeps its end before its start here; whoever reads it decides."""
        if not isinstance(raw, Sequence) or isinstance(raw, str) or len(raw) != 2:
            self._fault(place, "bad_window", "A window is a pair of times, such as [“09:00”, “17:00”].")
            return None
        start, end = _minute(raw[0]), _minute(raw[1])
        if start is None or end is None or start == MIDNIGHT:
            self._fault(place, "bad_time", "Times are written 09:00; a window may end at 24:00, not begin there.")
            return None
        if start == end:
            self._fault(place, "empty_window", "This window ends when it begins. The whole day is 00:00 to 24:00.")
            return None
        return Window(start, end if end else MIDNIGHT)

    def _mapping(self, place: str, raw: Any, keys: str, limit: int = 100) -> list[tuple[str, Any]]:
        if not isinstance(raw, Mapping) or not all(isinstance(key, str) for key in raw):
            self._fault(place, "not_an_object", f"This is an object whose keys are {keys}.")
        elif len(raw) > limit:
            self._fault(place, "too_many", f"There are at most {limit} {keys}.")
        else:
            return list(raw.items())
        return []

    def _date(self, place: str, raw: str) -> date | None:
        try:
            day = date.fromisoformat(raw) if _DATE.fullmatch(raw) else None
        except ValueError:
            day = None
        if day is None or not FIRST_YEAR <= day.year <= LAST_YEAR:
            self._fault(place, "bad_date", f"Dates are written 2026-12-25, from {FIRST_YEAR} to {LAST_YEAR}.")
            return None
        return day

    def _instant(self, place: str, raw: Any) -> int | None:
        try:
            moment = raw if isinstance(raw, datetime) else datetime.fromisoformat(raw)
            if moment.tzinfo is not None and FIRST_YEAR <= moment.astimezone(UTC).year <= LAST_YEAR:
                return int(moment.timestamp() // 1)
        except (TypeError, ValueError, OverflowError):
            pass
        self._fault(
            place,
            "bad_instant",
            f"Instants are written 2026-12-24T12:00:00Z or with another offset, from {FIRST_YEAR} to {LAST_YEAR}.",
        )
        return None

    def _text(self, place: str, raw: Any) -> str:
        if isinstance(raw, str) and len(raw) <= MAX_TEXT and (raw.isprintable() or not raw):
            return raw.strip()
        self._fault(place, "bad_text", f"This is one line of at most {MAX_TEXT} characters.")
        return ""

    def _fault(self, place: str, code: str, message: str) -> None:
        self.faults.append(InvalidInput(code, message, field=place))


def _put(week: list[list[Window]], day: int, window: Window) -> None:
    if window.start < window.end:
        week[day].append(window)
        return
    week[day].append(Window(window.start, MIDNIGHT))
    week[(day + 1) % 7].append(Window(0, window.end))


def _minute(raw: Any) -> int | None:
    if not isinstance(raw, str) or not _CLOCK.fullmatch(raw):
        return None
    return int(raw[:2]) * 60 + int(raw[3:])
