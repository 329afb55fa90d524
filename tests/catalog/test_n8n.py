"""Exported workflows of n8n: what is read from them, what is found, what is never kept."""

import json
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from hypothesis import given, settings
from hypothesis import strategies as st

from opsportal.audit.models import Detail
from opsportal.catalog import operations
from opsportal.catalog.engine.n8n import NotAWorkflow, read_export
from opsportal.catalog.exports import read_file
from opsportal.catalog.models import Automation, Workflow, WorkflowImport, WorkflowVersion
from opsportal.errors import Conflict, InvalidInput
from tests.factories.catalog import make_automation
from tests.factories.identity import NOW, SETUP, make_person, make_token

SLACK = "xoxb-" + "1234567890-abcdefghijkl"
HUBSPOT = "pat-na1-" + "0123456789abcdef0123456789abcdef"


def node(name: str, kind: str, parameters: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    return {
        "id": name, "name": name, "type": f"n8n-nodes-base.{kind}", "typeVersion": 1, "position": [0, 0],
        "parameters": parameters or {}, **more,
    }  # fmt: skip


def workflow(*nodes: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "id": "w1", "name": "Lead router", "active": True, "nodes": list(nodes), "connections": {},
        "settings": {"executionOrder": "v1"}, **more,
    }  # fmt: skip


def schedule(**rule: Any) -> dict[str, Any]:
    return node("Clock", "scheduleTrigger", {"rule": {"interval": [rule]}})


SOUND = workflow(
    schedule(field="minutes", minutesInterval=5),
    node("Ask", "httpRequest", {"url": "https://api.example.com/leads"}, retryOnFail=True),
    settings={"errorWorkflow": "w9", "executionTimeout": 300, "timezone": "Europe/Amsterdam"},
)


def codes(document: Any) -> list[str]:
    (reading,) = read_export(document)
    return [finding["code"] for finding in reading.findings]


def rhythm(*nodes: dict[str, Any], **settings_: Any) -> dict[str, Any]:
    (reading,) = read_export(workflow(*nodes, settings=settings_))
    return reading.rhythm


def test_a_sound_workflow_has_no_findings():
    assert codes(SOUND) == []


def test_what_a_bare_workflow_lacks_is_found():
    bare = workflow(schedule(), node("Ask", "httpRequest", {"url": "http://10.0.0.7/x"}), pinData={"Ask": [{}]})
    assert codes(bare) == [
        "no_error_workflow", "fixed_environment", "no_retry", "no_timeout", "no_timezone", "pinned_data",
    ]  # fmt: skip


def test_an_error_workflow_needs_none_itself():
    assert "no_error_workflow" not in codes(workflow(node("Failed", "errorTrigger")))


def test_a_step_that_swallows_its_error_is_found():
    assert "swallowed_error" in codes(workflow(node("Ask", "httpRequest", onError="continueRegularOutput")))
    assert "swallowed_error" in codes(workflow(node("Ask", "slack", continueOnFail=True)))
    assert "swallowed_error" not in codes(workflow(node("Ask", "slack", onError="continueErrorOutput")))


def test_steps_inside_n8n_need_no_retry():
    assert "no_retry" not in codes(workflow(node("Shape", "set"), node("Run", "code"), node("Hook", "webhook")))


def test_disabled_nodes_are_told_and_judged_no_further():
    found = workflow(schedule(), node("Old", "httpRequest", {"url": "http://localhost/x"}, disabled=True))
    assert "disabled_nodes" in codes(found)
    assert "fixed_environment" not in codes(found)


@pytest.mark.parametrize(
    ("name", "is_personal"),
    [
        ("HubSpot account", False),
        ("jane.doe@example.com", True),
        ("Jane’s Gmail", True),
        ("My Slack", True),
        ("svc-hubspot@example.com", False),
    ],
)
def test_a_personal_login_is_told_by_its_name(name: str, is_personal: bool):
    used = node("Mail", "gmail", credentials={"gmailOAuth2": {"id": "1", "name": name}}, retryOnFail=True)
    assert ("personal_login" in codes(workflow(used))) is is_personal


@pytest.mark.parametrize(
    "parameters",
    [
        {"headerParameters": {"parameters": [{"name": "Authorization", "value": f"Bearer {HUBSPOT}"}]}},
        {"headerParameters": {"parameters": [{"name": "X-Api-Key", "value": "s3cr3tvalue"}]}},
        {"url": "https://api.example.com/x?api_key=s3cr3tvalue&y=1"},
        {"url": "https://joe:s3cr3tvalue@example.com/x"},
        {"jsCode": f'const token = "{SLACK}";\nreturn [];'},
        {"jsCode": "const password = 's3cr3tvalue';"},
        {"jsonBody": json.dumps({"client_secret": "s3cr3tvalue"})},
        {"options": {"deep": [{"apiKey": "s3cr3tvalue"}]}},
    ],
)
def test_a_secret_is_found_and_masked(parameters: dict[str, Any]):
    (reading,) = read_export(workflow(node("Ask", "httpRequest", parameters)))
    assert "secret" in [finding["code"] for finding in reading.findings]
    said = json.dumps(reading.as_dict())
    assert not any(secret in said for secret in (SLACK, HUBSPOT, "s3cr3tvalue"))


@pytest.mark.parametrize(
    "parameters",
    [
        {"headerParameters": {"parameters": [{"name": "Authorization", "value": "={{ $env.TOKEN }}"}]}},
        {"headerParameters": {"parameters": [{"name": "Authorization", "value": "=Bearer {{$json.token}}"}]}},
        {"apiKey": "YOUR_API_KEY"},
        {"url": "https://api.example.com/x?token={{$json.token}}"},
        {"content": "The token goes into the header."},
    ],
)
def test_an_expression_or_a_placeholder_is_no_secret(parameters: dict[str, Any]):
    assert "secret" not in codes(workflow(node("Ask", "httpRequest", parameters)))


def test_a_secret_in_a_name_is_masked_too():
    (reading,) = read_export(workflow(node(f"Post with {SLACK}", "httpRequest"), name=f"Router {SLACK}"))
    assert SLACK not in json.dumps(reading.as_dict())


@pytest.mark.parametrize(
    ("rule", "kind", "text", "seconds"),
    [
        ({"field": "seconds", "secondsInterval": 20}, "simple", "", 20),
        ({"field": "minutes"}, "simple", "", 300),
        ({"field": "hours"}, "cron", "0 * * * *", 3600),
        ({"field": "hours", "triggerAtMinute": 15}, "cron", "15 * * * *", 3600),
        ({"field": "hours", "hoursInterval": 6}, "simple", "", 21600),
        ({}, "cron", "0 0 * * *", 86400),
        ({"triggerAtHour": 9, "triggerAtMinute": 30}, "cron", "30 9 * * *", 86400),
        ({"daysInterval": 2}, "simple", "", 172800),
        ({"field": "weeks", "triggerAtDay": [1, 3], "triggerAtHour": 8}, "cron", "0 8 * * 1,3", 432000),
        ({"field": "months", "triggerAtDayOfMonth": 5}, "cron", "0 0 5 * *", 31 * 86400),
        ({"field": "cronExpression", "expression": "0 */10 8-18 * * 1-5"}, "cron", "*/10 8-18 * * 1-5", 220200),
    ],
)
def test_a_schedule_becomes_a_rhythm(rule: dict[str, Any], kind: str, text: str, seconds: int):
    found = rhythm(schedule(**rule), timezone="Europe/Amsterdam")
    assert (found["kind"], found["schedule"], found["period_seconds"]) == (kind, text, seconds)
    assert found["timezone"] == "Europe/Amsterdam"


def test_several_schedules_promise_what_the_most_frequent_promises():
    both = node("Clock", "scheduleTrigger", {"rule": {"interval": [{"field": "hours"}, {"triggerAtHour": 9}]}})
    assert (rhythm(both)["kind"], rhythm(both)["period_seconds"]) == ("simple", 3600)


def test_the_former_cron_node_is_read():
    found = rhythm(node("Cron", "cron", {"triggerTimes": {"item": [{"mode": "everyX", "value": 4, "unit": "hours"}]}}))
    assert found["period_seconds"] == 4 * 3600


def test_a_schedule_that_cannot_be_read_promises_nothing():
    assert rhythm(schedule(field="cronExpression", expression="whenever")) == {}
    assert rhythm(schedule(field="cronExpression", expression="0 0 30 2 *")) == {}


@pytest.mark.parametrize(
    ("kind", "trigger"),
    [
        ("scheduleTrigger", "schedule"),
        ("webhook", "event"),
        ("hubspotTrigger", "event"),
        ("manualTrigger", "human"),
        ("executeWorkflowTrigger", "api"),
        ("set", ""),
    ],
)
def test_the_trigger_is_told_by_the_nodes(kind: str, trigger: str):
    (reading,) = read_export(workflow(node("Start", kind)))
    assert reading.trigger == trigger


def test_moving_a_node_is_no_new_version_and_changing_it_is():
    (before,) = read_export(SOUND)
    moved = json.loads(json.dumps(SOUND))
    moved["nodes"][1]["position"] = [10, 90]
    moved["updatedAt"] = "2026-11-21T10:00:00Z"
    moved["nodes"].append(node("Read me", "stickyNote", {"content": "Ask Kim before you touch this."}))
    (after,) = read_export(moved)
    assert after.sha256 == before.sha256
    moved["nodes"][1]["parameters"]["url"] = "https://api.example.com/deals"
    (changed,) = read_export(moved)
    assert changed.sha256 != before.sha256


@pytest.mark.parametrize("wrap", [lambda w: [w, w], lambda w: {"data": [w, w]}, lambda w: {"workflows": [w, w]}])
def test_lists_and_the_answer_of_the_api_are_read(wrap: Any):
    assert len(read_export(wrap(SOUND))) == 2


@pytest.mark.parametrize("document", [{}, [], {"nodes": {}}, [1, 2], "x", None, {"data": [{}]}])
def test_what_is_no_export_is_refused(document: Any):
    with pytest.raises(NotAWorkflow):
        read_export(document)


ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)
NODE = st.fixed_dictionaries(
    {"name": ANY, "type": st.sampled_from(["n8n-nodes-base.scheduleTrigger", "n8n-nodes-base.cron", "x.y"]) | ANY},
    optional={"parameters": ANY, "credentials": ANY, "disabled": ANY, "onError": ANY},
)


