"""What runs tell of an automation in a span, M1 to M10, each beside the target one starts with (docs/metrics.md)."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from opsportal.catalog.models import Automation
from slos.budgets.counting import counts
from slos.budgets.engine import RunCounts
from slos.runs.queries import Ended, last_ended

MOST_TAGS, DAY = 50, timedelta(days=1)
LEAST, BELOW = "least", "below"  # how a value meets its target: at least so much, or less than that


@dataclass(frozen=True, slots=True)
class Figure:
    """`value` None where nothing ran; `n` is how many it is worked out from. Units: ratio, seconds, money, count."""

    key: str
    name: str
    unit: str
    value: Decimal | None
    n: int
    target: Decimal | None = None
    meets: str = LEAST

    @property
    def is_met(self) -> bool | None:
        """None where there is no value, or no target to hold it against."""
        if self.value is None or self.target is None:
            return None
        return self.value >= self.target if self.meets == LEAST else self.value < self.target


@dataclass(frozen=True, slots=True)
class TagCost:
    """What the runs with this tag cost."""

    tag: str
    value: str
    runs: int
    cost: Decimal


@dataclass(frozen=True, slots=True)
class Figures:
    """All of them for [from_at, until). Sums come from buckets; completeness and cost by tag from `looked_at` runs."""

    counts: RunCounts
    results: list[Figure]
    looked_at: int
    cost_by_tag: list[TagCost]


def figures(automation: Automation, from_at: datetime, until: datetime) -> Figures:
    """Three queries, whatever ran: no more than the last thousand runs are read."""
    told, ended = counts(automation, from_at, until), last_ended(automation, from_at, until)
    return Figures(told, list(_figures(told, ended)), len(ended), _by_tag(ended))


def mixed_versions(automation: Automation, now: datetime) -> list[str]:
    """The versions that ran within a day where nobody wrote down how one gives way to the other; else none."""
    versions = sorted(version for version in counts(automation, now - DAY, now).versions if version)
    if len(versions) < 2:
        return []
    released = automation.releases.filter(released_at__lte=now, cancelled_at=None)
    newest = released.order_by("-released_at", "-id").first()
    return [] if newest is not None and newest.notes else versions


def _figures(told: RunCounts, ended: Sequence[Ended]) -> Iterator[Figure]:
    """A cancelled run was stopped on purpose: it counts on neither side of M1. Each retry is one more attempt."""
    runs, judged, attempts = told.total, told.succeeded + told.failed, told.total + told.retries
    yield Figure("M1", "success_rate", "ratio", told.success_ratio, judged, Decimal("0.995"))
    for name, took in (("duration_p50", told.p50), ("duration_p95", told.p95), ("duration_p99", told.p99)):
        seconds = None if took is None else Decimal(took) / 1000
        yield Figure("M2", name, "seconds", seconds, told.succeeded)
    yield Figure("M4", "retry_rate", "ratio", _ratio(told.retries, attempts), attempts, Decimal("0.05"), BELOW)
    yield Figure("M5", "compensation_rate", "ratio", _ratio(told.compensated, runs), runs, Decimal("0.005"), BELOW)
    whole = sum(one.duration_ms is not None and bool(one.correlation_id) for one in ended)
    yield Figure("M7", "log_completeness", "ratio", _ratio(whole, len(ended)), len(ended), Decimal(1))
    yield Figure("M8", "cost_per_run", "money", told.cost / runs if runs else None, runs)
    yield Figure("M10", "interventions_per_run", "count", _ratio(told.interventions, runs), runs)


def _ratio(part: int, whole: int) -> Decimal | None:
    return Decimal(part) / whole if whole else None


def _by_tag(ended: Sequence[Ended]) -> list[TagCost]:
    """The dearest first. A run with several tags stands under each, so the sums of different tags do not add up."""
    found: dict[tuple[str, str], list[Decimal]] = defaultdict(list)
    for one in ended:
        for tag, value in one.tags.items() if one.cost is not None else ():
            found[tag, str(value)].append(one.cost or Decimal())
    lines = [TagCost(*key, len(costs), sum(costs, Decimal())) for key, costs in found.items()]
    return sorted(lines, key=lambda line: (-line.cost, line.tag, line.value))[:MOST_TAGS]
