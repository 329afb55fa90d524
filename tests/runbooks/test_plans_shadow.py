"""A sample of a dry run at its target's shadow: the real request but for its marks, and nothing of the queue moves."""

import json
import socket
from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction
from django.test import Client

from opsportal.audit.engine import Actor
from opsportal.audit.models import Entry
from opsportal.errors import Conflict, Forbidden, InvalidInput, InvalidInputs
from opsportal.identity.actors import actor_for
from opsportal.identity.models import Person
from opsportal.identity.roles import Role
from opsportal.outbound import resolver
from opsportal.privacy.erasing import erase_person
from opsportal.vault import signatures
from runbooks.models import Attempt, Delivered, ReplayItem, ReplayPlan, ReplayTarget, ShadowSend, TargetHealth
from runbooks.plans import operations
from runbooks.targets.operations import change_target
from tests.factories.api import assert_problem, caller
from tests.factories.catalog import make_automation
from tests.factories.identity import NOW, SETUP, make_person
from tests.factories.plans import fetched, make_frozen, run, start
from tests.factories.replay import make_target, states, store
from tests.receivers import DROP, Answer, HttpReceiver, json_answer, redirect

pytestmark = pytest.mark.django_db(transaction=True)
PRODUCTION = "https://hooks.example.com/leads"


@pytest.fixture
def anna() -> Person:
    return make_person("anna", roles=[Role.ANALYST])


def shadowed(receiver: HttpReceiver, **values: Any) -> ReplayTarget:
    return make_target(PRODUCTION, slug="crm", shadow_url=receiver.url, **values)


def send(plan: ReplayPlan, person: Person | None, **values: Any) -> list[ShadowSend]:
    actor = actor_for(person) if person is not None else Actor("token", "token:1", "n8n")
    operations.send_to_shadow(plan, **{"person": person, "actor": actor, "now": NOW, **values})
    return list(ShadowSend.objects.filter(plan=plan).order_by("position"))


def test_the_shadow_gets_the_transformed_request_marked_and_under_an_id_of_its_own(
    receiver: HttpReceiver, anna: Person
) -> None:
    target = shadowed(receiver)
    (item,) = store(target, "a", payload={"stage": "won"}, correlation_id="trace-1")
    receiver.always(json_answer({"seen": "ann@example.org"}))
    plan = make_frozen(target, anna, transform=[{"op": "rename", "field": "stage", "to": "status"}])
    (one,) = send(plan, anna)
    (request,) = receiver.requests
    assert request.json() == {"status": "won"}
    assert request.headers["Opsportal-Shadow"] == "true"
    assert request.headers["X-Correlation-ID"] == "trace-1"
    assert request.headers["webhook-id"] == request.headers["Idempotency-Key"] == one.webhook_id
    assert one.webhook_id.startswith(f"{item.pk}.r1.shadow.")
    assert (one.is_taken, one.status, one.outcome) == (True, 200, "delivered")
    assert "a•••@example.org" in one.answer
    assert one.duration_ms is not None
    assert Entry.objects.filter(action="replay_plan.shadowed").count() == 1


def test_nothing_of_the_queue_moves_and_the_real_ones_go_afterwards(receiver: HttpReceiver, anna: Person) -> None:
    target = make_target(f"{receiver.url}leads", slug="crm", shadow_url=f"{receiver.url}shadow")
    store(target, "a", "b")
    receiver.always(lambda request: Answer(503 if request.path == "/shadow" else 200))
    before = states(target), TargetHealth.objects.filter(pk=target.pk).values().get()
    plan = make_frozen(target, anna)
    assert [one.is_taken for one in send(plan, anna)] == [False, False]
    assert (states(target), TargetHealth.objects.filter(pk=target.pk).values().get()) == before
    assert not Attempt.objects.exists()
    assert not Delivered.objects.exists()
    assert fetched(plan).state == "dry_run"
    assert run(start(plan)).state == "completed"
    assert [request.path for request in receiver.requests] == ["/shadow", "/shadow", "/leads", "/leads"]


