"""Violations: which stretches of time an automation was down, from its runs. Each has a rule, an error and a version,
so that the spend can be told apart; where stretches overlap, the time goes to the first rule in RULES.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from slos.budgets.engine.intervals import Span, merge, seconds, without
from slos.states import RunStatus

# Strongest first: a missed heartbeat explains a silence better than the failures before it.
HEARTBEAT, STREAK, LIMIT, STALE = "heartbeat", "streak", "limit", "stale"
RULES = (HEARTBEAT, STREAK, LIMIT, STALE)
MISSED, OVER_LIMIT, OUT_OF_DATE, UNNAMED = "heartbeat missed", "run limit exceeded", "data out of date", "unnamed error"


@dataclass(slots=True)
class Ended:
    """A run that has ended, as far as SLIs go by it. Runs are in order of (finished_at, id)."""

    finished_at: datetime
    id: int
    started_at: datetime
    status: str
    occurred_at: datetime | None = None
    error: str = ""
    version: str = ""
    duration_ms: int | None = None

    @property
    def took(self) -> timedelta:
        """Exact where the platform did not say how long it took."""
        if self.duration_ms is not None:
            return timedelta(milliseconds=self.duration_ms)
        return self.finished_at - self.started_at

    @property
    def failed(self) -> bool:
        return self.status == RunStatus.FAILED

    @property
    def succeeded(self) -> bool:
        return self.status == RunStatus.SUCCEEDED

    @property
    def carried_at(self) -> datetime:
        """When what it carries happened."""
        return self.occurred_at or self.started_at


@dataclass(frozen=True, slots=True)
class Violation:
    """[start, end) in which a rule was violated; `end` None: it goes on."""

    rule: str
    start: datetime
    end: datetime | None
    error: str = ""
    version: str = ""

    def span(self, until: datetime) -> Span:
        return self.start, min(self.end or until, until)


def over_limit(runs: Iterable[Ended], limit: timedelta) -> list[Violation]:
    """The overage of runs that took longer: [started + limit, finished)."""
    return [
        Violation(LIMIT, one.started_at + limit, one.finished_at, one.error or OVER_LIMIT, one.version)
        for one in runs
        if one.finished_at > one.started_at + limit
    ]


def streaks(runs: Sequence[Ended], k: int) -> list[Violation]:
    """Runs of at least `k` failures, from the instant the first failure finished until the next success finished.

    A piece for each failure, which lasts until the next run finished, so that each has its own error and version.
    Cancelled runs neither break nor lengthen a streak.
    """
    found: list[Violation] = []
    streak: list[Ended] = []
    for one in runs:
        if one.failed:
            streak.append(one)
        elif one.succeeded:
            found += _pieces(streak, k, one.finished_at)
            streak = []
    return found + _pieces(streak, k, None)


def _pieces(streak: Sequence[Ended], k: int, end: datetime | None) -> list[Violation]:
    if len(streak) < max(k, 1):
        return []
    ends = [*(one.finished_at for one in streak[1:]), end]
    return [
        Violation(STREAK, one.finished_at, until, one.error or UNNAMED, one.version)
        for one, until in zip(streak, ends, strict=True)
        if until is None or until > one.finished_at
    ]


def fresh(runs: Iterable[Ended], threshold: timedelta) -> list[Span]:
    """When the newest delivered data was not older than `threshold`: what a run delivers is fresh from its end until
    threshold after it happened, so freshness is the union over runs.
    """
    return merge((one.finished_at, one.carried_at + threshold) for one in runs if one.succeeded)


def stale(runs: Iterable[Ended], threshold: timedelta, within: Span) -> list[Violation]:
    """The time within `within` that was not fresh. Before the first delivery there is nothing to be stale."""
    return [Violation(STALE, start, end, OUT_OF_DATE) for start, end in without([within], fresh(runs, threshold))]


def add_up(violations: Iterable[Violation], within: Sequence[Span], until: datetime) -> tuple[int, dict[str, int]]:
    """Seconds of the union of violations inside `within` (merged spans), and how they spread over causes.

    Every second goes to one violation: by rule, then to the one that began first.
    """
    ordered = sorted(violations, key=lambda one: (RULES.index(one.rule), one.start, one.end or until))
    taken: list[Span] = []
    causes: dict[str, int] = {}
    total = 0
    for one in ordered:
        pieces = without(_inside(one.span(until), within), taken)
        length = seconds(pieces)
        if pieces:
            taken = merge([*taken, *pieces])
        if length:
            total += length
            for key in (f"error|{one.error}", f"version|{one.version}"):
                causes[key] = causes.get(key, 0) + length
    return total, causes


def _inside(span: Span, within: Sequence[Span]) -> list[Span]:
    start, end = span
    return [(max(start, a), min(end, b)) for a, b in within if a < end and start < b]
