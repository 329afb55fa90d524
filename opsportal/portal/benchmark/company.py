"""The company the pages are measured in, written by set-based copies of a few records that went the usual way."""
# ruff: noqa: S608 - statements of this module's own words

import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import connection
from django.db.models import Model

from handoffs import operations
from handoffs.models import CaseEvent, Fact, Handoff, Pause, Rule, StageFiring
from handoffs.operations import NewHandoff, Terms
from handoffs.states import FactKind
from opsportal import ids
from opsportal.approvals.models import Approval
from opsportal.approvals.states import Risk, State
from opsportal.audit.engine import Actor
from opsportal.audit.models import Detail, Entry
from opsportal.calendars.models import Calendar
from opsportal.catalog.models import Automation
from opsportal.identity.models import Person, SavedFilter, Team
from opsportal.identity.operations import create_person, create_team
from opsportal.identity.roles import Role
from opsportal.notify.models import Delivery, Message
from opsportal.notify.operations import tell

STEM = "bench"
TEAMS, PEOPLE, RULES, AUTOMATIONS, MESSAGES, APPROVALS = 6, 40, 8, 60, 20_000, 300
ENTRIES_EACH = 5  # of the trail, for one handoff
OPEN_OF = 5  # one of so many handoffs runs
BENCHMARK = Actor.system("benchmark")
KEY = "t.id = the template"
ROLES = (Role.ANALYST, Role.OPS_LEAD, Role.ADMIN)
# Taken apart by n, the number of the copy; `age` runs from now backwards: what runs is days old, the rest up to a year.
AGE = (
    f"(CASE WHEN n % {OPEN_OF} = 0 THEN interval '10 days' ELSE interval '365 days' END)"
    " * ((n * 7919 % 100003) / 100003.0)"
)
STATE = (
    f"CASE WHEN n % {OPEN_OF} = 0 THEN CASE WHEN n % 35 = 0 THEN 'paused' ELSE 'open' END "
    "WHEN n % 11 = 1 THEN 'cancelled' WHEN n % 6 = 1 THEN 'responded' ELSE 'completed' END"
)


@dataclass(slots=True)
class Cast:
    """Who and what the copies name."""

    people: list[Person]
    rules: list[Rule]


def is_there() -> bool:
    return Person.objects.filter(username=username_of(Role.OPS_LEAD)).exists()


def username_of(role: Role) -> str:
    return f"{STEM}-{role}"


def get_person(role: Role) -> Person:
    return Person.objects.get(username=username_of(role))


def found(rows: int, now: datetime) -> str:
    """Write everything; answers in one sentence what is there and how long it took."""
    began = time.perf_counter()
    _do("SET statement_timeout = 0")
    cast = _hire(now)
    _settle_in(cast, now)
    entries = _open_handoffs(cast, rows, now)
    _tell(cast, now)
    _do("ANALYZE")
    seconds = time.perf_counter() - began
    return f"{rows:,} handoffs, {entries:,} audit entries and {MESSAGES:,} messages were written in {seconds:.0f} s."


def _hire(now: datetime) -> Cast:
    teams = [create_team(slug=f"{STEM}-{n}", name=f"Team {n}", actor=BENCHMARK, now=now) for n in range(TEAMS)]
    who: dict[str, Any] = {"actor": BENCHMARK, "now": now}
    manager = create_person(username=username_of(Role.OPS_LEAD), name="Lena Lead", roles=[Role.OPS_LEAD], **who)
    create_person(username=username_of(Role.ADMIN), name="Ada Admin", roles=[Role.ADMIN], **who)
    people = [
        create_person(
            username=f"{STEM}-{n}" if n else username_of(Role.ANALYST),
            name=f"Person {n}",
            email=f"{STEM}-{n}@example.org",
            roles=[Role.ANALYST],
            team=teams[n % TEAMS],
            manager=manager,
            **who,
        )
        for n in range(PEOPLE - 2)
    ]
    Person.objects.filter(username=username_of(Role.ADMIN)).update(is_staff=True)
    return Cast(people, [_make_rule(n, teams, now) for n in range(RULES)])


