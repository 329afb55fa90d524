"""Reads of runs, for pages, the API and the rooms above."""

from collections.abc import Collection

from django.db.models import QuerySet

from opsportal.catalog.models import Automation
from opsportal.errors import NotFound
from opsportal.identity.actors import Principal
from slos.models import QueueGauge, Run


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
