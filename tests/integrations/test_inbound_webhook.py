"""Signed messages that come in (TRUST.md S52-S54)."""

import threading
from datetime import datetime, timedelta
from typing import Any

import pytest
import standardwebhooks
from django.db import connection

from opsportal import clock
from opsportal.audit.models import Entry
from opsportal.errors import InvalidInput
from opsportal.integrations import operations, registry
from opsportal.integrations.models import Integration, ReceivedMessage
from opsportal.integrations.queries import path_of
from opsportal.vault import signatures
from tests.factories.identity import SETUP
from tests.integrations.senders import body_of, post, signed_headers

pytestmark = pytest.mark.django_db


@pytest.fixture
def effects(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What the receiver of a room above was handed."""
    handed: list[Any] = []

    def receive(integration: Integration, payload: Any, now: datetime) -> dict[str, Any]:
        if isinstance(payload, dict) and payload.get("refuse"):
            raise InvalidInput("not_wanted", "This is not wanted.", field="refuse")
        handed.append(payload)
        return {"status": "created", "number": len(handed)}

    monkeypatch.setattr(registry, "_receivers", {"webhook": receive})
    return handed


@pytest.fixture
def sender() -> tuple[str, str]:
    """The path and the secret of an integration."""
    integration, secret = operations.create_integration(kind="webhook", name="CRM", actor=SETUP, now=clock.now())
    return path_of(integration), secret


def test_a_message_signed_by_the_library_of_senders_is_taken(effects: list[Any], sender: tuple[str, str]) -> None:
    path, secret = sender
    body, now = body_of(name="J\u00f6rg"), clock.now()
    signature = standardwebhooks.Webhook(secret).sign("msg_x", now, body.decode())
    headers = {"webhook-id": "msg_x", "webhook-timestamp": str(int(now.timestamp())), "webhook-signature": signature}
    answer = post(path, body, headers)
    assert (answer.status_code, answer.json()) == (200, {"status": "created", "number": 1})
    assert effects == [{"name": "J\u00f6rg"}]
    assert Integration.objects.get().last_seen_at is not None
    assert answer["X-Correlation-ID"] == ReceivedMessage.objects.get().trace_id


@pytest.mark.parametrize("change", ["body", "webhook-id", "webhook-timestamp", "webhook-signature", "space in body"])
def test_whatever_was_changed_on_the_way_is_refused(effects: list[Any], sender: tuple[str, str], change: str) -> None:
    path, secret = sender
    body = body_of()
    headers = signed_headers(secret, body)
    if change == "body":
        body = body_of(hello="evil")
    elif change == "space in body":
        body += b" "
    elif change == "webhook-timestamp":
        headers[change] = str(int(headers[change]) + 1)
    elif change == "webhook-signature":
        headers[change] = headers[change][:-3] + ("AA=" if not headers[change].endswith("AA=") else "BB=")
    else:
        headers[change] += "x"
    answer = post(path, body, headers)
    assert (answer.status_code, answer["Content-Type"]) == (401, "application/problem+json")
    assert answer.json()["code"] == "signature_invalid"
    assert not effects
    assert not ReceivedMessage.objects.exists()


@pytest.mark.parametrize("missing", ["webhook-id", "webhook-timestamp", "webhook-signature", "all"])
def test_a_missing_signature_is_never_let_by(effects: list[Any], sender: tuple[str, str], missing: str) -> None:
    path, secret = sender
    headers = signed_headers(secret, body_of())
    for name in list(headers) if missing == "all" else [missing]:
        headers[name] = "" if missing != "all" else headers[name]
        del headers[name]
    assert post(path, body_of(), headers).status_code == 401
    assert not effects


@pytest.mark.parametrize(("offset", "status"), [(-301, 401), (303, 401), (-297, 200), (298, 200)])
def test_a_timestamp_more_than_five_minutes_away_is_refused(
    effects: list[Any], sender: tuple[str, str], offset: int, status: int
) -> None:
    path, secret = sender
    headers = signed_headers(secret, body_of(), at=clock.now() + timedelta(seconds=offset))
    assert post(path, body_of(), headers).status_code == status


@pytest.mark.parametrize("stamp", ["", "abc", "1e9", "-5", "99999999999999999999", "\u0661\u0662", "1.5", " 1"])
def test_a_timestamp_that_is_none_is_refused(effects: list[Any], sender: tuple[str, str], stamp: str) -> None:
    path, secret = sender
    headers = {**signed_headers(secret, body_of()), "webhook-timestamp": stamp}
    assert post(path, body_of(), headers).status_code == 401


def test_two_signatures_of_which_one_holds_are_enough(effects: list[Any], sender: tuple[str, str]) -> None:
    path, secret = sender
    headers = signed_headers(secret, body_of())
    stranger = signed_headers(signatures.new_secret(), body_of())["webhook-signature"]
    headers["webhook-signature"] = f"v1a,zzzz {stranger} {headers['webhook-signature']}"
    assert post(path, body_of(), headers).status_code == 200


@pytest.mark.parametrize("signature", ["v1", "v1,", ",", "v2,x", "v1,\u00e9", "v1,!!!", " " * 50])
def test_a_signature_that_is_none_is_refused(effects: list[Any], sender: tuple[str, str], signature: str) -> None:
    path, secret = sender
    headers = {**signed_headers(secret, body_of()), "webhook-signature": signature}
    assert post(path, body_of(), headers).status_code == 401


def test_a_replay_gets_the_first_answer_and_has_no_second_effect(effects: list[Any], sender: tuple[str, str]) -> None:
    path, secret = sender
    headers = signed_headers(secret, body_of())
    first = post(path, body_of(), headers)
    again = post(path, body_of(), headers)
    later = post(path, body_of(), signed_headers(secret, body_of(), at=clock.now() + timedelta(seconds=60)))
    assert first.json() == again.json() == later.json() == {"status": "created", "number": 1}
    assert again["Idempotency-Replayed"] == "true"
    assert "Idempotency-Replayed" not in first
    assert len(effects) == 1


def test_an_id_that_comes_with_another_body_is_a_conflict(effects: list[Any], sender: tuple[str, str]) -> None:
    path, secret = sender
    post(path, body_of(), signed_headers(secret, body_of()))
    other = body_of(a=1)
    answer = post(path, other, signed_headers(secret, other))
    assert (answer.status_code, answer.json()["code"]) == (409, "webhook_id_reused")
    assert len(effects) == 1


def test_a_message_that_was_refused_may_come_again(effects: list[Any], sender: tuple[str, str]) -> None:
    path, secret = sender
    body = body_of(refuse=True)
    answer = post(path, body, signed_headers(secret, body))
    assert (answer.status_code, answer.json()["code"]) == (422, "not_wanted")
    assert not ReceivedMessage.objects.exists()


def test_without_a_receiver_the_sender_is_asked_to_keep_its_message(
    monkeypatch: pytest.MonkeyPatch, sender: tuple[str, str]
) -> None:
    monkeypatch.setattr(registry, "_receivers", {})
    path, secret = sender
    answer = post(path, body_of(), signed_headers(secret, body_of()))
    assert answer.status_code == 503
    assert answer["Retry-After"]
    assert not ReceivedMessage.objects.exists()


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b'{"a":1,"a":2}', b'{"a":"\\u0000"}', b'{"a":"\\ud800"}', b"[" * 100_000, b"\xff", b'{"a":1e999}'],
)
def test_a_signed_body_that_is_no_json_is_told_so(effects: list[Any], sender: tuple[str, str], body: bytes) -> None:
    path, secret = sender
    answer = post(path, body, signed_headers(secret, body))
    assert (answer.status_code, answer["Content-Type"]) == (400, "application/problem+json")


def test_a_body_beyond_a_megabyte_is_refused(effects: list[Any], sender: tuple[str, str]) -> None:
    path, secret = sender
    body = b'"' + b"x" * 1_100_000 + b'"'
    assert post(path, body, signed_headers(secret, body)).status_code == 413


def test_unknown_keys_other_methods_and_senders_that_are_off_get_a_problem(
    effects: list[Any], sender: tuple[str, str], client: Any
) -> None:
    path, secret = sender
    assert post("/integrations/webhook/0123456789abcdef0123456789abcdef/", b"{}", {}).status_code == 404
    answer = client.get(path)
    assert (answer.status_code, answer["Content-Type"], answer["Allow"]) == (405, "application/problem+json", "POST")
    operations.change_integration(Integration.objects.get(), enabled=False, actor=SETUP, now=clock.now())
    assert post(path, body_of(), signed_headers(secret, body_of())).status_code == 404


def test_while_a_rotation_overlaps_both_secrets_hold(effects: list[Any], sender: tuple[str, str]) -> None:
    path, old = sender
    integration = Integration.objects.get()
    hour = timedelta(hours=1)
    _, new = operations.rotate_integration_secret(integration, actor=SETUP, now=clock.now(), overlap=hour)
    for number, secret in enumerate((old, new)):
        assert post(path, body_of(), signed_headers(secret, body_of(), message_id=f"m{number}")).status_code == 200
    Integration.objects.update(previous_until=clock.now())
    assert post(path, body_of(), signed_headers(old, body_of(), message_id="m3")).status_code == 401
    assert post(path, body_of(), signed_headers(new, body_of(), message_id="m4")).status_code == 200


def test_the_secret_of_another_sender_does_not_hold(effects: list[Any], sender: tuple[str, str]) -> None:
    path, _ = sender
    _, other = operations.create_integration(kind="webhook", name="Other", actor=SETUP, now=clock.now())
    assert post(path, body_of(), signed_headers(other, body_of())).status_code == 401


def test_refusals_are_in_the_trail_once_a_minute(effects: list[Any], sender: tuple[str, str]) -> None:
    path, _ = sender
    for _ in range(5):
        post(path, body_of(), {})
    assert Entry.objects.filter(action="integration.refused").count() == 1


def test_a_sender_beyond_its_share_is_asked_to_wait(effects: list[Any], sender: tuple[str, str], settings: Any) -> None:
    settings.API_WRITES_PER_MINUTE = 2
    path, secret = sender
    statuses = [
        post(path, body_of(), signed_headers(secret, body_of(), message_id=f"m{number}")).status_code
        for number in range(4)
    ]
    assert statuses == [200, 200, 429, 429]


def test_the_database_holds_no_secret_in_the_clear(sender: tuple[str, str]) -> None:
    _, secret = sender
    integration = Integration.objects.get()
    raw = signatures._key(secret)
    assert secret.encode() not in bytes(integration.secret)
    assert raw not in bytes(integration.secret)


@pytest.mark.django_db(transaction=True)
def test_the_same_message_many_times_at_once_has_one_effect(effects: list[Any], sender: tuple[str, str]) -> None:
    path, secret = sender
    headers = signed_headers(secret, body_of())
    answers: list[Any] = []

    def knock() -> None:
        answers.append(post(path, body_of(), headers))
        connection.close()

    threads = [threading.Thread(target=knock) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {answer.status_code for answer in answers} == {200}
    assert [answer.json() for answer in answers] == [{"status": "created", "number": 1}] * 8
    assert len(effects) == 1
    assert ReceivedMessage.objects.count() == 1