@settings(max_examples=60, deadline=None)
@given(st.lists(NODE | ANY, max_size=4), ANY, ANY)
def test_whatever_stands_in_an_export_is_read_without_a_fall(nodes: list[Any], settings_: Any, name: Any):
    (reading,) = read_export({"nodes": nodes, "settings": settings_, "name": name})
    json.dumps(reading.as_dict())


# --- into the catalogue ---


def bring_in(*documents: dict[str, Any]) -> list[operations.Imported]:
    readings = read_file(json.dumps(list(documents)).encode())
    return operations.import_workflows(readings, actor=SETUP, now=NOW)


@pytest.mark.django_db
def test_a_new_workflow_becomes_a_draft():
    (done,) = bring_in(SOUND)
    assert (done.status, done.automation.slug, done.automation.platform) == ("created", "lead-router", "n8n")
    assert (done.automation.state, done.automation.trigger) == ("draft", "schedule")
    assert done.automation.workflow.rhythm["period_seconds"] == 300


@pytest.mark.django_db
def test_the_same_again_changes_nothing_and_a_change_is_a_version():
    bring_in(SOUND)
    assert [each.status for each in bring_in(SOUND)] == ["unchanged"]
    (done,) = bring_in({**SOUND, "settings": {}})
    assert (done.status, Automation.objects.count(), WorkflowVersion.objects.count()) == ("updated", 1, 2)
    assert "no_timeout" in [each["code"] for each in done.automation.workflow.versions.first().findings]