def _make_rule(number: int, teams: list[Team], now: datetime) -> Rule:
    said: Any = dict.fromkeys(("trigger", "target", "timer", "trace", "consequence"), "For the benchmark.")
    terms = Terms(calendar=Calendar.objects.get(slug="24x7"), sla_minutes=30, **said)
    team = teams[number] if number < TEAMS else None
    who: dict[str, Any] = {"actor": BENCHMARK, "now": now - timedelta(days=400)}
    rule = operations.create_rule(slug=f"{STEM}-{number}", name=f"Rule {number}", team=team, terms=terms, **who)
    return operations.activate_rule(rule, acknowledge=True, reason="benchmark", **who)


def _settle_in(cast: Cast, now: datetime) -> None:
    """Automations, requests for approval, saved filters."""
    people = cast.people
    Automation.objects.bulk_create(
        Automation(slug=f"{STEM}-{n}", name=f"Automation {n}", team=people[n % PEOPLE % len(people)].team,
                   owner=people[n % len(people)], created_at=now, updated_at=now)
        for n in range(AUTOMATIONS)
    )  # fmt: skip
    Approval.objects.bulk_create(_approval(n, people[n % len(people)], now) for n in range(APPROVALS))
    SavedFilter.objects.bulk_create(
        SavedFilter(person=one, page="/handoffs/", name="Mine", query=f"owner={one.username}") for one in people
    )


def _approval(number: int, person: Person, now: datetime) -> Approval:
    asked_at = now - timedelta(days=number + 30)
    return Approval(
        kind="benchmark", subject_type="handoff", subject_id=str(number), title=f"Request {number}", content="{}",
        consequence="Does nothing", content_hash=f"{number:064}", risk=list(Risk)[0], requested_by=person,
        requested_at=asked_at, expires_at=asked_at + timedelta(days=1), state=State.EXPIRED,
        closed_at=asked_at + timedelta(days=1), team=person.team, trace_id=ids.new_trace_id(),
    )  # fmt: skip


# --- copies ---


def _open_handoffs(cast: Cast, rows: int, now: datetime) -> int:
    """`rows` handoffs with their trail, stages, pauses and case events; answers the number of audit entries."""
    share = rows // len(cast.rules)
    for rule in cast.rules:
        template = _template(cast, rule, now)
        _copy(Handoff, template.pk, f"generate_series(1, {share}) AS n", _varied(cast, rule, now))
        _remove(template)
    _copy_trail(cast, now)
    _write_beside(now)
    return Entry.objects.count()


def _template(cast: Cast, rule: Rule, now: datetime) -> Handoff:
    new = NewHandoff(rule=rule, subject="Lead", external_ref=f"{rule.slug}-lead", owner=cast.people[0],
                     backup_owner=cast.people[1], started_at=now, channel="web", icp="mid-market")  # fmt: skip
    return operations.create_handoff(new=new, actor=BENCHMARK, now=now).handoff


