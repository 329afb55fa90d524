"""The dispatcher against a real receiver: what is sent, in which order, how fast, and what an answer means."""

import itertools
import json
import threading
import time
from collections import Counter
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection

from opsportal import clock
from opsportal.vault import signatures
from runbooks.models import Attempt, Delivered, ReplayItem, TargetHealth
from runbooks.queue import claims, dispatch, operations, recording
from runbooks.queue.engine.outcomes import Kind, Outcome
from runbooks.targets import secrets
from tests.factories.identity import NOW, SETUP, make_person
from tests.factories.replay import let_go, make_target, states, store
from tests.receivers import DROP, Answer, HttpReceiver, redirect

pytestmark = pytest.mark.django_db(transaction=True)


def test_what_is_held_stays_until_somebody_lets_it_go(receiver: HttpReceiver) -> None:
    target = make_target(receiver.url)
    store(target, "lead-1", "lead-2")
    dispatch.drain(NOW)
    assert receiver.requests == []
    assert set(states(target).values()) == {"held"}


def test_it_sends_the_bytes_as_they_came_signed_and_named_by_the_item(receiver: HttpReceiver) -> None:
    target = make_target(receiver.url)
    (item,) = store(target, "lead-1", payload={"b": 1, "a": [1.5, "é"]}, correlation_id="abc")
    let_go([item])
    dispatch.drain(NOW)
    (request,) = receiver.requests
    assert request.body == '{"b":1,"a":[1.5,"é"]}'.encode()
    assert request.headers["webhook-id"] == request.headers["Idempotency-Key"] == str(item.pk)
    assert request.headers["X-Correlation-ID"] == "abc"
    signatures.verify(
        [secrets.credentials(target).signing],
        message_id=request.headers["webhook-id"],
        timestamp=request.headers["webhook-timestamp"],
        signature=request.headers["webhook-signature"],
        body=request.body,
        now=NOW,
    )
    item.refresh_from_db()
    assert (item.state, item.attempts, item.tries, item.due_at) == ("delivered", 1, 1, None)
    assert Delivered.objects.get().how == "sent"
    (attempt,) = item.log.all()
    assert (attempt.outcome, attempt.status, attempt.was_late) == ("delivered", 200, False)


def test_each_key_keeps_its_order_while_many_are_sent_at_once(receiver: HttpReceiver) -> None:
    receiver.always(lambda _: Answer(200, delay=0.01))
    target = make_target(receiver.url)
    items = store(target, *[f"lead-{number % 7}" for number in range(70)])
    let_go(items)
    dispatch.drain(NOW, seconds=60)
    assert set(states(target).values()) == {"delivered"}
    expected = {str(item.pk): (item.record_key, item.sequence) for item in items}
    seen: dict[str, list[int]] = {}
    for request in receiver.requests:
        key, sequence = expected[request.headers["webhook-id"]]
        seen.setdefault(key, []).append(sequence)
    assert all(order == list(range(1, 11)) for order in seen.values())
    assert set(receiver.effects("webhook-id").values()) == {1}


def test_a_failing_head_parks_its_followers_and_other_keys_go_on(receiver: HttpReceiver) -> None:
    receiver.always(lambda request: Answer(500 if request.json()["bad"] else 200))
    target = make_target(receiver.url)
    bad = store(target, "lead-1", payload={"bad": True})
    followers = store(target, "lead-1", "lead-1", payload={"bad": False})
    others = store(target, "lead-2", "lead-2", payload={"bad": False})
    let_go([*bad, *followers, *others])
    dispatch.drain(NOW, seconds=20)
    assert [states(target)[str(item.pk)] for item in [*bad, *followers]] == ["failed", "pending", "pending"]
    assert [states(target)[str(item.pk)] for item in others] == ["delivered", "delivered"]


def test_a_redrive_over_items_that_keep_failing_comes_to_an_end(receiver: HttpReceiver) -> None:
    receiver.always(422)
    receiver.answer(*[Answer(500)] * 3)
    target = make_target(receiver.url, max_attempts=3)
    (one,) = store(target, "lead-1")
    let_go([one])
    now = NOW
    for _ in range(10):
        dispatch.drain(now, seconds=1)
        now += timedelta(hours=2)
    one.refresh_from_db()
    assert (one.state, one.attempts) == ("dead", 3)
    assert len(receiver.requests) == 3


