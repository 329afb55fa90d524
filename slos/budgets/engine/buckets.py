"""Buckets of several widths: which of them cover a stretch of time, and which is added up from which.

A bucket belongs to a stretch in which it begins, so stretches that touch never count one twice or leave one out.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

MINUTE, QUARTER, HOUR, DAY = 60, 900, 3_600, 86_400
WIDTHS = (MINUTE, QUARTER, HOUR, DAY)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Run:
    """Buckets of one width that begin in [start, end)."""

    width: int
    start: datetime
    end: datetime


def floor(at: datetime, width: int) -> datetime:
    """Where the bucket begins that `at` lies in."""
    past = (at - EPOCH) // timedelta(seconds=width)
    return EPOCH + timedelta(seconds=past * width)


def ceil(at: datetime, width: int) -> datetime:
    """Where the first bucket begins that begins at `at` or later."""
    below = floor(at, width)
    return below if below == at else below + timedelta(seconds=width)


def chain_of(base: int) -> tuple[int, ...]:
    """The widths that are kept of buckets of `base` seconds, each added up from the one before."""
    return (base, *(width for width in WIDTHS if width > base and width % base == 0))


def cover(start: datetime, end: datetime, base: int = MINUTE) -> list[Run]:
    """The fewest buckets that make up [start, end): narrow ones at the edges, wide ones between.

    A wide one that `end` lies in is left to narrow ones: it need not be added up yet.
    """
    first, last = ceil(start, base), ceil(end, base)
    return sorted(_cover(first, last, end, chain_of(base)), key=lambda one: one.start)


def _cover(start: datetime, end: datetime, over: datetime, widths: tuple[int, ...]) -> Iterator[Run]:
    """[start, end) in buckets of these widths; all but the narrowest end by `over`."""
    if start >= end:
        return
    width, wider = widths[0], widths[1:]
    if not wider:
        yield Run(width, start, end)
        return
    inner, outer = ceil(start, wider[0]), floor(min(end, over), wider[0])
    if inner >= outer:
        yield Run(width, start, end)
        return
    if start < inner:
        yield Run(width, start, inner)
    yield from _cover(inner, outer, over, wider)
    if outer < end:
        yield Run(width, outer, end)
