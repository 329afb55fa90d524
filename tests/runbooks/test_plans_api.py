"""Replay plans over HTTP and by command: dry run, approval by a person's session only, and the report."""

import json
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from opsportal import clock
from opsportal.identity.models import Person
from opsportal.identity.roles import Role
from runbooks.models import ReplayPlan
from runbooks.plans import sweep
from runbooks.queue import dispatch
from tests.factories.api import assert_problem, caller
from tests.factories.catalog import make_automation
from tests.factories.identity import make_person, make_team
from tests.factories.plans import fetched, make_frozen, start
from tests.factories.replay import make_target, store
from tests.receivers import HttpReceiver

pytestmark = pytest.mark.django_db(transaction=True)
REASON = {"reason": "the target is back"}


def signed_in(person: Person, *, at: Any = None) -> Client:
    client = Client()
    client.force_login(person, backend="opsportal.identity.backends.PersonBackend")
    session = client.session
    session["began_at"], session["seen_at"] = (at or clock.now()).isoformat(), clock.now().isoformat()
    session.save()
    return client


def post(client: Client, path: str, body: Any) -> Any:
    return client.post(f"/api/v1/{path}", body, content_type="application/json")


def send() -> None:
    for _ in range(3):
        sweep.advance(clock.now())
        dispatch.drain(clock.now())
    sweep.advance(clock.now())


def test_a_plan_is_a_dry_run_until_it_is_started(receiver: HttpReceiver) -> None:
    target = make_target(receiver.url, slug="crm")
    (item, _) = store(target, "a", "b", payload={"mail": "anna@example.com", "stage": "won"})
    program = caller("replay:read", "replay:request")
    body = {"target": "crm", **REASON, "transform": [{"op": "rename", "field": "stage", "to": "status"}]}
    made = program.post("replay/plans/", body)
    assert made.status_code == 201, made.content
    plan = made.json()
    assert (plan["state"], plan["count"], plan["keys"], plan["needs_second_person"]) == ("dry_run", 2, 2, False)
    assert plan["progress"]["to_go"] == 2
    rows = program.get(f"replay/plans/{plan['id']}/requests/").json()["results"]
    assert rows[0]["headers"]["webhook-id"].endswith(".r1")
    assert rows[0]["headers"]["webhook-signature"] == "•••"
    assert rows[0]["url"] == receiver.url
    assert "anna@example.com" not in json.dumps(rows)
    assert rows[0]["changes"] == [
        {"path": "stage", "before": '"won"', "after": None},
        {"path": "status", "before": None, "after": '"won"'},
    ]
    assert str(item.pk) in [row["item"] for row in program.get(f"replay/plans/{plan['id']}/items/").json()["results"]]
    send()
    assert receiver.requests == []
    assert program.post(f"replay/plans/{plan['id']}/start/", {}).json()["state"] == "running"
    send()
    shown = program.get(f"replay/plans/{plan['id']}/").json()
    assert (shown["state"], shown["progress"]["delivered"]) == ("completed", 2)
    report = program.get(f"replay/plans/{plan['id']}/report/").json()
    names = ("selected", "delivered", "already_delivered", "dead", "in_doubt", "doubled", "attempts")
    assert [report[name] for name in names] == [2, 2, 0, 0, 0, 0, 2]
    assert_problem(program.post(f"replay/plans/{plan['id']}/start/", {}), 409, "invalid_transition")


def test_no_token_starts_or_approves_a_p0(receiver: HttpReceiver) -> None:
    target = make_target(receiver.url, slug="crm", automation=make_automation("router", tier="P0"))
    store(target, "a")
    program = caller("admin")
    plan = program.post("replay/plans/", {"target": "crm", **REASON}).json()
    assert plan["needs_second_person"] is True
    assert_problem(program.post(f"replay/plans/{plan['id']}/start/", {}), 403, "nobody")
    analyst, lead = make_person(roles=[Role.ANALYST]), make_person(roles=[Role.OPS_LEAD])
    asked = post(signed_in(analyst), f"replay/plans/{plan['id']}/start/", {})
    assert (asked.status_code, asked.json()["state"]) == (202, "awaiting_approval")
    approve = f"replay/plans/{plan['id']}/approve/"
    assert_problem(program.post(approve, {}), 403, "needs_a_person")
    assert_problem(program.post(f"replay/plans/{plan['id']}/start/", {}), 409, "approval_pending")
    assert_problem(post(signed_in(analyst), approve, {}), 403, "own_request")
    late = signed_in(lead, at=clock.now() - timedelta(minutes=11))
    assert_problem(post(late, approve, {}), 403, "reauthentication_required")
    assert post(signed_in(lead), approve, {}).json()["state"] == "approved"
    send()
    assert receiver.requests == []
    assert program.post(f"replay/plans/{plan['id']}/start/", {}).json()["state"] == "running"
    send()
    assert len(receiver.requests) == 1


