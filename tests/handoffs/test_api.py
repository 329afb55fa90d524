"""The published shapes of handoffs, rules and events, driven as a program drives them."""

import json
from datetime import timedelta

import pytest

from handoffs.models import Handoff
from opsportal import clock
from opsportal.identity.roles import Role
from tests.factories import api
from tests.factories import handoffs as make
from tests.factories import identity as people

pytestmark = pytest.mark.django_db

RULE = {
    "slug": "speed-to-lead",
    "name": "Speed to lead",
    **make.SENTENCES,
    "stop_clock": "first_response",
    "calendar": "24x7",
    "sla_minutes": 30,
}


def post(caller, path, body, status=201):
    answer = caller.send("POST", path, json.dumps(body).encode())
    assert answer.status_code == status, answer.content
    return answer


def opened(caller, **said):
    make.make_rule("speed")
    people.make_person("olga")
    people.make_person("bruno")
    body = {"rule": "speed", "external_ref": "L1", "subject": "Lead 1", "owner": "olga", "backup_owner": "bruno"}
    return post(caller, "handoffs/", {**body, **said}).json()


def test_a_rule_is_written_activated_and_opens_handoffs():
    caller = api.caller()
    rule = post(caller, "handoff-rules/", RULE).json()
    assert (rule["mode"], rule["version"]) == ("draft", 1)
    assert [stage["percent"] for stage in rule["stages"]] == [100, 200, 300]
    post(caller, "handoffs/", {"rule": "speed-to-lead", "subject": "Lead"}, status=409)
    assert post(caller, "handoff-rules/speed-to-lead/activate/", {}, status=200).json()["mode"] == "active"
    handoff = post(caller, "handoffs/", {"rule": "speed-to-lead", "subject": "Lead"}).json()
    assert (handoff["sla_minutes"], handoff["backup_missing"], handoff["owner"]) == (30, True, None)


def test_a_second_rule_within_seven_days_asks_for_an_acknowledgement():
    caller = api.caller()
    post(caller, "handoff-rules/", RULE)
    post(caller, "handoff-rules/speed-to-lead/activate/", {}, status=200)
    post(caller, "handoff-rules/", {**RULE, "slug": "second"})
    refusal = post(caller, "handoff-rules/second/activate/", {}, status=409)
    assert refusal.json()["code"] == "first_rule_still_young"
    post(caller, "handoff-rules/second/activate/", {"acknowledge": True, "reason": "Two teams"}, status=200)


def test_a_rule_without_its_five_sentences_is_refused_at_each_field():
    caller = api.caller()
    post(caller, "handoff-rules/", {**RULE, "trace": "", "target": ""})
    problem = post(caller, "handoff-rules/speed-to-lead/activate/", {}, status=422).json()
    assert {error["field"] for error in problem["errors"]} == {"trace", "target"}


def test_an_edit_makes_a_version_and_touches_running_handoffs_only_when_asked():
    caller = api.caller()
    handoff = opened(caller)
    changed = caller.send("PATCH", "handoff-rules/speed/", json.dumps({"sla_minutes": 10}).encode()).json()
    assert changed["version"] == 2
    assert caller.get(f"handoffs/{handoff['id']}/").json()["sla_minutes"] == 30
    caller.send("PATCH", "handoff-rules/speed/", json.dumps({"sla_minutes": 12, "adopt": True}).encode())
    assert caller.get(f"handoffs/{handoff['id']}/").json()["sla_minutes"] == 12


def test_the_same_reference_while_one_runs_answers_that_one():
    caller = api.caller()
    first = opened(caller)
    again = post(caller, "handoffs/", {"rule": "speed", "external_ref": "L1", "subject": "Other"}, status=200)
    assert again["Duplicate"] == "true"
    assert again.json()["id"] == first["id"]
    post(caller, f"handoffs/{first['id']}/complete/", {}, status=200)
    assert (
        post(caller, "handoffs/", {"rule": "speed", "external_ref": "L1", "subject": "L"}).json()["id"] != first["id"]
    )


