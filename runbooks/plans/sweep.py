"""The plans' part of the sweep `replay`: each running plan goes its next stretch, from its rows alone."""

import time
from datetime import datetime

from opsportal.audit.engine import Actor
from opsportal.sweeps.registry import SweepResult
from runbooks.models import ReplayPlan
from runbooks.plans import operations
from runbooks.plans.engine.course import Next
from runbooks.states import PlanState

CLOCKWORK = Actor.system("replay")
SECONDS = 6.0


def advance(now: datetime) -> SweepResult:
    """Idempotent: a round that was cut off, or that two do at once, goes on where the rows stand."""
    running = ReplayPlan.objects.filter(state=PlanState.RUNNING).order_by("started_at").values_list("pk", flat=True)
    until, examined, fired = time.monotonic() + SECONDS, 0, 0
    for plan_id in list(running):
        step = Next.LET_GO
        while step is Next.LET_GO and time.monotonic() < until:
            step, count = operations.advance_plan(plan_id, actor=CLOCKWORK, now=now)
            fired += count
        examined += 1
    return SweepResult(examined=examined, fired=fired)
