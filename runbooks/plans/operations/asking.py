"""The second person: what is asked, bound word for word, and what a yes, a no and the end of its time mean."""

from datetime import datetime
from typing import Any

from django.db import transaction

from opsportal.approvals import operations as approvals
from opsportal.approvals.models import Approval
from opsportal.approvals.registry import NoLongerHolds
from opsportal.approvals.states import Risk
from opsportal.audit.engine import Actor
from opsportal.errors import Forbidden
from opsportal.identity.actors import actor_for
from opsportal.identity.models import Person
from opsportal.web.words import count
from runbooks.models import ReplayPlan
from runbooks.plans import freezing
from runbooks.plans.operations import moving
from runbooks.states import PlanState
from runbooks.targets.queries import team_of

KIND = "replay_plan"
CHANGED = "The plan has changed or was decided meanwhile."


def content_of(plan: ReplayPlan) -> dict[str, Any]:
    """What a second person approves, computed from the rows as they are: these bodies, to this address."""
    return {
        "plan": str(plan.pk),
        "target": plan.target.slug,
        "url": plan.target.url,
        "count": plan.item_count,
        "keys": plan.key_count,
        "rate_per_minute": plan.effective_rate,
        "canary_count": plan.canary_count,
        "abort_ratio": str(plan.abort_ratio),
        "transform": plan.transform,
        "content_hash": freezing.content_hash(plan),
        "reason": plan.reason,
    }


def consequence_of(plan: ReplayPlan) -> str:
    return f"Replay {count(plan.item_count, 'payload')} to {plan.target}"


def ask(plan: ReplayPlan, *, person: Person | None, actor: Actor, now: datetime) -> None:
    """Ask a second person about the locked plan. Raises Forbidden `nobody`."""
    if person is None:
        raise Forbidden("nobody", "This needs a second person, and nobody stands behind this token to ask one.")
    plan.approval = approvals.request_approval(
        kind=KIND,
        subject=moving.subject_of(plan),
        title=consequence_of(plan),
        consequence=consequence_of(plan),
        content=content_of(plan),
        risk=Risk.DANGEROUS,
        requested_by=person,
        team=team_of(plan.target),
        now=now,
        reason=plan.reason,
    )
    moving.move(plan, PlanState.AWAITING_APPROVAL, "asked", actor=actor, now=now, reason=plan.reason)


def approve_plan(approval: Approval, *, actor: Actor, now: datetime) -> None:
    """What follows from the approval, in its transaction: the plan may be started, as long as the approval is fresh."""
    plan = moving.locked(approval.shown["plan"])
    if plan is None or plan.state != PlanState.AWAITING_APPROVAL or plan.approval_id != approval.pk:
        raise NoLongerHolds(CHANGED)
    if content_of(plan) != approval.shown:
        raise NoLongerHolds("What is to be sent, or where to, has changed since this was asked for.")
    moving.move(plan, PlanState.APPROVED, "approved", actor=actor, now=now, reason=approval.decision_reason)


@transaction.atomic
def return_plan(approval: Approval, *, actor: Actor, now: datetime) -> None:
    """Refused, voided or out of time: a dry run again, that one may change."""
    plan = moving.locked(approval.shown["plan"])
    waits = (PlanState.AWAITING_APPROVAL, PlanState.APPROVED)
    if plan is None or plan.state not in waits or plan.approval_id != approval.pk:
        return
    why = approval.decision_reason if approval.state == "refused" else approval.closing_reason
    plan.approval = None
    note = why or "Nobody decided in time, or the approval ran out before the start."
    moving.move(plan, PlanState.DRY_RUN, "returned", actor=actor, now=now, note=note)


def withdraw(plan: ReplayPlan, reason: str, *, now: datetime) -> None:
    """Void what is asked or approved about a locked plan that goes another way."""
    who = actor_for(plan.requested_by) if plan.requested_by else Actor.system("replay")
    approvals.void_approvals(subject=moving.subject_of(plan), actor=who, reason=reason, now=now, kind=KIND, wait=False)