@pytest.mark.parametrize(
    ("said", "field", "code"),
    [
        ({"owner": "nobody"}, "owner", "unknown_person"),
        ({"rule": "nowhere"}, "rule", "unknown_rule"),
        ({"sla_minutes": 0}, "sla_minutes", None),
        ({"sla_minutes": "5"}, "sla_minutes", None),
        ({"breached": True}, "breached", "unknown_field"),
        ({"state": "completed"}, "state", "unknown_field"),
        ({"started_at": "2026-11-03T10:00:00"}, "started_at", None),
        ({"amount": "1e400"}, "amount", None),
        ({"trace_id": "a b"}, "trace_id", None),
        ({"url": "javascript:alert(1)"}, "url", None),
    ],
)
def test_a_bad_value_is_refused_at_its_field_and_nothing_is_opened(said, field, code):
    caller = api.caller()
    make.make_rule("speed")
    problem = post(caller, "handoffs/", {"rule": "speed", "subject": "Lead", **said}, status=422).json()
    assert problem["errors"][0]["field"] == field
    assert code is None or problem["errors"][0]["code"] == code
    assert not Handoff.objects.exists()


def test_a_start_far_ahead_is_refused_and_a_little_ahead_is_flagged():
    caller = api.caller()
    ahead = (clock.now() + timedelta(seconds=200)).isoformat()
    assert opened(caller, started_at=ahead)["clock_skew"] is True
    far = (clock.now() + timedelta(seconds=400)).isoformat()
    problem = post(caller, "handoffs/", {"rule": "speed", "subject": "Lead", "started_at": far}, status=422).json()
    assert problem["code"] == "in_the_future"


def test_a_system_answer_stops_nothing_and_an_unnamed_one_counts_and_is_flagged():
    caller = api.caller()
    path = f"handoffs/{opened(caller)['id']}/"
    assert post(caller, f"{path}respond/", {"actor": {"kind": "system", "id": "bot"}}, 200).json()["state"] == "open"
    assert post(caller, f"{path}respond/", {"automatic": True}, 200).json()["state"] == "open"
    answered = post(caller, f"{path}respond/", {}, 200).json()
    assert (answered["state"], answered["responder_unknown"]) == ("responded", True)


def test_a_second_answer_only_moves_the_first_backwards():
    caller = api.caller()
    started = clock.now() - timedelta(minutes=20)
    path = f"handoffs/{opened(caller, started_at=started.isoformat())['id']}/"

    def respond(minute):
        at = started + timedelta(minutes=minute)
        return post(caller, f"{path}respond/", {"actor": "olga", "occurred_at": at.isoformat()}, 200).json()

    first = respond(12)["first_response_at"]
    assert respond(15)["first_response_at"] == first
    assert respond(4)["first_response_at"] < first


def test_every_action_moves_the_record_and_a_wrong_one_is_a_conflict():
    caller = api.caller()
    path = f"handoffs/{opened(caller)['id']}/"
    states = [
        ("pause", {"reason": "Waiting for the customer"}, "paused"),
        ("resume", {}, "open"),
        ("assign", {"owner": "bruno", "backup_owner": "olga"}, "open"),
        ("reassign", {"owner": "olga"}, "open"),
        ("respond", {"actor": "olga"}, "responded"),
        ("complete", {"outcome": "meeting set"}, "completed"),
        ("reopen", {"mode": "new_cycle"}, "open"),
        ("cancel", {"reason": "Spam"}, "cancelled"),
    ]
    for action, body, state in states:
        assert post(caller, f"{path}{action}/", body, 200).json()["state"] == state
    refusal = post(caller, f"{path}respond/", {}, 409).json()
    assert refusal["code"] == "invalid_transition"
    assert [step["action"] for step in caller.get(f"{path}timeline/").json()["results"]] == [
        f"handoff.{action}"
        for action in [
            "created",
            "paused",
            "resumed",
            "assigned",
            "reassigned",
            "responded",
            "completed",
            "reopened",
            "cancelled",
        ]
    ]


def test_a_patch_without_a_team_keeps_it_and_null_clears_it():
    caller = api.caller()
    make.make_rule("speed", team=people.make_team("sales"))
    assert caller.patch("handoff-rules/speed/", {"name": "Speedy"}).json()["team"] == "sales"
    for nobody in (None, ""):
        assert caller.patch("handoff-rules/speed/", {"team": "sales"}).json()["team"] == "sales"
        cleared = caller.patch("handoff-rules/speed/", {"team": nobody}).json()
        assert (cleared["team"], cleared["name"]) == (None, "Speedy")


def test_the_timer_of_one_record_changes_until_twice_it_has_passed():
    caller = api.caller()
    path = f"handoffs/{opened(caller)['id']}/"
    changed = caller.send("PATCH", path, json.dumps({"sla_minutes": 45, "reason": "Asked for"}).encode())
    assert changed.json()["sla_minutes"] == 45
    old = opened_long_ago(caller)
    refused = caller.send("PATCH", f"handoffs/{old['id']}/", json.dumps({"sla_minutes": 500}).encode())
    api.assert_problem(refused, 409, "past_breach")


