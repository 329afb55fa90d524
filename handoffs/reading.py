"""Reading cases: what the rules make of the events of many cases, in a handful of statements whatever their number.

A case starts a rule's clock once. Whatever order its events arrive in, the record ends up the same: the case is read
as a whole, and every fact of the record is the earliest instant over all events (engine.cases).
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import zip_longest
from typing import Any
from uuid import UUID

from django.db import IntegrityError, connection, transaction

from handoffs.engine import cases
from handoffs.engine.cases import Told
from handoffs.engine.ladder import choose_minutes
from handoffs.models import CaseEvent, Handoff, Pause, Rule
from handoffs.operations.change import Change
from handoffs.operations.ledger import Ledger, slices
from handoffs.operations.records import NewHandoff, build_handoff, creation_of
from handoffs.states import HandoffState, RuleMode, StopClock
from opsportal.audit.engine import Actor
from opsportal.calendars.models import CalendarVersion
from opsportal.calendars.queries import business_time, current_version
from opsportal.identity.models import Person

CASE_LOCK = 7_403  # the first half of the advisory lock's key: "events of one case"
# Cases share this many locks: whatever a chunk holds, the server's table of locks does not run full.
CASE_LOCKS = 1_024
ATTEMPTS = 3  # a POST may open the handoff of a case while the case is read
LOG = Actor("system", "events", "The event log")

Touched = Mapping[Rule, Collection[str]]


def rules_touched(events: Iterable[Told]) -> dict[Rule, set[str]]:
    """The rules to which at least one event says something, and the cases in which. Retired ones still answer."""
    events = list(events)
    touched: dict[Rule, set[str]] = defaultdict(set)
    for rule in Rule.objects.exclude(mode=RuleMode.DRAFT).select_related("team", "current__calendar"):
        matchers = _matchers(rule)
        names = {matcher["event_name"] for matcher in matchers}
        for one in events:
            if one.event_name in names and any(cases.matches(matcher, one) for matcher in matchers):
                touched[rule].add(one.case_id)
    return dict(touched)


def hold_cases(touched: Touched) -> None:
    """Until the transaction ends nobody else reads these cases (SQLite has one writer anyway).

    Taken before anything else is locked and in one order, so that nobody waits in a circle.
    """
    case_ids = list(_all_cases(touched))
    if not case_ids or connection.vendor != "postgresql":
        return
    with connection.cursor() as cursor:
        cursor.execute(_HOLD, [CASE_LOCK, CASE_LOCKS - 1, case_ids])


_HOLD = """
SELECT pg_advisory_xact_lock(%s, lock)
FROM (SELECT DISTINCT hashtext(case_id) & %s AS lock FROM unnest(%s::text[]) AS case_id ORDER BY 1) AS locks
"""


def read_cases(touched: Touched, *, actor: Actor, now: datetime) -> None:
    """Bring the handoffs of these cases in line with all their events. The caller holds the cases."""
    for attempt in range(1, ATTEMPTS + 1):
        try:
            with transaction.atomic():
                _read_cases(touched, actor=actor, now=now)
            return
        except IntegrityError:  # opened by a POST since we looked: now it can be seen, and the start belongs to it
            if attempt == ATTEMPTS:
                raise


def _read_cases(touched: Touched, *, actor: Actor, now: datetime) -> None:
    if not touched:
        return
    records, events = _records(touched), _events(touched)
    book = Book(actor, Ledger(now), _pauses(records.values()), _people(events.values()))
    for rule, case_ids in touched.items():
        terms = Reading(rule, book, current_version(rule.terms.calendar.slug))
        for case_id in sorted(case_ids):
            terms.read(records.get((rule.pk, case_id), []), events.get(case_id, []))
    book.ledger.write()


# --- what is looked up ---


def _all_cases(touched: Touched) -> list[str]:
    return sorted({case_id for case_ids in touched.values() for case_id in case_ids})


def _matchers(rule: Rule) -> list[Mapping[str, Any]]:
    terms = rule.terms
    return [one for one in (terms.start_on, terms.respond_on, terms.complete_on) if one]


def _events(touched: Touched) -> dict[str, list[CaseEvent]]:
    """What these rules read, by case."""
    names = {matcher["event_name"] for rule in touched for matcher in _matchers(rule)}
    found: dict[str, list[CaseEvent]] = defaultdict(list)
    for case_ids in slices(_all_cases(touched)):
        for one in CaseEvent.objects.filter(case_id__in=case_ids, event_name__in=names).order_by():
            found[one.case_id].append(one)
    return found


def _records(touched: Touched) -> dict[tuple[int, str], list[Handoff]]:
    """The handoffs that bear the cases' ids, locked, by rule and case."""
    found: dict[tuple[int, str], list[Handoff]] = defaultdict(list)
    locked = Handoff.objects.with_names().select_for_update(of=("self",)).filter(rule__in=list(touched))
    for case_ids in slices(_all_cases(touched)):
        for one in locked.filter(external_ref__in=case_ids).order_by("pk"):
            found[one.rule_id, one.external_ref].append(one)
    return found


