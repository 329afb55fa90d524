"""Where targets and webhooks of steps may point: asked when it is saved, and again right before anything is sent
(TRUST.md S57-S62). Both go the same ways here.
"""

import json
from collections.abc import Callable
from typing import Any

import pytest

from opsportal.errors import DomainError
from opsportal.identity.roles import Role
from runbooks.models import Attempt, ReplayTarget, Webhook
from runbooks.queue import dispatch
from runbooks.targets.operations import change_target, create_target
from runbooks.webhooks import calling
from runbooks.webhooks.operations import change_webhook, create_webhook
from tests.factories.api import assert_problem, signed_in
from tests.factories.identity import NOW, SETUP, make_person
from tests.factories.replay import let_go, store
from tests.outbound.test_policy import DISGUISED, PRIVATE, resolving
from tests.receivers import DRIP, HUGE, Answer, HttpReceiver, redirect

pytestmark = pytest.mark.django_db(transaction=True)
PUBLIC = "https://93.184.216.34/in"
REFUSED = [*(f"https://{host}/" for host in PRIVATE), *DISGUISED, "http://93.184.216.34/"]
Saved = Callable[[str], Any]


def target(url: str) -> ReplayTarget:
    return create_target(slug="crm", values={"url": url, "timeout_seconds": 1}, actor=SETUP, now=NOW)[0]


def webhook(url: str) -> Webhook:
    return create_webhook(slug="restart", values={"url": url, "timeout_seconds": 1}, actor=SETUP, now=NOW)[0]


def change(row: Any, url: str) -> None:
    operation = change_target if isinstance(row, ReplayTarget) else change_webhook
    operation(row, values={"url": url}, actor=SETUP, now=NOW)


def send(row: Any) -> str:
    """Send one message there as the portal does; what is kept of the answer."""
    if isinstance(row, Webhook):
        return calling.call(Webhook.objects.get(), message_id="m1", data={}, now=NOW).sentence
    let_go(store(row, "a"))
    dispatch.drain(NOW, seconds=1)
    attempt = Attempt.objects.last()
    return attempt.answer if attempt else ""


BOTH = pytest.mark.parametrize("save", [target, webhook])


@pytest.fixture
def dialled(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The addresses anything tried to connect to."""
    found: list[str] = []

    def connect(address: tuple[str, int], *_: Any, **__: Any) -> Any:
        found.append(address[0])
        raise OSError("nobody there")

    monkeypatch.setattr("urllib3.util.connection.create_connection", connect)
    return found


@BOTH
@pytest.mark.parametrize("url", REFUSED)
def test_it_is_refused_when_saved_and_when_changed(save: Saved, url: str) -> None:
    with pytest.raises(DomainError):
        save(url)
    row = save(PUBLIC)
    with pytest.raises(DomainError):
        change(row, url)
    row.refresh_from_db()
    assert row.url == PUBLIC


@BOTH
@pytest.mark.parametrize("url", ["https://127.0.0.1/", "https://user@93.184.216.34/", "http://93.184.216.34/"])
def test_the_api_refuses_it_at_its_field(save: Saved, url: str) -> None:
    lead = signed_in(make_person(roles=[Role.OPS_LEAD]))
    path = "replay/targets/" if save is target else "runbooks/webhooks/"
    answer = lead.post(path, {"slug": "here", "url": url})
    assert_problem(answer, 422)
    assert "url" in {error["field"] for error in answer.json()["errors"]}


@BOTH
@pytest.mark.parametrize("url", REFUSED)
def test_a_row_changed_behind_our_back_connects_to_nobody(save: Saved, url: str, dialled: list[str]) -> None:
    row = save(PUBLIC)
    type(row).objects.update(url=url[:500])
    send(type(row).objects.get())
    assert dialled == []


@BOTH
@pytest.mark.parametrize("later", [["127.0.0.1"], ["93.184.216.34", "10.0.0.1"], None])
def test_a_name_that_leads_elsewhere_later_or_nowhere_is_not_called(
    save: Saved, later: list[str] | None, dialled: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    resolving(monkeypatch, ["93.184.216.34"], *([later] if later else []))
    row = save("https://turning.example.com/")
    send(row)
    assert dialled == []


@BOTH
def test_no_redirect_is_followed(save: Saved, receiver: HttpReceiver) -> None:
    receiver.always(redirect(f"{receiver.url}elsewhere"))
    send(save(receiver.url))
    assert {request.path for request in receiver.requests} == {"/"}


@BOTH
@pytest.mark.parametrize("answer", [HUGE, DRIP])
def test_an_answer_without_an_end_is_cut(save: Saved, receiver: HttpReceiver, answer: Answer) -> None:
    receiver.answer(answer)
    assert len(send(save(receiver.url))) <= 5_000


@BOTH
def test_what_leaves_is_ours_and_what_is_kept_is_masked(
    save: Saved, receiver: HttpReceiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9/")
    monkeypatch.setenv("OPSPORTAL_REPLAY_SECRET_HERE", "bearer-of-the-receiver")
    said = {"to": "ann@example.org", "key": "bearer-of-the-receiver"}
    receiver.always(Answer(200, json.dumps(said).encode(), headers={"Set-Cookie": "a=b"}))
    row = save(receiver.url)
    type(row).objects.update(secret_ref="env:HERE")
    kept = send(type(row).objects.get())
    assert "ann@" not in kept
    assert "bearer-of-the-receiver" not in kept
    (request,) = receiver.requests
    names = {name.lower() for name in request.headers}
    known = {"host", "content-length", "content-type", "user-agent", "accept", "accept-encoding", "connection"}
    assert {name for name in names - known if not name.startswith("webhook-")} <= {"idempotency-key", "authorization"}