def _varied(cast: Cast, rule: Rule, now: datetime) -> dict[str, str]:
    """The columns that differ from the template, as SQL over n."""
    running, held = f"n % {OPEN_OF} = 0", "n % 35 = 0"
    started, people = f"('{now.isoformat()}'::timestamptz - {AGE})", [one.pk for one in cast.people]
    due = f"('{now.isoformat()}'::timestamptz + ((n * 31 % 1000) - 80) * interval '10 minutes')"
    stem = f"{rule.pk}::text || '-' || n"
    # An identifier as ids.new_id makes them: its time first, so that neighbours in time are neighbours in the index.
    key = f"lpad(to_hex((extract(epoch FROM {started}) * 1000)::bigint), 12, '0')"
    return {
        "id": f"({key} || '7' || substr(md5({stem}), 1, 3) || '8' || substr(md5({stem}), 4, 15))::uuid",
        "external_ref": f"'ref-' || {stem}",
        "subject": "(ARRAY['Demo request','Renewal','Inbound call','Trial ended','Quote'])[1 + n % 5] || ' of ' || "
        f"initcap(substr(md5({stem}), 1, 8)) || ' ' || n",
        "trace_id": f"md5('t' || {stem})",
        "state": STATE,
        "owner_id": f"(ARRAY{people})[1 + (n * 13 % {len(people)})::int]",
        "backup_owner_id": f"(ARRAY{people})[1 + (n * 17 % {len(people)})::int]",
        "channel": "(ARRAY['web','chat','phone','event'])[1 + n % 4]",
        "started_at": started,
        "assigned_at": started,
        "ingested_at": started,
        "first_response_at": f"CASE WHEN NOT {running} AND n % 11 <> 1 THEN {started} + interval '20 minutes' END",
        "completed_at": f"CASE WHEN {STATE} = 'completed' THEN {started} + interval '2 hours' END",
        "cancelled_at": f"CASE WHEN {STATE} = 'cancelled' THEN {started} + interval '1 hour' END",
        "due_at": f"CASE WHEN {held} THEN NULL WHEN {running} THEN {due} ELSE {started} + interval '30 minutes' END",
        "missed_from": f"CASE WHEN {held} THEN NULL WHEN {running} THEN {due} END",
        "breached_from": f"CASE WHEN {held} THEN NULL WHEN {running} THEN {due} + interval '30 minutes' END",
        "breach_at": f"CASE WHEN {running} AND NOT {held} THEN {due} + interval '30 minutes' END",
        "next_fire_at": f"CASE WHEN {running} AND NOT {held} THEN greatest({due}, '{now.isoformat()}') END",
        "missed": f"NOT {running} AND n % 7 = 1",
        "breached": f"NOT {running} AND n % 21 = 1",
        "business_hit": f"CASE WHEN NOT {running} THEN n % 7 <> 1 END",
        "absolute_hit": f"CASE WHEN NOT {running} THEN n % 7 <> 1 END",
        "elapsed_seconds": f"CASE WHEN NOT {running} THEN 1200 END",
    }


def _copy_trail(cast: Cast, now: datetime) -> None:
    """The entries of one handoff that went the usual way, for every handoff."""
    handoff = _template(cast, cast.rules[0], now)
    who: dict[str, Any] = {"actor": BENCHMARK, "now": now}
    operations.assign_handoff(handoff, owner=cast.people[2], **who)
    operations.respond_to_handoff(handoff, **who)
    operations.complete_handoff(handoff, **who)
    operations.note_outcome(handoff, outcome="won", **who)
    entries = list(Entry.objects.filter(subject_type="handoff", subject_id=str(handoff.pk)).order_by("id"))
    for place, entry in enumerate(entries[:ENTRIES_EACH]):
        special = {
            "at": f"h.started_at + {place} * interval '5 minutes'",
            "subject_id": "h.id::text",
            "trace_id": "h.trace_id",
            "commitment": f"sha256(convert_to(h.id::text || {place}, 'UTF8'))",
            "team": "coalesce((SELECT i.slug FROM identity_team i JOIN handoffs_rule r ON r.team_id = i.id "
            "WHERE r.id = h.rule_id), '')",
        }
        _copy(Entry, entry.pk, f"handoffs_handoff h WHERE h.id <> '{handoff.pk}' AND {KEY} ORDER BY h.started_at",
              special, leave_out=("id", "cluster", "xid"))  # fmt: skip
        columns = "entry_id, salt, body, erased_at"
        body = "SELECT e.id, t.salt, t.body, NULL::timestamptz FROM audit_entry e "
        body += f"JOIN audit_detail t ON t.entry_id = {entry.pk}"
        missing = f"e.action = '{entry.action}' AND NOT EXISTS (SELECT 1 FROM audit_detail d WHERE d.entry_id = e.id)"
        _do(f"INSERT INTO {Detail._meta.db_table} ({columns}) {body} WHERE {missing}")