def test_what_the_target_will_never_take_is_given_up_at_once(receiver: HttpReceiver) -> None:
    receiver.always(422)
    target = make_target(receiver.url)
    (item,) = store(target, "lead-1")
    let_go([item])
    dispatch.drain(NOW)
    item.refresh_from_db()
    assert (item.state, item.last_error) == ("dead", "HTTP 422")


def test_retry_after_is_honoured(receiver: HttpReceiver) -> None:
    receiver.answer(Answer(429, headers={"Retry-After": "90"}))
    target = make_target(receiver.url)
    (item,) = store(target, "lead-1")
    let_go([item])
    dispatch.drain(NOW, seconds=1)
    item.refresh_from_db()
    assert item.state == "failed"
    assert item.due_at >= NOW + timedelta(seconds=90)
    dispatch.drain(NOW + timedelta(seconds=89), seconds=1)
    assert len(receiver.requests) == 1
    dispatch.drain(NOW + timedelta(seconds=92), seconds=1)
    assert len(receiver.requests) == 2


@pytest.mark.parametrize(("idempotent", "state", "requests"), [(False, "in_doubt", 1), (True, "delivered", 2)])
def test_what_got_no_answer_is_sent_again_only_where_it_acts_once(
    receiver: HttpReceiver, idempotent: bool, state: str, requests: int
) -> None:
    receiver.answer(DROP)
    target = make_target(receiver.url, idempotent=idempotent)
    (item,) = store(target, "lead-1")
    let_go([item])
    dispatch.drain(NOW, seconds=1)
    dispatch.drain(NOW + timedelta(hours=1), seconds=1)
    item.refresh_from_db()
    assert (item.state, len(receiver.requests)) == (state, requests)
    assert set(receiver.effects("webhook-id")) == {str(item.pk)}


@pytest.mark.parametrize("decision", ["mark_delivered", "discard", "resend"])
def test_a_key_in_doubt_goes_on_once_a_person_has_decided(receiver: HttpReceiver, decision: str) -> None:
    receiver.answer(DROP)
    target = make_target(receiver.url)
    first, second = store(target, "lead-1", "lead-1")
    let_go([first, second])
    dispatch.drain(NOW, seconds=1)
    assert list(states(target).values()) == ["in_doubt", "pending"]
    first.refresh_from_db()
    said: dict[str, Any] = {"reason": "looked it up", "actor": SETUP, "now": NOW}
    if decision == "mark_delivered":
        operations.mark_delivered(first, **said)
    elif decision == "discard":
        operations.discard_item(first, **said)
    else:
        operations.resend_items([first], person=make_person(), **said)
    dispatch.drain(NOW + timedelta(seconds=1), seconds=1)
    assert states(target)[str(second.pk)] == "delivered"
    sent = [request.headers["webhook-id"] for request in receiver.requests]
    assert sent == [str(first.pk), *([str(first.pk)] if decision == "resend" else []), str(second.pk)]


def test_an_open_breaker_burns_no_attempts_and_one_probe_closes_it(receiver: HttpReceiver) -> None:
    receiver.always(503)
    target = make_target(receiver.url, idempotent=True)
    items = store(target, *[f"lead-{number}" for number in range(40)])
    let_go(items)
    dispatch.drain(NOW, seconds=2)
    burned = sum(ReplayItem.objects.values_list("attempts", flat=True))
    health = TargetHealth.objects.get()
    assert health.opened_at is not None
    assert burned <= 5 + dispatch.PER_TARGET  # what was in flight when it opened
    before = len(receiver.requests)
    now = NOW
    for _ in range(5):
        now += timedelta(minutes=6)
        dispatch.drain(now, seconds=1)
    assert len(receiver.requests) - before == 5  # one probe each time
    assert sum(ReplayItem.objects.values_list("attempts", flat=True)) == burned
    receiver.always(200)
    for _ in range(8):
        now += timedelta(minutes=6)
        dispatch.drain(now, seconds=5)
    assert set(states(target).values()) == {"delivered"}
    assert TargetHealth.objects.get().opened_at is None


def test_404_is_of_the_record_where_the_target_took_another_payload_lately(receiver: HttpReceiver) -> None:
    receiver.answer(200)
    receiver.always(404)
    target = make_target(receiver.url)
    let_go(store(target, *["lead-1"] * 12))
    dispatch.drain(NOW, seconds=20)
    assert Counter(states(target).values()) == {"delivered": 1, "dead": 1, "pending": 10}
    let_go(store(target, *[f"lead-{number}" for number in range(2, 14)]))
    dispatch.drain(NOW, seconds=20)
    assert len(receiver.requests) == 14
    assert TargetHealth.objects.get().opened_at is None


