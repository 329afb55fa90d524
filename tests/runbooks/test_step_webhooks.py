"""Steps that reach outside: a registered webhook, signed and called at most once; the backup queue of a target."""

from typing import Any

import pytest
from django.test import Client

from opsportal.approvals import operations as approvals
from opsportal.audit.models import Entry
from opsportal.catalog.models import Automation
from opsportal.errors import Conflict, Forbidden, InvalidInput
from opsportal.identity.models import Person
from opsportal.identity.roles import Role
from opsportal.vault import signatures
from runbooks.executions import operations
from runbooks.library import naming
from runbooks.library import queries as library
from runbooks.library.engine import document
from runbooks.models import ExecutionStep, Webhook
from runbooks.webhooks.operations import change_webhook, create_webhook, retire_webhook
from tests.factories.api import assert_problem, caller, signed_in
from tests.factories.catalog import make_automation
from tests.factories.identity import NOW, SETUP, make_person, make_team
from tests.factories.library import PARTS, a_text
from tests.factories.replay import make_target
from tests.outbound.test_policy import DISGUISED, PRIVATE, resolving
from tests.receivers import DROP, HUGE, Answer, HttpReceiver, redirect
from tests.runbooks.test_executions import action, begin, run, step_of, who

pytestmark = pytest.mark.django_db
CALL = action("Restart it.", do="call-webhook", webhook="restart")


@pytest.fixture
def owner() -> Person:
    return make_person("owner", team=make_team("revops"))


@pytest.fixture
def automation(owner: Person) -> Automation:
    return make_automation("lead-router", owner=owner, team=owner.team, active=True)


def registered(url: str, automation: Automation | None = None, **fields: Any) -> tuple[Webhook, str]:
    values = {"url": url, "automation": automation, **fields}
    return create_webhook(slug="restart", values=values, actor=SETUP, now=NOW)


def pressed(owner: Person, text: str = CALL) -> ExecutionStep:
    return run(step_of(begin(owner, text)), owner)


def test_a_step_calls_a_registered_webhook_signed_and_once(
    receiver: HttpReceiver, automation: Automation, owner: Person
):
    _, secret = registered(receiver.url, automation)
    receiver.answer(Answer(200, b'{"restarted": true}'))
    step = pressed(owner)
    (request,) = receiver.requests
    signatures.verify(
        [secret],
        message_id=request.headers["webhook-id"],
        timestamp=request.headers["webhook-timestamp"],
        signature=request.headers["webhook-signature"],
        body=request.body,
        now=NOW,
    )
    assert request.headers["webhook-id"] == f"{step.execution_id}:{step.key}"
    said = request.json()
    assert (said["type"], said["data"]["step"], said["data"]["person"]) == ("runbook.step", step.key, "owner")
    assert (step.state, step.result) == ("done", 'restart was called. It answered 200: {"restarted": true}')
    with pytest.raises(Conflict):
        run(step, owner)
    assert len(receiver.requests) == 1
    assert Entry.objects.filter(action="execution.step_answered").count() == 1


@pytest.mark.parametrize("answer", [Answer(500), Answer(404), redirect("https://evil.example/"), DROP, HUGE])
def test_an_answer_other_than_yes_is_told_and_not_repeated_by_itself(
    receiver: HttpReceiver, automation: Automation, owner: Person, answer: Any
):
    registered(receiver.url, automation)
    receiver.answer(answer)
    step = pressed(owner)
    assert step.state == ("done" if answer is HUGE else "failed")
    with pytest.raises(Conflict):
        run(step, owner)
    assert len(receiver.requests) == 1


def test_what_acts_once_by_its_id_may_be_called_again_by_a_person(
    receiver: HttpReceiver, automation: Automation, owner: Person
):
    registered(receiver.url, automation, idempotent=True)
    receiver.answer(DROP, 200)
    step = pressed(owner)
    assert (step.state, step.ran_at) == ("failed", None)
    assert run(step, owner).state == "done"
    first, second = receiver.requests
    assert first.headers["webhook-id"] == second.headers["webhook-id"]


