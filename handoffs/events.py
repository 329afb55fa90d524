"""The events of cases: taken into the log once, and read by the rules that open, answer and complete handoffs from
them.

A case starts a rule's clock once. Whatever order its events arrive in, the record ends up the same: with each event
the case is read again as a whole, and every fact of the record is the earliest instant over all events
(engine.cases).
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from decimal import Decimal
from itertools import zip_longest
from typing import Any

from django.db import IntegrityError, connection, transaction

from handoffs.engine import cases
from handoffs.engine.ladder import choose_minutes
from handoffs.models import CaseEvent, Handoff, Rule
from handoffs.operations import keys
from handoffs.operations.change import Change, check_instant
from handoffs.operations.records import NewHandoff, announce_created, build_handoff
from handoffs.states import HandoffState, RuleMode, StopClock
from opsportal import ids, trace
from opsportal.audit.engine import Actor
from opsportal.calendars.queries import business_time
from opsportal.identity.models import Person

CASE_LOCK = 7_403  # the first half of the advisory lock's key: "events of one case"


@dataclass(frozen=True, slots=True, kw_only=True)
class NewEvent:
    """What a sender says happened. Without an event_id it is taken as new each time."""

    case_id: str
    event_name: str
    occurred_at: datetime
    lifecycle: str = ""
    actor_kind: str = "unknown"
    actor_id: str = ""
    channel: str = ""
    location: str = ""
    amount: Decimal | None = None
    reason_code: str = ""
    attributes: Mapping[str, Any] = field(default_factory=dict)
    source: str = ""
    event_id: str = ""
    trace_id: str = ""
    historical: bool = False

    def said(self) -> dict[str, Any]:
        body = asdict(self)
        del body["trace_id"]  # the request's where the sender gave none
        return body


@dataclass(frozen=True, slots=True)
class Recorded:
    """`status` is created or duplicate; `id` is that of the row in the log."""

    status: str
    id: str


@transaction.atomic
def record_event(*, new: NewEvent, actor: Actor, now: datetime) -> Recorded:
    """Take one event into the log and let the rules read its case.

    Raises Conflict `event_id_conflict` when the same source and event_id said something else, InvalidInput
    `in_the_future` (field `timestamp`).
    """
    check_instant(new.occurred_at, now, field="timestamp")
    hold_case(new.case_id)
    said = new.said()
    known = keys.find_result(scope="event", source=new.source, event_id=new.event_id, body=said)
    if known is not None:
        return Recorded("duplicate", known)
    event = CaseEvent.objects.create(
        **{**asdict(new), "attributes": dict(new.attributes)}
        | {"trace_id": new.trace_id or trace.current_trace_id() or ids.new_trace_id(), "ingested_at": now}
    )
    keys.claim(scope="event", source=new.source, event_id=new.event_id, body=said, result_id=str(event.pk), now=now)
    read_case(new.case_id, rules_reading([event]), actor=actor, now=now)
    return Recorded("created", str(event.pk))


def hold_case(case_id: str) -> None:
    """Until the transaction ends nobody else takes events of this case (SQLite has one writer anyway)."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s, hashtext(%s))", [CASE_LOCK, case_id])


def rules_reading(events: Sequence[CaseEvent]) -> list[Rule]:
    """The rules to which at least one of these events says something. Retired ones still answer and complete."""
    rules = Rule.objects.exclude(mode=RuleMode.DRAFT).select_related("team", "current__calendar")
    return [rule for rule in rules if any(cases.matches(matcher, one) for matcher in _matchers(rule) for one in events)]


def read_case(case_id: str, rules: Sequence[Rule], *, actor: Actor, now: datetime) -> None:
    """Bring the handoffs of a case in line with all its events. The caller holds the case."""
    names = {matcher["event_name"] for rule in rules for matcher in _matchers(rule)}
    events = list(CaseEvent.objects.filter(case_id=case_id, event_name__in=names)) if names else []
    for rule in rules:
        records = _records(rule, case_id)
        if _start(rule, records, events, actor=actor, now=now):
            records = _records(rule, case_id)
        for record, following in zip_longest(records, records[1:]):
            _stop(rule, record, events, following.started_at if following else None, now)


