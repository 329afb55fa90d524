"""Stretches of time [start, end) and their algebra: union, intersection, difference, length in whole seconds.

Both ends are brought down to whole seconds before they are measured; since that keeps their order, lengths of
neighbours still add up exactly.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

Span = tuple[datetime, datetime]

SECOND = timedelta(seconds=1)


def whole(at: datetime) -> datetime:
    """The second an instant lies in."""
    return at.replace(microsecond=0)


def seconds(spans: Iterable[Span]) -> int:
    """The length of spans that do not overlap."""
    return sum(round((whole(end) - whole(start)) / SECOND) for start, end in spans)


def merge(spans: Iterable[Span]) -> list[Span]:
    """The union, in order, neighbours that touch joined; empty ones left out."""
    ordered = sorted(spans)
    if len(ordered) == 1 and ordered[0][0] < ordered[0][1]:
        return ordered
    merged: list[Span] = []
    for start, end in ordered:
        if start >= end:
            continue
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], end))
        else:
            merged.append((start, end))
    return merged


def cut(spans: Iterable[Span], to: Sequence[Span]) -> list[Span]:
    """What lies in both; `to` is merged already."""
    found: list[Span] = []
    if not to:
        return found
    ordered, first = merge(spans), 0
    for start, end in to:
        while first < len(ordered) and ordered[first][1] <= start:
            first += 1
        number = first
        while number < len(ordered) and ordered[number][0] < end:
            found.append((max(start, ordered[number][0]), min(end, ordered[number][1])))
            number += 1
    return found


def without(spans: Iterable[Span], others: Iterable[Span]) -> list[Span]:
    """What of the spans lies in none of the others."""
    taken = merge(others)
    if not taken:
        return merge(spans)
    rest: list[Span] = []
    number = 0
    for start, end in merge(spans):
        while number < len(taken) and taken[number][1] <= start:
            number += 1
        at, index = start, number
        while index < len(taken) and taken[index][0] < end:
            if at < taken[index][0]:
                rest.append((at, taken[index][0]))
            at = max(at, taken[index][1])
            index += 1
        if at < end:
            rest.append((at, end))
    return rest
