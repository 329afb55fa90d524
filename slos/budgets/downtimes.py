"""Keeping the downtime of runs: when runs of a stretch change, the violations around it are worked out anew."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta

from django.db.models import Q, QuerySet

from slos.budgets import spans, terms
from slos.budgets.engine import Span
from slos.budgets.engine.violations import STALE, STREAK, Ended, Violation, fresh, over_limit, stale, streaks
from slos.budgets.spans import Stretch
from slos.models import Downtime, Run, Slo
from slos.states import RunStatus

LIMITS = spans.rows_in(
    "slos_downtime", "b.slo_id = k.owner AND b.rule = 'limit' AND b.until >= k.since AND b.until < k.until"
)
FORGET_LIMITS = f"DELETE FROM slos_downtime WHERE id IN (SELECT b.id {LIMITS})"  # noqa: S608

IN_STREAK = "SELECT DISTINCT k.mark " + spans.rows_in(
    "slos_downtime",
    "b.slo_id = k.owner AND b.rule = 'streak' AND b.from_at < k.until AND (b.until >= k.since OR b.until IS NULL)",
)
COLUMNS = ("finished_at", "id", "started_at", "status", "occurred_at", "error_type", "version", "duration_ms")
FOREVER = datetime.max.replace(tzinfo=UTC)


def rework(
    stretches: Sequence[Stretch], slos: Mapping[int, Sequence[Slo]], seen: Mapping[int, Sequence[Ended]]
) -> None:
    """Replace the violations that the runs `seen` in these stretches of automations make."""
    pairs = [
        (slo, since, until)
        for _, automation, _, since, until in stretches
        for slo in slos.get(automation, ())
        if terms.counts_downtime(slo)
    ]
    rows = [*_limits([one for one in pairs if terms.run_limit(one[0])], seen)]
    for slo, since, until in _touched([one for one in pairs if terms.streak_length(one[0])], seen):
        rows += _streaks(slo, since, until)
    for slo, since, until in pairs:
        if terms.lag_limit(slo):
            rows += _stale(slo, since, until)
    Downtime.objects.bulk_create(rows, batch_size=1_000)


Pair = tuple[Slo, datetime, datetime]


def _limits(pairs: Sequence[Pair], seen: Mapping[int, Sequence[Ended]]) -> Iterable[Downtime]:
    """Overages end when their run ends, so those of a stretch are told by their end."""
    spans.execute(FORGET_LIMITS, [(0, slo.pk, 0, since, until) for slo, since, until in pairs])
    for slo in {slo.pk: slo for slo, _, _ in pairs}.values():
        limit = terms.run_limit(slo) or timedelta()
        for one in over_limit(seen.get(slo.automation_id or 0, ()), limit):
            yield _row(slo, one)


def _touched(pairs: Sequence[Pair], seen: Mapping[int, Sequence[Ended]]) -> list[Pair]:
    """Where a streak may have come, grown or gone: something failed, or there is one already."""
    stretches = [(number, slo.pk, 0, since, until) for number, (slo, since, until) in enumerate(pairs)]
    there = {number for (number,) in spans.fetch(IN_STREAK, stretches)}
    failures = {automation: sorted(one.finished_at for one in runs if one.failed) for automation, runs in seen.items()}
    return [
        (slo, since, until)
        for number, (slo, since, until) in enumerate(pairs)
        if number in there or any(since <= at < until for at in failures.get(slo.automation_id or 0, ()))
    ]


def _streaks(slo: Slo, since: datetime, until: datetime) -> list[Downtime]:
    """Only failures fewer than k runs away can be affected; k more on each side tell whether they are in a streak."""
    k = terms.streak_length(slo) or 1
    runs = _runs(slo).filter(status__in=[RunStatus.SUCCEEDED.value, RunStatus.FAILED.value])
    before = [*_ended(runs.filter(finished_at__lt=since).order_by("-finished_at", "-id")[: 2 * k])][::-1]
    inside = [*_ended(runs.filter(finished_at__gte=since, finished_at__lt=until))]
    after = [*_ended(runs.filter(finished_at__gte=until)[: 2 * k])]
    affected = [*before[-k:], *inside, *after[:k]]
    if not affected:
        return []
    first, last = affected[0].finished_at, affected[-1].finished_at
    Downtime.objects.filter(slo=slo, rule=STREAK, from_at__gte=first, from_at__lte=last).delete()
    found = streaks([*before, *inside, *after], k)
    return [_row(slo, one) for one in found if first <= one.start <= last]


def _stale(slo: Slo, since: datetime, until: datetime) -> list[Downtime]:
    """What is delivered in a stretch can be fresh up to the threshold after it; from there on nothing changes, save
    that what is stale stays so until the next fresh delivery.
    """
    threshold = terms.lag_limit(slo) or timedelta()
    runs = _runs(slo).filter(status=RunStatus.SUCCEEDED.value)
    first = runs.values_list("finished_at", flat=True).first()
    end = until + threshold
    near = [*_ended(runs.filter(finished_at__gte=since - threshold, finished_at__lt=end))]
    if first is None or first >= end:
        return []
    start, stop = max(since, first), end
    if not any(a <= end < b for a, b in fresh(near, threshold)):
        stop = _next_fresh(runs.filter(finished_at__gte=end), threshold)
    _clear(slo, (start, stop))
    return [
        _row(slo, Violation(one.rule, one.start, None if one.end == FOREVER else one.end, one.error))
        for one in stale(near, threshold, (start, stop))
    ]


def _next_fresh(runs: QuerySet[Run], threshold: timedelta) -> datetime:
    for one in _ended(runs):
        if one.carried_at + threshold > one.finished_at:
            return one.finished_at
    return FOREVER


def _clear(slo: Slo, within: Span) -> None:
    start, stop = within
    kept = Downtime.objects.filter(slo=slo, rule=STALE)
    inside = Q(from_at__gte=start, from_at__lt=stop)
    kept.filter(inside).delete()
    kept.filter(Q(until__gt=start) | Q(until=None), from_at__lt=start).update(until=start)


def _runs(slo: Slo) -> QuerySet[Run]:
    return Run.objects.filter(automation=slo.automation_id, finished_at__isnull=False).order_by("finished_at", "id")


def _ended(runs: QuerySet[Run]) -> Iterable[Ended]:
    return (Ended(*values) for values in runs.values_list(*COLUMNS).iterator(chunk_size=500))


def _row(slo: Slo, one: Violation) -> Downtime:
    return Downtime(
        slo_id=slo.pk, rule=one.rule, from_at=one.start, until=one.end, error=one.error[:120], version=one.version[:60]
    )