def test_404_is_of_the_address_where_nothing_was_ever_taken(receiver: HttpReceiver) -> None:
    receiver.always(404)
    target = make_target(receiver.url)
    let_go(store(target, *[f"lead-{number}" for number in range(40)]))
    dispatch.drain(NOW, seconds=20)
    assert TargetHealth.objects.get().opened_at is not None
    assert len(receiver.requests) <= 5 + dispatch.PER_TARGET  # those in flight when it opened


def test_a_slow_worker_whose_lease_was_taken_over_changes_nothing(receiver: HttpReceiver) -> None:
    target = make_target(receiver.url, idempotent=True)
    (item,) = store(target, "lead-1")
    let_go([item])
    (slow,) = claims.claim(target, limit=1, now=NOW)
    later = NOW + timedelta(minutes=5)
    assert recording.lapse(later) == 1
    (other,) = claims.claim(target, limit=1, now=later + timedelta(minutes=1))
    recording.record(target, [(slow, Outcome(Kind.NEVER, "HTTP 400", 400))], later)
    item.refresh_from_db()
    assert (item.state, item.lease_token) == ("leased", other.token)
    recording.record(target, [(other, Outcome(Kind.DELIVERED, "delivered", 200))], later)
    recording.record(target, [(slow, Outcome(Kind.DELIVERED, "delivered", 200))], later)
    item.refresh_from_db()
    assert item.state == "delivered"
    assert Delivered.objects.count() == 1
    assert list(item.log.values_list("number", "was_late")) == [(1, True), (2, False)]


@pytest.mark.parametrize(("idempotent", "says"), [(True, 422), (True, 200), (False, 200)])
def test_a_slow_dispatcher_that_comes_to_an_answer_after_its_lease_changes_nothing(
    receiver: HttpReceiver, idempotent: bool, says: int
) -> None:
    """It hangs in its request while another one takes the lease over: its answer is logged as late, and no more."""
    answers = threading.Event()
    receiver.answer(lambda _: Answer(says if answers.wait(60) else 500))
    target = make_target(receiver.url, idempotent=idempotent, timeout_seconds=30)
    first, second = store(target, "lead-1", "lead-1")
    let_go([first, second])
    slow = threading.Thread(target=_drain_and_close, args=(1, NOW))
    slow.start()
    receiver.wait_for(1, timeout=60)
    later = NOW + timedelta(minutes=10)
    dispatch.drain(later, seconds=1)
    dispatch.drain(later + timedelta(minutes=10), seconds=2)
    settled = ["delivered", "delivered"] if idempotent else ["in_doubt", "pending"]
    assert list(states(target).values()) == settled
    answers.set()
    slow.join(60)
    assert list(states(target).values()) == settled
    late = Attempt.objects.get(item=first, number=1)
    assert (late.was_late, late.status) == (True, says)
    assert Delivered.objects.count() == (2 if idempotent else 0)
    sent = [request.headers["webhook-id"] for request in receiver.requests]
    assert sent == [str(first.pk), *([str(first.pk), str(second.pk)] if idempotent else [])]
    if not idempotent:
        first.refresh_from_db()
        operations.mark_delivered(first, reason="its late answer says so", actor=SETUP, now=later)
        dispatch.drain(later + timedelta(minutes=11), seconds=1)
        assert set(states(target).values()) == {"delivered"}
        assert len(receiver.requests) == 2


