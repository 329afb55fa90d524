"""Drawing a plan up, changing it, and its dry run: nothing here sends or lets anything go."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db import transaction

from opsportal import trace
from opsportal.audit.engine import Actor
from opsportal.errors import Conflict, InvalidInput
from opsportal.identity.actors import Principal
from opsportal.identity.models import Person
from runbooks.models import PlanItem, ReplayPlan, ReplayTarget, ShadowSend
from runbooks.models.targets import MOST_PER_MINUTE
from runbooks.plans import freezing, selection
from runbooks.plans.engine import transform
from runbooks.plans.operations import asking, moving
from runbooks.states import PLAN_WORDS, PlanState

ABORT_RATIO = Decimal("0.2")
CHANGEABLE = frozenset({PlanState.DRAFT, PlanState.DRY_RUN, PlanState.AWAITING_APPROVAL, PlanState.APPROVED})
THAWED = frozenset({PlanState.DRAFT, PlanState.DRY_RUN})


@transaction.atomic
def create_plan(
    target: ReplayTarget,
    *,
    values: Mapping[str, Any],
    person: Person | None,
    actor: Actor,
    now: datetime,
    about: tuple[str, str] = ("", ""),
) -> ReplayPlan:
    """A draft. `values`: reason, selection, transform, rate_per_minute, canary_count, abort_ratio; all but the first
    have a default. Raises InvalidInput at its field.
    """
    plan = ReplayPlan(
        target=target,
        abort_ratio=ABORT_RATIO,
        requested_by=person,
        requester=actor.id,
        requester_label=actor.label[:150],
        about_type=about[0][:40],
        about_id=about[1][:150],
        trace_id=trace.current_trace_id(),
        created_at=now,
    )
    _fill(plan, {"reason": "", **values})
    plan.save(force_insert=True)
    moving.move(plan, PlanState.DRAFT, "created", actor=actor, now=now, reason=plan.reason, extra=_said(plan))
    return plan


@transaction.atomic
def change_plan(
    plan: ReplayPlan, *, values: Mapping[str, Any], person: Person | None, actor: Actor, now: datetime
) -> ReplayPlan:
    """Say something else of a plan that has not started: it is a draft again, and what a second person was asked or has
    approved is void. Who changes it last counts as who asks for it. Raises Conflict `invalid_transition`, InvalidInput
    at its field.
    """
    fresh = moving.held(plan)
    if fresh.state not in CHANGEABLE:
        raise Conflict(
            "invalid_transition", f"A plan that is {PLAN_WORDS[PlanState(fresh.state)]} is not changed any more."
        )
    asked = fresh.approval
    _fill(fresh, values)
    _thaw(fresh)
    fresh.approval = None
    fresh.requested_by, fresh.requester, fresh.requester_label = person, actor.id, actor.label[:150]
    moving.move(fresh, PlanState.DRAFT, "changed", actor=actor, now=now, reason=fresh.reason, extra=_said(fresh))
    if asked is not None:
        asking.withdraw(fresh, "The plan was changed.", now=now)
    return fresh


@transaction.atomic
def freeze_plan(plan: ReplayPlan, *, principal: Principal | None, actor: Actor, now: datetime) -> ReplayPlan:
    """The dry run: freeze what is selected now, as far as `principal` may see it, and look each payload through.

    Raises Conflict `invalid_transition`; InvalidInput `nothing`, `too_many`.
    """
    fresh = moving.held(plan)
    if fresh.state not in THAWED:
        raise Conflict("invalid_transition", f"A plan that is {PLAN_WORDS[PlanState(fresh.state)]} is frozen already.")
    ShadowSend.objects.filter(plan=fresh).delete()
    freezing.freeze(fresh, principal)
    fresh.frozen_at = now
    told = {"content_hash": fresh.content_hash, "left_out": fresh.left_out, "keys": fresh.key_count}
    moving.move(fresh, PlanState.DRY_RUN, "frozen", actor=actor, now=now, reason=fresh.reason, extra=told)
    return fresh


def _fill(plan: ReplayPlan, values: Mapping[str, Any]) -> None:
    if "reason" in values:
        plan.reason = str(values["reason"]).strip()[:500]
        if not plan.reason:
            raise InvalidInput("required", "Say why it should arrive now.", field="reason")
    if "selection" in values:
        plan.selection = selection.check(values["selection"])
    if "transform" in values:
        transform.read_steps(values["transform"])
        plan.transform = values["transform"]
    if "rate_per_minute" in values:
        plan.rate_per_minute = _rate(values["rate_per_minute"], plan.target)
    if "canary_count" in values:
        plan.canary_count = _whole(values["canary_count"], "canary_count", freezing.MOST)
    if "abort_ratio" in values:
        plan.abort_ratio = _ratio(values["abort_ratio"])


def _rate(raw: Any, target: ReplayTarget) -> int | None:
    if raw is None:
        return None
    rate = _whole(raw, "rate_per_minute", MOST_PER_MINUTE)
    if not 1 <= rate <= target.rate_per_minute:
        sentence = f"Its target takes at most {target.rate_per_minute} a minute; a plan may be slower, not faster."
        raise InvalidInput("above_target", sentence, field="rate_per_minute")
    return rate


def _whole(raw: Any, field: str, most: int) -> int:
    if not isinstance(raw, int) or isinstance(raw, bool) or not 0 <= raw <= most:
        raise InvalidInput("invalid", f"A whole number from 0 to {most:,}.", field=field)
    return raw


def _ratio(raw: Any) -> Decimal:
    ratio = raw if isinstance(raw, Decimal) else Decimal(-1)
    if not (ratio.is_finite() and 0 <= ratio <= 1):
        raise InvalidInput("invalid", "A ratio from 0 to 1.", field="abort_ratio")
    return ratio.quantize(Decimal("0.001"))


def _thaw(plan: ReplayPlan) -> None:
    ShadowSend.objects.filter(plan=plan).delete()
    PlanItem.objects.filter(plan=plan).delete()
    plan.frozen_at, plan.item_count, plan.key_count, plan.left_out, plan.content_hash = None, 0, 0, {}, ""


def _said(plan: ReplayPlan) -> dict[str, Any]:
    return {
        "selection": selection.sentence(plan.selection),
        "steps": len(plan.transform),
        "rate_per_minute": plan.rate_per_minute,
        "canary_count": plan.canary_count,
        "abort_ratio": str(plan.abort_ratio),
    }
