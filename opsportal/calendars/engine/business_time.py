"""The arithmetic of open time: how much lies between two instants, and when an amount of it has passed.

F(t) is the open seconds before t. `between(a, b)` is F(b) - F(a); `add(t, n)` is the least u >= t with F(u) >= F(t) + n
for n > 0, t itself for n = 0, and the greatest u <= t with F(u) <= F(t) + n for n < 0. Both are a binary search in a
table of segments, so they cost the same for a day and for ten years.

Everything is exact in whole seconds: an instant is read as the second it lies in (its fraction is cut off), so the
algebra holds without rounding. Instants may stand in any zone; answers stand in UTC.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import accumulate

from opsportal.calendars.engine import zones
from opsportal.calendars.engine.definition import FIRST_YEAR, LAST_YEAR, Definition
from opsportal.calendars.engine.explanation import LISTED, Explanation, explain
from opsportal.calendars.engine.timeline import segments
from opsportal.calendars.engine.zones import DAY
from opsportal.errors import InvalidInput

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
FIRST, LAST = zones.instant_of(FIRST_YEAR), zones.instant_of(LAST_YEAR + 1)
KEPT_EDGES = 40_000  # about 60 years of office hours, 4 MB; a rare question beyond it builds a table for itself
YEAR = 366 * DAY
instant_at = datetime.fromtimestamp  # the quickest way from an epoch second to an instant in UTC


@dataclass(frozen=True, slots=True)
class Table:
    """Segments of [since, until) with prefix sums, all in seconds; immutable, swapped as a whole.

    `edges` are begin and end of each segment in turn. F(t) is `sums[i]` at an even i = bisect_right(edges, t), which
    lies outside the segments, and `sums[i] + t` at an odd one. `totals[k]` is the open time up to the end of segment k,
    and `shifts[k]` what turns an amount of open time inside segment k into its instant.
    """

    since: int
    until: int
    edges: list[int]
    sums: list[int]
    totals: list[int]
    shifts: list[int]


class BusinessTime:
    """One calendar definition, ready to calculate. Safe to share between threads; the table grows by itself."""

    __slots__ = ("_table", "definition")

    def __init__(self, definition: Definition, *, horizon: tuple[datetime, datetime] | None = None) -> None:
        self.definition = definition
        self._table = Table(LAST, FIRST, [], [0], [], [])  # covers nothing
        if horizon:
            self._table = build(definition, second_of(horizon[0]), second_of(horizon[1]))

    def between(self, start: datetime, end: datetime) -> int:
        """Open seconds from `start` to `end`; negative when `end` is earlier.

        Raises InvalidInput `outside_calendar` for instants before 1900 or from 2200 on.
        """
        delta = start - EPOCH
        a = delta.days * 86_400 + delta.seconds
        delta = end - EPOCH
        b = delta.days * 86_400 + delta.seconds
        table = self._table
        if not (table.since <= a <= table.until and table.since <= b <= table.until):
            table = self._covering(min(a, b), max(a, b))
        edges, sums = table.edges, table.sums
        i, j = bisect_right(edges, a), bisect_right(edges, b)
        return sums[j] - sums[i] + (b if j & 1 else 0) - (a if i & 1 else 0)

    open_seconds = between

    def add(self, instant: datetime, seconds: int) -> datetime:
        """When `seconds` of open time have passed since `instant`; before it for a negative amount.

        A timer that runs out at closing time is due at closing time. Raises InvalidInput `never_opens` when there is no
        open time at all on that side, `outside_calendar` when there is not enough of it between 1900 and 2200.
        """
        delta = instant - EPOCH
        t = delta.days * 86_400 + delta.seconds
        table = self._table
        if not table.since <= t <= table.until:
            table = self._covering(t, t)
        if not seconds:
            return instant.astimezone(UTC)
        i = bisect_right(table.edges, t)
        target = table.sums[i] + seconds + (t if i & 1 else 0)
        totals = table.totals
        k = bisect_left(totals, target) if seconds > 0 else bisect_right(totals, target)
        if target < 0 or k == len(totals):
            return instant_at(self._add_beyond(t, seconds), UTC)
        return instant_at(target + table.shifts[k], UTC)

    def between_many(self, starts: Sequence[datetime], ends: Sequence[datetime]) -> list[int]:
        """`between` for pairs of instants; the horizon grows at most once."""
        self._cover_all([*starts, *ends])
        between = self.between
        return [between(start, end) for start, end in zip(starts, ends, strict=True)]

    def add_many(self, instants: Sequence[datetime], seconds: int | Sequence[int]) -> list[datetime]:
        """`add` for many instants, with one amount for all or one for each."""
        amounts = [seconds] * len(instants) if isinstance(seconds, int) else seconds
        self._cover_all(instants)
        add = self.add
        return [add(instant, amount) for instant, amount in zip(instants, amounts, strict=True)]

    def is_open(self, instant: datetime) -> bool:
        t = second_of(instant)
        return bool(bisect_right(self._covering(t, t + 1).edges, t) & 1)

    def next_opening(self, instant: datetime) -> datetime | None:
        """The first open instant at or after `instant`; None when the calendar does not open again before 2200."""
        if self.is_open(instant):
            return instant.astimezone(UTC)
        try:
            return self.add(instant, 1) - timedelta(seconds=1)
        except InvalidInput:
            return None

    def segments(self, start: datetime, end: datetime) -> list[tuple[datetime, datetime]]:
        """The open segments of [start, end) in UTC: sorted, disjoint, cut to it."""
        a, b = second_of(start), second_of(end)
        if a >= b:
            return []
        edges = self._covering(a, b).edges
        first, last = bisect_right(edges, a) // 2, (bisect_left(edges, b) + 1) // 2
        pairs = ((max(a, edges[2 * k]), min(b, edges[2 * k + 1])) for k in range(first, last))
        return [(instant_at(begin, UTC), instant_at(until, UTC)) for begin, until in pairs if begin < until]

    def explain(self, start: datetime, end: datetime, *, limit: int = LISTED) -> Explanation:
        """What happens to the clock in [start, end): windows lived through, closures, overrides, changes of offset."""
        a, b = second_of(start), second_of(end)
        self._covering(min(a, b), max(a, b))
        return explain(self.definition, min(a, b), max(a, b), abs(self.between(start, end)), limit=limit)

    def _cover_all(self, instants: Sequence[datetime]) -> None:
        if instants:
            self._covering(second_of(min(instants)), second_of(max(instants)))

    def _covering(self, since: int, until: int) -> Table:
        """A table that reaches over [since, until]: the kept one, or one that is grown now."""
        table = self._table
        if table.since <= since and until <= table.until:
            return table
        if since < FIRST or until > LAST:
            raise InvalidInput("outside_calendar", f"Calendars reach from {FIRST_YEAR} to the end of {LAST_YEAR}.")
        grown = build(self.definition, min(table.since, since - YEAR), max(table.until, until + YEAR))
        apart = table.until < since - YEAR or until + YEAR < table.since
        if len(grown.edges) > KEPT_EDGES and apart:  # move there instead of spanning both
            grown = build(self.definition, since - YEAR, until + YEAR)
        if len(grown.edges) <= KEPT_EDGES:
            self._table = grown
        return grown

    def _add_beyond(self, t: int, seconds: int) -> int:
        """Look farther in the direction of travel, twice as far each time, until the years run out."""
        end_of_time = LAST if seconds > 0 else FIRST
        if not self.definition.has_hours:
            raise _never_opens()
        table, reach = self._covering(t, t), max(abs(seconds), YEAR)
        while abs(seconds) <= abs(end_of_time - t):
            if (found := find(table, t, seconds)) is not None:
                return found
            if end_of_time in (table.since, table.until):
                raise _never_opens() if open_before(table, t) == open_before(table, end_of_time) else _too_far()
            goal = min(max(t + (reach if seconds > 0 else -reach), FIRST), LAST)
            table, reach = self._covering(min(t, goal), max(t, goal)), 2 * reach
        raise _too_far()


def build(definition: Definition, since: int, until: int) -> Table:
    """The table of [since, until), cut to the years calendars reach over."""
    since, until = max(since, FIRST), min(until, LAST)
    opened = segments(definition, since, until)
    totals = list(accumulate(end - begin for begin, end in opened))
    shifts = [end - total for (_, end), total in zip(opened, totals, strict=True)]
    edges: list[int] = []
    sums = [0]
    for (begin, end), total, shift in zip(opened, totals, shifts, strict=True):
        edges.extend((begin, end))
        sums.extend((-shift, total))
    return Table(since, until, edges, sums, totals, shifts)


def open_before(table: Table, t: int) -> int:
    """F(t), counted from the table's beginning."""
    i = bisect_right(table.edges, t)
    return table.sums[i] + (t if i & 1 else 0)


def find(table: Table, t: int, seconds: int) -> int | None:
    """`add` inside one table, for seconds != 0; None when the answer lies outside it."""
    target = open_before(table, t) + seconds
    k = bisect_left(table.totals, target) if seconds > 0 else bisect_right(table.totals, target)
    return target + table.shifts[k] if target >= 0 and k < len(table.totals) else None


def second_of(instant: datetime) -> int:
    """The epoch second an aware instant lies in; its fraction is cut off."""
    delta = instant - EPOCH
    return delta.days * DAY + delta.seconds


def _never_opens() -> InvalidInput:
    return InvalidInput("never_opens", "This calendar has no open time there, so the timer would never run.")


def _too_far() -> InvalidInput:
    return InvalidInput("outside_calendar", f"So much open time does not fit between {FIRST_YEAR} and {LAST_YEAR}.")
