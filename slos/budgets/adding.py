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

from handoffs import bulk
from slos.budgets import spans, terms
from slos.budgets.engine import RunCounts
from slos.budgets.engine.buckets import MINUTE, floor
from slos.budgets.engine.histogram import bin_of
from slos.budgets.engine.tallies import COUNTED, Causes
from slos.budgets.engine.violations import UNNAMED, Ended
from slos.budgets.spans import Stretch
from slos.models import RunBucket, SliBucket, Slo
from slos.states import RunStatus, SliKind

RUNS = (
    "SELECT r.automation_id, r.finished_at, r.id, r.started_at, r.status, r.occurred_at, r.error_type, r.version, "
    "r.duration_ms, r.attempt, r.retries, r.compensated, r.interventions, r.items_out, r.payload_bytes, r.cost "
    "FROM {spans} JOIN slos_run r "
    "ON r.automation_id = k.owner AND r.finished_at >= k.since AND r.finished_at < k.until"
)
FORGET = (
    "DELETE FROM {table} WHERE id IN (SELECT b.id FROM {spans} JOIN {table} b "
    "ON b.{owner} = k.owner AND b.width = k.width AND b.start >= k.since AND b.start < k.until)"
)
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
    stretches: Sequence[Stretch], slos: Mapping[int, Sequence[Slo]], *, with_minutes: bool
) -> dict[int, list[Ended]]:
    """Replace the minutes (`with_minutes`) of these automations and the narrowest buckets of their SLOs, each within
    its stretches. Answers the runs found by automation, in no order, of those whose SLOs count downtime.
    """
    minutes: dict[tuple[int, datetime], RunCounts] = defaultdict(RunCounts)
    events: dict[tuple[int, int, datetime], Events] = defaultdict(Events)
    seen: dict[int, list[Ended]] = defaultdict(list)
    judges = {automation: [_Judge(one) for one in mine if terms.has_buckets(one)] for automation, mine in slos.items()}
    watched = {automation for automation, mine in slos.items() if any(terms.counts_downtime(one) for one in mine)}
    for row in spans.fetch(RUNS, stretches):
        automation, run = row[0], _run(row)
        if automation in watched:
            seen[automation].append(run)
        if with_minutes:
            count(minutes[automation, floor(run.finished_at, MINUTE)], run, row[8:])
        for judge in judges.get(automation, ()):
            judge.judge(run, events)
    if with_minutes:
        forget(RunBucket, "automation_id", stretches)
        bulk.insert(RunBucket, [bucket_of(owner, MINUTE, start, one) for (owner, start), one in minutes.items()])
    _replace_events(stretches, slos, events)
    return seen


def forget(model: Any, owner: str, stretches: Sequence[Stretch]) -> None:
    """Delete the buckets that begin in these stretches."""
    statement = FORGET.replace("{table}", model._meta.db_table).replace("{owner}", owner)
    spans.execute(statement, stretches)


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


def bucket_of(automation: int, width: int, start: datetime, counts: RunCounts) -> RunBucket:
    said = {name: getattr(counts, name) for name in COUNTED}
    return RunBucket(
        automation_id=automation,
        width=width,
        start=start,
        cost=counts.cost,
        durations=counts.durations,
        errors=counts.errors,
        versions=counts.versions,
        **said,
    )


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
) -> None:
    slices = {one.pk: one for mine in slos.values() for one in mine if terms.counts_slices(one)}
    forget(
        SliBucket,
        "slo_id",
        [
            (mark, slo.pk, terms.base_width(slo), since, until)
            for mark, automation, _, since, until in stretches
            for slo in slos.get(automation, ())
            if terms.has_buckets(slo)
        ],
    )
    rows = [
        SliBucket(slo_id=slo, width=width, start=start, **(_slice(slices[slo], one) if slo in slices else _plain(one)))
        for (slo, width, start), one in events.items()
    ]
    bulk.insert(SliBucket, rows)


def _plain(events: Events) -> dict[str, Any]:
    return {"valid": events.valid, "bad": events.bad, "causes": events.causes}


def _slice(slo: Slo, events: Events) -> dict[str, Any]:
    """A slice is wholly good or bad; a bad one's time goes to the commonest cause of each kind."""
    width = terms.base_width(slo)
    goal = Fraction(slo.slice_target if slo.slice_target is not None else slo.target) / 100
    if Fraction(events.valid - events.bad, events.valid) >= goal:
        return {"valid": width, "bad": 0, "causes": {}}
    return {"valid": width, "bad": width, "causes": dict.fromkeys(_commonest(events.causes), width)}


def _commonest(causes: Causes) -> Iterable[str]:
    best: dict[str, tuple[int, str]] = {}
    for key, bad in sorted(causes.items()):
        kind = key.split("|", 1)[0]
        if kind not in best or bad > best[kind][0]:
            best[kind] = (bad, key)
    return [key for _, key in best.values()]
