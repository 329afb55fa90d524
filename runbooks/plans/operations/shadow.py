"""Sending a sample of a dry run to the shadow of its target."""

from datetime import datetime

from django.db import transaction

from opsportal.audit import operations as audit
from opsportal.audit.engine import Actor, Draft
from opsportal.errors import Conflict, Forbidden
from opsportal.identity.models import Person
from runbooks.models import ReplayPlan, ShadowSend
from runbooks.plans import shadowing
from runbooks.plans.operations import moving
from runbooks.states import PlanState
from runbooks.targets.queries import team_of
from runbooks.targets.shadow import check_shadow


def send_to_shadow(plan: ReplayPlan, *, person: Person | None, actor: Actor, now: datetime) -> ReplayPlan:
    """Write the sample down, commit, and send it; within a transaction of the caller, after that one's commit.

    Raises Conflict `no_shadow`, `shadow_running`, `invalid_transition`; Forbidden `needs_a_person` for a P0's payloads;
    InvalidInput where the address is refused now.
    """
    with transaction.atomic():
        fresh = moving.held(plan)
        _check(fresh, person, now)
        ShadowSend.objects.filter(plan=fresh).delete()
        sample = shadowing.sample_of(fresh)
        ShadowSend.objects.bulk_create(
            ShadowSend(
                plan=fresh,
                item=row.item,
                position=row.position,
                webhook_id=shadowing.webhook_id(row, now),
                sent_at=now,
            )
            for row in sample
        )
        _record(fresh, len(sample), actor, now)
        transaction.on_commit(lambda: shadowing.send_sample(fresh, now))
    return fresh


def _check(plan: ReplayPlan, person: Person | None, now: datetime) -> None:
    if plan.state != PlanState.DRY_RUN:
        raise Conflict("invalid_transition", "A sample goes while the plan is a dry run.")
    if not plan.target.shadow_url:
        raise Conflict("no_shadow", f"{plan.target} has no shadow address.")
    if plan.is_critical and person is None:
        raise Forbidden("needs_a_person", "A person sends payloads of a P0 to a shadow; a token never does.")
    check_shadow(plan.target)
    recent = now - shadowing.CUT_OFF_AFTER
    if ShadowSend.objects.filter(plan=plan, finished_at=None, sent_at__gt=recent).exists():
        raise Conflict("shadow_running", "A sample is on its way to the shadow. Look again in a minute.")


def _record(plan: ReplayPlan, count: int, actor: Actor, now: datetime) -> None:
    team = team_of(plan.target)
    told = {"target": plan.target.slug, "url": plan.target.shadow_url, "items": count}
    audit.record(
        Draft(
            actor,
            "replay_plan.shadowed",
            moving.subject_of(plan),
            now,
            trace_id=plan.trace_id,
            team=team.slug if team else "",
            reason=plan.reason,
            extra={**told, "content_hash": plan.content_hash},
        )
    )
