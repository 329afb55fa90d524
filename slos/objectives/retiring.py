"""Retiring an SLO on which a freeze rests: whoever asks needs a second person, as for easing it."""

from datetime import datetime, timedelta
from typing import Any

from opsportal.approvals import operations as approvals
from opsportal.approvals.models import Approval
from opsportal.approvals.registry import NoLongerHolds, Outlook
from opsportal.approvals.states import Risk
from opsportal.audit.engine import Actor, Subject
from opsportal.errors import Conflict, DomainError
from opsportal.identity.models import Person
from opsportal.web import words as web
from slos.models import Slo
from slos.objectives import operations, queries
from slos.objectives.easing import check_no_part, running_freeze
from slos.states import SloState

RETIREMENT = "slos.retirement"
WAITS = timedelta(days=7)
RETIRED = "The SLO was retired meanwhile."


def propose_retirement(slo: Slo, *, requested_by: Person, now: datetime, reason: str = "") -> Approval:
    """Ask a second person to retire an SLO. Raises Conflict `invalid_transition`, `part_of`."""
    if slo.state == SloState.RETIRED:
        raise Conflict("invalid_transition", "This SLO is retired already.", field="state")
    check_no_part(slo)
    return approvals.request_approval(
        kind=RETIREMENT,
        subject=Subject("slo", slo.slug, slo.name),
        title=f"Retire “{slo.name}”",
        consequence="Promise nothing any more: no alerts, and no policy acts on it",
        content={"slug": slo.slug, "retire": slo.name, "reason": reason},
        risk=Risk.GUARDED,
        requested_by=requested_by,
        team=slo.automation.team if slo.automation else slo.team,
        now=now,
        expires_at=now + WAITS,
        reason=reason,
    )


def may_decide(person: Person, approval: Approval) -> bool:
    """Whoever could do it themselves; while a freeze rests on it, an ops lead."""
    slo = _asked(approval)
    if slo is None or running_freeze(slo) is not None:
        return person.allows(queries.WRITE)
    return queries.may_write(person, slo.automation)


def look(approval: Approval, now: datetime) -> Outlook:
    """What approving would leave behind: the freeze runs on, and no other begins by this SLO."""
    slo = _asked(approval)
    if slo is None or slo.state == SloState.RETIRED:
        return Outlook(RETIRED, holds=False)
    running = running_freeze(slo)
    if running is None:
        return Outlook("No freeze rests on it.")
    until = web.utc(running.freeze.until)
    return Outlook(f"Freeze {running.freeze_id} rests on it and runs on, until {until} at the latest; no other begins.")


def on_approved(approval: Approval, actor: Actor, now: datetime) -> None:
    """Retire it in the transaction of the decision, in the name of who decided."""
    slo = _asked(approval)
    if slo is None or slo.state == SloState.RETIRED:
        raise NoLongerHolds(RETIRED)
    reason = f"Proposed by {approval.requested_by}. {approval.reason}".strip()
    who: dict[str, Any] = {"actor": actor, "now": now, "reason": reason}
    approvals.use_approval(approval, content=approval.shown, now=now, actor=actor)
    try:
        operations.retire_slo(slo, agreed=True, **who)
    except DomainError as error:
        raise NoLongerHolds(f"It cannot be retired any more: {error.message}") from error


def _asked(approval: Approval) -> Slo | None:
    return Slo.objects.select_related("automation__team", "team").filter(slug=approval.shown["slug"]).first()