def test_the_rate_is_never_exceeded_by_more_than_one_a_second(receiver: HttpReceiver) -> None:
    arrivals: list[float] = []
    receiver.always(lambda _: arrivals.append(time.monotonic()) or Answer(200))
    target = make_target(receiver.url, rate_per_minute=1200)
    let_go(store(target, *[f"lead-{number}" for number in range(60)]))
    threads = [threading.Thread(target=_drain_and_close, args=(5,)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(arrivals) == 60
    assert max(sum(at <= other < at + 1 for other in arrivals) for at in arrivals) <= 21


def _drain_and_close(seconds: float, now: datetime | None = None) -> None:
    dispatch.drain(now or clock.now(), seconds=seconds)
    connection.close()


@pytest.mark.parametrize("answer", [redirect("http://127.0.0.1:1/"), Answer(400), Answer(404)])
def test_redirects_are_not_followed_and_refusals_not_repeated(receiver: HttpReceiver, answer: Answer) -> None:
    receiver.always(answer)
    target = make_target(receiver.url)
    (item,) = store(target, "lead-1")
    let_go([item])
    dispatch.drain(NOW, seconds=1)
    assert len(receiver.requests) == 1
    assert states(target) == {str(item.pk): "dead"}


def test_what_the_target_had_before_is_entered_as_such(receiver: HttpReceiver) -> None:
    receiver.answer(409, Answer(200, headers={"Duplicate": "true"}), 200)
    target = make_target(receiver.url, already_there=[409])
    let_go(store(target, "a", "a", "a"))
    dispatch.drain(NOW, seconds=2)
    assert Counter(Delivered.objects.values_list("how", flat=True)) == {"already_there": 2, "sent": 1}


def test_a_row_moved_to_pending_by_hand_starts_nothing(receiver: HttpReceiver) -> None:
    target = make_target(receiver.url)
    first, second = store(target, "lead-1", "lead-2")
    let_go([first])
    first.refresh_from_db()
    ReplayItem.objects.filter(pk=second.pk).update(
        state="pending", due_at=NOW, release=first.release, authority=first.authority
    )
    dispatch.drain(NOW, seconds=1)
    assert [request.headers["webhook-id"] for request in receiver.requests] == [str(first.pk)]
    second.refresh_from_db()
    assert (second.state, second.attempts) == ("held", 0)


def test_an_address_that_is_not_allowed_any_more_gets_nothing(receiver: HttpReceiver, settings: Any) -> None:
    target = make_target(receiver.url)
    (item,) = store(target, "lead-1")
    let_go([item])
    settings.OUTBOUND_ALLOW = []
    dispatch.drain(NOW, seconds=1)
    item.refresh_from_db()
    assert (item.state, item.attempts) == ("held", 0)
    assert receiver.requests == []


def test_answers_are_kept_masked_and_short(receiver: HttpReceiver) -> None:
    target = make_target(receiver.url)
    (item,) = store(target, "lead-1")
    secret = secrets.credentials(target).signing
    receiver.always(Answer(400, json.dumps({"to": "ann@example.org", "key": secret, "x": "y" * 5000}).encode()))
    let_go([item])
    dispatch.drain(NOW, seconds=1)
    answer = Attempt.objects.get().answer
    assert "ann@" not in answer
    assert secret not in answer
    assert len(answer) <= 500


def test_the_retry_budget_lets_first_attempts_through_and_slows_retries(receiver: HttpReceiver) -> None:
    target = make_target(receiver.url, max_attempts=50)
    items = store(target, *[f"lead-{number}" for number in range(60)])
    let_go(items)
    ReplayItem.objects.filter(pk__in=[item.pk for item in items[:50]]).update(state="failed")
    TargetHealth.objects.filter(pk=target.pk).update(retry_tokens=3.0)
    taken = list(itertools.chain.from_iterable(claims.claim(target, limit=40, now=NOW) for _ in range(2)))
    firsts = {item.pk for item in items[50:]}
    assert sum(one.item_id in firsts for one in taken) == 10
    assert 3 <= len(taken) - 10 <= 5


def test_one_statement_and_the_steps_give_the_same_slots_and_spend_the_same_budget() -> None:
    """PostgreSQL claims by one statement; what it works out must be what the pure engine says."""
    one, other = make_target(rate_per_minute=3000), make_target(rate_per_minute=3000)
    for target in (one, other):
        items = store(target, *[f"lead-{number}" for number in range(30)])
        let_go(items)
        ReplayItem.objects.filter(pk__in=[item.pk for item in items[:10]]).update(state="failed")
        TargetHealth.objects.filter(pk=target.pk).update(retry_tokens=2.5, retry_tokens_at=NOW)
    now = NOW
    for limit in (3, 8, 100, 5, 100):
        now += timedelta(seconds=0.7)
        here = claims.claim(one, limit=limit, now=now)
        there = claims._claim_in_steps(other, limit, now)
        assert [claim.slot for claim in here] == [claim.slot for claim in there]
        mine, theirs = (TargetHealth.objects.get(pk=target.pk) for target in (one, other))
        assert mine.next_slot_at == theirs.next_slot_at
        assert mine.retry_tokens == pytest.approx(theirs.retry_tokens)
    assert Attempt.objects.filter(item__target=one).count() == Attempt.objects.filter(item__target=other).count() > 20