def _write_beside(now: datetime) -> None:
    """Pauses of what is on hold, stages that fired, facts, and two events of each case."""
    _do(
        f"INSERT INTO {Pause._meta.db_table} (handoff_id, cycle, kind, from_at, reason) "
        "SELECT id, 1, 'waiting', started_at, 'Waits for the customer' FROM handoffs_handoff WHERE state = 'paused'"
    )
    _do(
        f"INSERT INTO {StageFiring._meta.db_table} (handoff_id, cycle, percent, scheduled_at, fired_at, "
        "rule_version_id, shadow, actions, recipients, outcome) SELECT id, 1, 100, started_at, started_at, "
        "rule_version_id, false, '[\"alert_owner\"]', '[]', '{}' FROM handoffs_handoff WHERE missed"
    )
    _do(
        f"INSERT INTO {Fact._meta.db_table} (key, kind, handoff_id, cycle, percent, rule_id, team, trace_id, "
        "occurred_at, noticed_at, grace_until, told_at, claimed_by, resolved_at, resolution, data) "
        f"SELECT 'b-' || id, '{FactKind.BREACH}', id, 1, 200, rule_id, '', trace_id, started_at, started_at, "
        "started_at, started_at, '', started_at, '', '{}' FROM handoffs_handoff WHERE breached"
    )
    _do(
        f"INSERT INTO {CaseEvent._meta.db_table} (case_id, event_name, lifecycle, occurred_at, actor_kind, "
        "actor_id, channel, location, reason_code, attributes, source, event_id, trace_id, ingested_at, historical, "
        "clock_skew) "
        "SELECT external_ref, 'step ' || k, 'complete', started_at + k * interval '3 minutes', 'human', 'kim', "
        "channel, '', '', '{}', 'crm', '', trace_id, started_at, false, false "
        "FROM handoffs_handoff, generate_series(1, 2) AS k"
    )


def _tell(cast: Cast, now: datetime) -> None:
    """Messages to everybody, one of twelve unread, each with a delivery that arrived."""
    tell(person=cast.people[0], topic="handoff", title="Lead is late", body="It waits for you.", url="/handoffs/",
         key=STEM, trace_id=ids.new_trace_id(), now=now)  # fmt: skip
    template = Message.objects.get(key=STEM)
    at = f"'{now.isoformat()}'::timestamptz - n * interval '20 minutes'"
    people = list(Person.objects.values_list("pk", flat=True))
    special = {
        "id": "gen_random_uuid()",
        "key": f"'{STEM}-' || n",
        "recipient_id": f"(ARRAY{people})[1 + (n % {len(people)})::int]",
        "created_at": at,
        "trace_id": "md5('m' || n)",
        "read_at": f"CASE WHEN n / {len(people)} % 12 <> 0 THEN {at} END",
    }
    _copy(Message, template.pk, f"generate_series(1, {MESSAGES}) AS n", special)
    delivery = template.deliveries.first()
    if delivery is None:
        return
    Delivery.objects.filter(pk=delivery.pk).update(state="delivered", finished_at=now)
    special = {"key": "m.key || ':mail'", "message_id": "m.id", "recipient_id": "m.recipient_id",
               "created_at": "m.created_at", "finished_at": "m.created_at"}  # fmt: skip
    _copy(Delivery, delivery.pk, f"{Message._meta.db_table} m WHERE m.id <> '{template.pk}' AND {KEY}", special,
          leave_out=("id",))  # fmt: skip


def _copy(
    model: type[Model], key: Any, source: str, special: dict[str, str], *, leave_out: tuple[str, ...] = ()
) -> None:
    """Rows like the one with that key, one for each of `source`, which may end in a WHERE of its own with KEY in it."""
    names = [str(one.column) for one in model._meta.concrete_fields if one.column not in leave_out]
    values = ", ".join(special.get(name, f"t.{name}") for name in names)
    table, where = model._meta.db_table, "" if "WHERE" in source else f"WHERE {KEY}"
    _do(
        f"INSERT INTO {table} ({', '.join(names)}) SELECT {values} FROM {table} t, {source} {where}".replace(
            KEY, f"t.id = '{key}'"
        )
    )


def _remove(template: Handoff) -> None:
    template.delete()


def _do(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)
