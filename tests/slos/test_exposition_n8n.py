"""n8n's error workflow: what a real n8n sent becomes failed runs; what belongs to no automation is kept and shown."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from opsportal import clock
from opsportal.audit.models import Entry
from opsportal.errors import InvalidInput
from opsportal.integrations.models import Integration
from slos.exposition import operations, queries
from slos.exposition.n8n import read_failure
from slos.models import DirtyMinute, Run, UnmatchedReport
from slos.runs.intake import read_run
from tests.factories.catalog import make_automation
from tests.factories.exposition import make_n8n, recorded
from tests.factories.identity import SETUP, make_team

pytestmark = pytest.mark.django_db

RECORDED_AT = datetime(2026, 11, 21, 18, 41, tzinfo=UTC)  # when n8n sent what is recorded


def send(payload: Any, key: str, **headers: str):
    return Client().post(
        f"/integrations/n8n/{key}/error/", json.dumps(payload), content_type="application/json", headers=headers
    )


def test_a_failed_execution_becomes_a_failed_run_of_the_automation_with_its_name():
    automation = make_automation("lead-router")
    answer = send(recorded("execution-saved"), make_n8n().key)
    assert answer.status_code == 201, answer.content
    assert answer.json() == {
        "status": "created",
        "automation": "lead-router",
        "workflow": "lead-router",
        "run_id": "4",
    }
    run = Run.objects.get(automation=automation)
    assert (run.status, run.error_type, run.error_message) == ("failed", "WorkflowError", "CRM said 429 [line 1]")
    assert [(step["name"], step["status"]) for step in run.steps] == [("Route the lead", "failed")]
    assert run.tags["n8n_url"].endswith("/executions/4")


def test_the_class_and_code_of_the_error_are_read():
    now = RECORDED_AT
    assert read_failure(recorded("execution-http-node"), now).run["error_type"] == "NodeApiError ECONNREFUSED"
    assert read_failure(recorded("execution-not-saved"), now).run["error_type"] == "TypeError"
    assert read_failure(recorded("trigger-failed"), now).run["error_type"] == "TriggerError"


def test_start_and_end_are_those_n8n_tells():
    run = read_failure(recorded("execution-http-node"), RECORDED_AT).run
    assert datetime.fromisoformat(run["finished_at"]) == datetime.fromtimestamp(1795286400.927, UTC)
    assert datetime.fromisoformat(run["started_at"]) <= datetime.fromisoformat(run["finished_at"])


def test_a_clock_that_is_wrong_by_a_year_tells_nothing():
    payload = recorded("execution-http-node")
    payload["execution"]["error"]["timestamp"] += 365 * 86_400_000
    assert datetime.fromisoformat(read_failure(payload, RECORDED_AT).run["finished_at"]) == RECORDED_AT


def test_the_same_report_twice_is_one_run():
    make_automation("lead-router")
    key = make_n8n().key
    send(recorded("execution-saved"), key)
    again = send(recorded("execution-saved"), key)
    assert (again.status_code, again.json()["status"]) == (200, "duplicate")
    assert Run.objects.count() == 1


def test_a_failure_ends_the_run_whose_start_the_kit_reported():
    from slos.runs.operations import record_runs

    automation = make_automation("lead-router")
    started = RECORDED_AT - timedelta(minutes=2)
    report = {"automation": "lead-router", "run_id": "4", "status": "running", "started_at": started.isoformat()}
    record_runs([read_run(report)], among=type(automation).objects.all(), now=RECORDED_AT)
    payload = recorded("execution-saved")
    del payload["execution"]["executionContext"]
    operations.record_failure(make_n8n(), payload, RECORDED_AT)
    run = Run.objects.get()
    assert (run.status, run.started_at, run.finished_at) == ("failed", started, RECORDED_AT)


def test_a_trigger_that_could_not_start_is_a_failed_run_without_an_execution():
    make_automation("ticket-to-resolution")
    answer = send(recorded("trigger-failed"), make_n8n().key)
    assert answer.status_code == 201
    run = Run.objects.get()
    assert run.run_id.startswith("trigger-")
    assert run.error_type == "TriggerError"


def test_an_execution_without_an_id_is_taken_once_a_minute():
    make_automation("lead-router")
    payload = recorded("execution-not-saved", name="lead-router")
    del payload["execution"]["id"], payload["execution"]["url"]
    sender = make_n8n()
    first = operations.record_failure(sender, payload, RECORDED_AT)
    again = operations.record_failure(sender, payload, RECORDED_AT)
    later = operations.record_failure(sender, payload, RECORDED_AT + timedelta(minutes=1))
    assert [first.status, again.status, later.status] == ["created", "duplicate", "created"]


def test_the_key_may_come_in_a_header_so_that_no_workflow_holds_it():
    make_automation("lead-router")
    body, key = json.dumps(recorded("execution-saved")), make_n8n().key
    address = "/integrations/n8n/error/"
    taken = Client().post(address, body, content_type="application/json", headers={"X-Api-Key": key})
    assert taken.status_code == 201
    assert Client().post(address, body, content_type="application/json").status_code == 404


def test_a_wrong_key_another_kind_and_a_sender_switched_off_get_404():
    from opsportal.integrations.operations import change_integration, create_integration

    now = RECORDED_AT
    off = make_n8n()
    change_integration(off, enabled=False, actor=SETUP, now=now)
    webhook, _ = create_integration(kind="webhook", name="crm", actor=SETUP, now=now)
    for key in ("0" * 32, off.key, webhook.key):
        assert send(recorded("execution-saved"), key).status_code == 404


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"null",
        b'"text"',
        b"{}",
        b'{"workflow": {}}',
        b'{"workflow": {"id": "1"}}',
        b'{"workflow": {"id": "1"}, "execution": []}',
        b'{"workflow": {"id": "1\\u0000"}, "execution": {}}',
        b'{"workflow": {"id": "1"}, "execution": {}',
        b"\xff\xfe",
        b'{"workflow": {"id": "1"}, "workflow": {"id": "2"}}',
    ],
)
def test_what_is_no_error_payload_is_refused_and_leaves_nothing(body: bytes):
    answer = Client().post(f"/integrations/n8n/{make_n8n().key}/error/", body, content_type="application/json")
    assert answer.status_code in (400, 422)
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert UnmatchedReport.objects.count() == Run.objects.count() == 0


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats() | st.text(max_size=30),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
names = st.sampled_from(["id", "error", "mode", "retryOf", "lastNodeExecuted", "url", "executionContext", "name"])


@given(st.dictionaries(names, json_values, max_size=6), st.booleans())
@hypothesis_settings(max_examples=60)
def test_whatever_n8n_says_of_an_execution_reads_as_a_run(part: dict[str, Any], is_execution: bool):
    payload = {"workflow": {"id": "7"}, "execution" if is_execution else "trigger": part}
    failure = read_failure(payload, RECORDED_AT)
    try:
        run = read_run({**failure.run, "automation": "lead-router"})
    except InvalidInput as refused:
        assert refused.code  # noqa: PT017 - control characters in an id and the like, refused by the runs' own intake
    else:
        assert run.status == "failed"


def test_a_workflow_of_no_automation_is_kept_and_becomes_runs_once_it_is_named():
    sender, automation = make_n8n(), make_automation("sync")
    payload = recorded("execution-saved", id="wf-9", name="Deals, weekly")
    for number in ("1", "2"):
        payload["execution"]["id"] = number
        answer = send(payload, sender.key)
        assert (answer.status_code, answer.json()["status"]) == (202, "unmatched")
    assert Run.objects.count() == 0
    (shown,) = queries.list_unmatched([sender])
    assert (shown.workflow_id, shown.workflow_name, shown.count) == ("wf-9", "Deals, weekly", 2)

    taken = operations.name_workflow(sender, workflow_id="wf-9", automation=automation, actor=SETUP, now=clock.now())
    assert taken == 2
    assert set(Run.objects.values_list("run_id", flat=True)) == {"1", "2"}
    assert DirtyMinute.objects.filter(automation=automation).exists()
    assert queries.list_unmatched([sender]) == []
    assert Entry.objects.filter(action="n8n.workflow_named").count() == 1

    payload["execution"]["id"] = "3"
    sender.refresh_from_db()
    assert send(payload, sender.key).json()["automation"] == "sync"


def test_a_mapping_names_workflows_by_id_or_name_and_goes_before_names():
    make_automation("lead-router")
    make_automation("router-two")
    sender = make_n8n(mapping={"router-two": "tryFailsSaved001, another"})
    assert send(recorded("execution-saved"), sender.key).json()["automation"] == "router-two"
    assert send(recorded("execution-http-node", name="another"), sender.key).json()["automation"] == "router-two"


def test_a_teams_n8n_reaches_no_automation_of_another_team():
    sales, support = make_team("sales"), make_team("support")
    make_automation("lead-router", team=support)
    answer = send(recorded("execution-saved"), make_n8n(team=sales).key)
    assert answer.json()["status"] == "unmatched"
    assert Run.objects.count() == 0


def test_reports_of_unknown_workflows_have_a_limit(monkeypatch):
    monkeypatch.setattr(operations, "MOST_KEPT", 3)
    sender = make_n8n()
    for number in range(6):
        payload = recorded("execution-saved", id="unknown", name="")
        payload["execution"]["id"] = str(number)
        operations.record_failure(sender, payload, RECORDED_AT + timedelta(seconds=number))
    kept = set(UnmatchedReport.objects.values_list("run_id", flat=True))
    assert kept == {"3", "4", "5"}


def test_addresses_and_secrets_in_an_error_are_masked():
    make_automation("lead-router")
    payload = recorded("execution-saved")
    payload["execution"]["error"]["message"] = "maria@example.org refused, token=abcdef123456"
    send(payload, make_n8n().key)
    message = Run.objects.get().error_message
    assert "maria@" not in message
    assert "abcdef123456" not in message


def test_more_than_a_minutes_share_is_asked_to_wait(settings):
    settings.API_WRITES_PER_MINUTE = 1
    make_automation("lead-router")
    key = make_n8n().key
    send(recorded("execution-saved"), key)
    answer = send(recorded("execution-saved"), key)
    assert answer.status_code == 429
    assert int(answer.headers["Retry-After"]) >= 1


def test_reports_of_a_workflow_that_is_not_ours_can_be_dropped():
    sender = make_n8n()
    send(recorded("execution-saved", id="strange", name="strange"), sender.key)
    dropped = operations.drop_reports(sender, workflow_id="strange", actor=SETUP, now=RECORDED_AT)
    assert dropped == 1
    assert Integration.objects.get(pk=sender.pk).mapping == {}
