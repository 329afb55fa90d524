"""A second calculator, slow and obvious, that shares no code with the engine.

It asks the definition of membership at every step: is the local wall clock in a window of its local date? Spans,
prefix sums, normalised windows do not occur here. The zone's answers come from zoneinfo itself.
"""

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


class Reference:
    """The calendar as its JSON spelling says, read afresh at every question."""

    def __init__(self, spelled: dict[str, Any]) -> None:
        self.zone = ZoneInfo(spelled["timezone"])
        self.weekly = {day: [_pair(p) for p in spelled["weekly"].get(day, [])] for day in DAYS}
        self.overrides = {day: [_pair(p) for p in pairs] for day, pairs in spelled.get("overrides", {}).items()}
        self.closures = [
            (datetime.fromisoformat(shut["from"]), datetime.fromisoformat(shut["until"]))
            for shut in spelled.get("closures", [])
        ]

    def is_open(self, instant: datetime) -> bool:
        local = instant.astimezone(self.zone)
        second = local.hour * 3600 + local.minute * 60 + local.second
        return self._in_a_window(local, second) and not any(a <= instant < b for a, b in self.closures)

    def _in_a_window(self, local: datetime, second: int) -> bool:
        key = local.date().isoformat()
        if key in self.overrides:
            return any(start <= second < end for start, end in self.overrides[key])
        today, yesterday = self.weekly[DAYS[local.weekday()]], self.weekly[DAYS[local.weekday() - 1]]
        started_today = any(start <= second < end if start < end else start <= second for start, end in today)
        return started_today or any(end < start and second < end for start, end in yesterday)

    def between(self, start: datetime, end: datetime, step: int = 1) -> int:
        """Walk from start to end in steps of so many seconds; every edge must lie on the steps."""
        if end < start:
            return -self.between(end, start, step)
        total, at, tick = 0, start, timedelta(seconds=step)
        while at < end:
            total += step if self.is_open(at) else 0
            at += tick
        return total

    def add(self, start: datetime, seconds: int, step: int = 1, limit: int = 100_000) -> datetime | None:
        """Walk until so much open time has passed; None when it did not within `limit` steps."""
        forward = seconds > 0
        left, at, tick = abs(seconds), start, timedelta(seconds=step)
        for _ in range(limit):
            if left == 0:
                return at
            lived_through = at if forward else at - tick
            left -= step if self.is_open(lived_through) else 0
            at = at + tick if forward else at - tick
        return None


def _pair(pair: list[str]) -> tuple[int, int]:
    start, end = (int(text[:2]) * 3600 + int(text[3:]) * 60 for text in pair)
    return start, end or 86_400


def utc(year: int, month: int, day: int, hour: int = 0, minute: int = 0, second: int = 0) -> datetime:
    return datetime(year, month, day, hour, minute, second, tzinfo=UTC)
