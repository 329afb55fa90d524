"""Who drew a plan up hears when it ends by itself, and when its canary waits for a look."""

from datetime import datetime

from opsportal.notify.operations import tell as tell_person
from runbooks.models import ReplayPlan
from runbooks.targets.queries import team_of

TOPIC = "replay"


def tell(plan: ReplayPlan, title: str, body: str, now: datetime, *, urgent: bool = False) -> None:
    """Nothing where a program drew it up."""
    if plan.requested_by is None:
        return
    team = team_of(plan.target)
    tell_person(
        person=plan.requested_by,
        topic=TOPIC,
        title=f"{title}: {plan}",
        key=f"replay-plan:{plan.pk}:{plan.state}:{int(now.timestamp())}",
        trace_id=plan.trace_id,
        now=now,
        body=body,
        url=plan.get_absolute_url(),
        urgent=urgent,
        team=team.slug if team else "",
    )
