"""What is looked at by itself: whether runs need a look (facts with a beginning and an end), and which are old enough
to go. A constant number of queries for all automations; several sweepers may run at once.
"""

import time
from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.db.models import Count, F, Min, OuterRef, Q, QuerySet, Subquery, Sum, Value
from django.db.models.functions import Coalesce

from opsportal.catalog.models import Automation
from opsportal.sweeps.registry import SweepResult
from slos.facts import News, concerns, end_episodes, raise_facts
from slos.models import DirtyMinute, Fact, Heartbeat, QueueGauge, Run, RunBucket, RunHorizon
from slos.runs import queries, watching
from slos.runs.watching import Finding
from slos.states import FactKind, RunStatus

EVERY = timedelta(seconds=30)
KINDS = ("run_stuck", "runaway_loop", "retry_storm", "empty_output", "queue_depth", "run_limit", "cost")
MANY = 5_000  # running runs looked at in one round
SAMPLE = 500  # runs that say how long one usually takes
RECENT = timedelta(hours=2)
WEEK = timedelta(days=7)
BATCH, SECONDS = 2_000, 8.0


def sweep_watch(now: datetime) -> SweepResult:
    """Raise what is wrong with the runs of any automation, and end what is no longer so."""
    automations = {one.pk: one for one in Automation.objects.select_related("team")}
    found = {
        _episode(automations[pk], one): (automations[pk], one)
        for pk, one in _findings(automations, now)
        if pk in automations and concerns(automations[pk], one.kind)
    }
    going_on = Fact.objects.going_on().filter(kind__in=KINDS).exclude(episode="")
    over = [one for one in going_on.values_list("episode", flat=True) if one.startswith("runs:") and one not in found]
    raised = raise_facts([_news(key, *what, now) for key, what in found.items()], now=now)
    ended = end_episodes(over, at=now)
    return SweepResult(examined=len(found) + len(over), fired=raised + ended)


def sweep_old_runs(now: datetime) -> SweepResult:
    """Delete runs that ended longer ago than they are kept, in short transactions. What they add up to stays: from then
    on no report of that time is taken, and none goes before the rollups have counted it.
    """
    horizon = now - timedelta(days=settings.RUNS_KEEP_DAYS)
    deadline, count = time.monotonic() + SECONDS, 0
    uncounted = DirtyMinute.objects.filter(minute__lt=horizon, automation__isnull=False).values("automation")
    for automation in Automation.objects.exclude(pk__in=uncounted).values_list("pk", flat=True):
        of_one = Run.objects.filter(automation=automation).order_by()
        for old in (of_one.filter(finished_at__lt=horizon), of_one.filter(finished_at=None, started_at__lt=horizon)):
            while time.monotonic() < deadline and (keys := list(old.values_list("pk", flat=True)[:BATCH])):
                RunHorizon.objects.update_or_create(automation_id=automation, defaults={"until": horizon})
                count += Run.objects.filter(pk__in=keys).delete()[0]
    return SweepResult(examined=count, fired=count)


def _episode(automation: Automation, one: Finding) -> str:
    return f"runs:{one.kind}:{automation.pk}:{one.about}".rstrip(":")


def _news(episode: str, automation: Automation, one: Finding, now: datetime) -> News:
    return News(
        key=f"{episode}@{now:%Y%m%dT%H%M%S.%f}",
        kind=FactKind(one.kind),
        sentence=one.sentence,
        occurred_at=min(one.since, now),
        automation=automation,
        episode=episode,
        trace_id=one.trace_id,
        data=dict(one.data or {}),
    )


def _findings(automations: dict[int, Automation], now: datetime) -> Iterator[tuple[int, Finding]]:
    for look in (_stuck, _runaway, _retried, _empty, _queued, _limited, _dear):
        for pk, finding in look(automations, now):
            if finding is not None:
                yield pk, finding


Found = Iterator[tuple[int, Finding | None]]


def _limits(automation: Automation) -> dict[str, Any]:
    return getattr(automation, "limits", None) or {}


def _stuck(automations: dict[int, Automation], now: datetime) -> Found:
    by_automation: dict[int, list[tuple[datetime, str]]] = defaultdict(list)
    running = Run.objects.filter(status=RunStatus.RUNNING, started_at__gt=now - watching.LOST_AFTER, started_at__lt=now)
    rows = running.order_by("started_at").values_list("automation_id", "started_at", "correlation_id")
    for pk, started_at, trace_id in rows[:MANY]:
        by_automation[pk].append((started_at, trace_id))
    heartbeats = Heartbeat.objects.filter(automation__in=by_automation, max_runtime_seconds__gt=0).order_by()
    least = heartbeats.values("automation").annotate(most=Min("max_runtime_seconds"))
    expected = dict(least.values_list("automation", "most"))
    for pk, starts in by_automation.items():
        limit = _limits(automations[pk]).get("max_runtime_seconds") or expected.get(pk)
        is_old = limit is None and starts[0][0] < now - watching.DEFAULT_RUNTIME
        allowed = watching.allowed_runtime(limit, _p99(pk) if is_old else None)
        yield pk, watching.stuck(automations[pk].name, starts, allowed, now)


