"""Replay plans against a real receiver: frozen, started, watched, stopped; and that nothing goes without its yes."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from opsportal.approvals.models import Approval
from opsportal.approvals.operations import close_overdue
from opsportal.audit.engine import Actor
from opsportal.audit.models import Entry
from opsportal.errors import Conflict, Forbidden, InvalidInput
from opsportal.identity.actors import actor_for
from opsportal.identity.models import Person
from opsportal.identity.roles import Role
from opsportal.vault import operations as vault
from runbooks.models import Delivered, Payload, PlanItem, ReplayItem, ReplayPlan
from runbooks.plans import operations, queries, sweep
from runbooks.queue import claims, dispatch, recording
from runbooks.queue import operations as queue
from runbooks.queue.engine.outcomes import Kind, Outcome
from tests.factories.catalog import make_automation
from tests.factories.identity import NOW, SETUP, make_person
from tests.factories.plans import approve, fetched, make_frozen, make_plan, run, start
from tests.factories.replay import let_go, make_target, states, store
from tests.receivers import Answer, HttpReceiver

pytestmark = pytest.mark.django_db(transaction=True)
LATER = NOW + timedelta(minutes=1)


@pytest.fixture
def lead() -> Person:
    return make_person(roles=[Role.OPS_LEAD])


def test_a_dry_run_freezes_what_waits_and_sends_nothing(receiver: HttpReceiver) -> None:
    target = make_target(receiver.url, rate_per_minute=60)
    items = store(target, "a", "a", "b", "")
    plan = make_frozen(target)
    assert (plan.state, plan.item_count, plan.key_count) == ("dry_run", 4, 3)
    assert queries.duration_of(plan).total_seconds() == pytest.approx(3.3)
    assert set(plan.items.values_list("item", flat=True)) == {item.pk for item in items}
    assert list(plan.items.order_by("position").values_list("position", flat=True)) == [1, 2, 3, 4]
    store(target, "late")
    assert run(plan).state == "dry_run"
    assert receiver.requests == []
    assert plan.items.count() == 4


def test_what_was_delivered_or_decided_is_left_out_and_counted(receiver: HttpReceiver) -> None:
    target = make_target(receiver.url)
    gone, thrown, moving, _ = store(target, "a", "b", "c", "d")
    let_go([gone])
    dispatch.drain(NOW)
    queue.discard_item(thrown, reason="not wanted", actor=SETUP, now=NOW)
    let_go([moving])
    plan = make_frozen(target)
    assert plan.item_count == 1
    assert plan.left_out == {"delivered": 1, "discarded": 1, "pending": 1}


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({}, 4),
        ({"error_type": "RateLimit"}, 2),
        ({"record_key": "a"}, 2),
        ({"state": "held"}, 4),
        ({"from": "2020-01-01T00:00:00Z", "to": NOW.isoformat()}, 0),
        ({"from": NOW.isoformat()}, 4),
        ({"failed_from": (NOW - timedelta(hours=1)).isoformat(), "failed_to": NOW.isoformat()}, 2),
        ({"failed_from": NOW.isoformat()}, 2),
    ],
)
def test_a_selection_is_what_the_queue_is_filtered_by(said: dict[str, Any], expected: int) -> None:
    target = make_target()
    store(target, "a", "a", error_type="RateLimit", failed_at=NOW - timedelta(hours=1))
    store(target, "b", "c", error_type="Timeout")
    if not expected:
        with pytest.raises(InvalidInput) as refusal:
            make_frozen(target, selection=said)
        assert refusal.value.code == "nothing"
    else:
        assert make_frozen(target, selection=said).item_count == expected


@pytest.mark.parametrize("said", [{"to": "tomorrow"}, {"items": ["x"]}, {"state": "delivered"}, {"else": "x"}, []])
def test_a_selection_that_says_nothing_known_is_refused(said: Any) -> None:
    with pytest.raises(InvalidInput) as refusal:
        make_plan(make_target(), selection=said)
    assert refusal.value.field == "selection"


def test_it_is_replayed_in_order_and_the_report_says_what_the_receiver_counts(receiver: HttpReceiver) -> None:
    target = make_target(receiver.url)
    (before,) = store(target, "a")
    let_go([before])
    dispatch.drain(NOW)
    items = store(target, *[f"lead-{number % 7}" for number in range(40)])
    plan = start(make_frozen(target))
    assert plan.state == "running"
    plan = run(plan)
    assert plan.state == "completed"
    report = queries.report_of(plan)
    assert (report.selected, report.delivered, report.already_delivered, report.doubled) == (41, 40, 1, 0)
    assert report.sentence == "40 replayed, 1 already there, 0 twice."
    assert report.attempts == report.accepted == 40 == len(receiver.requests) - 1
    effects = receiver.effects("webhook-id")
    assert {str(item.pk) for item in items} <= set(effects)
    assert set(effects.values()) == {1}
    assert Delivered.objects.filter(release=plan.release).count() == 40
    told = [entry.action for entry in Entry.objects.filter(subject_type="replay_plan").order_by("id")]
    assert told == [f"replay_plan.{word}" for word in ("created", "frozen", "started", "completed")]


def test_more_than_a_hundred_in_an_hour_need_a_second_person(receiver: HttpReceiver, lead: Person) -> None:
    target, person = make_target(receiver.url), make_person()
    store(target, *["a"] * 60)
    assert start(make_frozen(target, person)).state == "running"
    store(target, *["b"] * 60)
    plan = start(make_frozen(target, person), person)
    assert plan.state == "awaiting_approval"
    with pytest.raises(Conflict) as refusal:
        start(plan)
    assert refusal.value.code == "approval_pending"
    with pytest.raises(Forbidden):
        approve(plan, person)
    approve(plan, lead)
    plan = start(fetched(plan))
    assert plan.state == "running"
    assert plan.release is not None
    assert plan.release.approval is not None
    assert plan.release.approval.state == "used"
    assert run(plan).state == "completed"


def test_a_p0_goes_only_with_a_second_person(receiver: HttpReceiver, lead: Person) -> None:
    target = make_target(receiver.url, automation=make_automation("router", tier="P0"))
    store(target, "a")
    plan = make_frozen(target)
    with pytest.raises(Forbidden):
        operations.start_plan(plan, person=None, actor=Actor("token", "token:1", "n8n"), now=NOW)
    plan = start(plan)
    assert plan.state == "awaiting_approval"
    ReplayPlan.objects.filter(pk=plan.pk).update(state="approved")
    with pytest.raises(Conflict):
        start(fetched(plan))
    plan = fetched(plan)
    assert plan.state == "dry_run"
    run(plan)
    assert receiver.requests == []


def test_who_drew_it_up_does_not_approve_it_whoever_asked(receiver: HttpReceiver, lead: Person) -> None:
    target = make_target(receiver.url, automation=make_automation("router", tier="P0"))
    store(target, "a")
    plan = start(make_frozen(target, lead), make_person())
    with pytest.raises(Forbidden):
        approve(plan, lead)


def test_an_approval_holds_for_these_bodies_at_this_address_and_four_hours(
    receiver: HttpReceiver, lead: Person
) -> None:
    target = make_target(receiver.url, automation=make_automation("router", tier="P0"))
    (item,) = store(target, "a")
    plan = start(make_frozen(target))
    approve(plan, lead)
    ReplayItem.objects.filter(pk=item.pk).update(sha256="0" * 64)
    with pytest.raises(Conflict) as refusal:
        start(fetched(plan))
    assert refusal.value.code == "approval_changed"
    assert fetched(plan).state == "dry_run"
    assert Approval.objects.get().state == "voided"

    ReplayItem.objects.filter(pk=item.pk).update(sha256=plan.items.get().sha256)
    plan = start(fetched(plan))
    type(target).objects.filter(pk=target.pk).update(url="https://elsewhere.example.com/")
    assert approve(plan, lead).state == "voided"
    assert fetched(plan).state == "dry_run"

    plan = start(fetched(plan))
    approve(plan, lead)
    with pytest.raises(Conflict) as refusal:
        start(fetched(plan), now=NOW + timedelta(hours=5))
    assert refusal.value.code == "approval_expired"
    assert receiver.requests == []


def test_a_request_that_nobody_decides_leaves_a_dry_run(lead: Person) -> None:
    target = make_target(automation=make_automation("router", tier="P0"))
    store(target, "a")
    plan = start(make_frozen(target))
    close_overdue(NOW + timedelta(hours=5))
    plan = fetched(plan)
    assert (plan.state, plan.approval_id) == ("dry_run", None)


def test_a_row_put_into_a_running_plan_stops_it(receiver: HttpReceiver) -> None:
    target = make_target(receiver.url)
    first, second = store(target, "a", "b")
    plan = start(make_frozen(target, selection={"items": [str(first.pk)]}))
    PlanItem.objects.create(plan=plan, item=second, position=2, revision=0, sha256=second.sha256, tries=0)
    plan = run(plan)
    assert plan.state == "aborted"
    assert receiver.requests == []


def test_the_canary_goes_first_and_the_rest_waits_for_a_look(receiver: HttpReceiver) -> None:
    target = make_target(receiver.url)
    store(target, "a", "a", "b", "c", "d")
    plan = run(start(make_frozen(target, canary_count=2)))
    assert plan.state == "paused"
    assert "2 of 2 payloads" in plan.note
    assert len(set(_keys(receiver, target))) == len(receiver.requests) == 2
    plan = operations.resume_plan(plan, actor=SETUP, now=LATER)
    assert plan.canary_passed_at == LATER
    assert run(plan, now=LATER).state == "completed"
    assert len(receiver.requests) == 5


def _keys(receiver: HttpReceiver, target: Any) -> list[str]:
    keys = {str(pk): key for pk, key in ReplayItem.objects.filter(target=target).values_list("pk", "record_key")}
    return [keys[request.headers["webhook-id"]] for request in receiver.requests]


def test_it_stops_by_itself_when_too_many_do_not_arrive(receiver: HttpReceiver) -> None:
    receiver.always(422)
    target = make_target(receiver.url)
    store(target, *[f"lead-{number}" for number in range(30)])
    plan = start(make_frozen(target, canary_count=3, abort_ratio=Decimal("0.5")))
    plan = run(plan)
    assert plan.state == "aborted"
    assert plan.note == "3 of 3 did not arrive; it stops above 0.5."
    assert len(receiver.requests) == 3
    assert sorted(states(target).values()) == ["dead"] * 3 + ["held"] * 27


def test_a_redrive_over_payloads_that_keep_failing_comes_to_an_end(receiver: HttpReceiver) -> None:
    receiver.always(422)
    target = make_target(receiver.url, max_attempts=2)
    store(target, "a", "a", "b")
    for number in range(3):
        now = NOW + timedelta(hours=2 * number)
        plan = run(start(make_frozen(target, abort_ratio=Decimal(1), now=now), now=now), now=now)
        assert plan.state == "completed"
        report = queries.report_of(plan)
        assert (report.dead, report.waiting, report.delivered) == (2, 1, 0)
        assert "1 wait behind" in plan.note
    assert len(receiver.requests) == 6
    assert sorted(states(target).values()) == ["dead", "dead", "held"]


def test_the_dry_run_says_what_stands_behind_a_payload_that_waits_for_a_person(receiver: HttpReceiver) -> None:
    target = make_target(receiver.url)
    first, second, third = store(target, "a", "a", "b")
    plan = make_frozen(target, selection={"items": [str(second.pk), str(third.pk)]})
    assert dict(plan.items.values_list("item", "is_behind")) == {second.pk: True, third.pk: False}
    plan = run(start(plan))
    assert plan.state == "completed"
    assert states(target) == {str(first.pk): "held", str(second.pk): "held", str(third.pk): "delivered"}


def test_pausing_holds_what_has_not_left_and_resuming_goes_on(receiver: HttpReceiver) -> None:
    target = make_target(receiver.url)
    store(target, *[f"lead-{number}" for number in range(6)])
    plan = start(make_frozen(target))
    sweep.advance(NOW)
    assert set(states(target).values()) == {"pending"}
    plan = operations.pause_plan(plan, reason="sales asked", actor=SETUP, now=NOW)
    dispatch.drain(NOW)
    assert receiver.requests == []
    assert set(states(target).values()) == {"held"}
    assert run(plan).state == "paused"
    plan = operations.resume_plan(plan, actor=SETUP, now=LATER)
    assert run(plan, now=LATER).state == "completed"
    assert len(receiver.requests) == 6


def test_cancelling_keeps_what_is_delivered(receiver: HttpReceiver) -> None:
    target = make_target(receiver.url)
    store(target, "a", "b", "c")
    plan = run(start(make_frozen(target, canary_count=1)))
    plan = operations.cancel_plan(plan, reason="enough", actor=SETUP, now=LATER)
    assert (plan.state, plan.finished_at) == ("cancelled", LATER)
    run(plan, now=LATER)
    assert len(receiver.requests) == 1
    report = queries.report_of(plan)
    assert (report.selected, report.delivered, report.waiting) == (3, 1, 2)
    with pytest.raises(Conflict):
        operations.resume_plan(plan, actor=SETUP, now=LATER)


def test_a_plan_may_be_slower_than_its_target_never_faster(receiver: HttpReceiver) -> None:
    target = make_target(receiver.url, rate_per_minute=600)
    store(target, *[f"lead-{number}" for number in range(30)])
    with pytest.raises(InvalidInput) as refusal:
        make_plan(target, rate_per_minute=601)
    assert refusal.value.field == "rate_per_minute"
    plan = start(make_frozen(target, rate_per_minute=60))
    sweep.advance(NOW)
    assert plan.items.filter(let_go_at__isnull=False).count() == 1
    sweep.advance(NOW + timedelta(seconds=10))
    assert plan.items.filter(let_go_at__isnull=False).count() == 10
    sweep.advance(NOW + timedelta(seconds=10))
    assert plan.items.filter(let_go_at__isnull=False).count() == 10


def test_what_others_sent_or_decided_before_its_turn_stays_as_it_is(receiver: HttpReceiver) -> None:
    target = make_target(receiver.url)
    sent, thrown, again, left = store(target, "a", "b", "c", "d")
    plan = make_frozen(target)
    let_go([sent])
    receiver.answer(Answer(200), Answer(422))
    dispatch.drain(NOW)
    queue.discard_item(thrown, reason="not wanted", actor=SETUP, now=NOW)
    let_go([again])
    dispatch.drain(NOW)
    assert states(target)[str(again.pk)] == "dead"
    plan = run(start(plan))
    assert plan.state == "completed"
    assert [request.headers["webhook-id"] for request in receiver.requests] == [
        str(one.pk) for one in (sent, again, left)
    ]
    report = queries.report_of(plan)
    assert (report.delivered, report.already_delivered, report.discarded, report.dead) == (1, 1, 1, 1)
    assert report.selected == 4


def test_an_in_doubt_payload_goes_with_a_plan_only_where_twice_does_no_harm(receiver: HttpReceiver) -> None:
    for idempotent, expected in ((False, 1), (True, 2)):
        target = make_target(receiver.url, idempotent=idempotent)
        doubtful, _ = store(target, "a", "b")
        ReplayItem.objects.filter(pk=doubtful.pk).update(state="in_doubt")
        assert make_frozen(target).item_count == expected
        steps = [{"op": "set", "field": "stage", "value": "won"}]
        assert make_frozen(target, transform=steps).item_count == 1


def test_a_transformed_body_is_a_revision_with_a_webhook_id_of_its_own(receiver: HttpReceiver) -> None:
    target = make_target(receiver.url)
    (item,) = store(target, "a", payload={"lead": {"mail": "a@example.com"}, "amount": 10.5})
    steps = [
        {"op": "rename", "field": "lead.mail", "to": "lead.email"},
        {"op": "set", "field": "/stage", "value": "won"},
    ]
    plan = make_frozen(target, transform=steps)
    assert Payload.objects.filter(item=item).count() == 1
    plan = run(start(plan))
    assert plan.state == "completed"
    (request,) = receiver.requests
    assert request.headers["webhook-id"] == f"{item.pk}.r1"
    assert request.body == b'{"lead":{"email":"a@example.com"},"amount":10.5,"stage":"won"}'
    first, second = Payload.objects.filter(item=item).order_by("revision")
    assert (first.sha256, second.sha256) == (item.sha256, plan.items.get().sent_sha256)
    assert Delivered.objects.get().webhook_id == f"{item.pk}.r1"


def test_what_cannot_be_built_is_found_before_and_not_sent(receiver: HttpReceiver) -> None:
    target = make_target(receiver.url)
    removed, erased, text, other, good = store(target, "a", "b", "c", "d", "e")
    Payload.objects.filter(item=removed).delete()
    vault.shred(Payload.objects.get(item=erased).subject)
    steps = [{"op": "copy", "field": "n", "to": "number"}]
    body = vault.encrypt(Payload.objects.get(item=text).subject, b"no json")
    Payload.objects.filter(item=text).update(sealed=body)
    body = vault.encrypt(Payload.objects.get(item=other).subject, b'{"m":1}')
    Payload.objects.filter(item=other).update(sealed=body)
    plan = make_frozen(target, transform=steps)
    found = dict(plan.items.values_list("item", "finding"))
    assert found == {
        removed.pk: "removed", erased.pk: "erased", text.pk: "not_json", other.pk: "no_field", good.pk: "",
    }  # fmt: skip
    assert (plan.item_count, plan.left_out) == (1, {"removed": 1, "erased": 1, "not_json": 1, "no_field": 1})
    assert run(start(plan)).state == "completed"
    assert len(receiver.requests) == 1


def test_a_second_round_of_the_sweep_changes_nothing(receiver: HttpReceiver) -> None:
    target = make_target(receiver.url)
    store(target, "a", "b")
    plan = run(start(make_frozen(target)))
    assert sweep.advance(NOW).fired == 0
    assert Entry.objects.filter(action="replay_plan.completed").count() == 1
    assert fetched(plan).state == "completed"


def test_changing_a_plan_thaws_it(lead: Person) -> None:
    target = make_target()
    store(target, "a")
    plan = make_frozen(target)
    who = {"person": lead, "actor": actor_for(lead), "now": LATER}
    plan = operations.change_plan(plan, values={"canary_count": 1}, **who)
    assert (plan.state, plan.item_count, plan.items.count(), plan.requested_by) == ("draft", 0, 0, lead)
    with pytest.raises(Conflict):
        start(plan)


def test_what_was_in_flight_when_it_was_cancelled_is_not_tried_again(receiver: HttpReceiver) -> None:
    target = make_target(receiver.url)
    (item,) = store(target, "a")
    for end, tries in (("cancel_plan", 1), ("pause_plan", 3)):
        plan = start(make_frozen(target))
        sweep.advance(NOW)
        (claimed,) = claims.claim(target, limit=1, now=NOW + timedelta(hours=tries))
        plan = getattr(operations, end)(plan, reason="enough", actor=SETUP, now=NOW)
        recording.record(target, [(claimed, Outcome(Kind.LATER, "HTTP 503", 503))], NOW)
        if end == "pause_plan":
            plan = operations.resume_plan(plan, actor=SETUP, now=NOW + timedelta(hours=4))
            assert run(plan, now=NOW + timedelta(hours=4)).state == "completed"
        else:
            dispatch.drain(NOW + timedelta(hours=2))
            assert (receiver.requests, states(target)[str(item.pk)]) == ([], "held")
    assert len(receiver.requests) == 1
