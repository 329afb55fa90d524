"""The hit rate: counts, how they add up to tallies, and the rates that follow from them.

Counts come from the database in groups (handoffs.cohort); nothing here knows where they were counted.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import date, timedelta
from decimal import Decimal, localcontext
from typing import TypeVar

Z = Decimal("1.96")
PLACES = Decimal("0.000001")
NOTHING = timedelta()

# By what counts are split: names of columns; () is everything.
Dimension = tuple[str, ...]
Value = tuple[str, ...]
OUTCOME: Dimension = ("outcome",)
Key = TypeVar("Key")


@dataclass(slots=True)
class Counts:
    """How many cycles, and how they were judged. `excluded` were cancelled; of these `strict_misses` were past their
    timer by then. The business clock decides `business_…`, the wall clock `absolute_…` and `in_hours_…`.

    `measured` cycles passed through the portal before they stopped: their wall-clock time is split into what it took to
    arrive (`ingest`), to get an owner (`routing`) and to be stopped (`human`).
    """

    n: int = 0
    excluded: int = 0
    strict_misses: int = 0
    business_evaluated: int = 0
    business_hits: int = 0
    absolute_evaluated: int = 0
    absolute_hits: int = 0
    in_hours_evaluated: int = 0
    in_hours_hits: int = 0
    measured: int = 0
    ingest: timedelta = NOTHING
    routing: timedelta = NOTHING
    human: timedelta = NOTHING

    def add(self, other: "Counts") -> None:
        """Take the other ones in. Spelled out: a page adds up thousands of them."""
        self.n += other.n
        self.excluded += other.excluded
        self.strict_misses += other.strict_misses
        self.business_evaluated += other.business_evaluated
        self.business_hits += other.business_hits
        self.absolute_evaluated += other.absolute_evaluated
        self.absolute_hits += other.absolute_hits
        self.in_hours_evaluated += other.in_hours_evaluated
        self.in_hours_hits += other.in_hours_hits
        self.measured += other.measured
        if other.measured:
            self.ingest += other.ingest
            self.routing += other.routing
            self.human += other.human

    @property
    def pending(self) -> int:
        """Still running, within the timer by the business clock."""
        return self.n - self.excluded - self.business_evaluated


COUNTED = tuple(one.name for one in fields(Counts))


@dataclass(frozen=True, slots=True)
class Rate:
    """`rate`, `low` and `high` are shares from 0 to 1, or None where nothing was evaluated."""

    hits: int
    evaluated: int
    rate: Decimal | None
    low: Decimal | None
    high: Decimal | None


@dataclass(frozen=True, slots=True)
class Lags:
    """Mean seconds of the `n` cycles that could be measured; None where there are none."""

    n: int
    ingest_seconds: int | None
    routing_seconds: int | None
    human_seconds: int | None


@dataclass(slots=True)
class Tally:
    """Counts with the reasons for what was left out, and what became of the records."""

    counts: Counts = field(default_factory=Counts)
    excluded: dict[str, int] = field(default_factory=dict)
    outcomes: dict[str, int] = field(default_factory=dict)

    def take(self, reason: str, counts: Counts) -> None:
        self.counts.add(counts)
        if counts.excluded:
            self.excluded[reason] = self.excluded.get(reason, 0) + counts.excluded

    def note_outcome(self, outcome: str, count: int) -> None:
        if outcome:
            self.outcomes[outcome] = self.outcomes.get(outcome, 0) + count

    @property
    def absolute(self) -> Rate:
        return rate_of(self.counts.absolute_hits, self.counts.absolute_evaluated)

    @property
    def business(self) -> Rate:
        return rate_of(self.counts.business_hits, self.counts.business_evaluated)

    @property
    def in_hours(self) -> Rate:
        return rate_of(self.counts.in_hours_hits, self.counts.in_hours_evaluated)

    @property
    def strict(self) -> Rate:
        """The business rate with everything that was cancelled past its timer counted as missed."""
        return rate_of(self.counts.business_hits, self.counts.business_evaluated + self.counts.strict_misses)

    @property
    def lags(self) -> Lags:
        counts = self.counts
        spent = (counts.ingest, counts.routing, counts.human)
        ingest, routing, human = (_mean_seconds(one, counts.measured) for one in spent)
        return Lags(counts.measured, ingest, routing, human)


@dataclass(frozen=True, slots=True)
class Group:
    """Counts of cycles of one rule with the same value. `since` is the first day of their bucket (the Monday of a
    week), None where they are not told apart by time.
    """

    rule: int
    since: date | None
    dimension: Dimension
    value: Value
    reason: str
    counts: Counts


@dataclass(frozen=True, slots=True)
class Product:
    """Counts of the cycles that agree in every value: what one grouped scan answers."""

    rule: int
    since: date
    values: Mapping[str, str]
    reason: str
    counts: Counts


@dataclass(slots=True)
class Cohort:
    """Tallies by rule, dimension and value; those of everything and of outcomes by week as well."""

    groups: dict[tuple[int, Dimension, Value], Tally] = field(default_factory=dict)
    weeks: dict[tuple[int, date], Tally] = field(default_factory=dict)

    @property
    def is_empty(self) -> bool:
        return not any(one.counts.n for one in self.groups.values())

    def total(self, rule: int | None = None) -> Tally:
        return self.by((), rule).get((), Tally())

    def by(self, dimension: Dimension, rule: int | None = None) -> dict[Value, Tally]:
        """The tallies of each value, of one rule or of all together."""
        return _merged(
            (key[2], one) for key, one in self.groups.items() if key[1] == dimension and rule in (None, key[0])
        )

    def by_rule(self, dimension: Dimension = ()) -> dict[tuple[int, Value], Tally]:
        return {(key[0], key[2]): one for key, one in self.groups.items() if key[1] == dimension}

    def by_week(self, rule: int | None = None) -> dict[date, Tally]:
        return dict(sorted(_merged((key[1], one) for key, one in self.weeks.items() if rule in (None, key[0])).items()))


def fold(groups: Iterable[Group]) -> Cohort:
    """Add up groups, in whatever order and from wherever they come."""
    cohort = Cohort()
    for one in groups:
        if one.dimension == OUTCOME and one.since is not None:
            (outcome,) = one.value
            _tally(cohort.groups, (one.rule, (), ())).note_outcome(outcome, one.counts.n)
            _tally(cohort.weeks, (one.rule, one.since)).note_outcome(outcome, one.counts.n)
        _tally(cohort.groups, (one.rule, one.dimension, one.value)).take(one.reason, one.counts)
        if one.dimension == () and one.since is not None:
            _tally(cohort.weeks, (one.rule, one.since)).take(one.reason, one.counts)
    return cohort


def fan_out(products: Iterable[Product], dimensions: Sequence[Dimension]) -> Iterator[Group]:
    """Each product once for every dimension."""
    for one in products:
        for dimension in dimensions:
            value = tuple(one.values[name] for name in dimension)
            yield Group(one.rule, one.since, dimension, value, one.reason, one.counts)


def rate_of(hits: int, evaluated: int) -> Rate:
    """A share with its 95% interval after Wilson; no figure where nothing was evaluated."""
    if not evaluated:
        return Rate(hits, evaluated, None, None, None)
    low, high = wilson(hits, evaluated)
    return Rate(hits, evaluated, (Decimal(hits) / evaluated).quantize(PLACES), low, high)


def wilson(hits: int, n: int) -> tuple[Decimal, Decimal]:
    """The Wilson score interval of `hits` out of `n` > 0 at z = 1.96, without continuity correction."""
    with localcontext(prec=40):
        square = Z * Z
        middle = hits + square / 2
        reach = Z * (Decimal(hits * (n - hits)) / n + square / 4).sqrt()
        below = n + square
        return ((middle - reach) / below).quantize(PLACES), ((middle + reach) / below).quantize(PLACES)


def _mean_seconds(total: timedelta, n: int) -> int | None:
    return round(total / timedelta(seconds=1) / n) if n else None


def _tally(tallies: dict[Key, Tally], key: Key) -> Tally:
    return tallies.setdefault(key, Tally())


def _merged(pairs: Iterable[tuple[Key, Tally]]) -> dict[Key, Tally]:
    found: dict[Key, Tally] = {}
    for key, one in pairs:
        merged = _tally(found, key)
        merged.counts.add(one.counts)
        for reason, count in one.excluded.items():
            merged.excluded[reason] = merged.excluded.get(reason, 0) + count
        for outcome, count in one.outcomes.items():
            merged.note_outcome(outcome, count)
    return found
