"""The promise of the house from outside: a timer with a name runs out, and the consequence happens by itself."""

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from standardwebhooks import Webhook

from tests.acceptance.portal import Portal, running_demo, wait_for
from tests.receivers import HttpReceiver, play_slack

pytestmark = [pytest.mark.demo, pytest.mark.slow]

PROMISE_SECONDS = 95


@pytest.fixture(scope="module")
def slack() -> Iterator[HttpReceiver]:
    with HttpReceiver(play_slack()) as receiver:
        yield receiver


@pytest.fixture(scope="module")
def crm() -> Iterator[HttpReceiver]:
    with HttpReceiver() as receiver:
        yield receiver


@pytest.fixture(scope="module")
def portal(tmp_path_factory: pytest.TempPathFactory, slack: HttpReceiver, crm: HttpReceiver) -> Iterator[Portal]:
    allow = f"{slack.origin},{crm.origin}"
    directory: Path = tmp_path_factory.mktemp("demo")
    with running_demo(
        directory,
        SLACK_BOT_TOKEN="xoxb-local-receiver",
        SLACK_API_URL=f"{slack.url.rstrip('/')}/api/",
        OPSPORTAL_OUTBOUND_ALLOW=allow,
    ) as demo:
        yield demo


def now() -> datetime:
    return datetime.fromtimestamp(time.time(), UTC)


def instant(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


def messages_to(slack: HttpReceiver, channel: str, about: str) -> list[str]:
    """Texts of the direct messages one person received about one record."""
    found = []
    for _, path, _, body in list(slack.requests):
        if path.endswith("/chat.postMessage"):
            message = json.loads(body)
            if message["channel"] == channel and about in json.dumps(message):
                found.append(json.dumps(message))
    return found


def test_a_lead_nobody_answers_alerts_its_owner_and_then_changes_hands(
    portal: Portal, slack: HttpReceiver, crm: HttpReceiver
) -> None:
    for name in ("olga", "bruno"):
        portal.post("people/", {"username": name, "name": name.title(), "email": f"{name}@example.com",
                                "timezone": "Europe/Madrid", "slack_id": f"U-{name}"})  # fmt: skip
    rule = {
        "slug": "one-minute", "name": "One minute", "trigger": "A test lead is created.",
        "target": "Speed to lead.", "timer": "One minute, day and night.", "trace": "Every step is logged.",
        "consequence": "Alert the owner, then reassign to the backup.", "stop_clock": "first_response",
        "calendar": "24x7", "sla_minutes": 1,
    }  # fmt: skip
    portal.post("handoff-rules/", rule)
    portal.post(
        "handoff-rules/one-minute/activate/",
        {"acknowledge": True, "reason": "Acceptance run"},
        expected=200,
    )
    subscription = portal.post("webhooks/", {"name": "CRM", "url": f"{crm.url.rstrip('/')}/hook",
                                             "events": ["handoff.*"]})  # fmt: skip

    handoff = portal.post("handoffs/", {"rule": "one-minute", "external_ref": "lead-4711", "subject": "Lead 4711",
                                        "owner": "olga", "backup_owner": "bruno", "sla_minutes": 1,
                                        "trace_id": "trace-lead-4711"})  # fmt: skip
    path = f"handoffs/{handoff['id']}/"
    again = portal.call("POST", "handoffs/", {"rule": "one-minute", "external_ref": "lead-4711", "subject": "x",
                                              "owner": "olga", "backup_owner": "bruno"})  # fmt: skip
    assert (again.status, again.headers.get("duplicate"), again.body["id"]) == (
        200,
        "true",
        handoff["id"],
    )

    due_at, breach_at = instant(handoff["due_at"]), instant(handoff["breach_at"])
    assert breach_at - due_at == due_at - instant(handoff["started_at"]) == timedelta(minutes=1)

    wait_for(
        "the owner is told",
        lambda: messages_to(slack, "U-olga", handoff["id"]),
        seconds=60 + PROMISE_SECONDS,
    )
    assert now() <= due_at + timedelta(seconds=PROMISE_SECONDS)

    wait_for(
        "the backup owns it",
        lambda: portal.get(path)["owner"] == "bruno",
        seconds=60 + PROMISE_SECONDS,
    )
    assert now() <= breach_at + timedelta(seconds=PROMISE_SECONDS)
    wait_for(
        "the backup is told",
        lambda: messages_to(slack, "U-bruno", handoff["id"]),
        seconds=PROMISE_SECONDS,
    )
    wait_for(
        "the CRM is told",
        lambda: _reassigned_events(crm, handoff["id"]),
        seconds=PROMISE_SECONDS,
    )

    after = portal.get(path)
    assert (after["breached"], after["missed"], after["owner"]) == (True, True, "bruno")
    _the_outside_world_heard_it_once(slack, crm, handoff["id"], subscription["secret"])
    _the_trail_holds_every_step(portal, path, handoff["id"])


def _reassigned_events(crm: HttpReceiver, handoff_id: str) -> list[tuple[dict[str, str], bytes]]:
    return [
        (dict(headers), body)
        for _, _, headers, body in list(crm.requests)
        if json.loads(body)["type"] == "handoff.reassigned" and json.loads(body)["data"]["id"] == handoff_id
    ]


def _the_outside_world_heard_it_once(slack: HttpReceiver, crm: HttpReceiver, handoff_id: str, secret: str) -> None:
    assert len(messages_to(slack, "U-bruno", handoff_id)) == 1
    assert len(messages_to(slack, "U-olga", handoff_id)) == 2, "once at the due instant, once at the reassignment"
    [(headers, body)] = _reassigned_events(crm, handoff_id)
    signed = {name.lower(): value for name, value in headers.items()}
    event: dict[str, Any] = Webhook(secret).verify(body.decode(), signed)
    assert event["data"]["owner"] == "bruno"
    assert event["trace_id"] == "trace-lead-4711"


def _the_trail_holds_every_step(portal: Portal, path: str, handoff_id: str) -> None:
    steps = portal.get(f"{path}timeline/")["results"]
    actions = [step["action"].removeprefix("handoff.") for step in steps]
    for action in ("created", "alerted", "breached", "reassigned"):
        assert actions.count(action) == 1, actions
    for step in steps:
        assert step["trace_id"] == "trace-lead-4711"
        assert step["rule"] == "one-minute"
        assert step["at"]
        assert step["actor"]["kind"]
    trail = portal.get(f"audit/?subject_id={handoff_id}&limit=100")["results"]
    assert {entry["trace_id"] for entry in trail} == {"trace-lead-4711"}


def test_a_second_start_keeps_the_data_and_ctrl_c_leaves_nothing_running(
    tmp_path: Path,
) -> None:
    with running_demo(tmp_path) as first:
        handoffs = first.get("handoffs/?limit=1")["results"]
        assert handoffs, "six weeks of history"
        token = first.token
    with running_demo(tmp_path) as second:
        assert second.token == token
        assert second.get(f"handoffs/{handoffs[0]['id']}/")["external_ref"] == handoffs[0]["external_ref"]
