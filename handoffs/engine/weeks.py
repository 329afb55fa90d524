"""ISO weeks in UTC, as the review counts them: Monday 00:00 up to the next Monday, half open."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from opsportal.errors import InvalidInput

SPELLING = re.compile(r"(\d{4})-W(\d{2})", re.ASCII)
FIRST_YEAR, LAST_YEAR = 1970, 2190
WEEK = timedelta(days=7)


@dataclass(frozen=True, slots=True, order=True)
class Week:
    """`str(week)` is "2026-W47"."""

    year: int
    number: int

    @classmethod
    def of(cls, instant: datetime) -> "Week":
        """The week an instant lies in."""
        year, number, _ = instant.astimezone(UTC).isocalendar()
        return cls(year, number)

    @classmethod
    def parse(cls, text: str) -> "Week":
        """Read "2026-W47". Raises InvalidInput `bad_week` (field `week`)."""
        match = SPELLING.fullmatch(text)
        if match and FIRST_YEAR <= int(match[1]) <= LAST_YEAR:
            week = cls(int(match[1]), int(match[2]))
            if 1 <= week.number <= 53 and Week.of(week._monday()) == week:
                return week
        raise InvalidInput("bad_week", "A week is written 2026-W47.", field="week")

    @property
    def from_at(self) -> datetime:
        return self._monday()

    @property
    def until(self) -> datetime:
        return self.from_at + WEEK

    @property
    def before(self) -> "Week":
        return Week.of(self.from_at - WEEK)

    @property
    def after(self) -> "Week":
        return Week.of(self.until)

    def __str__(self) -> str:
        return f"{self.year}-W{self.number:02}"

    def _monday(self) -> datetime:
        # Counted from the first week: the 53rd of a year that has 52 is the first of the next.
        return datetime.combine(
            datetime.fromisocalendar(self.year, 1, 1) + (self.number - 1) * WEEK, datetime.min.time(), UTC
        )
