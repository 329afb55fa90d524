"""/api/v1/runbooks/: texts and executions over HTTP; what programs may and what only people may."""

from typing import Any

import pytest
from django.test import Client

from opsportal.identity.models import Person
from opsportal.identity.roles import Role
from runbooks.models import Runbook
from runbooks.models.library import RunbookValidation
from tests.factories.catalog import make_automation
from tests.factories.identity import bearer, make_person, make_team, make_token
from tests.factories.library import PARTS, a_text, make_published

pytestmark = pytest.mark.django_db
URL = "/api/v1/runbooks/"


def signed_in(person: Person) -> Client:
    client = Client()
    client.force_login(person, backend="opsportal.identity.backends.PersonBackend")
    return client


def program(*scopes: str) -> Client:
    _, text = make_token(*scopes)
    return Client(headers=bearer(text))


def post(client: Client, path: str, **body: Any) -> Any:
    return client.post(f"{URL}{path}", body, content_type="application/json")


def test_a_program_writes_drafts_and_publishes_nothing():
    client = program("runbooks:write", "runbooks:read")
    made = post(client, "", slug="router", text=a_text(), note="From CI")
    assert (made.status_code, made.json()["revision"], made.json()["title"]) == (201, None, "Lead Router")
    again = post(client, "router/revisions/", text=a_text("Again"), base=1)
    assert (again.status_code, again.json()["number"], again.json()["findings"]) == (201, 2, [])
    assert post(client, "router/revisions/", text=a_text("Third"), base=1).json()["code"] == "outrun"
    for path in ("router/revisions/2/publish/", "router/retire/"):
        assert post(client, path, reason="x").status_code == 403
    assert post(program("runbooks:read"), "", slug="x", text="y").status_code == 403


def test_a_person_asks_another_publishes():
    team = make_team("revops")
    make_automation("lead-router", tier="P0", team=team)
    writer, lead = signed_in(make_person(team=team)), signed_in(make_person(roles=[Role.OPS_LEAD]))
    post(writer, "", slug="router", text=a_text(automation="lead-router"))
    assert post(writer, "router/revisions/1/review/").json()["state"] == "review"
    assert post(writer, "router/revisions/1/publish/").status_code == 403
    published = post(lead, "router/revisions/1/publish/")
    assert (published.status_code, published.json()["tier"]) == (200, "P0")
    one = writer.get(f"{URL}router/").json()
    assert (one["revision"], one["tier"], one["automations"], one["stale"]) == (1, "P0", ["lead-router"], False)
    assert [step["key"] for step in writer.get(f"{URL}router/revisions/1/").json()["steps"]][:1] == [
        "open-the-runs-of-the"
    ]


def test_what_belongs_to_another_team_is_not_there():
    make_automation("lead-router", team=make_team("revops"))
    make_published("router", text=a_text(automation="lead-router"))
    outsider = signed_in(make_person(team=make_team("support")))
    for path in ("", "revisions/", "revisions/1/", "reports/", "validations/", "executions/"):
        assert outsider.get(f"{URL}router/{path}").status_code == 404, path
    assert post(outsider, "router/executions/", reason="x").status_code == 404
    assert outsider.get(URL).json()["results"] == []


def test_a_preview_writes_nothing_and_tells_lines():
    answer = post(program("runbooks:write"), "preview/", text="# A\n\n<script>alert(1)</script>\n")
    body = answer.json()
    assert (answer.status_code, body["title"]) == (200, "A")
    assert "<script" not in body["html"]
    assert {
        "line": 3,
        "code": "html",
        "message": "HTML is shown as text; write Markdown instead.",
        "is_error": False,
    } in (body["findings"])
    assert not Runbook.objects.exists()


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"slug": "Bad Slug", "text": "x"}, 422),
        ({"slug": "a", "text": ""}, 422),
        ({"slug": "a", "text": "x" * 60_001}, 422),
        ({"slug": "a", "text": "x", "tier": "P2"}, 422),
        ({"slug": "a", "text": 5}, 422),
        ({"slug": "a", "text": "x", "team": "nowhere"}, 422),
    ],
)
def test_a_body_that_does_not_hold_is_refused(body: dict[str, Any], status: int):
    assert post(program("runbooks:write", "runbooks:read"), "", **body).status_code == status


def test_a_runbook_is_gone_through_over_http():
    owner = make_person(team=make_team("revops"))
    make_automation("lead-router", owner=owner, team=owner.team, active=True)
    pause = "1. Stop.\n\n   ```action\n   do: pause-automation\n   automation: lead-router\n   ```\n2. Tell sales."
    make_published("router", text=a_text(automation="lead-router", parts=PARTS | {"Remediation": pause}))
    client, machine = signed_in(owner), program("runbooks:write", "runbooks:read")
    made = post(machine, "router/executions/", reason="Alert", about_type="incident", about_id="17")
    assert made.status_code == 201
    at = f"router/executions/{made.json()['id']}/"
    assert post(machine, f"{at}steps/tell-sales/tick/").json()["state"] == "done"
    assert post(machine, f"{at}steps/stop/run/", reason="x", confirmed=True).status_code == 403
    assert post(client, f"{at}steps/stop/run/").json()["errors"][0]["field"] == "reason"
    ran = post(client, f"{at}steps/stop/run/", reason="Limit", confirmed=True).json()
    assert (ran["state"], ran["undo"]["do"]) == ("done", "resume-automation")
    assert post(client, f"{at}steps/stop/undo/", reason="Over").json()["undone_at"]
    assert post(client, f"{at}steps/nothing/tick/").status_code == 404
    said_by_machine = post(machine, f"{at}finish/", outcome="Limit was reset", holds=True)
    assert (said_by_machine.status_code, said_by_machine.json()["code"]) == (403, "needs_a_person")
    over = post(client, f"{at}finish/", outcome="Limit was reset", holds=True).json()
    assert (over["state"], len(over["steps"])) == ("completed", 6)
    assert client.get(f"{URL}router/executions/?about_id=17").json()["results"][0]["id"] == made.json()["id"]
    assert client.get(f"{URL}router/").json()["validated_at"]
    assert [row["key"] for row in client.get("/api/v1/toil/").json()["results"]] == ["tell-sales"]


def test_no_program_says_that_a_runbook_holds():
    owner = make_person(team=make_team("revops"))
    make_automation("lead-router", owner=owner, team=owner.team)
    make_published("router", text=a_text(automation="lead-router"))
    machine = program("runbooks:write", "runbooks:read")
    for holds in (True, False):
        said = post(machine, "router/validations/", how="checked", holds=holds, note="Read by CI")
        assert (said.status_code, said.json()["code"]) == (403, "needs_a_person")
    at = f"router/executions/{post(machine, 'router/executions/', reason='Nightly').json()['id']}/"
    assert post(machine, f"{at}finish/", outcome="Nothing was wrong", holds=False).status_code == 403
    assert post(machine, f"{at}finish/", outcome="Nothing was wrong").json()["state"] == "completed"
    assert not RunbookValidation.objects.exists()
    assert post(signed_in(owner), "router/validations/", how="checked", holds=True).status_code == 201
    assert RunbookValidation.objects.get().person == owner


def test_the_monthly_draw_can_be_drawn_again():
    from opsportal import clock
    from runbooks.library.operations.upkeep import draw
    from runbooks.library.sweep import draw_when_due

    make_published("router")
    draw_when_due(clock.now())
    (row,) = program("runbooks:read").get(f"{URL}draws/").json()["results"]
    assert draw(row["month"], row["candidates"])[0] == row["runbook"] == "router"
