"""What is counted: tallies that add up, what a day and a cause have spent, what runs came to."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Self

from slos.budgets.engine import histogram

Causes = dict[str, int]


@dataclass(frozen=True, slots=True)
class Tally:
    """Events, or seconds where time is counted. `excluded` and `unmeasured` are always seconds that do not count.

    Keys of `causes` are "kind|value" ("error|RateLimit", "version|v12"); those of one kind sum to `bad`.
    """

    valid: int = 0
    bad: int = 0
    excluded: int = 0
    unmeasured: int = 0
    causes: Causes = field(default_factory=dict)

    @property
    def good(self) -> int:
        return self.valid - self.bad

    def __add__(self, other: "Tally") -> "Tally":
        return Tally(
            self.valid + other.valid,
            self.bad + other.bad,
            self.excluded + other.excluded,
            self.unmeasured + other.unmeasured,
            merged(self.causes, other.causes),
        )

    @classmethod
    def sum(cls, tallies: Iterable["Tally"]) -> "Tally":
        total = cls()
        for one in tallies:
            total += one
        return total


@dataclass(frozen=True, slots=True)
class Day:
    """A day in the SLO's zone. `burn` None: nothing valid. `complete`: wholly over and wholly looked at."""

    date: date
    tally: Tally
    burn: Decimal | None
    complete: bool


@dataclass(frozen=True, slots=True)
class Cause:
    """What was spent because of one error class or one version; `share` of all that is bad, from 0 to 1."""

    kind: str
    value: str
    bad: int
    share: Decimal


@dataclass(frozen=True, slots=True)
class Point:
    """A point of a burn-down: how much of the budget remained (1 = all); None where nothing could be said."""

    at: datetime
    remaining: Decimal | None


@dataclass(slots=True)
class RunCounts:
    """What the runs of a stretch came to. `durations` is the histogram of those that succeeded (engine.histogram),
    `versions` counts [succeeded, failed].
    """

    succeeded: int = 0
    failed: int = 0
    cancelled: int = 0
    attempts: int = 0
    retries: int = 0
    compensated: int = 0
    interventions: int = 0
    items_out: int = 0
    empty: int = 0
    payload_bytes: int = 0
    cost: Decimal = Decimal()
    durations: Causes = field(default_factory=dict)
    errors: Causes = field(default_factory=dict)
    versions: dict[str, list[int]] = field(default_factory=dict)

    @property
    def total(self) -> int:
        return self.succeeded + self.failed + self.cancelled

    @property
    def success_ratio(self) -> Decimal | None:
        """Of those that were not cancelled."""
        ended = self.succeeded + self.failed
        return Decimal(self.succeeded) / ended if ended else None

    def percentile(self, share: float) -> int | None:
        """Milliseconds within which this share of the runs took place, true to 1%."""
        return histogram.percentile(self.durations, share)

    @property
    def p50(self) -> int | None:
        return self.percentile(0.5)

    @property
    def p95(self) -> int | None:
        return self.percentile(0.95)

    @property
    def p99(self) -> int | None:
        return self.percentile(0.99)

    def within(self, milliseconds: int) -> int:
        """How many that succeeded took at most so long, true to 1%."""
        return histogram.within(self.durations, milliseconds)

    def take(self, other: Self) -> None:
        """Take the other ones in."""
        for name in COUNTED:
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.cost += other.cost
        add_into(self.durations, other.durations)
        add_into(self.errors, other.errors)
        for version, (succeeded, failed) in other.versions.items():
            kept = self.versions.setdefault(version, [0, 0])
            kept[0] += succeeded
            kept[1] += failed


COUNTED = (
    "succeeded",
    "failed",
    "cancelled",
    "attempts",
    "retries",
    "compensated",
    "interventions",
    "items_out",
    "empty",
    "payload_bytes",
)


def add_into(counts: Causes, others: Mapping[str, int]) -> None:
    for key, count in others.items():
        counts[key] = counts.get(key, 0) + count


def merged(first: Causes, second: Causes) -> Causes:
    if not first or not second:
        return first or second
    total = dict(first)
    add_into(total, second)
    return total
