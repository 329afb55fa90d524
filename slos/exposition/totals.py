"""The sweep's part behind /metrics: running totals brought up to what the rollups of the last days say."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import islice
from typing import Any, TypeVar

from django.db import transaction

from opsportal.catalog.models import Automation
from opsportal.sweeps.registry import SweepResult
from slos.budgets.counting import count_runs
from slos.budgets.engine import RunCounts
from slos.budgets.queries import budgets, tallies
from slos.budgets.readings import Asked
from slos.exposition.engine.totals import Figures, grown, run_figures, slo_figures, slo_gauges
from slos.models import ExportedTotal, Slo
from slos.states import SliKind

T = TypeVar("T")
EVERY = timedelta(seconds=60)
# What arrives later than this is in pages and budgets, and not in counters: they could not say when it happened.
DAYS = 3
BATCH = 200
BEGINNING = datetime(2000, 1, 1, tzinfo=UTC)


def sweep_totals(now: datetime) -> SweepResult:
    """Bring every automation's and SLO's totals up to date; answers how many were looked at and how many changed."""
    automations = Automation.objects.order_by("pk")
    slos = Slo.objects.in_force().select_related("automation", "heartbeat", "rule")
    examined = changed = 0
    for batch in _batches(automations.iterator(chunk_size=BATCH)):
        examined, changed = examined + len(batch), changed + _count_automations(batch, now)
    for group in _batches(slos.order_by("pk").iterator(chunk_size=BATCH)):
        examined, changed = examined + len(group), changed + _count_slos(group, now)
    return SweepResult(examined, changed)


@transaction.atomic
def _count_automations(automations: Sequence[Automation], now: datetime) -> int:
    """Durations and errors are read only of those whose runs have become more: they are the dear part."""
    rows = _locked({"automation__in": automations}, "automation_id")
    first = _day_start(_days(now)[0])
    fresh = [one for one in automations if one.pk not in rows]
    known = [one for one in automations if one.pk in rows]
    before = count_runs(fresh, BEGINNING, first, details=True) if fresh else {}
    for one in fresh:
        totals = run_figures(before.get(one.pk, RunCounts()), ())
        rows[one.pk] = ExportedTotal(automation=one, totals=totals, updated_at=now)
    news: dict[int, dict[str, Figures]] = {one.pk: {} for one in automations}
    for day in _days(now):
        start, end = _day_start(day), _day_start(day) + timedelta(days=1)
        plain = count_runs(known, start, end) if known else {}
        more = [one for one in known if _is_news(plain[one.pk], rows[one.pk], day)]
        if more or fresh:
            for pk, counts in count_runs([*more, *fresh], start, end, details=True).items():
                known_names = {*rows[pk].totals, *(name for figures in news[pk].values() for name in figures)}
                news[pk][day.isoformat()] = run_figures(counts, known_names)
    return _write(rows, news, now)


@transaction.atomic
def _count_slos(slos: Sequence[Slo], now: datetime) -> int:
    rows = _locked({"slo__in": slos}, "slo_id")
    days = _days(now)
    fresh = {one.pk for one in slos} - set(rows)
    asked = [
        Asked(one, start, end, now)
        for one in slos
        if one.kind != SliKind.COMPOSITE  # it has no events of its own
        for start, end in [
            *([(BEGINNING, _day_start(days[0]))] if one.pk in fresh else []),
            *((_day_start(day), min(now, _day_start(day) + timedelta(days=1))) for day in days),
        ]
        if start < end
    ]
    news: dict[int, dict[str, Figures]] = {one.pk: {} for one in slos}
    rows |= {one.pk: ExportedTotal(slo=one, updated_at=now) for one in slos if one.pk in fresh}
    for one, tally in zip(asked, tallies(asked), strict=True):
        if one.start == BEGINNING:
            rows[one.slo.pk].totals = slo_figures(tally)
        else:
            news[one.slo.pk][one.start.date().isoformat()] = slo_figures(tally)
    gauges = {pk: slo_gauges(budget) for pk, budget in budgets(slos, now).items()}
    return _write(rows, news, now, gauges)


def _write(
    rows: dict[int, ExportedTotal],
    news: dict[int, dict[str, Figures]],
    now: datetime,
    gauges: Mapping[int, dict[str, Any]] | None = None,
) -> int:
    """Add what is new, keep what each day said, forget days that are over for good."""
    oldest = _days(now)[0].isoformat()
    changed = []
    for pk, row in rows.items():
        before = (row.totals, row.days, row.gauges)
        row.gauges = (gauges or {}).get(pk, {})
        for day, figures in news[pk].items():
            row.totals = grown(row.totals, row.days.get(day, {}), figures)
        row.days = {day: figures for day, figures in {**row.days, **news[pk]}.items() if day >= oldest}
        if row._state.adding or (row.totals, row.days, row.gauges) != before:
            row.updated_at = now
            changed.append(row)
    known = [row for row in changed if not row._state.adding]
    ExportedTotal.objects.bulk_create([row for row in changed if row._state.adding], ignore_conflicts=True)
    ExportedTotal.objects.bulk_update(known, ["totals", "days", "gauges", "updated_at"])
    return len(changed)


def _is_news(counts: RunCounts, row: ExportedTotal, day: date) -> bool:
    """Whether the day says other sums than it said; a day that has none and had none says nothing."""
    figures = run_figures(counts, ())
    before = row.days.get(day.isoformat(), {})
    return any(value != before.get(name, 0) for name, value in figures.items())


def _locked(of: dict[str, object], key: str) -> dict[int, ExportedTotal]:
    """The rows there are, by what they are of. Whoever else is counting waits here, and then finds little to add."""
    rows = ExportedTotal.objects.select_for_update(of=("self",)).filter(**of).order_by("pk")
    return {getattr(row, key): row for row in rows}


def _days(now: datetime) -> list[date]:
    today = now.astimezone(UTC).date()
    return [today - timedelta(days=back) for back in reversed(range(DAYS))]


def _day_start(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def _batches(rows: Iterable[T]) -> Iterator[list[T]]:
    source = iter(rows)
    while batch := list(islice(source, BATCH)):
        yield batch
