"""What runs tell of an automation in a span: M1 to M10 beside the targets one starts with, on a page and in the API."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client

from opsportal import clock
from opsportal.catalog.models import Automation
from opsportal.catalog.operations import record_release
from opsportal.identity.models import Person
from opsportal.identity.roles import Role
from slos.budgets.figures import figures
from tests.factories.api import assert_problem, caller
from tests.factories.budgets import sweep
from tests.factories.catalog import make_automation
from tests.factories.identity import NOW, SETUP, make_person, make_team
from tests.factories.runs import a_run, make_runs

pytestmark = pytest.mark.django_db
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)


@pytest.fixture
def router() -> Automation:
    return make_automation("lead-router", name="Lead router", team=make_team("revops"))


def signed_in(person: Person) -> Client:
    client = Client()
    client.force_login(person, backend="opsportal.identity.backends.PersonBackend")
    return client


def four_runs(router: Automation, now: Any) -> None:
    """Two that ended well, one that failed, one that was cancelled; and one of long ago."""
    reports = [
        a_run(router, ended=now - 2 * DAY, seconds=10, retries=1, cost=Decimal("0.5"), tags={"region": "emea"}),
        a_run(router, ended=now - DAY, status="failed", compensated=True, interventions=2, cost=Decimal("0.25")),
        a_run(router, ended=now - timedelta(hours=2), status="cancelled", correlation_id="c1"),
        a_run(router, ended=now - 5 * MINUTE, seconds=30, cost=Decimal("0.1"), tags={"region": "emea", "retry": True}),
        a_run(router, ended=now - 40 * DAY, cost=Decimal(99), tags={"region": "apac"}),
    ]
    make_runs(reports, now=now)
    sweep(now)


def test_every_figure_is_worked_out_as_its_metric_says(router: Automation):
    four_runs(router, NOW)
    found = figures(router, NOW - 7 * DAY, NOW)
    told = {one.name: (one.key, one.value, one.n, one.is_met) for one in found.results}
    assert told["success_rate"] == ("M1", Decimal(2) / 3, 3, False)  # a cancelled run counts on neither side
    assert told["retry_rate"] == ("M4", Decimal("0.2"), 5, False)  # four runs and a retry are five attempts
    assert told["compensation_rate"] == ("M5", Decimal("0.25"), 4, False)
    assert told["log_completeness"] == ("M7", Decimal("0.25"), 4, False)  # one of them had a correlation id
    assert told["cost_per_run"] == ("M8", Decimal("0.2125"), 4, None)
    assert told["interventions_per_run"] == ("M10", Decimal("0.5"), 4, None)
    key, median, of, _ = told["duration_p50"]
    assert (key, of) == ("M2", 2)
    assert Decimal("9.8") < median < Decimal("10.2")
    by_tag = [(one.tag, one.value, one.runs, one.cost) for one in found.cost_by_tag]
    assert by_tag == [("region", "emea", 2, Decimal("0.6")), ("retry", "True", 1, Decimal("0.1"))]


def test_where_nothing_ran_nothing_is_said(router: Automation):
    sweep(NOW)
    assert {one.value for one in figures(router, NOW - DAY, NOW).results} == {None}
    assert {one.is_met for one in figures(router, NOW - DAY, NOW).results} == {None}


def test_they_cost_three_queries_however_much_ran(router: Automation, django_assert_num_queries: Any):
    four_runs(router, NOW)
    with django_assert_num_queries(3):
        figures(router, NOW - 30 * DAY, NOW)


def test_a_whole_month_of_good_runs_meets_what_one_starts_with(router: Automation):
    make_runs([a_run(router, ended=NOW - number * DAY, correlation_id="c") for number in range(1, 29)])
    sweep(NOW)
    held = [one for one in figures(router, NOW - 30 * DAY, NOW).results if one.target is not None]
    assert [one.key for one in held] == ["M1", "M4", "M5", "M7"]
    assert all(one.is_met for one in held)


def test_the_api_answers_a_span(router: Automation):
    now = clock.now()
    four_runs(router, now)
    token = caller("runs:read")
    found = token.get("automations/lead-router/figures/").json()
    assert (found["automation"], found["succeeded"], found["failed"], found["cancelled"]) == ("lead-router", 2, 1, 1)
    assert (found["looked_at"], found["cost_by_tag"][0]["cost"]) == (4, "0.6")
    by_name = {one["name"]: one for one in found["results"]}
    assert by_name["success_rate"] == {
        "key": "M1", "name": "success_rate", "unit": "ratio", "value": "0.666667", "n": 3, "target": "0.995",
        "meets": "least", "met": False,
    }  # fmt: skip
    since, until = ((now - days * DAY).isoformat().replace("+00:00", "Z") for days in (50, 30))
    older = token.get(f"automations/lead-router/figures/?from={since}&to={until}").json()
    assert (older["succeeded"], older["failed"]) == (1, 0)


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z", 400),
        ("from=2020-01-02T00:00:00Z", 400),
        ("to=9999-12-31T23:59:59Z", 400),
        ("at=2026-01-01T00:00:00Z", 400),
        ("to=0001-01-02T00:00:00Z", 200),
    ],
)
def test_a_span_that_cannot_be_is_refused(router: Automation, query: str, status: int):
    answer = caller("runs:read").get(f"automations/lead-router/figures/?{query}")
    assert answer.status_code == status


def test_the_page_says_what_does_not_meet_its_target(router: Automation):
    four_runs(router, clock.now())
    client = signed_in(make_person("lead", roles=[Role.OPS_LEAD]))
    page = client.get("/automations/lead-router/figures/").content.decode()
    for text in (
        "4 of the 4 figures with a starting target do not meet it.",
        "66.66%",
        "at least 99.5%",
        "region: emea",
    ):
        assert text in page
    assert 'href="/automations/lead-router/figures/"' in client.get("/automations/lead-router/").content.decode()
    make_automation("idle")
    assert "Nothing ran in the last 30 days" in client.get("/automations/idle/figures/").content.decode()


def test_several_live_versions_without_a_note_are_a_finding(router: Automation):
    now = clock.now()
    make_runs([a_run(router, ended=now - n * timedelta(hours=1), version=f"v{n}") for n in (1, 2)], now=now)
    sweep(now)
    client = signed_in(make_person("lead", roles=[Role.OPS_LEAD]))

    def page() -> str:
        return client.get("/automations/lead-router/figures/").content.decode()

    assert "Several versions ran in the last day: v1, v2." in page()
    record_release(router, version="v1", notes="v2 takes over record by record.", actor=SETUP, now=now)
    assert "Several versions" not in page()


def test_four_people_and_what_they_see(router: Automation):
    people = {
        make_person("owner", team=router.team): 200,
        make_person("teammate", team=router.team): 200,
        make_person("outsider", team=make_team("support")): 404,
        make_person("leader", roles=[Role.VIEWER]): 403,
    }
    for person, status in people.items():
        for address in ("/automations/lead-router/figures/", "/api/v1/automations/lead-router/figures/"):
            assert signed_in(person).get(address).status_code == status, (person, address)
    assert_problem(caller("slos:read").get("automations/lead-router/figures/"), 403, "missing_scope")


def test_the_page_costs_a_dozen_queries_at_most(router: Automation, django_assert_max_num_queries: Any):
    four_runs(router, clock.now())
    client = signed_in(make_person("lead", roles=[Role.OPS_LEAD]))
    client.get("/automations/lead-router/figures/")  # asks once in five seconds whether the portal itself is well
    with django_assert_max_num_queries(12):
        client.get("/automations/lead-router/figures/")