def test_pausing_resuming_and_cancelling(receiver: HttpReceiver) -> None:
    target = make_target(receiver.url)
    store(target, "a", "b")
    plan = start(make_frozen(target, canary_count=1))
    program = caller("replay:read", "replay:request")
    assert program.post(f"replay/plans/{plan.pk}/pause/", {}).json()["state"] == "paused"
    assert_problem(program.post(f"replay/plans/{plan.pk}/pause/", {}), 409, "invalid_transition")
    assert program.post(f"replay/plans/{plan.pk}/resume/", {}).json()["state"] == "running"
    send()
    assert program.get(f"replay/plans/{plan.pk}/").json()["state"] == "paused"
    assert_problem(program.post(f"replay/plans/{plan.pk}/resume/", {}), 403, "needs_a_person")
    assert fetched(plan).canary_passed_at is None
    analyst = signed_in(make_person(roles=[Role.ANALYST]))
    assert post(analyst, f"replay/plans/{plan.pk}/resume/", {}).json()["state"] == "running"
    assert_problem(program.post(f"replay/plans/{plan.pk}/cancel/", {}), 422)
    assert program.post(f"replay/plans/{plan.pk}/cancel/", REASON).json()["state"] == "cancelled"
    assert len(receiver.requests) == 1


def test_a_draft_is_changed_and_looked_through_later() -> None:
    store(make_target(slug="crm", rate_per_minute=60), "a", "b")
    program = caller("replay:read", "replay:request")
    plan = program.post("replay/plans/", {"target": "crm", **REASON, "dry_run": False}).json()
    assert (plan["state"], plan["count"]) == ("draft", 0)
    changed = program.patch(f"replay/plans/{plan['id']}/", {"selection": {"record_key": "a"}, "abort_ratio": "0.5"})
    assert changed.json()["abort_ratio"] == "0.500"
    assert program.post(f"replay/plans/{plan['id']}/dry-run/", {}).json()["count"] == 1
    assert_problem(program.patch(f"replay/plans/{plan['id']}/", {"rate_per_minute": 61}), 422, "above_target")
    assert [one["id"] for one in program.get("replay/plans/?state=dry_run").json()["results"]] == [plan["id"]]


@pytest.mark.parametrize(
    "body",
    [
        {"target": "nowhere", **REASON},
        {"target": "crm"},
        {"target": "crm", "reason": " "},
        {"target": "crm", **REASON, "selection": {"items": ["x"]}},
        {"target": "crm", **REASON, "selection": {"from": "2026-11-22T00:00:00"}},
        {"target": "crm", **REASON, "transform": [{"op": "set", "field": "a"}]},
        {"target": "crm", **REASON, "abort_ratio": "1.5"},
        {"target": "crm", **REASON},
    ],
)
def test_what_cannot_be_planned_is_refused_with_a_problem(body: dict[str, Any]) -> None:
    make_target(slug="crm")
    answer = caller("replay:read", "replay:request").post("replay/plans/", body)
    assert answer.status_code in (404, 422)
    assert answer["Content-Type"] == "application/problem+json"
    assert not ReplayPlan.objects.exists()


def test_who_may_not_see_the_target_does_not_see_its_plans() -> None:
    target = make_target(slug="crm", team=make_team("north"))
    store(target, "a")
    plan = make_frozen(target)
    outsider = signed_in(make_person(roles=[Role.ANALYST], team=make_team("south")))
    for path in ("", "items/", "requests/", "report/"):
        assert outsider.get(f"/api/v1/replay/plans/{plan.pk}/{path}").status_code == 404
    assert signed_in(make_person(roles=[Role.VIEWER])).get("/api/v1/replay/plans/").status_code == 403
    assert_problem(caller("replay:read").post(f"replay/plans/{plan.pk}/start/", {}), 403)


def said(*arguments: str) -> tuple[str, int]:
    out = StringIO()
    try:
        call_command("replay", *arguments, stdout=out)
    except SystemExit as ended:
        return out.getvalue(), int(str(ended.code))
    return out.getvalue(), 0


def test_the_command_plans_starts_runs_and_reports(receiver: HttpReceiver) -> None:
    target = make_target(receiver.url, slug="crm")
    store(target, "a", "a", "b")
    analyst = make_person("anna", roles=[Role.ANALYST])
    text, code = said("--as", analyst.username, "plan", "crm", "--reason", "limits reset", "--canary", "1")
    assert (code, "3 payloads of 2 records" in text) == (0, True)
    plan = ReplayPlan.objects.get()
    assert receiver.requests == []
    assert said("--as", "anna", "start", str(plan.pk))[1] == 0
    text, code = said("run", str(plan.pk))
    assert (code, "1 of 1 payload of the canary arrived" in text) == (1, True)
    assert said("--as", "anna", "resume", str(plan.pk))[1] == 0
    text, code = said("run", str(plan.pk))
    assert (code, "3 replayed, 0 already there, 0 twice." in text) == (0, True)
    assert fetched(plan).state == "completed"
    assert len(receiver.requests) == 3


def test_the_command_acts_for_somebody_who_may(receiver: HttpReceiver) -> None:
    store(make_target(receiver.url, slug="crm"), "a")
    make_person("vera", roles=[Role.VIEWER])
    for words in (("plan", "crm", "--reason", "x"), ("--as", "vera", "plan", "crm", "--reason", "x"), ("show", "x")):
        with pytest.raises(CommandError) as refused:
            call_command("replay", *words)
        assert refused.value.returncode == 2