@pytest.mark.django_db
def test_an_automation_that_waits_for_its_workflow_gets_it():
    waiting = make_automation("lead-router", platform="n8n", owner=make_person())
    (done,) = bring_in(SOUND)
    assert done.automation == waiting


@pytest.mark.django_db
def test_another_workflow_of_the_same_name_gets_a_number():
    bring_in(SOUND)
    (done,) = bring_in({**SOUND, "id": "w2"})
    assert done.automation.slug == "lead-router-2"


@pytest.mark.django_db
def test_no_secret_reaches_the_database():
    leaking = workflow(node("Ask", "httpRequest", {"url": f"https://example.com/?token={SLACK}"}, notes=SLACK))
    raw = json.dumps(leaking).encode()
    upload = operations.upload_workflows(file_name="x.json", raw=raw, person=None, actor=SETUP, now=NOW)
    operations.confirm_workflows(upload, actor=SETUP, now=NOW)
    kept = [
        *WorkflowImport.objects.values_list("readings", flat=True),
        *WorkflowVersion.objects.values_list("findings", flat=True),
        *Detail.objects.values_list("body", flat=True),
    ]
    assert kept
    assert SLACK not in json.dumps(kept)


@pytest.mark.django_db
def test_a_file_is_imported_once():
    raw = json.dumps(SOUND).encode()
    upload = operations.upload_workflows(file_name="a/../w.json", raw=raw, person=None, actor=SETUP, now=NOW)
    assert upload.file_name == "w.json"
    operations.confirm_workflows(upload, actor=SETUP, now=NOW)
    with pytest.raises(Conflict):
        operations.confirm_workflows(upload, actor=SETUP, now=NOW)


@pytest.mark.parametrize("raw", [b"", b"{", b"\xff\xfe", b"[" * 100_000, b"{}"])
def test_a_file_that_is_no_export_is_refused(raw: bytes):
    with pytest.raises(InvalidInput):
        read_file(raw)


@pytest.mark.django_db
def test_the_command_says_what_it_found(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    good, bad = tmp_path / "good.json", tmp_path / "bad.json"
    good.write_text(json.dumps(workflow(schedule())))
    bad.write_text("no json")
    call_command("import_n8n", str(good), "--dry-run")
    assert not Workflow.objects.exists()
    with pytest.raises(SystemExit) as exit_:
        call_command("import_n8n", str(good), str(bad))
    said = capsys.readouterr()
    assert exit_.value.code == 1
    assert "Lead router: created lead-router" in said.out
    assert "no_error_workflow: No error workflow is set" in said.out
    assert "bad.json" in said.err
    with pytest.raises(CommandError) as refusal:
        call_command("import_n8n", str(bad))
    assert refusal.value.returncode == 2


@pytest.mark.django_db
def test_the_api_tells_the_workflow_its_rhythm_and_what_was_found(client: Any):
    bring_in({**SOUND, "settings": {}})
    _, text = make_token("catalog:read")

    body = client.get("/api/v1/automations/lead-router/", headers={"Authorization": f"Bearer {text}"}).json()

    (told,) = body["workflows"]
    assert (told["rhythm"]["kind"], told["rhythm"]["period_seconds"]) == ("simple", 300)
    assert "no_error_workflow" in {finding["code"] for finding in told["findings"]}
    assert all(set(finding) == {"code", "tone", "sentence"} for finding in told["findings"])
