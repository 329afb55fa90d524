"""A plan's approval as the registry asks for it: who may decide, how it stands, what follows from each end."""

from datetime import datetime

from opsportal.approvals.models import Approval
from opsportal.approvals.registry import Outlook
from opsportal.audit.engine import Actor
from opsportal.identity.models import Person
from opsportal.identity.roles import Role
from opsportal.web import words
from runbooks.models import ReplayPlan
from runbooks.plans import operations, queries
from runbooks.plans.operations.asking import CHANGED, KIND, content_of
from runbooks.states import PlanState

ENDS = ("refused", "voided", "expired")


def may_decide(person: Person, approval: Approval) -> bool:
    """Ops leads; where no P0 is concerned, also the owner of the target's automation. Never who drew it up or changed
    it last, whoever asked.
    """
    plan = ReplayPlan.objects.select_related("target__automation").filter(pk=approval.shown["plan"]).first()
    if plan is None or plan.requested_by_id == person.pk:
        return False
    if Role.OPS_LEAD in person.roles:
        return True
    automation = plan.target.automation
    owners = (automation.owner_id, automation.backup_owner_id) if automation is not None else ()
    return not plan.is_critical and person.pk in owners and person.allows("replay:request")


def look(approval: Approval, now: datetime) -> Outlook:
    """How it stands now. A plan that went another way voids it."""
    plan = queries.every_plan().filter(pk=approval.shown["plan"]).first()
    if plan is None or plan.state != PlanState.AWAITING_APPROVAL or plan.approval_id != approval.pk:
        return Outlook(CHANGED, holds=False)
    if content_of(plan) != approval.shown:
        return Outlook("What is to be sent, or where to, has changed since this was asked for.", holds=False)
    time_needed = words.duration(queries.duration_of(plan).total_seconds())
    keys = words.count(plan.key_count, "record")
    return Outlook(
        f"{words.count(plan.item_count, 'payload')} of {keys} would go to {plan.target} within {time_needed}."
    )


def on_approved(approval: Approval, actor: Actor, now: datetime) -> None:
    operations.approve_plan(approval, actor=actor, now=now)


def observe(event: str, approval: Approval, actor: Actor, now: datetime) -> None:
    if approval.kind == KIND and event in ENDS:
        operations.return_plan(approval, actor=actor, now=now)
