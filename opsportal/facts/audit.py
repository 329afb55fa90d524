"""What the trail says of a fact. The sentences stand in the rooms: they name what their facts are about."""

from datetime import datetime
from typing import Any

from opsportal.audit.engine import Actor, Draft
from opsportal.facts.models import Fact


def draft(
    fact: Fact, action: str, *, actor: Actor, at: datetime, occurred_at: datetime | None = None, **extra: Any
) -> Draft:
    """An entry `<room>.fact_<action>`."""
    return Draft(
        actor=actor,
        action=f"{fact.TRAIL}.fact_{action}",
        subject=fact.subject(),
        at=at,
        trace_id=fact.trace_id,
        rule=fact.rule_slug(),
        team=fact.team,
        occurred_at=occurred_at,
        extra={"kind": fact.kind, **extra},
    )
