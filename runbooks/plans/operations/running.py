"""Starting, pausing, resuming, ending, and the next stretch of a running plan. Sending itself is the queue's."""

from datetime import datetime
from uuid import UUID

from django.db import transaction

from opsportal.approvals import operations as approvals
from opsportal.approvals.models import Approval
from opsportal.audit.engine import Actor
from opsportal.errors import Conflict, Forbidden, InvalidInput
from opsportal.identity.models import Person
from opsportal.web.words import count
from runbooks.models import PlanItem, ReplayPlan, ReplayTarget
from runbooks.plans import freezing, queries, releasing, telling
from runbooks.plans.engine import course
from runbooks.plans.engine.course import Next, Progress
from runbooks.plans.operations import asking, moving
from runbooks.queue import authority
from runbooks.queue import operations as queue
from runbooks.states import ItemState, PlanState

BODIES_CHANGED = "What is to be sent has changed since the dry run: freeze the plan anew."


def start_plan(plan: ReplayPlan, *, person: Person | None, actor: Actor, now: datetime) -> ReplayPlan:
    """Start it; where a second person is needed and was not asked yet, ask, and leave it `awaiting_approval`.

    Raises Conflict: `invalid_transition`, `plan_changed` (freeze it anew), `approval_pending` and the other answers of
    an approval that does not hold: then it is a dry run again. Forbidden `nobody`.
    """
    refusal: Conflict | None = None
    with transaction.atomic():
        if plan.approval_id is not None:  # before the plan, as who decides about it does
            Approval.objects.select_for_update().filter(pk=plan.approval_id).first()
        # Two plans at once would each be counted without the other.
        ReplayTarget.objects.select_for_update(no_key=True).filter(pk=plan.target_id).first()
        fresh = moving.held(plan)
        try:
            _start(fresh, person, actor, now)
        except _Outrun as outrun:
            refusal = outrun
    if refusal is not None:
        raise Conflict(refusal.code, refusal.message)
    return fresh


class _Outrun(Conflict):
    """It does not start, and what was written about that stays written."""


def _start(plan: ReplayPlan, person: Person | None, actor: Actor, now: datetime) -> None:
    if plan.state == PlanState.AWAITING_APPROVAL:
        raise Conflict("approval_pending", "This waits for a second person's approval.")
    if plan.state not in (PlanState.DRY_RUN, PlanState.APPROVED):
        moving.check(plan, PlanState.RUNNING)
    plan.is_critical = freezing.is_critical(plan)
    is_as_frozen = releasing.is_as_frozen(plan)
    approval = None
    if plan.state == PlanState.APPROVED:
        approval = _use(plan, is_as_frozen, actor, now)
    elif not is_as_frozen:
        raise Conflict("plan_changed", BODIES_CHANGED)
    elif queries.needs_second_person(plan, actor.id, now):
        asking.ask(plan, person=person, actor=actor, now=now)
        return
    plan.release = queue.open_release(
        plan.target,
        kind="plan",
        items=(),
        reason=plan.reason,
        actor=actor,
        person=person,
        now=now,
        reference=str(plan.pk),
        approval=approval,
        content_hash=plan.content_hash,
        count=plan.item_count,
    )
    plan.started_at = plan.paced_from = now
    moving.move(plan, PlanState.RUNNING, "started", actor=actor, now=now, reason=plan.reason)


def _use(plan: ReplayPlan, is_as_frozen: bool, actor: Actor, now: datetime) -> Approval:
    """Use the approval, once; one that does not hold any more sends the plan back to its dry run."""
    approval = plan.approval
    if approval is None:
        raise Conflict("approval_missing", "Nobody has approved this.")
    try:
        if not is_as_frozen:
            raise Conflict("approval_changed", BODIES_CHANGED)
        with transaction.atomic():
            return approvals.use_approval(approval, content=asking.content_of(plan), now=now, actor=actor)
    except Conflict as refusal:
        plan.approval = None
        moving.move(plan, PlanState.DRY_RUN, "returned", actor=actor, now=now, note=refusal.message)
        asking.withdraw(plan, refusal.message, now=now)
        raise _Outrun(refusal.code, refusal.message) from refusal


@transaction.atomic
def pause_plan(plan: ReplayPlan, *, reason: str, actor: Actor, now: datetime) -> ReplayPlan:
    """Let nothing more go, and hold back what has not left; what is in flight ends by itself."""
    fresh = moving.held(plan)
    moving.check(fresh, PlanState.PAUSED)
    _hold_back(fresh, reason or "The plan is paused.", actor, now)
    moving.move(fresh, PlanState.PAUSED, "paused", actor=actor, now=now, note=reason, reason=reason)
    return fresh


@transaction.atomic
def resume_plan(plan: ReplayPlan, *, actor: Actor, now: datetime, reason: str = "") -> ReplayPlan:
    """Go on. After the canary this says that it was looked at, and the rest may go. Raises Conflict
    `invalid_transition`, Forbidden `needs_a_person` where a token says it of the canary.
    """
    fresh = moving.held(plan)
    moving.check(fresh, PlanState.RUNNING)
    if fresh.state != PlanState.PAUSED:
        raise Conflict("invalid_transition", "This plan is not paused; start it.")
    if queries.has_canary_ended(fresh):
        if actor.kind == "token":
            raise Forbidden("needs_a_person", "A person looks at the canary and resumes; a token never does.")
        fresh.canary_passed_at, fresh.canary_passed_label = now, actor.label[:150]
    _hold_back(fresh, "What had failed meanwhile goes anew.", actor, now)
    releasing.let_in_flight_go(fresh)
    fresh.paced_from, fresh.paced_count = now, _let_go_count(fresh)
    moving.move(fresh, PlanState.RUNNING, "resumed", actor=actor, now=now, reason=reason)
    return fresh


