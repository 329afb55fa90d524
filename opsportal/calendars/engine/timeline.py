"""From a definition to what it means in UTC: the pieces of each local date, and the open segments. No sums here.

An instant is open iff its local wall clock lies in a window of its local date. Each constant-offset span of the zone is
a contiguous stretch of local time, so a window is cut to that stretch and moved to UTC: an hour that does not exist is
in no stretch, one that occurs twice is in two.
"""

from collections.abc import Iterator
from datetime import date
from typing import NamedTuple

from opsportal.calendars.engine import zones
from opsportal.calendars.engine.definition import EPOCH_ORDINAL, Closure, Definition, Window, Windows
from opsportal.calendars.engine.zones import DAY

THURSDAY = 3  # the weekday of 1970-01-01


class Piece(NamedTuple):
    """The part of one local date's window that lies in one constant-offset span: [since, until) in epoch seconds."""

    since: int
    until: int
    day: int  # local date, counted from 1970-01-01
    window: Window
    offset: int

    @property
    def date(self) -> date:
        return date.fromordinal(EPOCH_ORDINAL + self.day)


def pieces(definition: Definition, since: int, until: int) -> Iterator[Piece]:
    """The pieces of [since, until), in order, before closures are taken away."""
    overrides = _by_day(definition)
    weekly = definition.weekly
    for span in zones.zone(definition.timezone).spans(since, until):
        offset = span.offset
        days = range((span.since + offset) // DAY, (span.until + offset - 1) // DAY + 1)
        for day in days if any(weekly) else sorted(day for day in overrides if day in days):
            windows = overrides[day] if day in overrides else weekly[(day + THURSDAY) % 7]
            midnight = day * DAY - offset
            for window in windows:
                begin = max(span.since, midnight + window[0] * 60)
                end = min(span.until, midnight + window[1] * 60)
                if begin < end:
                    yield Piece(begin, end, day, window, offset)


def segments(definition: Definition, since: int, until: int) -> list[tuple[int, int]]:
    """The open segments of [since, until): sorted, disjoint, not touching, closures taken away."""
    merged: list[tuple[int, int]] = []
    for piece in pieces(definition, since, until):
        begin, end = piece[0], piece[1]
        if merged and merged[-1][1] == begin:
            merged[-1] = (merged[-1][0], end)
        else:
            merged.append((begin, end))
    return list(subtract(merged, shut_spans(definition.closures)))


def subtract(opened: list[tuple[int, int]], shut: list[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """`opened` without `shut`; both sorted and disjoint. Linear in both."""
    first = 0
    for since, until in opened:
        while first < len(shut) and shut[first][1] <= since:
            first += 1
        for index in range(first, len(shut)):
            begin, end = shut[index]
            if begin >= until:
                break
            if since < begin:
                yield since, begin
            since = end
        if since < until:
            yield since, until


def shut_spans(closures: tuple[Closure, ...]) -> list[tuple[int, int]]:
    """The instants that any closure covers: sorted, overlapping and touching ones merged."""
    merged: list[tuple[int, int]] = []
    for since, until, _ in sorted(closures):
        if merged and since <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], until))
        else:
            merged.append((since, until))
    return merged


def _by_day(definition: Definition) -> dict[int, Windows]:
    return {day.toordinal() - EPOCH_ORDINAL: windows for day, windows in definition.overrides.items()}
