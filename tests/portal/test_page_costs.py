"""What a page asks of the database does not depend on how much there is, and stays within a dozen queries."""

from datetime import timedelta
from typing import Any

import pytest
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from handoffs import operations
from handoffs.models import Rule
from opsportal import clock
from opsportal.catalog.models import Automation
from opsportal.identity.models import Person
from opsportal.identity.roles import Role
from opsportal.notify.operations import tell
from opsportal.sweeps.operations import run_sweep
from slos.facts import News, raise_facts
from slos.models import Slo
from slos.states import FactKind
from tests.factories import catalog, heartbeats, identity, objectives, runs
from tests.factories import handoffs as make

pytestmark = pytest.mark.django_db

MOST = 12
# The page of an automation that has every part, where something is wrong with it: each part is a table of its own.
# The cockpit reads each room's part itself; what stands beside the links comes on top.
MOST_OF = {"/automations/troubled/": 15, "/": 14}
PAGES = (
    "/",
    "/handoffs/",
    "/handoffs/?state=late",
    "/handoffs/?q=lead&sort=-due_at",
    "/handoffs/?page=2",
    "/handoffs/?view=board",
    "/rules/",
    "/people/",
    "/inbox/",
    "/approvals/",
    "/automations/",
    "/automations/busy/",
    "/automations/troubled/",
    "/runs/",
    "/heartbeats/",
    "/slos/",
    "/slos/busy/",
    "/slos/busy/?target=99",
    "/slos/busy-time/",
    "/slos/busy-rate/",
    "/facts/",
    "/policy/",
    "/budgets/",
    "/executive/",
    "/debug/",
    "/calendars/",
    "/search/?q=lead",
    "/audit/",
    "/api/v1/handoffs/",
    "/api/v1/handoffs/?ordering=due_at",
)


def fill(handoffs: int, owner: Person) -> None:
    """So many late handoffs, and for every ten of them a rule, a person, a message and an automation with runs, an
    objective and a heartbeat more.
    """
    now = clock.now()
    rule = make.make_rule(team=owner.team)
    make.make_many(handoffs, rule, owner=owner, backup_owner=owner, started_at=now - timedelta(hours=1))
    for number in range(handoffs // 10):
        make.make_rule(team=owner.team)
        identity.make_person(team=owner.team)
        automation = catalog.make_automation(owner=owner, team=owner.team, active=True)
        objectives.make_slo(automation=automation)
        heartbeats.make_heartbeat(automation=automation)
        runs.make_runs([runs.a_run(automation, ended=now), runs.a_run(automation, ended=now, status="failed")], now=now)
        key = f"{rule.slug}-{number}"
        tell(person=owner, topic="handoff", title="Late", key=key, trace_id=key, now=now)


def make_busy(owner: Person) -> None:
    """An automation with two objectives, one of events and one of downtime, and a heartbeat; nothing is wrong. And a
    hit rate, of a rule with handoffs in time, late and running.
    """
    busy = catalog.make_automation("busy", owner=owner, team=owner.team, active=True)
    objectives.make_slo("busy", automation=busy)
    objectives.make_slo("busy-time", automation=busy, method="downtime", violation={"max_run_seconds": 600})
    heartbeats.make_heartbeat(automation=busy)
    run_busy(busy)
    rule = make.make_rule(team=owner.team)
    objectives.make_slo("busy-rate", kind="hit_rate", rule=rule.slug)
    handle_busy(rule)


def handle_busy(rule: Rule) -> None:
    now = clock.now()
    for number in range(30):
        at = now - timedelta(hours=9 * number + 1)
        handoff = make.make_handoff(rule, started_at=at, now=at)
        if number % 3:
            operations.complete_handoff(handoff, actor=identity.SETUP, now=at + timedelta(minutes=number))


def make_troubled(owner: Person) -> None:
    """An automation with something of everything, and something wrong with each part."""
    backup = identity.make_person(team=owner.team)
    troubled = catalog.make_automation("troubled", owner=owner, backup_owner=backup, team=owner.team, active=True)
    catalog.make_whole("troubled")
    slo = objectives.make_slo("troubled", automation=troubled)
    heartbeat = heartbeats.make_heartbeat(automation=troubled)
    about: dict[str, Any] = {"automation": troubled, "occurred_at": clock.now()}
    raise_facts(
        [
            News("wrong-slo", FactKind.BURN, "Burning.", slo=slo, **about),
            News("wrong-beat", FactKind.HEARTBEAT_DOWN, "Silent.", heartbeat=heartbeat, **about),
        ],
        now=clock.now(),
    )
    run_busy(troubled)


def run_busy(busy: Automation) -> None:
    now = clock.now()
    runs.make_runs([runs.a_run(busy, ended=now - timedelta(minutes=number)) for number in range(60)], now=now)


def count_queries(client: Client, page: str) -> int:
    assert client.get(page).status_code in (200, 400)  # 400: there is no second page yet
    cache.set("sweeps.degraded", (None,), 60)  # asked once in five seconds by whoever comes first: no page's own
    with CaptureQueriesContext(connection) as queries:
        client.get(page)
    return len(queries)


@pytest.mark.parametrize("role", [Role.ANALYST, Role.OPS_LEAD])
def test_a_page_costs_as_many_queries_with_many_rows_as_with_few(role):
    person = identity.make_person("ana", roles=[role], team=identity.make_team("revops"))
    client = Client()
    client.force_login(person)
    make_busy(person)
    make_troubled(person)
    fill(80, person)
    run_sweep("budgets")
    few = {page: count_queries(client, page) for page in PAGES}
    fill(120, person)
    for slug in ("busy", "troubled"):
        run_busy(Automation.objects.get(slug=slug))
    handle_busy(Slo.objects.get(slug="busy-rate").rule)
    run_sweep("budgets")
    many = {page: count_queries(client, page) for page in PAGES}
    assert many == few
    assert {page: count for page, count in many.items() if count > MOST_OF.get(page, MOST)} == {}