def _matchers(rule: Rule) -> list[Mapping[str, Any]]:
    terms = rule.terms
    return [one for one in (terms.start_on, terms.respond_on, terms.complete_on) if one]


def _records(rule: Rule, case_id: str) -> list[Handoff]:
    """The handoffs that bear the case's id under this rule, in the order they started. Whoever moves one locks it."""
    return list(Handoff.objects.filter(rule=rule, external_ref=case_id).order_by("started_at", "pk"))


# --- the start ---


def _start(rule: Rule, records: Sequence[Handoff], events: Sequence[CaseEvent], *, actor: Actor, now: datetime) -> bool:
    """Open or move the record of the case by its first start; answers whether a record changed."""
    start = cases.first_start(_since_at_work(rule, events), rule.terms.start_on)
    if start is None:
        return False
    record = _record_of_start(records, start.occurred_at)
    if record is not None:
        return _move_start(record, start, now)
    if rule.mode in (RuleMode.ACTIVE, RuleMode.SHADOW):
        _open(rule, start, actor=actor, now=now)
        return True
    return False


def _since_at_work(rule: Rule, events: Sequence[CaseEvent]) -> list[CaseEvent]:
    """Events that came while the rule was at work: activating it does not wake up what the log already holds."""
    since = min(filter(None, (rule.shadow_at, rule.activated_at)), default=None)
    return [one for one in events if since is not None and one.ingested_at >= since]


def _record_of_start(records: Sequence[Handoff], at: datetime) -> Handoff | None:
    """The record this start belongs to: the case's own, else one opened by other means that runs or still ran then."""
    own = [one for one in records if one.from_case]
    if own:
        return own[0]
    covering = [one for one in records if one.started_at <= at and (_closed_at(one) or at) >= at]
    running = [one for one in records if one.is_running]
    return next(iter([*covering[-1:], *running]), None)


def _closed_at(record: Handoff) -> datetime | None:
    return record.cancelled_at or (None if record.is_running else record.stopped_at)


def _open(rule: Rule, start: CaseEvent, *, actor: Actor, now: datetime) -> None:
    handoff = build_handoff(_new_of(rule, start), now=now)
    handoff.from_case = True
    try:
        with transaction.atomic():
            handoff.save(force_insert=True)
    except IntegrityError:  # opened by a POST since we looked: now it can be seen, and the start belongs to it
        record = _record_of_start(_records(rule, start.case_id), start.occurred_at)
        if record is None:
            raise
        _move_start(record, start, now)
        return
    announce_created(handoff, actor=actor, now=now)


def _new_of(rule: Rule, start: CaseEvent) -> NewHandoff:
    said = {key: value for key, value in start.attributes.items() if isinstance(value, str)}
    return NewHandoff(
        rule=rule,
        subject=said.get("subject", "")[:200] or start.case_id,
        external_ref=start.case_id,
        owner=_person(said.get("owner")),
        backup_owner=_person(said.get("backup_owner")),
        started_at=start.occurred_at,
        url=said.get("url", "")[:500],
        trace_id=start.trace_id,
        historical=start.historical,
        **_said_by(start),
    )


def _person(username: str | None) -> Person | None:
    return Person.objects.filter(username=username, is_active=True).first() if username else None


def _move_start(record: Handoff, start: CaseEvent, now: datetime) -> bool:
    """An earlier start became known: the clock started then, with the timer of what that start said."""
    if record.from_case and not _is_moved_by(record, start):
        return False
    change = Change.lock(record, actor=_teller(start), now=now)
    record = change.handoff
    record.from_case = True
    if not _is_moved_by(record, start):
        record.save(update_fields=["from_case"])
        return True
    _restart(record, start)
    change.note("corrected", occurred_at=start.occurred_at)
    change.commit()
    return True


