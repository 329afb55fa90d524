"""Another timer for one running handoff, proposed by somebody who may not set it: a second person decides."""

from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

from handoffs import operations, words
from handoffs.engine.clock import reach
from handoffs.engine.ladder import MAX_SLA_MINUTES, is_minutes
from handoffs.models import Handoff
from handoffs.operations.change import SLA_CHANGE, Change
from handoffs.timers import clock_of, verdict_of
from opsportal.approvals import operations as approvals
from opsportal.approvals.models import Approval
from opsportal.approvals.registry import NoLongerHolds, Outlook
from opsportal.approvals.states import Risk
from opsportal.audit.engine import Actor, Subject
from opsportal.errors import Conflict, InvalidInput
from opsportal.identity.actors import actor_for
from opsportal.identity.models import Person
from opsportal.identity.roles import CONFIGURE_HANDOFFS

WAITS = timedelta(days=3)
STOPPED = "The handoff has stopped."
PAST_BREACH = "Twice the timer has passed, so it can no longer be changed."


def propose_sla(
    handoff: Handoff, *, sla_minutes: int, requested_by: Person, now: datetime, reason: str = ""
) -> Approval:
    """Ask a second person for another timer. The same asked again while it waits is the same request.

    Raises InvalidInput `bad_minutes` and `same_timer`, Conflict `invalid_transition` and `past_breach`.
    """
    if not is_minutes(sla_minutes):
        text = f"A timer is a whole number of minutes, 1 to {MAX_SLA_MINUTES}."
        raise InvalidInput("bad_minutes", text, field="sla_minutes")
    if sla_minutes == handoff.sla_minutes:
        raise InvalidInput("same_timer", "This is its timer already.", field="sla_minutes")
    if not handoff.is_running:
        raise Conflict("invalid_transition", STOPPED)
    if _is_past_breach(handoff, now):
        raise Conflict("past_breach", PAST_BREACH, field="sla_minutes")
    content = {
        "handoff": str(handoff.pk),
        "present_sla_minutes": handoff.sla_minutes,
        "proposed_sla_minutes": sla_minutes,
        "reason": reason,
    }
    return approvals.request_approval(
        kind=SLA_CHANGE,
        subject=Subject("handoff", str(handoff.pk), handoff.subject),
        title=f"Another timer for “{handoff.subject}”",
        consequence=consequence(handoff, sla_minutes),
        content=content,
        risk=Risk.GUARDED,
        requested_by=requested_by,
        team=handoff.rule.team,
        now=now,
        expires_at=now + WAITS,
        reason=reason,
    )


def consequence(handoff: Handoff, sla_minutes: int) -> str:
    new, old = words.duration(sla_minutes * 60), words.duration(handoff.sla_minutes * 60)
    return f"Set its timer to {new} instead of {old}"


def due_sentence(handoff: Handoff, sla_minutes: int) -> str:
    """Both due instants, as the handoff's calendar reads them."""
    return f"It would be due {_due(handoff, sla_minutes)} instead of {_due(handoff, handoff.sla_minutes)}."


def may_decide(person: Person, approval: Approval) -> bool:
    """Whoever could change the timer themselves."""
    return person.allows(CONFIGURE_HANDOFFS)


def look(approval: Approval, now: datetime) -> Outlook:
    """What approving would do at this moment: a pause since the request has moved both instants."""
    handoff = Handoff.objects.with_names().filter(pk=UUID(approval.subject_id)).first()
    if handoff is None:
        return Outlook("The handoff is gone.", holds=False)
    if sentence := _outrun(handoff, approval, now):
        return Outlook(sentence, holds=False)
    return Outlook(due_sentence(handoff, approval.shown["proposed_sla_minutes"]))


def on_approved(approval: Approval, actor: Actor, now: datetime) -> None:
    """Change the timer in the transaction of the decision. Raises NoLongerHolds when the record has moved on."""
    locked = Change.lock(Handoff(pk=UUID(approval.subject_id)), actor=actor, now=now).handoff
    if sentence := _outrun(locked, approval, now):
        raise NoLongerHolds(sentence)
    approvals.use_approval(approval, content=approval.shown, now=now, actor=actor)
    operations.change_sla(
        locked,
        sla_minutes=approval.shown["proposed_sla_minutes"],
        reason=approval.reason,
        proposed_by=actor_for(approval.requested_by),
        approval=str(approval.pk),
        actor=actor,
        now=now,
    )


def _outrun(handoff: Handoff, approval: Approval, now: datetime) -> str:
    """Why the proposal does not fit the record any more, or nothing."""
    if not handoff.is_running:
        return STOPPED
    if handoff.sla_minutes != approval.shown["present_sla_minutes"]:
        present = words.duration(handoff.sla_minutes * 60)
        return f"Its timer was changed to {present} meanwhile. Propose again from there."
    return PAST_BREACH if _is_past_breach(handoff, now) else ""


def _is_past_breach(handoff: Handoff, now: datetime) -> bool:
    return verdict_of(handoff, list(handoff.pauses.all()), now).breached


def _due(handoff: Handoff, sla_minutes: int) -> str:
    """When so many minutes of the running cycle are up, in the zone of its calendar."""
    clock = replace(clock_of(handoff, handoff.pauses.all()), stopped_at=None, cancelled_at=None)
    reached = reach(clock, sla_minutes * 60)
    if reached is None:
        return "once its clock runs again"
    due_at = reached + timedelta(seconds=clock.grace_seconds)
    return words.instant(due_at, handoff.calendar_version.timezone)
