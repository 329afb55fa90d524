"""One place where a plan changes its state: under its row's lock, along PLAN_TRANSITIONS, with its entry."""

from datetime import datetime
from typing import Any
from uuid import UUID

from opsportal.audit import operations as audit
from opsportal.audit.engine import Actor, Draft, Subject
from opsportal.errors import Conflict
from runbooks.models import ReplayPlan
from runbooks.states import OVER_PLANS, PLAN_TRANSITIONS, PLAN_WORDS, PlanState
from runbooks.targets.queries import team_of


def locked(plan_id: UUID, *, wait: bool = True) -> ReplayPlan | None:
    """The plan as it is now, locked until the commit; None when somebody has it and one does not wait."""
    rows = ReplayPlan.objects.select_for_update(of=("self",), skip_locked=not wait)
    related = ("target__automation__team", "target__team", "requested_by", "approval", "release")
    return rows.select_related(*related).filter(pk=plan_id).first()


def held(plan: ReplayPlan) -> ReplayPlan:
    """The same, for who has read it before and waits."""
    fresh = locked(plan.pk)
    if fresh is None:
        raise Conflict("gone", "This plan is not there any more.")
    return fresh


def check(plan: ReplayPlan, state: PlanState) -> None:
    """Raises Conflict `invalid_transition`."""
    before = PlanState(plan.state)
    if state not in PLAN_TRANSITIONS[before]:
        raise Conflict("invalid_transition", f"This plan is {PLAN_WORDS[before]}: it cannot become {state}.")


def move(
    plan: ReplayPlan,
    state: PlanState,
    action: str,
    *,
    actor: Actor,
    now: datetime,
    note: str = "",
    reason: str = "",
    extra: dict[str, Any] | None = None,
) -> None:
    """Save the locked plan in its new state, with everything the caller has set, and leave the entry."""
    check(plan, state)
    before = plan.state
    plan.state, plan.note = state, note[:300]
    if state in OVER_PLANS:
        plan.finished_at = now
    plan.save()
    team = team_of(plan.target)
    audit.record(
        Draft(
            actor,
            f"replay_plan.{action}",
            subject_of(plan),
            now,
            trace_id=plan.trace_id,
            team=team.slug if team else "",
            reason=reason or plan.note,
            before={"state": str(before)},
            after={"state": str(state)},
            extra={"target": plan.target.slug, "items": plan.item_count, **(extra or {})},
        )
    )


def subject_of(plan: ReplayPlan) -> Subject:
    return Subject("replay_plan", str(plan.pk), str(plan))
