"""Pages of runs as they are looked at: light, dark, on a phone, without a script and with one."""

from datetime import timedelta

import pytest

from opsportal import clock
from opsportal.identity.roles import Role
from slos.models import Run
from slos.runs.engine import Step
from tests.factories.catalog import make_automation
from tests.factories.identity import make_person
from tests.factories.runs import a_run, make_runs

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.browser]


@pytest.fixture
def signed_in(visitor):
    now = clock.now()
    router = make_automation("lead-router", name="Lead router")
    failed = a_run(
        router, run_id="exec-1", status="failed", error_type="RateLimit", error_message="429", correlation_id="lead-1",
        ended=now - timedelta(minutes=9), tags={"region": "emea"}, items_out=0,
        steps=[Step(name="Fetch", duration=1.2), Step(name="Assign", status="failed", duration=3)],
    )  # fmt: skip
    others = [a_run(router, ended=now - timedelta(minutes=number)) for number in range(1, 9)]
    make_runs([failed, *others, a_run(router, status="running", ended=now)], now=now)
    visitor.sign_in(make_person("lea", roles=[Role.OPS_LEAD]))
    return visitor


def test_the_pages_are_clean(signed_in):
    for path in ("/runs/", "/runs/?status=failed", f"/runs/{Run.objects.get(run_id='exec-1').pk}/"):
        signed_in.open(path)
        signed_in.check()


def test_one_finds_a_failed_run_and_its_trace(signed_in):
    signed_in.open("/runs/")
    page = signed_in.page
    page.get_by_label("Status").select_option("failed")
    page.get_by_role("button", name="Filter").click()
    page.wait_for_url("**status=failed**")
    assert page.locator("tbody tr").count() == 1
    page.get_by_role("link", name="exec-1").click()
    page.wait_for_url("**/runs/*/")
    assert page.get_by_role("heading", level=1).inner_text() == "exec-1"
    page.get_by_role("link", name="lead-1").click()
    page.wait_for_url("**/trace/lead-1/")
