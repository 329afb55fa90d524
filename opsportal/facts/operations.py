"""Claiming and settling a fact of any room: what a room above does with one, and what the trail keeps of it."""

from datetime import datetime

from django.db import transaction

from opsportal.audit import operations as audit
from opsportal.audit.engine import Actor
from opsportal.facts.audit import draft
from opsportal.facts.models import Fact


@transaction.atomic
def claim_fact(fact: Fact, *, claimed_by: str, actor: Actor, now: datetime) -> bool:
    """Take a fact; of two who try at once one gets it. `claimed_by` names what it became (an alert, a schedule)."""
    unclaimed = type(fact).objects.unclaimed().filter(pk=fact.pk)
    if unclaimed.update(claimed_at=now, claimed_by=claimed_by[:150]) == 0:
        return False
    audit.record(draft(fact, "claimed", actor=actor, at=now, claimed_by=claimed_by))
    return True


@transaction.atomic
def resolve_fact(fact: Fact, *, resolution: str, actor: Actor, now: datetime) -> bool:
    """Say what came of it. A fact is resolved once."""
    unresolved = type(fact).objects.filter(pk=fact.pk, resolved_at=None)
    if unresolved.update(resolved_at=now, resolution=resolution[:240]) == 0:
        return False
    audit.record(draft(fact, "resolved", actor=actor, at=now, resolution=resolution))
    return True
