"""Pages of runs: the list with its filters and CSV, the story of one, the strip on the page of an automation."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from opsportal import clock
from opsportal.identity.models import Person
from opsportal.identity.roles import Role
from slos.models import Run
from slos.runs.engine import Step
from tests.factories.catalog import make_automation
from tests.factories.identity import make_person, make_team
from tests.factories.runs import a_run, make_run, make_runs

pytestmark = pytest.mark.django_db


def signed_in(person: Person) -> Client:
    client = Client()
    client.force_login(person, backend="opsportal.identity.backends.PersonBackend")
    return client


def failed_run() -> Run:
    automation = make_automation("lead-router", name="Lead router")
    return make_run(
        automation, run_id="exec-4711", status="failed", error_type="RateLimit", error_message="429 from the CRM",
        seconds=5.7, retries=2, correlation_id="lead-00Q1", tags={"region": "emea"}, now=clock.now(),
        steps=[Step(name="Fetch lead", duration=1.2), Step(name="Assign", status="failed", duration=3.6)],
    )  # fmt: skip


def test_the_list_shows_what_ran_and_is_narrowed_by_its_address():
    failed = failed_run()
    other = make_automation("deal-sync")
    make_runs([a_run(other, run_id=f"d{number}") for number in range(3)])
    client = signed_in(make_person("analyst", roles=[Role.OPS_LEAD]))
    page = client.get("/runs/").content.decode()
    assert page.count("exec-4711") >= 1
    assert f'href="/runs/{failed.pk}/"' in page
    for query in ("automation=lead-router", "status=failed", "error_type=RateLimit", "q=lead-00Q1", "q=exec-4711"):
        found = client.get(f"/runs/?{query}").content.decode()
        assert "exec-4711" in found, query
        assert "d1</a>" not in found, query
    assert client.get("/runs/?status=asleep").status_code == 400
    lines = b"".join(client.get("/runs/?format=csv&automation=lead-router")).decode("utf-8-sig")
    assert lines.splitlines()[1].startswith("exec-4711,Lead router,failed,")


def test_the_story_of_a_run_names_its_steps_error_and_trace():
    run = failed_run()
    page = signed_in(make_person("analyst", roles=[Role.OPS_LEAD])).get(f"/runs/{run.pk}/").content.decode()
    for text in (
        "This run of Lead router failed after 5.7 s: RateLimit.", "429 from the CRM", "Fetch lead", "3.6 s",
        "/trace/lead-00Q1/", "/automations/lead-router/", "emea",
    ):  # fmt: skip
        assert text in page


def test_a_run_that_goes_on_and_one_without_a_known_start_say_so():
    automation = make_automation("lead-router", name="Lead router")
    client = signed_in(make_person("analyst", roles=[Role.OPS_LEAD]))
    going_on = make_run(automation, status="running", ended=clock.now() - timedelta(minutes=5), now=clock.now())
    assert "has not told the end of this run yet" in client.get(f"/runs/{going_on.pk}/").content.decode()
    ended = make_run(automation, started_at=None)
    assert "nobody said when it began" in client.get(f"/runs/{ended.pk}/").content.decode()


@pytest.mark.parametrize(
    ("who", "listed", "detail"),
    [("owner", 200, 200), ("teammate", 200, 200), ("outsider", 200, 404), ("leader", 403, 403)],
)
def test_four_people(who: str, listed: int, detail: int):
    revops, support = make_team("revops"), make_team("support")
    owner = make_person("owner", team=revops)
    people = {
        "owner": owner,
        "teammate": make_person("teammate", team=revops),
        "outsider": make_person("outsider", team=support),
        "leader": make_person("leader", roles=[Role.VIEWER]),
    }
    run = make_run(make_automation("lead-router", team=revops, owner=owner), run_id="exec-1")
    client = signed_in(people[who])
    page = client.get("/runs/")
    assert page.status_code == listed
    assert (b"exec-1" in page.content) == (detail == 200)
    assert client.get(f"/runs/{run.pk}/").status_code == detail
    assert client.get("/runs/999999999999999999999/").status_code in (403, 404)


def test_the_page_of_an_automation_shows_its_last_runs_to_those_who_read_telemetry():
    run = failed_run()
    page = signed_in(make_person("lead", roles=[Role.OPS_LEAD])).get("/automations/lead-router/").content.decode()
    assert "Last runs" in page
    assert f"/runs/{run.pk}/" in page
    leader = signed_in(make_person("leader", roles=[Role.VIEWER])).get("/automations/lead-router/").content.decode()
    assert "exec-4711" not in leader


def test_pages_cost_a_dozen_queries_at_most(django_assert_max_num_queries: Any):
    run = failed_run()
    make_runs([a_run(run.automation, steps=[Step(name="a", duration=1)]) for _ in range(60)])
    client = signed_in(make_person("lead", roles=[Role.OPS_LEAD]))
    for address in ("/runs/", "/runs/?automation=lead-router&status=failed", f"/runs/{run.pk}/"):
        client.get(address)
        with django_assert_max_num_queries(12):
            assert len(client.get(address).content) < 100_000
