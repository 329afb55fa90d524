"""Replay plans for tests. Everything has a working default."""

from datetime import datetime
from typing import Any

from opsportal.approvals import operations as approvals
from opsportal.identity.actors import actor_for
from opsportal.identity.models import Person
from runbooks.models import ReplayPlan, ReplayTarget
from runbooks.plans import operations, sweep
from runbooks.queue import dispatch
from tests.factories.identity import NOW, make_person


def make_plan(target: ReplayTarget, person: Person | None = None, *, now: datetime = NOW, **values: Any) -> ReplayPlan:
    """A plan as a draft, over everything that waits for the target."""
    person = person or make_person()
    values = {"reason": "the target is back", **values}
    return operations.create_plan(target, values=values, person=person, actor=actor_for(person), now=now)


def make_frozen(
    target: ReplayTarget, person: Person | None = None, *, now: datetime = NOW, **values: Any
) -> ReplayPlan:
    """The same after its dry run."""
    person = person or make_person()
    plan = make_plan(target, person, now=now, **values)
    return operations.freeze_plan(plan, principal=None, actor=actor_for(person), now=now)


def start(plan: ReplayPlan, person: Person | None = None, *, now: datetime = NOW) -> ReplayPlan:
    person = person or plan.requested_by or make_person()
    return operations.start_plan(plan, person=person, actor=actor_for(person), now=now)


def approve(plan: ReplayPlan, lead: Person, *, now: datetime = NOW) -> Any:
    assert plan.approval_id is not None
    return approvals.approve(plan.approval_id, person=lead, now=now, authenticated_at=now, reason="looked at it")


def run(plan: ReplayPlan, *, now: datetime = NOW, rounds: int = 6, seconds: float = 8) -> ReplayPlan:
    """Let it go on, and send, until nothing changes any more; answers the plan as it stands then."""
    for _ in range(rounds):
        sweep.advance(now)
        dispatch.drain(now, seconds=seconds)
        sweep.advance(now)
        fresh = fetched(plan)
        if fresh.state != "running":
            break
    return fetched(plan)


def fetched(plan: ReplayPlan) -> ReplayPlan:
    return ReplayPlan.objects.select_related("target", "release").get(pk=plan.pk)