def test_what_signs_in_earnest_never_goes_to_the_shadow(
    receiver: HttpReceiver, anna: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPSPORTAL_REPLAY_SECRET_CRM", "production-token")
    secret = signatures.new_secret()
    monkeypatch.setenv("OPSPORTAL_REPLAY_SECRET_STAGING", secret)
    target = shadowed(receiver, secret_ref="env:CRM")
    store(target, "a")
    plan = make_frozen(target, anna)
    send(plan, anna)
    assert "webhook-signature" not in receiver.requests[0].headers
    assert "Authorization" not in receiver.requests[0].headers
    change_target(target, values={"shadow_secret_ref": "env:STAGING"}, actor=SETUP, now=NOW)
    send(fetched(plan), anna)
    request = receiver.requests[1]
    stamp = int(request.headers["webhook-timestamp"])
    expected = signatures.sign(secret, message_id=request.headers["webhook-id"], timestamp=stamp, body=request.body)
    assert request.headers["webhook-signature"] == expected
    change_target(target, values={"shadow_secret_ref": "env:MISSING"}, actor=SETUP, now=NOW)
    (one,) = send(fetched(plan), anna)
    assert (one.is_taken, one.outcome, one.answer) == (False, "cannot be built", "env:MISSING is not set.")
    assert len(receiver.requests) == 2


def test_the_sample_is_the_canary_or_the_first_ten(receiver: HttpReceiver, anna: Person) -> None:
    target = shadowed(receiver)
    store(target, *"aabcdefghijkl")
    assert len(send(make_frozen(target, anna), anna)) == 10
    plan = make_frozen(target, anna, canary_count=3)
    canary = plan.items.filter(is_canary=True).values_list("item", flat=True)
    assert {one.item_id for one in send(plan, anna)} == set(canary)
    assert len(canary) == 3


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (Answer(422, b"no such field"), "HTTP 422"),
        (redirect("https://elsewhere.example.com/"), "HTTP 302"),
        (DROP, "protocol"),
    ],
)
def test_a_shadow_that_fails_is_a_finding_and_no_error(
    receiver: HttpReceiver, anna: Person, answer: Answer, outcome: str
) -> None:
    target = shadowed(receiver)
    store(target, "a")
    receiver.always(answer)
    plan = make_frozen(target, anna)
    (one,) = send(plan, anna)
    assert (one.is_taken, one.outcome) == (False, outcome)
    assert len(receiver.requests) == 1
    assert start(plan).state == "running"


@pytest.mark.parametrize(
    "url",
    [
        PRODUCTION,
        "https://HOOKS.example.com:443/leads?test=1",
        "https://hooks.example.com//x/../leads/",
        "https://hooks.example.com/%6ceads",
        "https://hooks.example.com/others",
    ],
)
def test_where_replay_sends_in_earnest_is_no_shadow(url: str) -> None:
    make_target("https://hooks.example.com/others")
    with pytest.raises((InvalidInput, InvalidInputs)) as refusal:
        make_target(PRODUCTION, shadow_url=url)
    (error,) = refusal.value.errors if isinstance(refusal.value, InvalidInputs) else [refusal.value]
    assert (error.code, error.field) == ("shadow_is_production", "shadow_url")


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1/", "https://169.254.169.254/", "https://2130706433/", "ftp://a.example/"]
)
def test_an_address_nobody_may_send_to_is_refused_when_it_is_saved(url: str) -> None:
    with pytest.raises((InvalidInput, InvalidInputs)):
        make_target(PRODUCTION, shadow_url=url)


def test_an_address_that_came_to_be_in_earnest_is_refused_when_it_is_used(receiver: HttpReceiver, anna: Person) -> None:
    target = shadowed(receiver)
    store(target, "a")
    plan = make_frozen(target, anna)
    make_target(receiver.url, slug="other")
    with pytest.raises(InvalidInput) as refusal:
        send(plan, anna)
    assert refusal.value.code == "shadow_is_production"
    assert receiver.requests == []


def test_a_name_that_leads_inside_by_the_time_it_is_used_gets_nothing(
    anna: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    inside = HttpReceiver()
    with inside:
        port = int(inside.origin.rpartition(":")[2])
        answers = [["93.184.215.14"], ["93.184.215.14"], ["93.184.215.14"], ["127.0.0.1"]]
        asked: list[str] = []

        def getaddrinfo(host: str, port: int, **_: Any) -> list[Any]:
            asked.append(host)
            given = answers.pop(0) if answers else ["127.0.0.1"]
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (one, port)) for one in given]

        monkeypatch.setattr(resolver, "getaddrinfo", getaddrinfo)
        target = make_target(PRODUCTION, shadow_url=f"https://staging.example.com:{port}/")
        store(target, "a")
        plan = make_frozen(target, anna)
        answers[:] = [["93.184.215.14"], ["93.184.215.14"], ["127.0.0.1"]]
        (one,) = send(plan, anna)
        assert (one.outcome, one.is_taken) == ("refused by our own policy", False)
        assert set(asked) == {"hooks.example.com", "staging.example.com"}
        assert inside.requests == []


def test_a_payload_of_a_p0_goes_to_a_shadow_by_a_person_alone(receiver: HttpReceiver, anna: Person) -> None:
    target = shadowed(receiver, automation=make_automation("router", tier="P0"))
    store(target, "a")
    plan = make_frozen(target, anna)
    with pytest.raises(Forbidden):
        send(plan, None)
    assert len(send(plan, anna)) == 1