def _is_moved_by(record: Handoff, start: CaseEvent) -> bool:
    """Whether this first start is earlier than the record's, or speaks for its instant and says something else."""
    if record.cycle > 1 or record.started_at < start.occurred_at:
        return False
    said = _said_by(start)
    return record.started_at > start.occurred_at or any(getattr(record, name) != said[name] for name in said)


def _restart(record: Handoff, start: CaseEvent) -> None:
    terms = record.rule_version
    record.started_at = start.occurred_at
    for name, value in _said_by(start).items():
        setattr(record, name, value)
    record.within_business_hours = business_time(record.calendar_version_id).is_open(record.started_at)
    if not record.sla_is_own:
        record.sla_minutes = choose_minutes(terms.segments, terms.sla_minutes, channel=record.channel, icp=record.icp)


def _said_by(start: CaseEvent) -> dict[str, Any]:
    """What a record takes over from its start, beside the people: they stay, for they may have acted."""
    icp = start.attributes.get("icp")
    return {
        "channel": start.channel,
        "icp": icp[:60] if isinstance(icp, str) else "",
        "amount": start.amount,
        "attributes": start.attributes,
        "source": start.source,
        "event_id": start.event_id,
    }


# --- the stops ---


def _stop(rule: Rule, record: Handoff, events: Sequence[CaseEvent], until: datetime | None, now: datetime) -> None:
    """Move answer and completion to the earliest the events know; what was noted by hand stays where it is earlier."""
    if record.state == HandoffState.CANCELLED:
        return
    terms, since = rule.terms, record.started_at
    answer = cases.first_response(events, terms.respond_on, since=since, until=until)
    reopened = max(since, record.reopened_at) if record.reopened_at else since
    done_at = cases.first_completion(events, terms.complete_on, since=reopened, until=until)
    if answer is not None and _is_earlier(answer.at, record.first_response_at):
        _take_answer(record, answer, now)
    if done_at is not None and _is_earlier(done_at, record.completed_at):
        _take_completion(record, done_at, now)


def _is_earlier(instant: datetime, known: datetime | None) -> bool:
    return known is None or instant < known


def _take_answer(record: Handoff, answer: cases.Response, now: datetime) -> None:
    who = Actor(answer.actor_kind, answer.actor_id, answer.actor_id or "somebody")
    change = Change.lock(record, actor=who, now=now)
    locked = change.handoff
    if locked.state == HandoffState.CANCELLED or not _is_earlier(answer.at, locked.first_response_at):
        return  # somebody moved it by hand since we looked
    locked.first_response_at = answer.at
    locked.responder_kind, locked.responder_id = answer.actor_kind, answer.actor_id
    locked.responder_unknown = answer.actor_kind != "human"
    holds = locked.state == HandoffState.PAUSED and locked.stop_clock == StopClock.FIRST_RESPONSE
    if locked.state == HandoffState.OPEN or holds:
        change.move_to(HandoffState.RESPONDED)
        change.end_pause(answer.at)
    change.note("responded", occurred_at=answer.at, responder=who.label)
    change.commit()


def _take_completion(record: Handoff, done_at: datetime, now: datetime) -> None:
    change = Change.lock(record, actor=Actor("system", "events", "The event log"), now=now)
    locked = change.handoff
    if locked.state == HandoffState.CANCELLED or not _is_earlier(done_at, locked.completed_at):
        return
    if locked.state != HandoffState.COMPLETED:
        change.move_to(HandoffState.COMPLETED)
    locked.completed_at = done_at
    change.end_pause(done_at)
    change.note("completed", occurred_at=done_at)
    change.commit()


def _teller(event: CaseEvent) -> Actor:
    return Actor(event.actor_kind, event.actor_id, event.actor_id or "The event log")
