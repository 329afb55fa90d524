"""The moves of one handoff: respond, complete, cancel, pause, resume, reopen.

Verdicts go by when things occurred, actions by what was known: `occurred_at` may lie in the past. The same source and
event_id change nothing.
"""

from datetime import datetime

from django.db import IntegrityError, transaction

from handoffs import words
from handoffs.engine import cases
from handoffs.models import Handoff, Pause
from handoffs.operations.change import Change
from handoffs.states import HandoffState, Reopen, StopClock
from handoffs.timers import freeze
from opsportal.audit.engine import Actor
from opsportal.calendars.queries import business_time
from opsportal.errors import Conflict, InvalidInput

UNKNOWN = Actor("unknown", "", "somebody unknown")


@transaction.atomic
def respond_to_handoff(
    handoff: Handoff,
    *,
    actor: Actor,
    now: datetime,
    occurred_at: datetime | None = None,
    respondent: Actor | None = None,
    automatic: bool = False,
    reason: str = "",
    source: str = "",
    event_id: str = "",
) -> Handoff:
    """Somebody answered. `respondent` is who, where it is not the actor; a program that does not say leaves it
    unknown.

    An answer by a system or marked automatic is noted and stops nothing; one by somebody unknown counts and is
    flagged. A second answer only moves the first backwards. Raises Conflict `invalid_transition` when cancelled, or
    completed before.
    """
    change = Change.lock(handoff, actor=actor, now=now)
    who = respondent or (actor if actor.kind in ("human", "system") else UNKNOWN)
    if not change.is_news(
        "respond", source=source, event_id=event_id, at=occurred_at, kind=who.kind, id=who.id, automatic=automatic
    ):
        return change.handoff
    at = change.since_start(change.instant(occurred_at))
    if not cases.counts(who.kind, automatic):
        return _note_automatic_answer(change, at, who, reason)
    if change.handoff.first_response_at is not None and at >= change.handoff.first_response_at:
        return change.handoff
    _take_response(change, at, who)
    change.note("responded", occurred_at=at, reason=reason, responder=who.label)
    return change.commit()


@transaction.atomic
def complete_handoff(
    handoff: Handoff,
    *,
    actor: Actor,
    now: datetime,
    occurred_at: datetime | None = None,
    outcome: str = "",
    reason: str = "",
    source: str = "",
    event_id: str = "",
) -> Handoff:
    """The handoff is done. Raises Conflict `invalid_transition` when it was completed or cancelled before."""
    change = Change.lock(handoff, actor=actor, now=now)
    if not change.is_news("complete", source=source, event_id=event_id, at=occurred_at, outcome=outcome):
        return change.handoff
    at = change.since_start(change.instant(occurred_at))
    if change.handoff.reopened_at and at < change.handoff.reopened_at:
        raise InvalidInput("before_reopening", "This lies before it was reopened.", field="occurred_at")
    change.move_to(HandoffState.COMPLETED)
    take_completion(change, at)
    change.handoff.outcome = outcome or change.handoff.outcome
    change.note("completed", occurred_at=at, reason=reason)
    return change.commit()


@transaction.atomic
def cancel_handoff(
    handoff: Handoff,
    *,
    actor: Actor,
    now: datetime,
    occurred_at: datetime | None = None,
    reason: str = "",
    source: str = "",
    event_id: str = "",
) -> Handoff:
    """It needs nobody any more, and leaves the hit rate with its reason. A completed one stays."""
    change = Change.lock(handoff, actor=actor, now=now)
    if not change.is_news("cancel", source=source, event_id=event_id, at=occurred_at, reason=reason):
        return change.handoff
    at = change.since_start(change.instant(occurred_at))
    change.move_to(HandoffState.CANCELLED)
    change.handoff.cancelled_at, change.handoff.cancel_reason = at, reason[:240]
    change.end_pause(at)
    change.note("cancelled", occurred_at=at, reason=reason)
    subject = change.handoff.subject
    change.tell([change.handoff.owner], "cancelled", words.Words(f"“{subject}” needs nothing more", reason))
    return change.commit()


@transaction.atomic
def pause_handoff(
    handoff: Handoff,
    *,
    actor: Actor,
    now: datetime,
    occurred_at: datetime | None = None,
    reason: str = "",
    source: str = "",
    event_id: str = "",
) -> Handoff:
    """Hold the clock (waiting on the customer). Only a clock that runs can be held."""
    change = Change.lock(handoff, actor=actor, now=now)
    if not change.is_news("pause", source=source, event_id=event_id, at=occurred_at, reason=reason):
        return change.handoff
    if not change.handoff.is_running:
        raise change.refusal()
    at = change.since_start(change.instant(occurred_at))
    change.move_to(HandoffState.PAUSED)
    if any(pause.until and pause.until > at for pause in change.pauses):
        raise InvalidInput("overlapping_pause", "This lies within an earlier pause.", field="occurred_at")
    row = {"handoff": change.handoff, "cycle": change.handoff.cycle, "reason": reason[:240]}
    change.pauses.append(Pause.objects.create(from_at=max(at, change.handoff.started_at), **row))
    change.note("paused", occurred_at=at, reason=reason)
    return change.commit()


