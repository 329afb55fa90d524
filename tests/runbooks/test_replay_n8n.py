"""Failed payloads from n8n's error workflow: the body of the request that failed, or what the workflow passes on."""

import json
from typing import Any

import pytest
from django.test import Client

from opsportal.integrations.models import Integration
from opsportal.integrations.operations import create_integration
from runbooks.models import ReplayItem
from runbooks.queue import vaulting
from tests.factories.catalog import make_automation
from tests.factories.exposition import recorded
from tests.factories.identity import NOW, SETUP, make_team
from tests.factories.replay import make_target

pytestmark = pytest.mark.django_db
LEAD = {"email": "ann@example.org", "stage": "won"}


def make_sender(**fields: Any) -> Integration:
    return create_integration(kind="n8n-replay", name="n8n", actor=SETUP, now=NOW, **fields)[0]


def failed(method: str = "POST", body: Any = None, **said: Any) -> dict[str, Any]:
    """What a real n8n sent of an HTTP node that failed, with a request that had a body."""
    payload = recorded("execution-http-node", name="lead-router")
    payload["execution"]["error"]["context"]["request"] |= {"method": method, "body": body or LEAD}
    return {**payload, **said}


def send(payload: Any, key: str, **headers: str) -> Any:
    return Client().post(
        f"/integrations/n8n-replay/{key}/payload/",
        json.dumps(payload),
        content_type="application/json",
        headers=headers,
    )


def test_the_body_of_the_request_that_failed_is_held_for_the_automations_target() -> None:
    target = make_target(automation=make_automation("lead-router"))
    answer = send(failed(record_key="ann"), make_sender().key, **{"X-Correlation-ID": "order-17"})
    assert answer.status_code == 201, answer.content
    item = ReplayItem.objects.get(pk=answer.json()["id"])
    assert (item.state, item.target, item.record_key, item.source) == ("held", target, "ann", "n8n")
    assert (item.correlation_id, item.error_class) == ("order-17", "NodeApiError ECONNREFUSED")
    assert json.loads(vaulting.open_payload(item)) == LEAD


def test_a_retry_in_n8n_that_fails_again_is_the_same_payload() -> None:
    make_target(automation=make_automation("lead-router"))
    key, again = make_sender().key, failed()
    assert send(failed(), key).status_code == 201
    again["execution"] |= {"id": "6", "retryOf": "5"}
    answer = send(again, key)
    assert (answer.status_code, answer.json()["status"]) == (200, "duplicate")
    again["payload"] = {"another": "body"}
    assert send(again, key).status_code == 409
    assert ReplayItem.objects.count() == 1


def test_what_the_workflow_passes_on_comes_before_the_request() -> None:
    make_target(slug="crm")
    assert send(failed(payload={"n": 1}, target="crm"), make_sender().key).status_code == 201
    assert vaulting.open_payload(ReplayItem.objects.get()) == b'{"n":1}'


@pytest.mark.parametrize(
    ("payload", "code"),
    [
        (failed(method="GET"), "required"),
        (failed(body={"token": "**hidden**"}), "censored"),
        (recorded("execution-saved"), "required"),
        (recorded("trigger-failed"), "invalid"),
        ({"execution": {}, "workflow": {}}, "no_workflow"),
        ([], "invalid"),
        ({**failed(), "workflow": {"name": "nobody knows it"}}, "unknown_automation"),
    ],
)
def test_what_has_no_payload_or_no_place_is_refused_and_stays_with_n8n(payload: Any, code: str) -> None:
    make_target(automation=make_automation("lead-router"))
    answer = send(payload, make_sender().key)
    assert answer.status_code == 422, answer.content
    assert code in answer.content.decode()
    assert not ReplayItem.objects.exists()


def test_a_sender_of_a_team_reaches_the_targets_of_its_team_alone() -> None:
    own, other = make_team("own"), make_team("other")
    make_target(slug="mine", automation=make_automation("lead-router", team=own))
    make_target(slug="theirs", automation=make_automation("theirs", team=other))
    key = make_sender(team=own).key
    assert send(failed(target="theirs"), key).status_code == 422
    assert send(failed(target="mine"), key).status_code == 201


def test_nobody_is_known_under_another_key() -> None:
    assert send(failed(), "0" * 32).status_code == 404