def test_somebody_who_may_not_change_a_timer_hears_of_proposing():
    path = f"handoffs/{opened(api.caller())['id']}/"
    analyst = api.caller("handoffs:write", "handoffs:read", person=people.make_person("ana"))
    refused = analyst.send("PATCH", path, json.dumps({"sla_minutes": 45}).encode())
    problem = api.assert_problem(refused, 403, "missing_scope")
    assert problem["detail"].endswith("You can propose another one on the handoff's page.")


def opened_long_ago(caller):
    at = (clock.now() - timedelta(hours=3)).isoformat()
    return post(caller, "handoffs/", {"rule": "speed", "subject": "Old", "started_at": at}).json()


def test_lists_tell_late_from_breached_as_of_now():
    caller = api.caller()
    opened(caller)
    late = post(
        caller,
        "handoffs/",
        {"rule": "speed", "subject": "Late", "started_at": (clock.now() - timedelta(minutes=40)).isoformat()},
    ).json()
    breached = opened_long_ago(caller)

    def ids(query):
        return {row["id"] for row in caller.get(f"handoffs/?{query}").json()["results"]}

    assert ids("missed=true") == {late["id"], breached["id"]}
    assert ids("breached=true") == {breached["id"]}
    assert len(ids("missed=false")) == 1
    assert caller.get("handoffs/?state=late").status_code == 400
    assert caller.get("handoffs/?colour=red").status_code == 400


def test_another_teams_records_are_not_there():
    sales, support = people.make_team("sales"), people.make_team("support")
    handoff = make.make_handoff(make.make_rule("ours", team=sales))
    outsider = api.caller(team=support)
    for path in (f"handoffs/{handoff.pk}/", f"handoffs/{handoff.pk}/timeline/", "handoff-rules/ours/"):
        api.assert_problem(outsider.get(path), 404)
    api.assert_problem(outsider.send("POST", f"handoffs/{handoff.pk}/respond/", b"{}"), 404)
    assert outsider.get("handoffs/").json()["results"] == []
    assert api.caller(team=sales).get(f"handoffs/{handoff.pk}/").status_code == 200
    problem = post(outsider, "handoffs/", {"rule": "ours", "subject": "Lead"}, status=422).json()
    assert problem["errors"][0]["code"] == "unknown_rule"


def test_a_read_token_cannot_write_and_a_write_token_cannot_read():
    path = f"handoffs/{make.make_handoff().pk}/"
    reader, writer = api.caller("handoffs:read"), api.caller("handoffs:write")
    api.assert_problem(reader.send("POST", f"{path}respond/", b"{}"), 403, "missing_scope")
    api.assert_problem(writer.get(path), 403, "missing_scope")


def test_events_open_answer_and_complete_a_handoff_once():
    caller = api.caller()
    make.make_rule(
        "leads",
        start_on={"event_name": "Lead created"},
        respond_on={"event_name": "Called"},
        complete_on={"event_name": "Closed"},
    )
    at = clock.now() - timedelta(minutes=9)
    start = {
        "case_id": "C1",
        "event_name": "Lead created",
        "timestamp": at.isoformat(),
        "event_id": "e1",
        "source": "crm",
    }
    assert post(caller, "events/", start).json()["status"] == "created"
    assert post(caller, "events/", start, status=200).json()["status"] == "duplicate"
    api.assert_problem(
        caller.send("POST", "events/", json.dumps({**start, "event_name": "Called"}).encode()), 409, "event_id_conflict"
    )
    call = {"case_id": "C1", "event_name": "Called", "timestamp": clock.now().isoformat(), "actor": {"kind": "human"}}
    answer = post(caller, "events/", [call, {"case_id": "C1"}, start], status=200).json()
    assert answer["counts"] == {"created": 1, "updated": 0, "duplicate": 1, "conflict": 0, "invalid": 1}
    assert [line["status"] for line in answer["results"]] == ["created", "invalid", "duplicate"]
    [record] = caller.get("handoffs/?external_ref=C1").json()["results"]
    assert (record["state"], record["rule"]) == ("responded", "leads")


def test_a_person_without_the_right_cannot_activate_a_rule_over_the_api(client):
    make.make_rule("draft", mode="draft")
    analyst = people.make_person(roles=[Role.ANALYST])
    client.force_login(analyst)
    refused = client.post("/api/v1/handoff-rules/draft/activate/", "{}", content_type="application/json")
    assert refused.status_code == 403