def test_it_takes_a_dry_run_a_shadow_and_one_sample_at_a_time(receiver: HttpReceiver, anna: Person) -> None:
    bare = make_target(slug="bare")
    store(bare, "a")
    with pytest.raises(Conflict) as refusal:
        send(make_frozen(bare, anna), anna)
    assert refusal.value.code == "no_shadow"
    target = shadowed(receiver)
    store(target, "a")
    plan = make_frozen(target, anna)
    send(plan, anna)
    ShadowSend.objects.update(finished_at=None)
    with pytest.raises(Conflict) as refusal:
        send(plan, anna)
    assert refusal.value.code == "shadow_running"
    assert len(send(plan, anna, now=NOW + timedelta(minutes=2))) == 1
    with pytest.raises(Conflict) as refusal:
        send(start(plan), anna)
    assert refusal.value.code == "invalid_transition"


def test_nothing_leaves_before_the_commit(receiver: HttpReceiver, anna: Person) -> None:
    target = shadowed(receiver)
    store(target, "a")
    plan = make_frozen(target, anna)
    with transaction.atomic():
        send(plan, anna)
        assert receiver.requests == []
        transaction.set_rollback(True)
    assert receiver.requests == []
    assert not ShadowSend.objects.exists()


def test_a_changed_plan_has_no_result_of_its_former_dry_run(receiver: HttpReceiver, anna: Person) -> None:
    target = shadowed(receiver)
    store(target, "a")
    plan = make_frozen(target, anna)
    send(plan, anna)
    operations.change_plan(plan, values={"canary_count": 1}, person=anna, actor=actor_for(anna), now=NOW)
    assert not ShadowSend.objects.exists()


def test_an_erased_person_is_gone_from_the_shadows_answers_too(receiver: HttpReceiver, anna: Person) -> None:
    target = shadowed(receiver)
    store(target, "lead-42", payload={"name": "Ann"})
    receiver.always(json_answer({"name": "Ann"}))
    send(make_frozen(target, anna), anna)
    admin, lead = make_person(roles=[Role.ADMIN]), make_person(roles=[Role.OPS_LEAD])
    erase_person(keys=["lead-42"], reason="Asked by mail", by=admin, second=lead, now=NOW)
    assert ShadowSend.objects.get().answer == ""
    assert ReplayItem.objects.get().record_key == ""


def test_the_api_offers_it_as_part_of_the_dry_run_and_by_itself(receiver: HttpReceiver) -> None:
    target = shadowed(receiver)
    store(target, "a", "b", payload={"mail": "ann@example.org"})
    program = caller("replay:read", "replay:request")
    body = {"target": "crm", "reason": "the target is back", "shadow": True}
    plan = program.post("replay/plans/", body).json()
    assert [(one["taken"], one["status"], one["outcome"]) for one in plan["shadow"]] == [(True, 200, "delivered")] * 2
    receiver.always(500)
    again = program.post(f"replay/plans/{plan['id']}/dry-run/", {"shadow": True}).json()
    assert [one["status"] for one in again["shadow"]] == [500, 500]
    assert again["state"] == "dry_run"
    receiver.always(200)
    again = program.post(f"replay/plans/{plan['id']}/shadow/", {}).json()
    assert [one["taken"] for one in again["shadow"]] == [True, True]
    assert "ann@" not in json.dumps(again)
    assert program.get(f"replay/plans/{plan['id']}/").json()["shadow"] == again["shadow"]
    assert_problem(caller("replay:read").post(f"replay/plans/{plan['id']}/shadow/", {}), 403)


def test_under_an_idempotency_key_it_goes_once_and_after_the_commit(receiver: HttpReceiver) -> None:
    target = shadowed(receiver)
    store(target, "a")
    program = caller("replay:read", "replay:request")
    plan = program.post("replay/plans/", {"target": "crm", "reason": "the target is back"}).json()
    for _ in range(2):
        program.post(f"replay/plans/{plan['id']}/shadow/", {}, Idempotency_Key="k-1")
    assert len(receiver.requests) == 1
    assert program.get(f"replay/plans/{plan['id']}/").json()["shadow"][0]["taken"] is True


def test_the_page_sends_it_and_shows_what_came_back(receiver: HttpReceiver, anna: Person) -> None:
    target = shadowed(receiver)
    store(target, "a", payload={"stage": "won"})
    receiver.always(Answer(422, b"stage is unknown, ask ann@example.org"))
    plan = make_frozen(target, anna)
    client = Client()
    client.force_login(anna, backend="opsportal.identity.backends.PersonBackend")
    page = client.get(plan.get_absolute_url()).content.decode()
    assert "Send 1 payload to the shadow" in page
    answer = client.post(f"{plan.get_absolute_url()}shadow/", {"next": plan.get_absolute_url()}, follow=True)
    shown = answer.content.decode()
    assert "The shadow took 0 of 1" in shown
    assert "HTTP 422" in shown
    assert "stage is unknown" in shown
    assert "ann@example.org" not in shown