def test_an_approval_holds_for_this_address_alone(receiver: HttpReceiver, automation: Automation):
    webhook, _ = registered(receiver.url, automation, is_dangerous=True)
    lead, second = (make_person(roles=[Role.OPS_LEAD]) for _ in range(2))
    step = run(step_of(begin(lead, CALL)), lead)
    assert step.approval is not None
    approvals.approve(step.approval.pk, person=second, now=NOW, authenticated_at=NOW)
    change_webhook(webhook, values={"url": f"{receiver.url}elsewhere"}, actor=SETUP, now=NOW)
    with pytest.raises(Conflict) as refused:
        run(step, lead)
    assert refused.value.code == "approval_changed"
    assert receiver.requests == []


def test_what_is_kept_before_the_call_says_that_it_left(automation: Automation, owner: Person, monkeypatch: Any):
    registered("https://93.184.216.34/x", automation)

    def dies(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("runbooks.webhooks.calling.client.send", dies)
    step = step_of(begin(owner, CALL))
    with pytest.raises(KeyboardInterrupt):
        run(step, owner)
    step.refresh_from_db()
    assert (step.state, step.ran_at) == ("failed", NOW)
    assert step.result == "restart was called; no answer is known yet."
    with pytest.raises(Conflict):
        run(step, owner)


def test_a_way_back_is_another_registered_webhook(receiver: HttpReceiver, automation: Automation, owner: Person):
    registered(receiver.url, automation)
    create_webhook(slug="stop", values={"url": receiver.url, "automation": automation}, actor=SETUP, now=NOW)
    step = pressed(owner, action("Restart it.", do="call-webhook", webhook="restart", undo="stop"))
    step = operations.undo_step(step, reason="Wrong one", **who(owner))
    assert step.result.startswith("Taken back: stop was called. It answered 200")
    assert len({one.headers["webhook-id"] for one in receiver.requests}) == 2


def test_calling_a_dangerous_one_takes_two_people(receiver: HttpReceiver, automation: Automation):
    registered(receiver.url, automation, is_dangerous=True)
    lead, second = (make_person(roles=[Role.OPS_LEAD]) for _ in range(2))
    step = step_of(begin(lead, CALL))
    with pytest.raises(Forbidden):
        run(step, make_person(roles=[Role.ANALYST]))
    step = run(step, lead)
    assert (step.ran_at, receiver.requests) == (None, [])
    assert step.approval is not None
    approvals.approve(step.approval.pk, person=second, now=NOW, authenticated_at=NOW)
    assert run(step, lead).state == "done"


@pytest.mark.parametrize("url", [*(f"https://{host}/" for host in PRIVATE), *DISGUISED, "http://93.184.216.34/"])
def test_an_address_nobody_may_call_is_refused_at_save(url: str):
    with pytest.raises(InvalidInput):
        registered(url)
    assert not Webhook.objects.exists()


def test_a_name_that_turns_private_after_it_was_saved_is_not_called(
    automation: Automation, owner: Person, monkeypatch: pytest.MonkeyPatch
):
    resolving(monkeypatch, ["93.184.216.34"], ["127.0.0.1"])
    registered("https://turning.example.com/", automation)
    step = pressed(owner)
    assert (step.state, step.ran_at) == ("failed", None)
    assert "not public" in step.result


@pytest.mark.parametrize("host", PRIVATE)
def test_a_row_changed_behind_our_back_calls_nobody_private(automation: Automation, owner: Person, host: str):
    registered("https://93.184.216.34/", automation)
    Webhook.objects.update(url=f"https://{host}/")
    assert pressed(owner).ran_at is None


def test_only_what_is_registered_and_in_use_can_be_named(automation: Automation, owner: Person):
    text = a_text(parts=PARTS | {"Remediation": CALL}, automation="lead-router")
    assert any("no webhook" in one.message for one in naming.errors(document.read(text)))
    webhook, _ = registered("https://93.184.216.34/", automation)
    assert not naming.errors(document.read(text))
    step = step_of(begin(owner, CALL))
    retire_webhook(webhook, reason="Moved", actor=SETUP, now=NOW)
    with pytest.raises(InvalidInput):
        run(step, owner)


def test_what_a_step_reaches_decides_about_the_tier(owner: Person):
    critical = make_automation("lead-router", owner=owner, tier="P0")
    registered("https://93.184.216.34/", critical)
    make_target(slug="crm", automation=make_automation("deal-sync", owner=owner))
    found = document.read(a_text(parts=PARTS | {"Remediation": f"{CALL}\n\n{BACKUP}"}))
    assert sorted(naming.named_automations(found)) == ["deal-sync", "lead-router"]
    assert library.standing_of(naming.named_automations(found)).tier == "P0"


BACKUP = action("Store.", do="backup-on", target="crm")


def test_the_backup_queue_of_a_target_is_switched_and_switched_back(automation: Automation, owner: Person):
    target = make_target(slug="crm", automation=automation)
    step = step_of(begin(owner, BACKUP))
    with pytest.raises(Forbidden):
        run(step, make_person(roles=[Role.ANALYST]))
    step = run(step, owner)
    target.refresh_from_db()
    assert (target.backup_mode, step.state, step.undo) == (True, "done", {"do": "backup-off", "target": "crm"})
    operations.undo_step(step, reason="Over", **who(owner))
    target.refresh_from_db()
    assert target.backup_mode is False


def test_an_ops_lead_registers_one_over_the_api_and_no_token_does():
    said = {"slug": "restart", "url": "https://93.184.216.34/x"}
    lead = make_person(roles=[Role.OPS_LEAD])
    for program in (caller("catalog:write", "replay:read"), caller("catalog:write", "replay:read", person=lead)):
        assert_problem(program.post("runbooks/webhooks/", said), 403, "needs_a_person")
    assert signed_in(lead).post("runbooks/webhooks/", said).json()["secret"].startswith("whsec_")
    moved = {"url": "https://93.184.216.34/elsewhere", "is_dangerous": False, "idempotent": True}
    assert_problem(program.patch("runbooks/webhooks/restart/", moved), 403, "needs_a_person")
    assert Webhook.objects.get().url == said["url"]
    assert signed_in(lead).patch("runbooks/webhooks/restart/", moved).json()["url"] == moved["url"]
    assert program.post("runbooks/webhooks/restart/retire/", {"reason": "Moved"}).json()["retired_at"]


def test_an_ops_lead_registers_one_on_its_page_and_others_only_look(settings: Any):
    lead, analyst = Client(), Client()
    lead.force_login(make_person(roles=[Role.OPS_LEAD]))
    analyst.force_login(make_person(roles=[Role.ANALYST]))
    said = {"name": "Restart", "slug": "restart", "url": "https://93.184.216.34/x", "timeout_seconds": 5}
    assert analyst.post("/runbooks/webhooks/new/", said).status_code == 403
    assert "/runbooks/webhooks/" in analyst.get("/runbooks/executions/").content.decode()
    assert lead.post("/runbooks/webhooks/new/", {**said, "url": "https://10.0.0.1/"}).status_code == 422
    assert "whsec_" in lead.post("/runbooks/webhooks/new/", said, follow=True).content.decode()
    page = analyst.get("/runbooks/webhooks/restart/").content.decode()
    assert "whsec_" not in page
    assert "https://93.184.216.34/x" in page
    assert lead.post("/runbooks/webhooks/restart/edit/", {**said, "timeout_seconds": 3}).status_code == 302
    assert lead.post("/runbooks/webhooks/restart/retire/", {"reason": "Moved"}).status_code == 302
    assert "Restart" not in lead.get("/runbooks/webhooks/").content.decode().partition("<main")[2]
