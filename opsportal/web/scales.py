"""Scales of charts: values to percentages, round axis values, round instants, numbers as words. Pure."""

import math
from collections.abc import Iterable
from datetime import datetime, timedelta, tzinfo

X = float | datetime


def axis(
    values: Iterable[float], *, low: float | None = None, high: float | None = None, steps: int = 4
) -> list[float]:
    """Three to about six round values that enclose the values (and `low`, `high`), ascending, evenly spaced."""
    known = [*values, *(edge for edge in (low, high) if edge is not None)] or [0.0, 1.0]
    bottom, top = min(known), max(known)
    if top - bottom <= max(abs(top) * 1e-9, 1e-9):
        bottom, top = (bottom - 1, top + 1) if low is None and bottom != 0 else (bottom, bottom + max(abs(bottom), 1.0))
    step = _round_step((top - bottom) / steps)
    start, end = math.floor(bottom / step + 1e-9), math.ceil(top / step - 1e-9)
    return [round(i * step, 12) for i in range(start, max(end, start + 1) + 1)]


def share(value: float, low: float, high: float) -> float:
    """Where a value stands between two others, as a percentage, cut to 0-100; the middle when they are equal."""
    if high <= low:
        return 50.0
    return round(min(max((value - low) / (high - low), 0.0), 1.0) * 100, 3)


def number(x: X) -> float:
    return x.timestamp() if isinstance(x, datetime) else float(x)


def plain(value: float) -> str:
    """`0`, `0.25`, `1,200`, `3.4M`."""
    if abs(value) >= 1e6:
        return f"{value / 1e6:.3g}M" if abs(value) < 1e9 else f"{value:.3g}"
    return f"{round(value, 4):,.10g}" if value != int(value) else f"{int(value):,}"


def percent(value: float) -> str:
    """A ratio 0-1 as `87.5%`."""
    return f"{round(value * 100, 1):g}%"


def time_ticks(first: datetime, last: datetime, zone: tzinfo, most: int = 8) -> list[tuple[datetime, str]]:
    """Round local instants within the span, at most `most`, with a label each: hours, days or months."""
    span = (last - first).total_seconds()
    step, form = next((each for each in _TIME_STEPS if span / each[0] < most), _TIME_STEPS[-1])
    at = first.astimezone(zone).replace(minute=0, second=0, microsecond=0)
    if step >= 86400:
        at = at.replace(hour=0)
    elif step >= 3600:
        at = at.replace(hour=at.hour - at.hour % (step // 3600))
    found = []
    while at <= last.astimezone(zone):
        if at >= first:
            found.append((at, _tick_label(at, form)))
        at += timedelta(seconds=step)  # wall-clock step: midnight stays midnight over a DST change
    return found[:most]


_TIME_STEPS = [
    (900, "time"), (1800, "time"), (3600, "time"), (3 * 3600, "time"), (6 * 3600, "time"), (12 * 3600, "time"),
    (86400, "day"), (2 * 86400, "day"), (7 * 86400, "day"), (14 * 86400, "day"), (28 * 86400, "day"),
    (91 * 86400, "month"), (182 * 86400, "month"), (365 * 86400, "month"), (3650 * 86400, "month"),
]  # fmt: skip


def _tick_label(at: datetime, form: str) -> str:
    if form == "month":
        return f"{at:%b %Y}"
    return f"{at:%H:%M}" if form == "time" and at.hour else f"{at.day} {at:%b}"


def _round_step(rough: float) -> float:
    power = 10.0 ** math.floor(math.log10(rough))
    return next(factor * power for factor in (1, 2, 2.5, 5, 10) if factor * power >= rough * (1 - 1e-9))
