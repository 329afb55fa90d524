"""Rules, handoffs and events for tests. Everything has a working default, and a counter keeps names apart."""

import copy
import itertools
from datetime import UTC, datetime, timedelta
from typing import Any

from handoffs import operations
from handoffs.events import NewEvent, Recorded, record_event
from handoffs.models import Handoff, Rule
from handoffs.operations import NewHandoff, Terms
from handoffs.states import RuleMode
from handoffs.sweep import sweep_handoffs
from opsportal import ids
from opsportal.audit.engine import Actor
from opsportal.audit.models import Entry
from opsportal.calendars.models import Calendar
from opsportal.identity.models import Person, Team
from opsportal.notify.models import Message
from tests.factories.identity import SETUP, make_person

START = datetime(2026, 11, 3, 9, 0, tzinfo=UTC)  # a Tuesday
SENTENCES = {
    "trigger": "The CRM creates a lead.",
    "target": "Speed to lead.",
    "timer": "30 minutes of business time.",
    "trace": "Every alert and change of owner is logged.",
    "consequence": "Alert the owner, then move it to the backup.",
}

_numbers = itertools.count(1)


def after(minutes: float = 0, seconds: float = 0) -> datetime:
    """So long after START."""
    return START + timedelta(minutes=minutes, seconds=seconds)


def make_calendar(slug: str = "", *, timezone: str = "UTC", **weekly: list[list[str]]) -> Calendar:
    """A calendar open as the days say: `make_calendar(mon=[["09:00", "17:00"]])`."""
    from opsportal.calendars.operations import create_calendar

    slug = slug or f"hours-{next(_numbers)}"
    return create_calendar(slug=slug, timezone=timezone, weekly=weekly, actor=SETUP, now=START - timedelta(days=60))


def make_rule(
    slug: str = "",
    *,
    mode: RuleMode = RuleMode.ACTIVE,
    team: Team | None = None,
    calendar: str = "24x7",
    sla_minutes: int = 30,
    now: datetime = START - timedelta(days=30),
    **terms: Any,
) -> Rule:
    """A rule in the given mode, around the clock, with the default ladder (1x alert, 2x reassign, 3x manager)."""
    slug = slug or f"rule-{next(_numbers)}"
    written = Terms(calendar=Calendar.objects.get(slug=calendar), sla_minutes=sla_minutes, **{**SENTENCES, **terms})
    rule = operations.create_rule(slug=slug, name=slug.title(), team=team, terms=written, actor=SETUP, now=now)
    if mode in (RuleMode.ACTIVE, RuleMode.RETIRED):
        rule = operations.activate_rule(rule, acknowledge=True, reason="test", actor=SETUP, now=now)
    if mode == RuleMode.RETIRED:
        rule = operations.retire_rule(rule, actor=SETUP, now=now)
    if mode == RuleMode.SHADOW:
        rule = operations.shadow_rule(rule, actor=SETUP, now=now)
    return rule


def make_handoff(
    rule: Rule | None = None, *, now: datetime | None = None, actor: Actor = SETUP, **said: Any
) -> Handoff:
    """A handoff that started at START with an owner (ana) and a backup (ben), unless something else is said."""
    number = next(_numbers)
    values = {"subject": f"Lead {number}", "external_ref": f"lead-{number}", "started_at": START, **said}
    for name in ("owner", "backup_owner"):
        values.setdefault(name, make_person(f"{name.split('_')[0]}{number}"))
    new = NewHandoff(rule=rule or make_rule(), **values)
    return operations.create_handoff(new=new, actor=actor, now=now or values["started_at"]).handoff


def tell_event(case_id: str, event_name: str, at: datetime, *, now: datetime | None = None, **said: Any) -> Recorded:
    """One event of a case, taken when it happened unless `now` says later."""
    values = {"actor_kind": "human", "actor_id": "kim", "event_id": f"event-{next(_numbers)}", "source": "crm", **said}
    new = NewEvent(case_id=case_id, event_name=event_name, occurred_at=at, **values)
    return record_event(new=new, actor=SETUP, now=now or at)


def sweep(now: datetime) -> int:
    """Sweep once; answers how many stages fired."""
    return sweep_handoffs(now).fired


def again(handoff: Handoff) -> Handoff:
    """The record as it stands in the database."""
    return Handoff.objects.with_names().get(pk=handoff.pk)


def actions_on(handoff: Handoff) -> list[str]:
    """The trail of a handoff, oldest first: "created", "alerted", …"""
    entries = Entry.objects.filter(subject_type="handoff", subject_id=str(handoff.pk)).order_by("id")
    return [action.removeprefix("handoff.") for action in entries.values_list("action", flat=True)]


def told(person: Person) -> list[str]:
    """The titles of what a person was told, in order."""
    return list(Message.objects.filter(recipient=person).order_by("created_at", "id").values_list("title", flat=True))


def make_many(count: int, rule: Rule | None = None, **said: Any) -> list[Handoff]:
    """Copies of one handoff, each with its own id and reference, written in bulk and without a trail of their
    creation.
    """
    original = make_handoff(rule, **said)
    copies = [original]
    for number in range(1, count):
        one = copy.copy(original)
        one.pk, one.external_ref = ids.new_id(), f"{original.external_ref}-{number}"
        copies.append(one)
    Handoff.objects.bulk_create(copies[1:], batch_size=500)
    return copies
