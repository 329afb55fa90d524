"""Setting freezes aside by two people, with a reason and an end; and leadership's commitment to a freeze."""

from collections.abc import Sequence
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
from slos.policy.scope import covered_automations, freed_by, other_freezes, still_holding

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


def request_override(
    freeze: Freeze,
    *,
    until: datetime,
    reason: str,
    requested_by: Person,
    now: datetime,
    also: Sequence[Freeze] = (),
) -> Approval:
    """Ask a second person to set a freeze aside until an instant, and others over the same with it, each until its own
    end at the latest. The same asked again is the same request.

    Raises Forbidden `not_yours`, Conflict `freeze_over`, InvalidInput at reason, until and also.
    """
    if not all(may_ask(requested_by, one) for one in (freeze, *also)):
        raise Forbidden("not_yours", "An owner of what it holds back, or an ops lead, may ask for this.")
    if not _stands(freeze, now):
        raise Conflict("freeze_over", OVER)
    over_the_same = {one.pk for one, _ in other_freezes(freeze, now)}
    if not over_the_same.issuperset(one.pk for one in also):
        raise InvalidInput("unrelated", "Each holds back some of the same automations now.", field="also")
    if not reason.strip() or len(reason) > LONGEST_REASON:
        raise InvalidInput("required", f"Say why, in at most {LONGEST_REASON} characters.", field="reason")
    if not now + SHORTEST <= until <= freeze.until:
        latest = web.utc(freeze.until)
        raise InvalidInput("bad_end", f"It ends in the future, and not after the freeze ({latest}).", field="until")
    return approvals.request_approval(
        kind=FREEZE_OVERRIDE,
        subject=_subject(freeze),
        title=f"Set {_which(freeze, also)} aside",
        consequence=f"Have {'these freezes' if also else 'this freeze'} hold nothing back until {web.utc(until)}",
        content=_content(freeze, until, reason, also),
        risk=Risk.DANGEROUS,
        requested_by=requested_by,
        team=freeze.team or (freeze.automation.team if freeze.automation else None),
        now=now,
        reason=reason,
    )


def look(approval: Approval, now: datetime) -> Outlook:
    """What approving would do at this moment."""
    asked = _asked(approval)
    standing = [one for one in asked if _stands(one, now)]
    if not standing or _until(approval) <= now:
        return Outlook("Its end has passed." if standing else OVER, holds=False)
    freed = len(freed_by(standing, now))
    told = [f"{web.count(freed, 'automation') if freed else 'No automation'} may be changed again until then."]
    if len(standing) < len(asked):
        told.append(f"{web.count(len(asked) - len(standing), 'freeze')} of those asked about ended meanwhile.")
    told += words.others(still_holding(standing, now))
    return Outlook(" ".join([*told, *_commitments(standing)]))


@transaction.atomic
def on_approved(approval: Approval, actor: Actor, now: datetime) -> None:
    """Set aside what still stands, in the transaction of the decision. Raises NoLongerHolds when nothing does."""
    standing = [one for one in _asked(approval, lock=True) if _stands(one, now)]
    if not standing:
        raise NoLongerHolds(OVER)
    if _until(approval) <= now:
        raise NoLongerHolds("The end that was asked for has passed.")
    approvals.use_approval(approval, content=approval.shown, now=now, actor=actor)
    approver = Person.objects.get(pk=int(actor.id))
    for freeze in standing:
        _set_aside(freeze, approval, approver, actor, now)


def _set_aside(freeze: Freeze, approval: Approval, approver: Person, actor: Actor, now: datetime) -> None:
    until = min(_until(approval), freeze.until)
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


def _content(freeze: Freeze, until: datetime, reason: str, also: Sequence[Freeze]) -> dict[str, Any]:
    others = [_told(one) for one in sorted(also, key=lambda one: one.pk)]
    terms = {"set_aside_until": web.iso(until), "reason": reason.strip()}
    return {**_told(freeze), **terms, **({"also": others} if others else {})}


def _told(freeze: Freeze) -> dict[str, Any]:
    return {"freeze": freeze.pk, "holds_back": words.scope_of(freeze), "because": freeze.reason}


def _asked(approval: Approval, *, lock: bool = False) -> list[Freeze]:
    """The freezes a request is about, the one it was asked at first."""
    first, shown = int(approval.subject_id), approval.shown
    keys = [first, *(one["freeze"] for one in shown.get("also", ()))]
    rows = Freeze.objects.select_for_update(of=("self",)) if lock else Freeze.objects.all()
    found = rows.select_related("team", "automation", "acknowledged_by").filter(pk__in=keys).order_by("pk")
    return sorted(found, key=lambda one: one.pk != first)


def _which(freeze: Freeze, also: Sequence[Freeze]) -> str:
    if also:
        return f"{len(also) + 1} freezes of {words.scope_of(freeze)} and others over the same"
    return f"the freeze of {words.scope_of(freeze)}"


def _commitments(freezes: Sequence[Freeze]) -> list[str]:
    """What leadership has said about them."""
    if len(freezes) > 1:
        known = sum(one.acknowledged_by is not None for one in freezes)
        return [f"Leadership has committed to {known} of these {len(freezes)} freezes."]
    by = freezes[0].acknowledged_by
    if by is None:
        return ["Leadership has not acknowledged this freeze yet."]
    return [f"{by} of leadership has committed to this freeze."]


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
