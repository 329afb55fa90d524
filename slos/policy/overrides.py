"""Setting a freeze aside by two people, with a reason and an end; and leadership's commitment to a freeze."""

from datetime import datetime, timedelta
from typing import Any

from django.db import transaction

from opsportal.approvals import operations as approvals
from opsportal.approvals.models import Approval
from opsportal.approvals.registry import NoLongerHolds, Outlook
from opsportal.approvals.states import Risk
from opsportal.audit import operations as audit
from opsportal.audit.engine import Actor, Draft, Subject
from opsportal.catalog.models import Freeze, FreezeOverride
from opsportal.errors import Conflict, Forbidden, InvalidInput
from opsportal.identity.actors import actor_for
from opsportal.identity.models import Person
from opsportal.identity.roles import Role
from opsportal.web import words as web
from slos.policy import news, words
from slos.policy.scope import covered_automations, held_by_it_alone, other_freezes

FREEZE_OVERRIDE = "slos.freeze_override"
OVER = "The freeze is over."
SHORTEST = timedelta(minutes=5)
LONGEST_REASON = 240


def may_ask(person: Person, freeze: Freeze) -> bool:
    """Ops leads; the owner and the backup of an automation that the freeze holds back."""
    if not person.is_active:
        return False
    if person.allows("slos:write"):
        return True
    return covered_automations(freeze).filter(owner=person).exists() or (
        covered_automations(freeze).filter(backup_owner=person).exists()
    )


def request_override(freeze: Freeze, *, until: datetime, reason: str, requested_by: Person, now: datetime) -> Approval:
    """Ask a second person to set a freeze aside until an instant. The same asked again is the same request.

    Raises Forbidden `not_yours`, Conflict `freeze_over`, InvalidInput at reason and until.
    """
    if not may_ask(requested_by, freeze):
        raise Forbidden("not_yours", "An owner of what it holds back, or an ops lead, may ask for this.")
    if not _stands(freeze, now):
        raise Conflict("freeze_over", OVER)
    if not reason.strip() or len(reason) > LONGEST_REASON:
        raise InvalidInput("required", f"Say why, in at most {LONGEST_REASON} characters.", field="reason")
    if not now + SHORTEST <= until <= freeze.until:
        latest = web.utc(freeze.until)
        raise InvalidInput("bad_end", f"It ends in the future, and not after the freeze ({latest}).", field="until")
    return approvals.request_approval(
        kind=FREEZE_OVERRIDE,
        subject=_subject(freeze),
        title=f"Set the freeze of {words.scope_of(freeze)} aside",
        consequence=f"Have this freeze hold nothing back until {web.utc(until)}",
        content=_content(freeze, until, reason),
        risk=Risk.DANGEROUS,
        requested_by=requested_by,
        team=freeze.team or (freeze.automation.team if freeze.automation else None),
        now=now,
        reason=reason,
    )


def look(approval: Approval, now: datetime) -> Outlook:
    """What approving would do at this moment."""
    freeze = Freeze.objects.select_related("team", "automation").filter(pk=int(approval.subject_id)).first()
    if freeze is None or not _stands(freeze, now) or _until(approval) <= now:
        return Outlook(OVER if freeze is None or not _stands(freeze, now) else "Its end has passed.", holds=False)
    committed = (
        f"{freeze.acknowledged_by} of leadership has committed to this freeze."
        if freeze.acknowledged_by
        else "Leadership has not acknowledged this freeze yet."
    )
    freed = held_by_it_alone(freeze, now).count()
    told = [f"{web.count(freed, 'automation') if freed else 'No automation'} may be changed again until then."]
    told += words.others(other_freezes(freeze, now))
    return Outlook(" ".join([*told, committed]))


@transaction.atomic
def on_approved(approval: Approval, actor: Actor, now: datetime) -> None:
    """Set the freeze aside in the transaction of the decision. Raises NoLongerHolds when it is over."""
    freeze = Freeze.objects.select_for_update(of=("self",)).filter(pk=int(approval.subject_id)).first()
    until = _until(approval)
    if freeze is None or not _stands(freeze, now):
        raise NoLongerHolds(OVER)
    if until <= now:
        raise NoLongerHolds("The end that was asked for has passed.")
    approvals.use_approval(approval, content=approval.shown, now=now, actor=actor)
    approver = Person.objects.get(pk=int(actor.id))
    override = FreezeOverride.objects.create(
        freeze=freeze,
        from_at=now,
        until=until,
        reason=approval.shown["reason"],
        requested_by=approval.requested_by,
        approved_by=approver,
        approval=str(approval.pk),
    )
    people = f"{approval.requested_by} asked, {approver} approved"
    after = {"until": override.until, "requested_by": str(approval.requested_by), "approved_by": str(approver)}
    _record(freeze, "overridden", actor, now, override.reason, after=after, extra={"approval": str(approval.pk)})
    news.freeze_overridden(freeze, until=until, reason=override.reason, people=people, now=now)


@transaction.atomic
def acknowledge_freeze(freeze: Freeze, *, person: Person, commitment: str, now: datetime) -> Freeze:
    """Leadership commits to a freeze, in words; once. Raises Forbidden, Conflict, InvalidInput."""
    if Role.VIEWER not in person.roles or not person.is_active:
        raise Forbidden("not_leadership", "Leadership (the role viewer) commits to a freeze.")
    freeze = Freeze.objects.select_for_update(of=("self",)).get(pk=freeze.pk)
    if freeze.acknowledged_at is not None:
        raise Conflict("acknowledged", f"{freeze.acknowledged_by} has committed to this freeze already.")
    if not commitment.strip() or len(commitment) > LONGEST_REASON:
        message = f"Say what leadership commits to, in at most {LONGEST_REASON} characters."
        raise InvalidInput("required", message, field="commitment")
    freeze.acknowledged_at, freeze.acknowledged_by, freeze.commitment = now, person, commitment.strip()
    freeze.save(update_fields=["acknowledged_at", "acknowledged_by", "commitment"])
    _record(freeze, "acknowledged", actor_for(person), now, commitment)
    return freeze


def _stands(freeze: Freeze, now: datetime) -> bool:
    return freeze.from_at <= now < freeze.until and (freeze.lifted_at is None or freeze.lifted_at > now)


def _content(freeze: Freeze, until: datetime, reason: str) -> dict[str, Any]:
    return {
        "freeze": freeze.pk,
        "holds_back": words.scope_of(freeze),
        "because": freeze.reason,
        "set_aside_until": web.iso(until),
        "reason": reason.strip(),
    }


def _until(approval: Approval) -> datetime:
    return datetime.fromisoformat(approval.shown["set_aside_until"])


def _subject(freeze: Freeze) -> Subject:
    return Subject("freeze", str(freeze.pk), f"the freeze of {words.scope_of(freeze)}")


def _record(freeze: Freeze, action: str, actor: Actor, now: datetime, reason: str, **detail: Any) -> None:
    audit.record(
        Draft(
            actor=actor,
            action=f"freeze.{action}",
            subject=_subject(freeze),
            at=now,
            reason=reason,
            team=freeze.team.slug if freeze.team else "",
            **detail,
        )
    )
