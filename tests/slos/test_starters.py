"""Starters of journeys behave as the playbooks write them: worked by hand, and started from by their page."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.test import Client

from handoffs.models import Rule
from handoffs.operations import complete_handoff
from handoffs.states import StopClock
from opsportal.catalog.models import Automation
from opsportal.identity.roles import Role
from slos.budgets import queries
from slos.budgets.engine.budgets import plain
from slos.models import Slo
from slos.objectives.document import from_document
from slos.objectives.operations import create_slo
from slos.objectives.starters import documents, get_journey
from tests.factories.budgets import sweep
from tests.factories.catalog import make_automation
from tests.factories.handoffs import make_handoff, make_rule
from tests.factories.identity import SETUP, make_person
from tests.factories.runs import a_run, make_runs

pytestmark = pytest.mark.django_db

MONDAY = datetime(2026, 6, 1, tzinfo=UTC)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
SEVERITIES = [{"channel": "sev1", "sla_minutes": 60}, {"channel": "sev2", "sla_minutes": 240}]


@pytest.fixture
def tickets() -> Automation:
    sweep(MONDAY - 30 * DAY)
    return make_automation("ticket-to-resolution")


@pytest.fixture
def timers() -> Rule:
    """An hour for severity 1, four for severity 2, a day for the rest; the timer stops when a ticket is resolved."""
    long_ago = MONDAY - 60 * DAY
    return make_rule("tickets", sla_minutes=1_440, segments=SEVERITIES, stop_clock=StopClock.COMPLETION, now=long_ago)


def started(journey: str, *, rule: str = "") -> dict[str, Slo]:
    """The journey's objectives, put in force as they are offered, by their suffix."""
    found = get_journey(journey)
    assert found is not None
    made = [
        create_slo(slug=one["slug"], definition=from_document(one), actor=SETUP, now=MONDAY - 30 * DAY)
        for one in documents(found, rule=rule)
    ]
    return {slo.slug.removeprefix(f"{journey}-"): slo for slo in made}


def resolve(rule: Rule, channel: str, minutes: int) -> None:
    handoff = make_handoff(rule, started_at=MONDAY, channel=channel)
    at = MONDAY + minutes * MINUTE
    complete_handoff(handoff, actor=SETUP, now=at, occurred_at=at)


def test_a_ticket_that_was_reopened_is_not_resolved(tickets: Automation):
    slo = started("ticket-to-resolution")["availability"]
    make_runs(
        [a_run(tickets, run_id=f"ticket-{n}", ended=MONDAY + n * HOUR, seconds=3_600) for n in range(97)]
        + [
            a_run(tickets, run_id=f"again-{n}", ended=MONDAY + n * HOUR, status="failed", error_type="reopened")
            for n in range(3)
        ]
        + [a_run(tickets, run_id="spam", ended=MONDAY, status="cancelled")]
    )
    sweep(MONDAY + 5 * DAY)
    budget = queries.budget(slo, MONDAY + 5 * DAY)
    assert (budget.valid, budget.bad, plain(budget.allowed), plain(budget.remaining)) == (100, 3, "5", "0.4")


def test_without_a_rule_a_ticket_has_two_days(tickets: Automation):
    slo = started("ticket-to-resolution")["latency"]
    times = [48 * 3_600] * 19 + [48 * 3_600 + 1]
    make_runs([a_run(tickets, ended=MONDAY + n * HOUR, seconds=seconds) for n, seconds in enumerate(times)])
    sweep(MONDAY + DAY)
    budget = queries.budget(slo, MONDAY + DAY)
    assert (budget.valid, budget.bad, plain(budget.remaining), budget.state) == (20, 1, "0", "exhausted")


def test_with_a_rule_each_severity_has_its_timer(tickets: Automation, timers: Rule):
    slo = started("ticket-to-resolution", rule="tickets")["latency"]
    assert (slo.kind, slo.rule, slo.automation) == ("hit_rate", timers, tickets)
    for channel, minutes in (("sev1", 60), ("sev2", 240), ("sev3", 1_440)):
        for _ in range(9):
            resolve(timers, channel, minutes - 1)
        resolve(timers, channel, minutes + 1)
    sweep(MONDAY + 3 * DAY)
    budget = queries.budget(slo, MONDAY + 3 * DAY)
    assert (budget.valid, budget.bad, plain(budget.allowed)) == (30, 3, "1.5")
    assert (plain(budget.remaining), budget.sli) == ("-1", Decimal("0.9"))
    early = queries.budget(slo, MONDAY + 2 * HOUR)
    assert (early.valid, early.bad, early.state) == (10, 1, "no_data")  # the others' timers still run


def test_an_order_counts_when_it_ships_and_is_late_after_24_hours():
    sweep(MONDAY - 30 * DAY)
    orders = make_automation("order-to-ship")
    slos = started("order-to-ship")
    day = 86_400
    make_runs(
        [a_run(orders, ended=MONDAY + n * MINUTE, seconds=day) for n in range(390)]
        + [a_run(orders, ended=MONDAY + n * MINUTE, seconds=day + 1) for n in range(9)]
        + [a_run(orders, ended=MONDAY + HOUR, seconds=60, status="failed", error_type="label_print_failed")]
        + [a_run(orders, ended=MONDAY + HOUR, status="cancelled")]
    )
    at = MONDAY + 28 * DAY - MINUTE
    sweep(at)
    shipped, in_time = queries.budget(slos["availability"], at), queries.budget(slos["latency"], at)
    assert (shipped.valid, shipped.bad, plain(shipped.allowed), plain(shipped.remaining)) == (400, 1, "2", "0.5")
    assert (in_time.valid, in_time.bad, plain(in_time.allowed), plain(in_time.remaining)) == (400, 10, "20", "0.5")
    sweep(MONDAY + 29 * DAY)
    assert queries.budget(slos["availability"], MONDAY + 29 * DAY).state == "no_data"  # over 28 days


def test_the_page_starts_from_the_timers_of_a_rule(tickets: Automation, timers: Rule):
    client = Client()
    client.force_login(make_person(roles=[Role.OPS_LEAD]), backend="opsportal.identity.backends.PersonBackend")
    offered = "/slos/new/?journey=ticket-to-resolution&amp;starter=latency&amp;rule=tickets"
    assert offered in client.get("/slos/new/").content.decode()
    form = client.get(offered.replace("&amp;", "&")).context["form"]
    assert (form["kind"].value(), form["rule"].value()) == ("hit_rate", "tickets")
