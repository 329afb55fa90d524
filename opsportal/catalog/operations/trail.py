"""What every operation of the catalogue shares: the row lock, the gate, the line in the trail, the shown fields."""

from datetime import datetime
from typing import Any

from opsportal.audit.engine import Actor, Draft, Subject
from opsportal.audit.operations import record
from opsportal.catalog import queries
from opsportal.catalog.models import Automation
from opsportal.errors import Conflict


def locked(automation: Automation) -> Automation:
    """The automation read anew under a row lock, with the people and the team it names."""
    rows = Automation.objects.select_for_update(of=["self"]).select_related(*queries.NAMES)
    return rows.get(pk=automation.pk)


def pass_gate(automation: Automation, change: str, now: datetime) -> None:
    """Raises Conflict `frozen` when the gate holds this kind of change back."""
    verdict = queries.gate(automation, change=change, at=now)
    if not verdict.allowed:
        raise Conflict("frozen", verdict.reason, field="change")


def note(automation: Automation, action: str, actor: Actor, now: datetime, **detail: Any) -> None:
    subject = Subject("automation", automation.slug, automation.name)
    team = automation.team.slug if automation.team else ""
    record(Draft(actor=actor, action=action, subject=subject, at=now, team=team, **detail))
