"""Changing the timer of one record, and letting open records adopt newer terms: only ever when asked."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from django.db import transaction

from handoffs import words
from handoffs.engine.ladder import MAX_SLA_MINUTES, choose_minutes, is_minutes
from handoffs.models import Handoff, HandoffQuerySet, Rule
from handoffs.operations.change import Change
from handoffs.states import RuleMode
from handoffs.timers import grace_seconds, verdict_of
from opsportal.audit.engine import Actor
from opsportal.calendars.models import CalendarVersion
from opsportal.calendars.queries import current_version
from opsportal.errors import Conflict, InvalidInput

BATCH = 200


@transaction.atomic
def change_sla(
    handoff: Handoff,
    *,
    sla_minutes: int,
    actor: Actor,
    now: datetime,
    reason: str = "",
    source: str = "",
    event_id: str = "",
    proposed_by: Actor | None = None,
    approval: str = "",
) -> Handoff:
    """Another timer for this record alone: accrued time stays, due instants move, fired stages do not fire again.

    `proposed_by` and `approval` (its id) say whose proposal the actor approved by this.

    Raises Conflict `past_breach` once twice the timer has passed, Conflict `invalid_transition` when the clock stopped.
    """
    change = Change.lock(handoff, actor=actor, now=now)
    if not change.is_news("sla", source=source, event_id=event_id, sla_minutes=sla_minutes):
        return change.handoff
    record = change.handoff
    if not is_minutes(sla_minutes):
        text = f"A timer is a whole number of minutes, 1 to {MAX_SLA_MINUTES}."
        raise InvalidInput("bad_minutes", text, field="sla_minutes")
    if not record.is_running:
        raise change.refusal()
    if verdict_of(record, change.pauses, now).breached:
        text = "Twice the timer has passed, so it can no longer be changed."
        raise Conflict("past_breach", text, field="sla_minutes")
    if record.sla_minutes == sla_minutes:
        return record
    before, record.sla_minutes, record.sla_is_own = record.sla_minutes, sla_minutes, True
    told = [record.owner]
    if proposed_by is not None:
        # The approver did it; the words and the detail say whose idea it was.
        change.actor = replace(actor, label=f"{actor.label} (proposed by {proposed_by.label})")
        told = [one for one in told if one is not None and str(one.pk) != proposed_by.id]
        change.note("sla_changed", reason=reason, proposed_by=proposed_by.label, approval=approval)
    else:
        change.note("sla_changed", reason=reason)
    text = f"“{record.subject}” now has {words.duration(sla_minutes * 60)} instead of {words.duration(before * 60)}"
    change.tell(told, "sla_changed", words.Words(text, reason))
    return change.commit()


def adopt_rule_terms(rule: Rule, *, actor: Actor, now: datetime) -> int:
    """Let every running handoff of a rule take the rule's terms and mode in force. Answers how many moved.

    A timer set for one record alone stays. In batches, each its own transaction: interrupted, the rest can follow
    later.
    """
    terms = rule.terms
    version = current_version(terms.calendar.slug)

    def take(handoff: Handoff) -> None:
        handoff.rule_version, handoff.calendar_version, handoff.stop_clock = terms, version, terms.stop_clock
        handoff.grace_seconds = grace_seconds(terms, handoff.source)
        handoff.shadow = rule.mode == RuleMode.SHADOW
        if not handoff.sla_is_own:
            handoff.sla_minutes = choose_minutes(
                terms.segments, terms.sla_minutes, channel=handoff.channel, icp=handoff.icp
            )

    running = Handoff.objects.running().filter(rule=rule)
    return _adopt(running, take, actor=actor, now=now, what=f"version {terms.number} of its rule", by="rule")


def adopt_calendar_version(version: CalendarVersion, *, actor: Actor, now: datetime) -> int:
    """Let every running handoff that counts by this calendar count by this version of it. Answers how many moved."""

    def take(handoff: Handoff) -> None:
        handoff.calendar_version = version

    running = on_calendar(version.calendar_id).exclude(calendar_version=version)
    return _adopt(running, take, actor=actor, now=now, what=f"{version}", by="calendar")


def on_calendar(calendar_id: int) -> HandoffQuerySet:
    """Running handoffs whose timer counts by some version of this calendar."""
    versions = CalendarVersion.objects.filter(calendar_id=calendar_id).values("pk")
    return Handoff.objects.running().filter(calendar_version__in=versions)


def _adopt(
    handoffs: HandoffQuerySet, take: Callable[[Handoff], None], *, actor: Actor, now: datetime, what: str, by: str
) -> int:
    moved = 0
    for ids in _batches(handoffs):
        with transaction.atomic():
            for handoff in Handoff.objects.filter(pk__in=ids).order_by("pk"):
                change = Change.lock(handoff, actor=actor, now=now)
                if not change.handoff.is_running:
                    continue
                take(change.handoff)
                change.note("terms_adopted", terms=what, by=by)
                change.commit()
                moved += 1
    return moved


def _batches(handoffs: HandoffQuerySet) -> Iterator[list[UUID]]:
    """Keys in order, a bounded number at a time, whatever happens to the rows meanwhile."""
    last: UUID | None = None
    while True:
        rest = handoffs.order_by("pk") if last is None else handoffs.order_by("pk").filter(pk__gt=last)
        ids = list(rest.values_list("pk", flat=True)[:BATCH])
        if not ids:
            return
        yield ids
        last = ids[-1]