@transaction.atomic
def cancel_plan(plan: ReplayPlan, *, reason: str, actor: Actor, now: datetime) -> ReplayPlan:
    """End it. What was delivered stays delivered; what has not left is held again."""
    if not reason.strip():
        raise InvalidInput("required", "Say why, for whoever reads this later.", field="reason")
    fresh = moving.held(plan)
    moving.check(fresh, PlanState.CANCELLED)
    _hold_back(fresh, reason, actor, now)
    moving.move(fresh, PlanState.CANCELLED, "cancelled", actor=actor, now=now, note=reason, reason=reason)
    asking.withdraw(fresh, reason, now=now)
    return fresh


@transaction.atomic
def advance_plan(plan_id: UUID, *, actor: Actor, now: datetime) -> tuple[Next, int]:
    """The next stretch of a running plan: let some go, wait, stop for the canary, or end. Answers what was done and how
    many were let go. Nothing while somebody else has the plan in hand.
    """
    plan = moving.locked(plan_id, wait=False)
    if plan is None or plan.state != PlanState.RUNNING:
        return Next.WAIT, 0
    progress = queries.progress_of(plan)
    if (moved := _has_moved(plan)) and (progress.to_go or progress.moving or progress.put_back):
        _abort(plan, moved, actor, now)
        return Next.ABORT, 0
    canary = queries.progress_of(plan, of_canary=True) if plan.is_in_canary else None
    step = course.next_move(progress, canary, abort_ratio=plan.abort_ratio)
    if step is Next.LET_GO:
        return _go_on(plan, actor, now)
    if step is Next.VERIFY:
        _stop_for_canary(plan, canary or progress, actor, now)
    elif step is Next.COMPLETE:
        _complete(plan, progress, actor, now)
    elif step is Next.ABORT:
        present = canary or progress
        why = f"{present.bad:,} of {present.ended:,} did not arrive; it stops above {plan.abort_ratio.normalize():f}."
        _abort(plan, why, actor, now)
    return step, 0


def _has_moved(plan: ReplayPlan) -> str:
    """That its target is elsewhere than when it was started, in a sentence, or nothing."""
    return authority.why_not_there(plan.release, plan.target) if plan.release is not None else ""


def _go_on(plan: ReplayPlan, actor: Actor, now: datetime) -> tuple[Next, int]:
    if plan.release is None or freezing.content_hash(plan) != plan.release.content_hash:
        _abort(plan, "Its frozen selection is not what was started.", actor, now)
        return Next.ABORT, 0
    room = freezing.CHUNK
    if plan.effective_rate < plan.target.rate_per_minute and plan.paced_from is not None:
        since = _let_go_count(plan) - plan.paced_count
        room = course.allowance(since, since=plan.paced_from, now=now, rate_per_minute=plan.effective_rate)
    if not room:
        return Next.WAIT, 0
    return Next.LET_GO, releasing.let_some_go(plan, limit=min(room, releasing.CHUNK), actor=actor, now=now)


def _stop_for_canary(plan: ReplayPlan, canary: Progress, actor: Actor, now: datetime) -> None:
    note = f"{canary.delivered:,} of {count(canary.total, 'payload')} of the canary arrived. Look at them, then resume."
    moving.move(plan, PlanState.PAUSED, "verify", actor=actor, now=now, note=note)
    telling.tell(plan, "The canary has ended", note, now)


def _complete(plan: ReplayPlan, progress: Progress, actor: Actor, now: datetime) -> None:
    waits = f"{progress.blocked:,} wait behind a payload of their record that a person decides." * bool(
        progress.blocked
    )
    _hold_back(plan, "The plan is over.", actor, now)
    moving.move(plan, PlanState.COMPLETED, "completed", actor=actor, now=now, note=waits)
    telling.tell(plan, "A replay plan is completed", queries.report_of(plan).sentence, now)


def _abort(plan: ReplayPlan, why: str, actor: Actor, now: datetime) -> None:
    _hold_back(plan, why, actor, now)
    moving.move(plan, PlanState.ABORTED, "aborted", actor=actor, now=now, note=why)
    telling.tell(plan, "A replay plan stopped by itself", why, now, urgent=True)


def _hold_back(plan: ReplayPlan, reason: str, actor: Actor, now: datetime) -> None:
    """What has not left is held; a plan that goes on lets it go anew."""
    if plan.release is None:
        return
    queue.hold_back(plan.release, reason=reason, actor=actor, now=now)
    back = PlanItem.objects.filter(plan=plan, let_go_at__isnull=False, item__release=plan.release)
    back.filter(item__state=ItemState.HELD).update(let_go_at=None)


def _let_go_count(plan: ReplayPlan) -> int:
    return PlanItem.objects.filter(plan=plan, let_go_at__isnull=False).count()
