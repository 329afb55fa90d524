"""Opening handoffs, making history live, and the notes people add to a record."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db import IntegrityError, transaction

from handoffs.engine.clock import SECOND
from handoffs.engine.ladder import MAX_SLA_MINUTES, choose_minutes, is_minutes
from handoffs.models import Handoff, Rule
from handoffs.operations import keys
from handoffs.operations.change import Change, check_instant
from handoffs.queries.reasons import as_listed
from handoffs.states import RuleMode
from handoffs.timers import grace_seconds, settle, verdict_of
from opsportal import ids
from opsportal.audit.engine import Actor
from opsportal.calendars.models import CalendarVersion
from opsportal.calendars.queries import business_time, current_version
from opsportal.errors import Conflict, InvalidInput
from opsportal.identity.models import Person


@dataclass(frozen=True, slots=True, kw_only=True)
class NewHandoff:
    """What a caller says about a handoff; what it leaves out comes from the rule."""

    rule: Rule
    subject: str
    external_ref: str = ""
    owner: Person | None = None
    backup_owner: Person | None = None
    sla_minutes: int | None = None
    started_at: datetime | None = None
    channel: str = ""
    icp: str = ""
    amount: Decimal | None = None
    url: str = ""
    attributes: Mapping[str, Any] = field(default_factory=dict)
    trace_id: str = ""
    source: str = ""
    event_id: str = ""
    historical: bool = False

    def said(self) -> dict[str, Any]:
        """What the sender said, for telling a repeat from a contradiction. The trace id is the request's, not the
        event's.
        """
        return {
            "rule": self.rule.slug,
            "external_ref": self.external_ref,
            "subject": self.subject,
            "owner": self.owner.username if self.owner else "",
            "backup_owner": self.backup_owner.username if self.backup_owner else "",
            "sla_minutes": self.sla_minutes,
            "started_at": self.started_at,
            "channel": self.channel,
            "icp": self.icp,
            "amount": self.amount,
            "url": self.url,
            "attributes": self.attributes,
            "historical": self.historical,
        }


@dataclass(frozen=True, slots=True)
class Accepted:
    """The handoff, and whether it stood there before."""

    handoff: Handoff
    duplicate: bool


@transaction.atomic
def create_handoff(*, new: NewHandoff, actor: Actor, now: datetime) -> Accepted:
    """Open a handoff; the same rule and external_ref while one runs answers that one, as does a repeated event_id.

    Raises Conflict `rule_not_at_work`, Conflict `event_id_conflict`, InvalidInput `in_the_future`, `bad_minutes`.
    """
    known = keys.find_result(scope="create", source=new.source, event_id=new.event_id, body=new.said())
    if known is not None:
        return _duplicate(known)
    handoff = build_handoff(new, now=now)
    running = _find_running(new)
    earlier = _claim(new, running or handoff.pk, now)
    if earlier or running:
        return _duplicate(earlier or running)
    try:
        with transaction.atomic():
            handoff.save(force_insert=True)
    except IntegrityError:  # another request opened it since we looked
        running = _find_running(new)
        if running is None:
            raise
        keys.point_at(scope="create", source=new.source, event_id=new.event_id, result_id=str(running))
        return _duplicate(running)
    return Accepted(announce_created(handoff, actor=actor, now=now), duplicate=False)


def build_handoff(new: NewHandoff, *, now: datetime, calendar_version: CalendarVersion | None = None) -> Handoff:
    """The record as the rule in force makes it, settled and not saved. `calendar_version` spares looking it up.

    Live and past a stage already, it is late on arrival: the next sweep fires what is due, once and in order.
    """
    rule, terms = new.rule, new.rule.terms
    _check_new(new)
    started_at = check_instant(new.started_at, now, field="started_at")
    owner, backup = new.owner or terms.default_owner, new.backup_owner or terms.default_backup_owner
    minutes = choose_minutes(terms.segments, terms.sla_minutes, channel=new.channel, icp=new.icp)
    calendar_version = calendar_version or current_version(terms.calendar.slug)
    handoff = Handoff(
        rule=rule,
        rule_version=terms,
        calendar_version=calendar_version,
        external_ref=new.external_ref,
        subject=new.subject,
        owner=owner,
        first_owner=owner,
        backup_owner=backup,
        held_by=[owner.pk] if owner else [],
        backup_missing=is_backup_missing(owner, backup),
        stop_clock=terms.stop_clock,
        sla_minutes=new.sla_minutes or minutes,
        sla_is_own=new.sla_minutes is not None,
        grace_seconds=grace_seconds(terms, new.source),
        started_at=started_at,
        assigned_at=now if owner else None,
        ingested_at=now,
        ingest_lag_seconds=max(0, (now - started_at) // SECOND),
        clock_skew=started_at > now,
        historical=new.historical,
        shadow=rule.mode == RuleMode.SHADOW,
        within_business_hours=business_time(calendar_version.pk).is_open(started_at),
        source=new.source,
        event_id=new.event_id,
        trace_id=new.trace_id or ids.new_trace_id(),
        channel=new.channel,
        icp=new.icp,
        amount=new.amount,
        url=new.url,
        attributes=dict(new.attributes),
    )
    settle(handoff, [], now)
    flag_late_arrival(handoff, now)
    return handoff


def announce_created(handoff: Handoff, *, actor: Actor, now: datetime) -> Handoff:
    """Record that a handoff which was just inserted was created, and publish it."""
    creation_of(handoff, actor=actor, now=now).announce(verdict_of(handoff, [], now))
    return handoff


def creation_of(handoff: Handoff, *, actor: Actor, now: datetime) -> Change:
    """What is to be said of a new handoff; nothing is written."""
    change = Change.of_new(handoff, actor=actor, now=now)
    change.note("created", occurred_at=handoff.started_at, **_created_words(handoff))
    return change


def flag_late_arrival(handoff: Handoff, now: datetime) -> None:
    """Set `late_on_arrival` (not saved) on a live record with a stage already due."""
    handoff.late_on_arrival = handoff.next_fire_at is not None and handoff.next_fire_at <= now


@transaction.atomic
def make_handoff_live(handoff: Handoff, *, actor: Actor, now: datetime, reason: str = "") -> Handoff:
    """Let a historical record that still runs be acted on: what is due fires at the next sweep, once, in order."""
    change = Change.lock(handoff, actor=actor, now=now)
    if not change.handoff.historical or not change.handoff.is_running:
        raise Conflict("not_historical", "Only a historical handoff that still runs can be made live.")
    change.handoff.historical = False
    settle(change.handoff, change.pauses, now)
    flag_late_arrival(change.handoff, now)
    change.note("made_live", reason=reason)
    return change.commit()


@transaction.atomic
def tag_reason(
    handoff: Handoff,
    *,
    breach_reason: str,
    actor: Actor,
    now: datetime,
    reason: str = "",
    source: str = "",
    event_id: str = "",
) -> Handoff:
    """Say why it ran past its timer: any words; those of a reason on the list are noted as that reason. Raises
    Conflict `not_missed` for one that did not.
    """
    change = Change.lock(handoff, actor=actor, now=now)
    if not change.is_news("reason", source=source, event_id=event_id, breach_reason=breach_reason):
        return change.handoff
    record = change.handoff
    if not record.missed and not (record.is_running and record.missed_from and record.missed_from <= now):
        raise Conflict("not_missed", "This handoff kept its timer, so there is no reason to note.")
    breach_reason = as_listed(breach_reason)
    if record.breach_reason == breach_reason:
        return record
    record.breach_reason = breach_reason
    change.note("reason_tagged", reason=reason, breach_reason=breach_reason)
    return change.commit()


@transaction.atomic
def note_outcome(handoff: Handoff, *, outcome: str, actor: Actor, now: datetime) -> Handoff:
    """What became of it (meeting set, won): the trend of the hit rate is shown beside it."""
    change = Change.lock(handoff, actor=actor, now=now)
    if change.handoff.outcome == outcome:
        return change.handoff
    change.handoff.outcome = outcome
    change.note("outcome_noted", outcome=outcome)
    return change.commit()


def is_backup_missing(owner: Person | None, backup: Person | None) -> bool:
    """Whether an escalation would die with the owner: no backup, or the owner backs themselves up."""
    return backup is None or (owner is not None and owner.pk == backup.pk)


def _find_running(new: NewHandoff) -> Any:
    if not new.external_ref:
        return None
    same = Handoff.objects.running().filter(rule=new.rule, external_ref=new.external_ref)
    return same.values_list("pk", flat=True).first()


def _claim(new: NewHandoff, result: Any, now: datetime) -> str | None:
    return keys.claim(
        scope="create", source=new.source, event_id=new.event_id, body=new.said(), result_id=str(result), now=now
    )


def _duplicate(key: Any) -> Accepted:
    return Accepted(Handoff.objects.with_names().get(pk=key), duplicate=True)


def _check_new(new: NewHandoff) -> None:
    if new.rule.mode not in (RuleMode.ACTIVE, RuleMode.SHADOW):
        text = f"The rule “{new.rule.slug}” is {new.rule.mode}: activate it, or let it run in shadow first."
        raise Conflict("rule_not_at_work", text, field="rule")
    if new.sla_minutes is not None and not is_minutes(new.sla_minutes):
        text = f"A timer is a whole number of minutes, 1 to {MAX_SLA_MINUTES}."
        raise InvalidInput("bad_minutes", text, field="sla_minutes")
    for name, person in (("owner", new.owner), ("backup_owner", new.backup_owner)):
        if person is not None and not person.is_active:
            raise InvalidInput("inactive_person", f"{person} no longer works here.", field=name)


def _created_words(handoff: Handoff) -> dict[str, str]:
    owner = str(handoff.owner) if handoff.owner else "nobody yet"
    backup = str(handoff.backup_owner) if handoff.backup_owner else "nobody"
    return {"owner": owner, "backup": backup, "minutes": str(handoff.sla_minutes)}