def _pauses(records: Iterable[Sequence[Handoff]]) -> dict[UUID, list[Pause]]:
    found: dict[UUID, list[Pause]] = defaultdict(list)
    for keys in slices([one.pk for several in records for one in several]):
        for pause in Pause.objects.filter(handoff__in=keys):
            found[pause.handoff_id].append(pause)
    return found


def _people(events: Iterable[Sequence[CaseEvent]]) -> dict[str, Person]:
    """Everybody the events name as an owner and who works here."""
    said = (one.attributes.get(name) for several in events for one in several for name in ("owner", "backup_owner"))
    names = {name for name in said if isinstance(name, str) and name}
    people = Person.objects.filter(username__in=names, is_active=True) if names else []
    return {one.username: one for one in people}


# --- what is written ---


@dataclass(frozen=True, slots=True)
class Book:
    """On whose behalf cases are read, what was looked up for it, and what comes of it."""

    actor: Actor
    ledger: Ledger
    pauses: Mapping[UUID, list[Pause]]
    people: Mapping[str, Person]

    @property
    def now(self) -> datetime:
        return self.ledger.now

    def open(self, handoff: Handoff) -> None:
        self.ledger.open(creation_of(handoff, actor=self.actor, now=self.now))

    def change(self, handoff: Handoff, actor: Actor) -> Change:
        """A locked or new record about to be moved; ends with `commit`."""
        pauses = [one for one in self.pauses.get(handoff.pk, []) if one.cycle == handoff.cycle]
        return Change(handoff, pauses, actor, self.now, Change.facts_of(handoff))

    def commit(self, change: Change) -> None:
        change.settle()
        self.ledger.move(change)


# --- one case under one rule ---


@dataclass(frozen=True, slots=True)
class Reading:
    """One rule reading cases into a book."""

    rule: Rule
    book: Book
    calendar_version: CalendarVersion

    def read(self, records: list[Handoff], events: Sequence[CaseEvent]) -> None:
        self._start(records, events)
        records.sort(key=lambda one: (one.started_at, one.pk))
        for record, following in zip_longest(records, records[1:]):
            self._stop(record, events, following.started_at if following else None)

    def _start(self, records: list[Handoff], events: Sequence[CaseEvent]) -> None:
        """Open or move the record of the case by its first start."""
        start = cases.first_start(_since_at_work(self.rule, events), self.rule.terms.start_on)
        if start is None:
            return
        record = _record_of_start(records, start.occurred_at)
        if record is not None:
            self._move_start(record, start)
        elif self.rule.mode in (RuleMode.ACTIVE, RuleMode.SHADOW):
            records.append(self._open(start))

    def _open(self, start: CaseEvent) -> Handoff:
        new = _new_of(self.rule, start, self.book.people)
        handoff = build_handoff(new, now=self.book.now, calendar_version=self.calendar_version)
        handoff.from_case = True
        handoff.clock_skew = handoff.clock_skew or start.clock_skew
        self.book.open(handoff)
        return handoff

    def _move_start(self, record: Handoff, start: CaseEvent) -> None:
        """An earlier start became known: the clock started then, with the timer of what that start said."""
        moved = _is_moved_by(record, start)
        if record.from_case and not moved:
            return
        record.from_case = True
        if not moved:
            self.book.ledger.save(record)
            return
        change = self.book.change(record, _teller(start))
        _restart(record, start)
        change.note("corrected", occurred_at=start.occurred_at)
        self.book.commit(change)

    def _stop(self, record: Handoff, events: Sequence[CaseEvent], until: datetime | None) -> None:
        """Move answer and completion to the earliest the events know; what was noted by hand stays where it is
        earlier.
        """
        if record.state == HandoffState.CANCELLED:
            return
        terms, since = self.rule.terms, record.started_at
        reopened = max(since, record.reopened_at) if record.reopened_at else since
        answer = cases.first_response(events, terms.respond_on, since=since, until=until)
        done = cases.first_completion(events, terms.complete_on, since=reopened, until=until)
        if answer is not None and _is_first_answer(answer, record):
            self._take_answer(record, answer)
        if done is not None and (record.completed_at is None or done.occurred_at < record.completed_at):
            self._take_completion(record, done)

    def _take_answer(self, record: Handoff, answer: CaseEvent) -> None:
        who = _teller(answer, "somebody")
        change = self.book.change(record, who)
        record.first_response_at = answer.occurred_at
        record.responder_kind, record.responder_id = answer.actor_kind, answer.actor_id
        record.responder_unknown = answer.actor_kind != "human"
        record.clock_skew = record.clock_skew or answer.clock_skew
        holds = record.state == HandoffState.PAUSED and record.stop_clock == StopClock.FIRST_RESPONSE
        if record.state == HandoffState.OPEN or holds:
            change.move_to(HandoffState.RESPONDED)
            change.end_pause(answer.occurred_at)
        change.note("responded", occurred_at=answer.occurred_at, responder=who.label)
        self.book.commit(change)

    def _take_completion(self, record: Handoff, done: CaseEvent) -> None:
        change = self.book.change(record, LOG)
        if record.state != HandoffState.COMPLETED:
            change.move_to(HandoffState.COMPLETED)
        record.completed_at = done.occurred_at
        record.clock_skew = record.clock_skew or done.clock_skew
        change.end_pause(done.occurred_at)
        change.note("completed", occurred_at=done.occurred_at)
        self.book.commit(change)


