"""Time zones as spans of constant offset, exactly as the installed tz database says. No calendars here.

`zoneinfo` answers what the offset is at an instant, but not when it changes. The instants of change are read from the
zone's TZif file (RFC 8536); beyond the last one written there the zone follows a yearly rule, and is probed day by day.
"""

import struct
import zoneinfo
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from importlib import resources
from io import BytesIO
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple
from zoneinfo import ZoneInfo

DAY = 86_400
# Names of the tz database that are no place on earth: what they mean depends on the machine.
_NO_ZONE = frozenset({"Factory", "localtime", "posixrules"})


Edition = tuple[str, int, int]  # path, modification time and size of a zone's file


class Span(NamedTuple):
    """Between two instants (epoch seconds, half open) local time is UTC plus `offset` seconds."""

    since: int
    until: int
    offset: int


@dataclass(frozen=True, slots=True)
class Zone:
    """One zone in one edition of the tz database.

    `changes` are the instants of change its file lists, ascending; `ruled` says whether a yearly rule follows them.
    """

    key: str
    info: ZoneInfo
    changes: tuple[int, ...]
    ruled: bool

    def spans(self, since: int, until: int) -> list[Span]:
        """The constant-offset spans that cover [since, until), clipped to it, ascending and without gaps."""
        edges = [since, *self._changes_between(since, until), until]
        return [Span(begin, end, self.offset_at(begin)) for begin, end in pairwise(edges) if begin < end]

    def offset_at(self, instant: int) -> int:
        """Seconds that local time is ahead of UTC at `instant`."""
        offset = datetime.fromtimestamp(instant, self.info).utcoffset() or timedelta(0)
        return offset.days * DAY + offset.seconds

    def _changes_between(self, since: int, until: int) -> list[int]:
        listed = [instant for instant in self.changes if since < instant < until]
        if not self.ruled:
            return listed
        ruled_from = max(since, self.changes[-1] if self.changes else since)
        return [*listed, *self._ruled_changes(ruled_from, until)]

    def _ruled_changes(self, since: int, until: int) -> list[int]:
        found, at, offset = [], since, self.offset_at(since)
        while at < until:
            ahead = min(at + DAY, until)
            if (there := self.offset_at(ahead)) != offset:
                found.append(self._first_change(at, ahead))
                offset = there
            at = ahead
        return [instant for instant in found if instant < until]

    def _first_change(self, before: int, after: int) -> int:
        """The first instant in (before, after] whose offset differs from the one at `before`."""
        offset = self.offset_at(before)
        while after - before > 1:
            middle = (before + after) // 2
            before, after = (middle, after) if self.offset_at(middle) == offset else (before, middle)
        return after


@lru_cache(maxsize=1)
def names() -> frozenset[str]:
    """Every zone a calendar may stand in."""
    return frozenset(zoneinfo.available_timezones()) - _NO_ZONE


def edition(key: str) -> Edition:
    """Tells two states of a zone's file apart, also after an upgrade under a running process."""
    path = _path(key)
    facts = path.stat()
    return str(path), facts.st_mtime_ns, facts.st_size


def database_version() -> str:
    """What the tz database in use calls itself (“2025b”); empty when its files do not say."""
    try:
        with (_path("UTC").parent / "tzdata.zi").open(encoding="ascii") as head:
            return head.readline().removeprefix("# version ").strip()
    except OSError:
        return ""


def zone(key: str) -> Zone:
    """The zone in the edition installed now; `key` must be one of `names()`."""
    return _read(key, edition(key))


@lru_cache(maxsize=1024)
def _path(key: str) -> Path:
    """Where zoneinfo finds this zone too: the system's files first, the tzdata package after them."""
    if key not in names():
        raise zoneinfo.ZoneInfoNotFoundError(key)
    places = [Path(place) / key for place in zoneinfo.TZPATH]
    package = Path(str(resources.files("tzdata"))) / "zoneinfo"
    return next((place for place in places if place.is_file()), package / key)


@lru_cache(maxsize=256)
def _read(key: str, edition: Edition) -> Zone:
    content = Path(edition[0]).read_bytes()
    rule = content.rstrip(b"\n").rpartition(b"\n")[2]
    return Zone(key, ZoneInfo.from_file(BytesIO(content), key=key), _changes(content), ruled=b"," in rule)


_HEADER = struct.Struct(">4sc15x6l")


def _changes(content: bytes) -> tuple[int, ...]:
    """The transition times of a TZif file: those of its second, 64-bit block (RFC 8536, section 3.2)."""
    _, version, utc_marks, std_marks, leaps, times, types, chars = _HEADER.unpack_from(content)
    if version < b"2":
        raise ValueError("the tz database has files of the first version, without 64-bit times")
    first_block = times * 5 + types * 6 + chars + leaps * 8 + std_marks + utc_marks
    second = _HEADER.size + first_block
    count = _HEADER.unpack_from(content, second)[5]
    return struct.unpack_from(f">{count}q", content, second + _HEADER.size)


def instant_of(year: int) -> int:
    """Epoch seconds at the beginning of a year in UTC."""
    return int(datetime(year, 1, 1, tzinfo=UTC).timestamp())
