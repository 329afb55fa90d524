"""Everything that carries one id, on one line of time, as far as one may see it."""

from datetime import timedelta

import pytest

from handoffs.sweep import sweep_handoffs
from opsportal.identity.roles import Role
from opsportal.portal.traces import get_trace
from tests.factories.catalog import make_automation
from tests.factories.handoffs import START, make_handoff, make_rule
from tests.factories.identity import make_person, make_team, make_token
from tests.factories.runs import make_run

pytestmark = pytest.mark.django_db
TRACE = "order-4711"


@pytest.fixture
def house():
    """A handoff that ran past twice its timer, and four people."""
    team = make_team("east")
    people = {
        "owner": make_person("owner", team=team, slack_id="U1"),
        "teammate": make_person("teammate", team=team),
        "outsider": make_person("outsider", team=make_team("west")),
        "leader": make_person("leader", roles=[Role.OPS_LEAD]),
    }
    rule = make_rule("speed-to-lead", team=team)
    handoff = make_handoff(
        rule, owner=people["owner"], backup_owner=people["teammate"], trace_id=TRACE, subject="<b>Northwind</b>"
    )
    sweep_handoffs(START + timedelta(minutes=31))
    sweep_handoffs(START + timedelta(minutes=61))
    return {**people, "handoff": handoff}


def sign_in(client, person):
    client.force_login(person, backend="opsportal.identity.backends.PersonBackend")


def test_the_line_is_in_order_of_time_with_the_gaps_between(house):
    line = get_trace(house["leader"], TRACE)
    assert [step.at for step in line.steps] == sorted(step.at for step in line.steps)
    names = [step.name for step in line.steps]
    assert names.index("handoff.created") < names.index("handoff.alerted") < names.index("handoff.reassigned")
    assert line.steps[0].gap_seconds is None
    assert sum(step.gap_seconds or 0 for step in line.steps) == line.seconds


def test_the_step_that_broke_is_named_first(house):
    line = get_trace(house["leader"], TRACE)
    assert line.broke is not None
    assert line.broke.name == "handoff.breached"


def test_it_holds_the_records_and_what_people_were_told(house):
    line = get_trace(house["leader"], TRACE)
    assert line.handoffs == [house["handoff"]]
    assert {"audit"} < {step.kind for step in line.steps}


def test_four_people_see_what_is_theirs_to_see(client, house):
    for name, status in (("owner", 200), ("teammate", 200), ("leader", 200), ("outsider", 404)):
        sign_in(client, house[name])
        assert client.get(f"/trace/{TRACE}/").status_code == status


def test_a_teammate_does_not_read_other_peoples_messages(house):
    told = [step.sentence for step in get_trace(house["teammate"], TRACE).steps if step.kind != "audit"]
    assert told
    assert not [sentence for sentence in told if sentence.startswith("Owner was told")]


def test_the_page_tells_the_story_as_text(client, house):
    sign_in(client, house["leader"])
    page = client.get(f"/trace/{TRACE}/").content
    assert b"<b>Northwind" not in page
    assert b"Copy link" in page
    assert b"broke" in page


@pytest.mark.parametrize("odd", ["x" * 65, "-", "a%00b", "%3Cscript%3E", "a b", "unknown-id"])
def test_an_unknown_or_odd_id_is_a_page_that_says_so(client, house, odd):
    sign_in(client, house["leader"])
    response = client.get(f"/trace/{odd}/")
    assert response.status_code == 404
    assert b"<script>" not in response.content


def test_the_api_answers_the_same_line(client, house):
    _, text = make_token("audit:read", "handoffs:read")
    answer = client.get(f"/api/v1/traces/{TRACE}/", headers={"Authorization": f"Bearer {text}"})
    body = answer.json()
    assert answer.status_code == 200
    assert body["trace_id"] == TRACE
    assert body["steps"][0]["name"] == "handoff.created"
    assert body["steps"][0]["at"].endswith("Z")
    assert body["broke"]["name"] == "handoff.breached"
    assert body["handoffs"][0]["id"] == str(house["handoff"].pk)
    assert (body["from"], body["to"]) == (body["steps"][0]["at"], body["steps"][-1]["at"])


def test_the_api_hides_what_may_not_be_seen(client, house):
    _, hidden = make_token("audit:read", team=house["outsider"].team)
    _, narrow = make_token("handoffs:read")
    for text, trace_id, status in ((hidden, TRACE, 404), (hidden, "nothing-here", 404), (narrow, TRACE, 403)):
        answer = client.get(f"/api/v1/traces/{trace_id}/", headers={"Authorization": f"Bearer {text}"})
        assert answer.status_code == status
        assert answer.headers["Content-Type"] == "application/problem+json"
    assert client.get(f"/api/v1/traces/{TRACE}/").status_code == 401


def test_a_line_of_one_run_is_as_long_as_the_run_and_leads_to_its_page(client):
    automation = make_automation("deal-sync")
    run = make_run(automation, seconds=60, correlation_id="sync-12")
    _, text = make_token("audit:read", "runs:read")

    body = client.get("/api/v1/traces/sync-12/", headers={"Authorization": f"Bearer {text}"}).json()

    assert (body["from"], body["to"], body["seconds"]) == ("2026-11-03T08:59:00Z", "2026-11-03T09:00:00Z", 60.0)
    (step,) = body["steps"]
    assert (step["kind"], step["began_at"], step["seconds"]) == ("run", body["from"], 60.0)
    assert (step["url"], step["source_url"]) == ("/automations/deal-sync/", f"/runs/{run.pk}/")
