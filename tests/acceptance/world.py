"""A small company in which every page has something to show."""

from datetime import datetime, timedelta

from handoffs import operations
from opsportal import clock
from opsportal.catalog.models import Automation
from opsportal.identity.models import Person
from opsportal.identity.roles import Role
from opsportal.sweeps.operations import run_sweep
from tests.factories import calendars, catalog, heartbeats, notify, objectives, policy, runs
from tests.factories import handoffs as make
from tests.factories import identity as people


def build() -> dict[str, Person]:
    """People by role, two rules, handoffs in every state, an automation with runs, a heartbeat and objectives under a
    freeze, a policy with its decisions, messages, seals.
    """
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
    _service(automation, now)
    for name in ("handoffs", "heartbeats", "budgets", "policies", "facts", "outbox", "seal"):
        run_sweep(name)
    return who


def _service(automation: Automation, now: datetime) -> None:
    """A day of runs, some of them failed, a heartbeat that fell silent, two objectives, the published policy."""
    policy.published()
    objectives.make_slo("lead-router-availability", automation=automation, now=now - timedelta(days=9))
    objectives.make_slo(
        "lead-router-downtime", automation=automation, method="downtime", window=objectives.WEEK,
        violation={"max_run_seconds": 600, "consecutive_failures": 2}, now=now - timedelta(days=9),
    )  # fmt: skip
    failed = {"status": "failed", "error_type": "RateLimit", "error_message": "429: too many requests", "version": "v2"}
    reports = [
        runs.a_run(
            automation,
            ended=now - timedelta(minutes=20 * number),
            correlation_id=f"trace-{number}",
            **(failed if number % 9 == 4 else {"version": "v1"}),
        )
        for number in range(1, 60)
    ]
    runs.make_runs([*reports, runs.a_run(automation, ended=now, status="running")], now=now)
    silent = heartbeats.make_heartbeat("lead-router", automation=automation, now=now - timedelta(days=1))
    heartbeats.ping(silent, now - timedelta(hours=5))


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
