"""Reads of runs, for pages, the API and the rooms above."""

from collections.abc import Collection, Iterable
from datetime import UTC, datetime
from decimal import Decimal
from itertools import pairwise
from typing import Any, NamedTuple

from django.db.models import Q, QuerySet

from opsportal.catalog.limits import CAPS
from opsportal.catalog.models import Automation
from opsportal.errors import NotFound
from opsportal.identity.actors import Principal
from slos.models import QueueGauge, Run, RunBucket


def list_runs(principal: Principal | None) -> QuerySet[Run]:
    """The runs of the automations somebody may see, newest first."""
    return Run.objects.visible_to(principal).order_by("-id")


def get_run(pk: int, *, principal: Principal | None) -> Run:
    """Raises NotFound, also for what `principal` may not see."""
    run = list_runs(principal).select_related("automation").filter(pk=pk).first() if pk < 2**63 else None
    if run is None:
        raise NotFound("unknown_run", "There is no such run.")
    return run


def last_runs(automation: Automation, n: int) -> list[Run]:
    """The last `n` runs by their start, newest first: by an index, whatever there is behind them."""
    return list(Run.objects.filter(automation=automation).order_by("-started_at")[:n])


def find_runs_with_trace(trace_id: str, principal: Principal | None) -> QuerySet[Run]:
    """The runs of one correlation id, oldest first."""
    if not trace_id:
        return Run.objects.none()
    runs = Run.objects.visible_to(principal).select_related("automation")
    return runs.filter(correlation_id=trace_id).order_by("started_at", "id")


def queue_gauges(automations: Collection[Automation]) -> dict[int, QueueGauge]:
    """Automation id -> what was last reported of its queue."""
    return {one.automation_id: one for one in QueueGauge.objects.filter(automation__in=automations)}


def with_gauge(automations: QuerySet[Automation]) -> QuerySet[Automation]:
    """Read with what was last reported of their queues, for pages."""
    return automations.select_related("queue_gauge")


# --- figures ---


def period_start(key: str, now: datetime) -> datetime:
    """When the present hour, day or calendar month of UTC began, for a cap such as `runs_per_day`."""
    if key == "runs_per_hour":
        return now.replace(minute=0, second=0, microsecond=0)
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    return midnight.replace(day=1) if key == "runs_per_month" else midnight


def use_of_caps(automation: Automation, now: datetime, caps: Iterable[str] = CAPS) -> dict[str, int]:
    """How many runs began in the present hour, day or month: each an index range."""
    runs = Run.objects.filter(automation=automation, started_at__lte=now).order_by()
    return {key: runs.filter(started_at__gte=period_start(key, now)).count() for key in caps}


def buckets_between(from_at: datetime, now: datetime) -> QuerySet[RunBucket]:
    """The fewest buckets of all automations that cover [from_at, now), `from_at` being a midnight of UTC: whole days,
    then whole hours of today, then quarters of this hour, then minutes.
    """
    cuts = [from_at, *(floor_to(now, width) for width in (86_400, 3_600, 900)), now]
    pieces = [
        Q(width=width, start__gte=max(since, from_at), start__lt=until)
        for width, (since, until) in zip((86_400, 3_600, 900, 60), pairwise(cuts), strict=True)
    ]
    return RunBucket.objects.filter(pieces[0] | pieces[1] | pieces[2] | pieces[3])


def floor_to(at: datetime, width: int) -> datetime:
    return datetime.fromtimestamp(int(at.timestamp()) // width * width, tz=UTC)


class Ended(NamedTuple):
    """What is looked at of a run that ended, where buckets do not tell it."""

    duration_ms: int | None
    correlation_id: str
    cost: Decimal | None
    tags: dict[str, Any]


def last_ended(automation: Automation, from_at: datetime, until: datetime, most: int = 1_000) -> list[Ended]:
    """The last of those that ended in [from_at, until), newest first: by an index, and never more than that many."""
    ended = Run.objects.filter(automation=automation, finished_at__gte=from_at, finished_at__lt=until)
    rows = ended.order_by("-finished_at").values_list(*Ended._fields)[:most]
    return [Ended(*row) for row in rows]


def use_of_limits(automation: Automation, now: datetime) -> dict[str, Decimal | int]:
    """How much of the catalogue's limits is used now, as far as runs and queues tell."""
    limits = set(automation.limits)
    used: dict[str, Decimal | int] = dict(use_of_caps(automation, now, limits & set(CAPS)))
    if gauge := queue_gauges([automation]).get(automation.pk):
        waiting = {"queue_depth": gauge.depth, "queue_age_seconds": gauge.oldest_age_seconds}
        used |= {key: value for key, value in waiting.items() if key in limits and value is not None}
    return used
