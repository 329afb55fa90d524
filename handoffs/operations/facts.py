"""Facts: how a room above claims and settles one."""

from datetime import datetime

from django.db import transaction

from handoffs.models import Fact
from opsportal.audit import operations as audit
from opsportal.audit.engine import Actor, Draft, Subject


@transaction.atomic
def claim_fact(fact: Fact, *, claimed_by: str, actor: Actor, now: datetime) -> bool:
    """Take a fact; of two who try at once one gets it. `claimed_by` names what it became (an alert, a schedule)."""
    unclaimed = Fact.objects.unclaimed().filter(pk=fact.pk)
    if unclaimed.update(claimed_at=now, claimed_by=claimed_by[:150]) == 0:
        return False
    _record(fact, "claimed", actor=actor, now=now, claimed_by=claimed_by)
    return True


@transaction.atomic
def resolve_fact(fact: Fact, *, resolution: str, actor: Actor, now: datetime) -> bool:
    """Say what came of it. A fact is resolved once."""
    if Fact.objects.filter(pk=fact.pk, resolved_at=None).update(resolved_at=now, resolution=resolution[:240]) == 0:
        return False
    _record(fact, "resolved", actor=actor, now=now, resolution=resolution)
    return True


def _record(fact: Fact, action: str, *, actor: Actor, now: datetime, **extra: str) -> None:
    subject = Subject("handoff", str(fact.handoff_id)) if fact.handoff_id else Subject("fact", fact.key)
    audit.record(
        Draft(
            actor=actor,
            action=f"handoff.fact_{action}",
            subject=subject,
            at=now,
            trace_id=fact.trace_id,
            rule=fact.rule.slug if fact.rule else "",
            team=fact.team,
            extra={"kind": fact.kind, **extra},
        )
    )
