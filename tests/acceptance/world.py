"""A small company in which every page has something to show."""

from datetime import timedelta

from handoffs import operations
from opsportal import clock
from opsportal.identity.models import Person
from opsportal.identity.roles import Role
from opsportal.sweeps.operations import run_sweep
from tests.factories import calendars, catalog, notify
from tests.factories import handoffs as make
from tests.factories import identity as people


def build() -> dict[str, Person]:
    """People by role, two rules, handoffs in every state, an automation under a freeze, messages, seals."""
    team = people.make_team("sales")
    who = {
        "ops_lead": people.make_person("lea", name="Lea Ortiz", roles=[Role.OPS_LEAD], timezone="Europe/Madrid"),
        "analyst": people.make_person("ana", name="Ana Kern", team=team),
        "viewer": people.make_person("vic", name="Vic Stone", roles=[Role.VIEWER]),
        "admin": people.make_person("ada", name="Ada Lund", roles=[Role.ADMIN], is_staff=True),
    }
    backup = people.make_person("ben", name="Ben Idris", team=team, manager=who["ops_lead"])
    now = clock.now()
    calendars.make_calendar("office")
    notify.make_subscription("http://127.0.0.1:9/hook")
    automation = catalog.make_automation("lead-router", name="Lead router", owner=who["analyst"], active=True)
    catalog.make_freeze(now=now, days=3)
    rule = make.make_rule("speed-to-lead", team=team, sla_minutes=30, fallback_person=who["ops_lead"])
    make.make_rule("follow-up", mode="draft", stop_clock="completion", segments=[{"channel": "web", "sla_minutes": 60}])
    _handoffs(rule, who["analyst"], backup)
    for name in ("handoffs", "facts", "outbox", "seal"):
        run_sweep(name)
    assert automation.pk
    return who


def _handoffs(rule, owner: Person, backup: Person) -> None:
    now, actor = clock.now(), people.SETUP
    for number, minutes in enumerate((2, 12, 35, 70, 100, 26, 40, 50)):
        started = now - timedelta(minutes=minutes)
        handoff = make.make_handoff(
            rule, subject=f"Acme {number} asks for a demo", owner=owner, backup_owner=backup, started_at=started,
            now=started, channel="web" if number % 2 else "ads", icp="enterprise", url="https://crm.example.com/1",
            trace_id=f"trace-{number}",
        )  # fmt: skip
        at = started + timedelta(minutes=1)
        if number == 5:
            operations.pause_handoff(handoff, actor=actor, now=at, reason="Waiting for the customer")
        if number == 6:
            operations.respond_to_handoff(handoff, actor=actor, now=at)
            operations.complete_handoff(handoff, actor=actor, now=now, outcome="meeting set")
        if number == 7:
            operations.cancel_handoff(handoff, actor=actor, now=at, reason="Spam")