def _since_at_work(rule: Rule, events: Sequence[CaseEvent]) -> list[CaseEvent]:
    """Events that came while the rule was at work: activating it does not wake up what the log already holds."""
    since = min(filter(None, (rule.shadow_at, rule.activated_at)), default=None)
    return [one for one in events if since is not None and one.ingested_at >= since]


def _record_of_start(records: Sequence[Handoff], at: datetime) -> Handoff | None:
    """The record this start belongs to: the case's own, else one opened by other means that runs or still ran then."""
    records = sorted(records, key=lambda one: (one.started_at, one.pk))
    own = [one for one in records if one.from_case]
    if own:
        return own[0]
    covering = [one for one in records if one.started_at <= at and (_closed_at(one) or at) >= at]
    running = [one for one in records if one.is_running]
    return next(iter([*covering[-1:], *running]), None)


def _closed_at(record: Handoff) -> datetime | None:
    return record.cancelled_at or (None if record.is_running else record.stopped_at)


def _new_of(rule: Rule, start: CaseEvent, people: Mapping[str, Person]) -> NewHandoff:
    said = {key: value for key, value in start.attributes.items() if isinstance(value, str)}
    return NewHandoff(
        rule=rule,
        subject=said.get("subject", "")[:200] or start.case_id,
        external_ref=start.case_id,
        owner=people.get(said.get("owner", "")),
        backup_owner=people.get(said.get("backup_owner", "")),
        started_at=start.occurred_at,
        url=said.get("url", "")[:500],
        trace_id=start.trace_id,
        historical=start.historical,
        **_said_by(start),
    )


def _is_moved_by(record: Handoff, start: CaseEvent) -> bool:
    """Whether this first start is earlier than the record's, or speaks for its second and says something else."""
    at = start.occurred_at.replace(microsecond=0)  # a clock starts at the second it starts in
    if record.cycle > 1 or record.started_at < at:
        return False
    said = _said_by(start)
    return record.started_at > at or any(getattr(record, name) != said[name] for name in said)


def _restart(record: Handoff, start: CaseEvent) -> None:
    terms = record.rule_version
    record.started_at = start.occurred_at
    record.clock_skew = record.clock_skew or start.clock_skew
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


def _is_first_answer(answer: CaseEvent, record: Handoff) -> bool:
    """Whether it is earlier than the one the record knows; in the same instant a person speaks before a program."""
    if record.first_response_at is None or answer.occurred_at < record.first_response_at:
        return True
    known = cases.speaker_order(record.responder_kind, record.responder_id)
    return answer.occurred_at == record.first_response_at and (
        cases.speaker_order(answer.actor_kind, answer.actor_id) < known
    )


def _teller(event: CaseEvent, unnamed: str = "The event log") -> Actor:
    return Actor(event.actor_kind, event.actor_id, event.actor_id or unnamed)
