"""A plan's approval as the registry asks for it: who may decide, how it stands, what follows from each end."""

from datetime import datetime

from opsportal import clock
from opsportal.approvals.models import Approval
from opsportal.approvals.registry import Outlook
from opsportal.audit.engine import Actor
from opsportal.catalog import registry as catalog
from opsportal.identity.models import Person
from opsportal.identity.roles import Role
from opsportal.web.words import count
from runbooks.models import ReplayPlan
from runbooks.plans import operations, queries, words
from runbooks.plans.operations.asking import CHANGED, KIND, content_of
from runbooks.states import PlanState

ENDS = ("refused", "voided", "expired")


def may_decide(person: Person, approval: Approval) -> bool:
    """Ops leads; where no P0 is concerned, also the owner of the target's automation and who is on shift for it. Never
    who drew it up or changed it last, whoever asked.
    """
    plan = ReplayPlan.objects.select_related("target__automation").filter(pk=approval.shown["plan"]).first()
    if plan is None or plan.requested_by_id == person.pk:
        return False
    if Role.OPS_LEAD in person.roles:
        return True
    automation = plan.target.automation
    if automation is None or plan.is_critical or not person.allows("replay:request"):
        return False
    is_owner = person.pk in (automation.owner_id, automation.backup_owner_id)
    return is_owner or catalog.is_responder(automation, person, _asked_at(person, approval))


def _asked_at(person: Person, approval: Approval) -> datetime:
    """A yes that was given on shift holds when the shift is over."""
    if approval.decided_by_id == person.pk and approval.decided_at is not None:
        return approval.decided_at
    return clock.now()


def look(approval: Approval, now: datetime) -> Outlook:
    """How it stands now. A plan that went another way voids it."""
    plan = queries.every_plan().filter(pk=approval.shown["plan"]).first()
    if plan is None or plan.state != PlanState.AWAITING_APPROVAL or plan.approval_id != approval.pk:
        return Outlook(CHANGED, holds=False)
    if content_of(plan) != approval.shown:
        return Outlook("What is to be sent, or where to, has changed since this was asked for.", holds=False)
    payloads, keys = count(plan.item_count, "payload"), count(plan.key_count, "record")
    return Outlook(f"{payloads} of {keys} would go to {plan.target}{words.pace(plan)}.")


def on_approved(approval: Approval, actor: Actor, now: datetime) -> None:
    operations.approve_plan(approval, actor=actor, now=now)


def observe(event: str, approval: Approval, actor: Actor, now: datetime) -> None:
    if approval.kind == KIND and event in ENDS:
        operations.return_plan(approval, actor=actor, now=now)
