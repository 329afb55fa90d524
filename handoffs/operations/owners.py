"""Who owns a handoff: given by people (and, through sweep.py, by the ladder)."""

from datetime import datetime

from django.db import transaction

from handoffs import words
from handoffs.engine.consequence import take_over
from handoffs.models import Handoff
from handoffs.operations.change import Change
from handoffs.operations.records import is_backup_missing
from handoffs.people import standing_of
from handoffs.states import HandoffState
from opsportal.audit.engine import Actor
from opsportal.errors import Conflict, InvalidInput
from opsportal.identity.models import Person


@transaction.atomic
def assign_handoff(
    handoff: Handoff,
    *,
    owner: Person | None = None,
    backup_owner: Person | None = None,
    actor: Actor,
    now: datetime,
    occurred_at: datetime | None = None,
    reason: str = "",
    source: str = "",
    event_id: str = "",
) -> Handoff:
    """Name the owner, the backup, or both. Who is told: the new owner. Raises InvalidInput `nobody_named`."""
    change = Change.lock(handoff, actor=actor, now=now)
    if not change.is_news("assign", source=source, event_id=event_id, owner=_name(owner), backup=_name(backup_owner)):
        return change.handoff
    if owner is None and backup_owner is None:
        raise InvalidInput("nobody_named", "Name who is to own this.", field="owner")
    at = change.instant(occurred_at)
    if backup_owner is not None:
        _check_person(backup_owner, "backup_owner")
        change.handoff.backup_owner = backup_owner
    new_owner = owner if owner is not None and owner.pk != change.handoff.owner_id else None
    if new_owner is not None:
        _give_to(change, new_owner, at)
    change.handoff.backup_missing = is_backup_missing(change.handoff.owner, change.handoff.backup_owner)
    change.note("assigned", occurred_at=at, reason=reason, owner=str(change.handoff.owner or "nobody"))
    return change.commit()


@transaction.atomic
def reassign_handoff(
    handoff: Handoff,
    *,
    owner: Person | None = None,
    actor: Actor,
    now: datetime,
    occurred_at: datetime | None = None,
    reason: str = "",
    source: str = "",
    event_id: str = "",
) -> Handoff:
    """Give it to somebody else; without a name to whoever the ladder would choose. Both old and new owner are told.

    Raises Conflict `already_owner`, and `nobody_left` when no one is named and nobody could take over.
    """
    change = Change.lock(handoff, actor=actor, now=now)
    if not change.is_news("reassign", source=source, event_id=event_id, owner=_name(owner)):
        return change.handoff
    at = change.instant(occurred_at)
    chosen = owner or _next_owner(change.handoff, now)
    if chosen.pk == change.handoff.owner_id:
        raise Conflict("already_owner", f"{chosen} owns this already.", field="owner")
    previous = change.handoff.owner
    _give_to(change, chosen, at)
    change.handoff.backup_missing = is_backup_missing(chosen, change.handoff.backup_owner)
    change.note("reassigned", occurred_at=at, reason=reason, step=f"moved it from {previous or 'nobody'} to {chosen}")
    if previous is not None:
        change.tell([previous], "reassigned", words.Words(f"“{change.handoff.subject}” is now with {chosen}", reason))
    return change.commit()


def _give_to(change: Change, owner: Person, at: datetime) -> None:
    record = change.handoff
    _check_person(owner, "owner")
    if record.state in (HandoffState.COMPLETED, HandoffState.CANCELLED):
        raise change.refusal()
    record.owner = owner
    record.first_owner = record.first_owner or owner
    record.assigned_at = record.assigned_at or at
    if owner.pk not in record.held_by:
        record.held_by = [*record.held_by, owner.pk]
    change.tell([owner], "assigned", words.Words(f"“{record.subject}” is yours", _what_to_do(record)))


def _what_to_do(record: Handoff) -> str:
    if not record.is_running:
        return ""
    due = f", due {record.due_at:%Y-%m-%d %H:%M} UTC" if record.due_at else ""
    return f"It waits for {words.waits_for(record.stop_clock)}{due}."


def _next_owner(record: Handoff, now: datetime) -> Person:
    chosen = take_over(standing_of(record, now))
    if chosen is None:
        raise Conflict("nobody_left", "Nobody is left to take this over: name somebody.", field="owner")
    return Person.objects.get(pk=chosen)


def _check_person(person: Person, field: str) -> None:
    if not person.is_active:
        raise InvalidInput("inactive_person", f"{person} no longer works here.", field=field)


def _name(person: Person | None) -> str:
    return person.username if person else ""
