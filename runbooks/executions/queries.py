"""Reads about executions: which one sees, what is done next, and the toil: what is still done by hand, and how long."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from statistics import median
from typing import Any
from uuid import UUID

from django.db.models import Count, Q, QuerySet

from opsportal.errors import DomainError, NotFound
from opsportal.identity.actors import Principal
from runbooks.executions import registry
from runbooks.models import Execution, ExecutionStep, Runbook
from runbooks.states import StepState


@dataclass(frozen=True, slots=True)
class Toil:
    """A step done by hand: how often, how long at the median, and together. `has_action`: a button could do it."""

    runbook: Runbook
    key: str
    title: str
    label: str
    count: int
    median_seconds: float
    total_seconds: int
    has_action: bool


def list_executions(principal: Principal | None) -> QuerySet[Execution]:
    """Newest first, with how many steps are decided."""
    rows = Execution.objects.visible_to(principal).select_related("runbook__team", "revision", "started_by")
    counts = {"step_count": Count("steps"), "decided_count": Count("steps", filter=~Q(steps__state=StepState.PENDING))}
    return rows.annotate(**counts).order_by("-started_at", "-pk")  # grouped rows have no order of their own


def get_execution(pk: UUID, *, principal: Principal | None) -> Execution:
    execution = list_executions(principal).filter(pk=pk).first()
    if execution is None:
        raise NotFound("unknown_execution", "There is no such execution, or you may not see it.")
    return execution


def list_steps(execution: Execution) -> list[ExecutionStep]:
    return list(execution.steps.select_related("person", "approval").order_by("position"))


def get_step(execution: Execution, key: str) -> ExecutionStep:
    step = execution.steps.select_related("approval").filter(key=key).first() if "\x00" not in key else None
    if step is None:
        raise NotFound("unknown_step", "There is no such step in it.")
    step.execution = execution
    return step


def next_step(steps: Iterable[ExecutionStep]) -> ExecutionStep | None:
    """The first that is open; the rollback is nobody's next step."""
    return next((step for step in steps if step.state == StepState.PENDING and step.section != "rollback"), None)


def list_toil(principal: Principal | None, *, since: datetime, until: datetime) -> list[Toil]:
    """Steps ticked by hand in [since, until), drills left out; what took most time altogether first."""
    rows = ExecutionStep.objects.filter(
        execution__in=Execution.objects.visible_to(principal).filter(is_drill=False),
        at__gte=since,
        at__lt=until,
        state__in=[StepState.DONE, StepState.FAILED],
        ran_at=None,
    ).select_related("execution__runbook")
    found: defaultdict[tuple[int, str], list[ExecutionStep]] = defaultdict(list)
    for step in rows.order_by("at"):
        found[step.execution.runbook_id, step.key].append(step)
    toil = [_toil(steps) for steps in found.values()]
    return sorted(toil, key=lambda one: (-one.total_seconds, -one.count, one.key))


def _toil(steps: list[ExecutionStep]) -> Toil:
    last, seconds = steps[-1], [step.seconds or 0 for step in steps]
    return Toil(
        runbook=last.execution.runbook,
        key=last.key,
        title=last.title,
        label=last.label,
        count=len(steps),
        median_seconds=median(seconds),
        total_seconds=sum(seconds),
        has_action=last.action is not None,
    )


def content_of(step: ExecutionStep) -> dict[str, Any]:
    """What an approval of a step is bound to: this step, with these parameters, and what they reach now."""
    execution = step.execution
    content = {
        "execution": str(execution.pk),
        "runbook": execution.runbook.slug,
        "revision": execution.revision.sha256,
        "step": step.key,
        "action": step.action,
    }
    reached = _reached(step)
    return {**content, "reaches": reached} if reached else content


def _reached(step: ExecutionStep) -> dict[str, str]:
    try:
        kind, params = registry.read(step.action)
        return dict(kind.reaches(params))
    except DomainError:
        return {}  # gone since: nothing that was approved
