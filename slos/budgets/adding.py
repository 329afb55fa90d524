"""Adding runs up: one pass over the runs of some stretches makes the minutes of their automations and the narrowest
buckets of every SLO on them. Each run is read once, however many SLOs judge it.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

from slos.budgets import keeping, spans, terms
from slos.budgets.engine import RunCounts
from slos.budgets.engine.buckets import MINUTE, WIDTHS, chain_of, floor
from slos.budgets.engine.histogram import bin_of
from slos.budgets.engine.tallies import Causes, add_into
from slos.budgets.engine.violations import UNNAMED, Ended
from slos.budgets.keeping import Spent
from slos.budgets.spans import Stretch
from slos.models import Slo
from slos.states import RunStatus, SliKind

RUNS = (
    "SELECT b.automation_id, b.finished_at, b.id, b.started_at, b.status, b.occurred_at, b.error_type, b.version, "
    "b.duration_ms, b.attempt, b.retries, b.compensated, b.interventions, b.items_out, b.payload_bytes, b.cost "
) + spans.rows_in("slos_run", "b.automation_id = k.owner AND b.finished_at >= k.since AND b.finished_at < k.until")
TOO_SLOW, TOO_LATE = "slower than the threshold", "later than the threshold"
SUCCEEDED, FAILED, CANCELLED = (one.value for one in (RunStatus.SUCCEEDED, RunStatus.FAILED, RunStatus.CANCELLED))
MILLISECOND = timedelta(milliseconds=1)


@dataclass(slots=True)
class Events:
    """Valid and bad events of one bucket, with their causes."""

    valid: int = 0
    bad: int = 0
    causes: Causes = field(default_factory=dict)

    def add_bad(self, error: str, version: str) -> None:
        self.bad += 1
        for key in (f"error|{error}", f"version|{version}"):
            self.causes[key] = self.causes.get(key, 0) + 1


def add_up(
    stretches: Sequence[Stretch], slos: Mapping[int, Sequence[Slo]], *, with_runs: bool = True, to_days: bool = False
) -> dict[int, list[Ended]]:
    """Replace the minutes of these automations (`with_runs`) and the narrowest buckets of their SLOs, each within its
    stretches; where those are whole days that are over, the wider ones as well (`to_days`). Answers the runs found by
    automation, in no order, of those whose SLOs count downtime.
    """
    minutes: dict[tuple[int, int, datetime], RunCounts] = defaultdict(RunCounts)
    events: dict[tuple[int, int, datetime], Events] = defaultdict(Events)
    seen: dict[int, list[Ended]] = defaultdict(list)
    judges = {automation: [_Judge(one) for one in mine if terms.has_buckets(one)] for automation, mine in slos.items()}
    watched = {automation for automation, mine in slos.items() if any(terms.counts_downtime(one) for one in mine)}
    for row in spans.fetch(RUNS, stretches):
        automation, run = row[0], _run(row)
        if automation in watched:
            seen[automation].append(run)
        if with_runs:
            count(minutes[automation, MINUTE, floor(run.finished_at, MINUTE)], run, row[8:])
        for judge in judges.get(automation, ()):
            judge.judge(run, events)
    if with_runs:
        widths = WIDTHS if to_days else WIDTHS[:1]
        keeping.replace_runs(_by_width(stretches, widths), _widened_runs(minutes, widths).items())
    _replace_events(stretches, slos, events, to_days)
    return seen


def _by_width(stretches: Sequence[Stretch], widths: Iterable[int]) -> list[Stretch]:
    return [(mark, owner, width, since, until) for mark, owner, _, since, until in stretches for width in widths]


def _widened_runs(
    minutes: Mapping[tuple[int, int, datetime], RunCounts], widths: Sequence[int]
) -> dict[tuple[int, int, datetime], RunCounts]:
    found, narrower = dict(minutes), minutes
    for width in widths[1:]:
        wider: dict[tuple[int, int, datetime], RunCounts] = defaultdict(RunCounts)
        for (owner, _, start), one in narrower.items():
            wider[owner, width, floor(start, width)].take(one)
        found |= wider
        narrower = wider
    return found


def count(counts: RunCounts, run: Ended, rest: Sequence[Any]) -> None:
    """Take a run into the counts of its minute."""
    _, attempt, retries, compensated, interventions, items_out, payload_bytes, cost = rest
    counts.attempts += attempt
    counts.retries += retries
    counts.compensated += bool(compensated)
    counts.interventions += interventions
    counts.items_out += items_out or 0
    counts.payload_bytes += payload_bytes or 0
    if cost:
        counts.cost += Decimal(str(cost))
    if run.status == CANCELLED:
        counts.cancelled += 1
        return
    versions = counts.versions.setdefault(run.version, [0, 0])
    if run.status == FAILED:
        counts.failed += 1
        versions[1] += 1
        error = run.error or UNNAMED
        counts.errors[error] = counts.errors.get(error, 0) + 1
    else:
        counts.succeeded += 1
        versions[0] += 1
        counts.empty += items_out == 0
        number = bin_of(run.took // MILLISECOND)
        counts.durations[number] = counts.durations.get(number, 0) + 1


def _run(row: Sequence[Any]) -> Ended:
    _, finished_at, key, started_at, status, occurred_at, error, version, duration_ms = row[:9]
    if isinstance(finished_at, str) or finished_at.tzinfo is None:
        finished_at, started_at = spans.instant(finished_at), spans.instant(started_at)
        occurred_at = spans.instant(occurred_at)
    return Ended(finished_at, key, started_at, status, occurred_at, error, version, duration_ms)


# --- the buckets of SLOs ---


class _Judge:
    """Decides which runs are valid and bad for one SLO."""

    def __init__(self, slo: Slo) -> None:
        self.key = slo.pk
        self.width = terms.base_width(slo)
        self.kind = slo.kind
        self.threshold = timedelta(milliseconds=slo.threshold_ms) if slo.threshold_ms is not None else None

    def judge(self, run: Ended, events: dict[tuple[int, int, datetime], Events]) -> None:
        if run.status == CANCELLED:
            return
        bucket = events[self.key, self.width, floor(run.finished_at, self.width)]
        bucket.valid += 1
        if run.status == FAILED:
            bucket.add_bad(run.error or UNNAMED, run.version)
        elif self.threshold is None or self.kind == SliKind.AVAILABILITY:
            return
        elif self.kind == SliKind.LATENCY and run.took > self.threshold:
            bucket.add_bad(TOO_SLOW, run.version)
        elif self.kind == SliKind.FRESHNESS and run.finished_at - (run.occurred_at or run.started_at) > self.threshold:
            bucket.add_bad(TOO_LATE, run.version)


def _replace_events(
    stretches: Sequence[Stretch],
    slos: Mapping[int, Sequence[Slo]],
    events: Mapping[tuple[int, int, datetime], Events],
    to_days: bool,
) -> None:
    chains: dict[int, tuple[int, ...]] = {}
    slices: dict[int, Slo] = {}
    for one in (one for mine in slos.values() for one in mine if terms.has_buckets(one)):
        chain = chain_of(terms.base_width(one))
        chains[one.pk] = chain if to_days else chain[:1]
        if terms.counts_slices(one):
            slices[one.pk] = one
    old = [
        (mark, slo.pk, width, since, until)
        for mark, automation, _, since, until in stretches
        for slo in slos.get(automation, ())
        for width in chains.get(slo.pk, ())
    ]
    rows: dict[tuple[int, int, datetime], Spent] = {
        key: _slice(slices[key[0]], one) if key[0] in slices else (one.valid, one.bad, one.causes)
        for key, one in events.items()
    }
    keeping.replace_events(old, [*rows.items(), *_widened_events(rows, chains)])


def _widened_events(
    rows: Mapping[tuple[int, int, datetime], Spent], chains: Mapping[int, tuple[int, ...]]
) -> Iterable[tuple[tuple[int, int, datetime], Spent]]:
    sums: dict[tuple[int, int, datetime], Events] = defaultdict(Events)
    for (slo, _, start), (valid, bad, causes) in rows.items():
        for width in chains[slo][1:]:
            one = sums[slo, width, floor(start, width)]
            one.valid += valid
            one.bad += bad
            add_into(one.causes, causes)
    return [(key, (one.valid, one.bad, one.causes)) for key, one in sums.items()]


def _slice(slo: Slo, events: Events) -> Spent:
    """A slice is wholly good or bad; a bad one's time goes to the commonest cause of each kind."""
    width = terms.base_width(slo)
    goal = Fraction(slo.slice_target if slo.slice_target is not None else slo.target) / 100
    if Fraction(events.valid - events.bad, events.valid) >= goal:
        return width, 0, {}
    return width, width, dict.fromkeys(_commonest(events.causes), width)


def _commonest(causes: Causes) -> Iterable[str]:
    best: dict[str, tuple[int, str]] = {}
    for key, bad in sorted(causes.items()):
        kind = key.split("|", 1)[0]
        if kind not in best or bad > best[kind][0]:
            best[kind] = (bad, key)
    return [key for _, key in best.values()]
