"""The approval of a dangerous step: an ops lead who neither asked for it nor wrote the step."""

from datetime import datetime
from uuid import UUID

from opsportal.approvals.models import Approval
from opsportal.approvals.registry import Outlook
from opsportal.identity.models import Person
from opsportal.identity.roles import Role
from runbooks.executions import queries, registry
from runbooks.models import ExecutionStep, RunbookStep
from runbooks.states import ExecutionState

OUTRUN = "The execution is over, or the step was decided meanwhile."


def may_decide(person: Person, approval: Approval) -> bool:
    step = asked(approval)
    if step is None or Role.OPS_LEAD not in person.roles:
        return False
    written = RunbookStep.objects.filter(revision=step.execution.revision_id, key=step.key)
    return not written.filter(changed_by=person).exists()


def look(approval: Approval, now: datetime) -> Outlook:
    step = asked(approval)
    if step is None:
        return Outlook(OUTRUN, holds=False)
    kind = registry.find((step.action or {}).get("do"))
    words = kind.describe(step.action or {}) if kind else step.title
    return Outlook(f"{words}. {step.label} of {step.execution.runbook}: {step.title}")


def asked(approval: Approval) -> ExecutionStep | None:
    """The step, while it may still be carried out and says what was asked."""
    shown = approval.shown
    rows = ExecutionStep.objects.filter(execution=UUID(shown["execution"]), key=shown["step"], ran_at=None)
    rows = rows.filter(execution__state=ExecutionState.RUNNING)
    step = rows.select_related("execution__runbook__team", "execution__revision").first()
    return step if step is not None and queries.content_of(step) == shown else None