@transaction.atomic
def resume_handoff(
    handoff: Handoff,
    *,
    actor: Actor,
    now: datetime,
    occurred_at: datetime | None = None,
    reason: str = "",
    source: str = "",
    event_id: str = "",
) -> Handoff:
    """Let a held clock run on from where it stood."""
    change = Change.lock(handoff, actor=actor, now=now)
    if not change.is_news("resume", source=source, event_id=event_id, at=occurred_at):
        return change.handoff
    pause = change.open_pause()
    if change.handoff.state != HandoffState.PAUSED or pause is None:
        raise change.refusal()
    at = change.instant(occurred_at)
    if at < pause.from_at:
        raise InvalidInput("before_pause", "This lies before the pause began.", field="occurred_at")
    change.end_pause(at)
    # An answer given meanwhile under a completion clock stays given.
    change.move_to(HandoffState.RESPONDED if change.handoff.first_response_at else HandoffState.OPEN)
    change.note("resumed", occurred_at=at, reason=reason)
    return change.commit()


@transaction.atomic
def reopen_handoff(
    handoff: Handoff,
    *,
    actor: Actor,
    now: datetime,
    mode: str = "",
    occurred_at: datetime | None = None,
    reason: str = "",
    source: str = "",
    event_id: str = "",
) -> Handoff:
    """Take up a completed handoff again. `new_cycle`: a full timer from here, the earlier verdict stays; `resume`: the
    clock runs on. Default: as its rule says. Raises Conflict `already_running` when its reference runs elsewhere."""
    change = Change.lock(handoff, actor=actor, now=now)
    if not change.is_news("reopen", source=source, event_id=event_id, at=occurred_at, mode=mode):
        return change.handoff
    record = change.handoff
    if record.state != HandoffState.COMPLETED or record.completed_at is None:
        raise change.refusal()
    at = change.instant(occurred_at)
    if at < record.completed_at:
        raise InvalidInput("before_completion", "This lies before it was completed.", field="occurred_at")
    chosen = _reopen_mode(mode or record.rule_version.reopen)
    if chosen is Reopen.NEW_CYCLE:
        _begin_cycle(change, at)
    else:
        _run_on(change, record.completed_at, at)
    record.reopened_at = at
    change.note("reopened", occurred_at=at, reason=reason, mode=str(chosen))
    text = words.Words(f"“{record.subject}” was reopened", reason)
    change.tell([record.owner], "reopened", text)
    return _commit_running(change)


def take_completion(change: Change, at: datetime) -> None:
    """The facts of a completion, the state aside."""
    change.handoff.completed_at = at
    change.end_pause(at)


def _take_response(change: Change, at: datetime, who: Actor) -> None:
    """The facts of an answer. Under a first-response clock it stops the clock, and with it a pause."""
    record = change.handoff
    if record.state == HandoffState.CANCELLED:
        raise change.refusal()
    if record.completed_at is not None and at > record.completed_at:
        raise change.refusal()
    if record.state == HandoffState.OPEN:
        change.move_to(HandoffState.RESPONDED)
    elif record.state == HandoffState.PAUSED and record.stop_clock == StopClock.FIRST_RESPONSE:
        change.move_to(HandoffState.RESPONDED)
        change.end_pause(at)
    record.first_response_at = at
    record.responder_kind, record.responder_id = who.kind, who.id[:200]
    record.responder_unknown = who.kind == "unknown"


def _note_automatic_answer(change: Change, at: datetime, who: Actor, reason: str) -> Handoff:
    if not change.handoff.is_running:
        raise change.refusal()
    change.note("auto_replied", occurred_at=at, reason=reason, responder=who.label)
    return change.commit()


def _reopen_mode(mode: str) -> Reopen:
    try:
        return Reopen(mode)
    except ValueError:
        raise InvalidInput("bad_mode", "Reopening is new_cycle or resume.", field="mode") from None


def _begin_cycle(change: Change, at: datetime) -> None:
    record = change.handoff
    freeze(record, at).save()
    change.pauses = []
    record.cycle += 1
    change.move_to(HandoffState.OPEN)
    record.started_at, record.assigned_at = at, at if record.owner_id else None
    record.first_response_at = record.completed_at = None
    record.responder_kind = record.responder_id = ""
    record.responder_unknown = record.late_on_arrival = record.historical = False
    record.fired_percent, record.breached, record.breach_reason, record.outcome = 0, False, "", ""
    record.first_owner, record.held_by = record.owner, [record.owner_id] if record.owner_id else []
    record.within_business_hours = business_time(record.calendar_version_id).is_open(at)


def _run_on(change: Change, completed_at: datetime, at: datetime) -> None:
    """The time between completion and reopening is a pause; an answer given before stays given."""
    record = change.handoff
    change.pauses.append(
        Pause.objects.create(handoff=record, cycle=record.cycle, kind=Pause.Kind.CLOSED, from_at=completed_at, until=at)
    )
    record.completed_at = None
    change.move_to(HandoffState.RESPONDED if record.first_response_at else HandoffState.OPEN)


def _commit_running(change: Change) -> Handoff:
    """Commit a record that runs again: at most one runs per rule and reference, says the schema."""
    try:
        with transaction.atomic():
            return change.commit()
    except IntegrityError:
        text = f"“{change.handoff.external_ref}” already has another handoff running under this rule."
        raise Conflict("already_running", text, field="external_ref") from None