def _p99(automation: int) -> timedelta | None:
    """Of its last runs, by an index; asked only where a run has been going on for long."""
    ended = Run.objects.filter(automation=automation, finished_at__isnull=False).order_by("-finished_at")
    durations = ended.values_list("duration_ms", flat=True)[:SAMPLE]
    return watching.percentile([one for one in durations if one is not None], 0.99)


def _runaway(automations: dict[int, Automation], now: datetime) -> Found:
    span = timedelta(minutes=watching.RATE_MINUTES)
    usual = _week(now, Sum(F("succeeded") + F("failed") + F("cancelled")))
    for pk, count in _began_since(now - span, now):
        mean = Decimal(usual.get(pk, (0,))[0] or 0) * span.seconds / Decimal(WEEK.total_seconds())
        per_hour = _limits(automations[pk]).get("runs_per_hour")
        yield pk, watching.runaway(automations[pk].name, count, per_hour, mean, now)


def _began_since(since: datetime, now: datetime) -> Iterable[tuple[int, int]]:
    """Of each automation how many runs began in [since, now]: an index range for each, in one statement."""
    began = Run.objects.filter(automation=OuterRef("pk"), started_at__gte=since, started_at__lte=now).order_by()
    counted = began.values("automation").annotate(n=Count("pk")).values("n")
    rows = Automation.objects.order_by().annotate(n=Coalesce(Subquery(counted), Value(0))).filter(n__gt=0)
    return rows.values_list("pk", "n")


def _retried(automations: dict[int, Automation], now: datetime) -> Found:
    sums = (Sum(F("succeeded") + F("failed") + F("cancelled")), Sum("retries"))
    since = now - timedelta(minutes=watching.RETRY_MINUTES)
    recent = _sums(RunBucket.objects.filter(width=60, start__gte=since, start__lte=now), *sums)
    usual = _week(now, *sums) if recent else {}
    for pk, (runs, retries) in recent.items():
        before, retried = usual.get(pk, (0, 0))
        ratio = Decimal(retried) / before if before else None
        limit = _limits(automations[pk]).get("retry_ratio")
        yield pk, watching.retry_storm(automations[pk].name, runs, retries, limit, ratio, now)


def _empty(automations: dict[int, Automation], now: datetime) -> Found:
    """Only where an empty run ended of late, a least number is set, or one is known to go on."""
    of_late = RunBucket.objects.filter(width=60, start__gte=now - RECENT, start__lte=now)
    asked = set(of_late.filter(empty__gt=0).values_list("automation", flat=True))
    picky = [pk for pk, one in automations.items() if isinstance(_limits(one).get("min_items"), int)]
    asked |= set(of_late.filter(automation__in=picky).values_list("automation", flat=True)) if picky else set()
    known = Fact.objects.going_on().filter(kind=FactKind.EMPTY_OUTPUT, automation__isnull=False)
    for pk in asked | {one for one in known.values_list("automation", flat=True) if one}:
        ended = Run.objects.filter(automation=pk, status=RunStatus.SUCCEEDED, finished_at__lte=now)
        last = ended.filter(items_out__isnull=False).order_by("-finished_at", "-pk")
        rows = list(last.values_list("finished_at", "items_out", "correlation_id")[: watching.EMPTY_IN_A_ROW])
        yield pk, watching.empty_output(automations[pk].name, rows, _limits(automations[pk]).get("min_items"))


def _queued(automations: dict[int, Automation], now: datetime) -> Found:
    for gauge in QueueGauge.objects.all():
        one = automations[gauge.automation_id]
        finding = watching.queued(one.name, gauge.depth, gauge.oldest_age_seconds, _limits(one), gauge.reported_at)
        yield gauge.automation_id, finding


def _limited(automations: dict[int, Automation], now: datetime) -> Found:
    for pk, automation in automations.items():
        caps = {key: value for key, value in _limits(automation).items() if key in ("runs_per_day", "runs_per_month")}
        for key, used in (queries.use_of_caps(automation, now, caps) if caps else {}).items():
            since = queries.period_start(key, now)
            yield pk, watching.near_limit(automation.name, key, used, caps[key], since, now)


def _dear(automations: dict[int, Automation], now: datetime) -> Found:
    budgets = {pk: budget for pk, one in automations.items() if (budget := getattr(one, "cost_budget", None))}
    month = queries.period_start("runs_per_month", now)
    spent = _sums(queries.buckets_between(month, now).filter(automation__in=budgets), Sum("cost")) if budgets else {}
    for pk, (cost,) in spent.items():
        yield pk, watching.dear(automations[pk].name, cost, budgets[pk], month, now)


def _week(now: datetime, *sums: Any) -> dict[int, tuple[Any, ...]]:
    """What the whole hours of the last seven days add up to."""
    hours = Q(width=3_600, start__gte=now - WEEK, start__lt=now - timedelta(hours=1))
    return _sums(RunBucket.objects.filter(hours), *sums)


def _sums(buckets: QuerySet[RunBucket], *sums: Any) -> dict[int, tuple[Any, ...]]:
    named = {f"sum_{number}": each for number, each in enumerate(sums)}
    rows = buckets.order_by().values("automation").annotate(**named).values_list("automation", *named)
    return {pk: tuple(values) for pk, *values in rows}
