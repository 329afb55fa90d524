"""Sending, retrying, giving up (TRUST.md I04, I05, I23)."""

import json
import time
from datetime import timedelta
from typing import Any

import pytest
import standardwebhooks

from opsportal import clock
from opsportal.notify import claims, operations, relay
from opsportal.notify.models import Attempt, Delivery, Destination, Message, Subscription
from opsportal.notify.retry import MOST_FAILURES, MOST_LEASES, Kind, Outcome
from opsportal.sweeps.background import PATIENCE_SECONDS
from opsportal.vault import signatures
from tests.factories.identity import NOW, SETUP, make_person
from tests.factories.notify import make_subscription, publish, states, tell
from tests.receivers import DROP, HANG, HUGE, Answer, HttpReceiver, json_answer, play_slack, redirect

pytestmark = pytest.mark.django_db(transaction=True)
SECOND = timedelta(seconds=1)


def test_an_owner_hears_by_direct_message_with_a_link_of_ours(slack: HttpReceiver, settings: Any) -> None:
    settings.BASE_URL = "https://portal.example.com"
    tell(make_person(slack_id="U7"), title="Acme <!channel> waits & waits", body="Call a.lead@acme.example", key="k1")
    assert relay.drain(NOW).fired == 1
    request = slack.requests[0]
    assert (request.method, request.path) == ("POST", "/api/chat.postMessage")
    assert request.headers["Authorization"] == "Bearer xoxb-for-tests-only"
    assert request.headers["Idempotency-Key"] == "k1:slack"
    content = request.json()
    assert content["channel"] == "U7"
    assert "Acme &lt;!channel&gt; waits &amp; waits" in content["text"]
    assert "<https://portal.example.com/handoffs/1/|Open in opsportal>" in content["text"]
    assert "a.lead@" not in content["text"]
    assert content["metadata"]["event_payload"] == {"key": "k1:slack"}
    attempt = Attempt.objects.get()
    assert (attempt.outcome, attempt.status) == ("delivered", 200)


def test_a_link_that_leads_elsewhere_leads_to_the_inbox(slack: HttpReceiver, settings: Any) -> None:
    for url in ("https://evil.example/", "//evil.example/", "/\\evil.example", "javascript:alert(1)"):
        tell(make_person(slack_id="U7"), url=url)
    relay.drain(NOW)
    assert len(slack.requests) == 4
    assert all(f"<{settings.BASE_URL}/inbox/|" in request.json()["text"] for request in slack.requests)


def test_a_signed_webhook_verifies_with_the_standard_library_of_receivers(receiver: HttpReceiver) -> None:
    subscription, secret = make_subscription(f"{receiver.url}crm?x=1")
    key = publish("handoff.reassigned", data={"id": "h1", "owner": "b\u00e9a \U0001f600"}, now=NOW)
    relay.drain(clock.now())
    request = receiver.requests[0]
    headers = dict(request.headers)
    content = standardwebhooks.Webhook(secret).verify(request.body, headers)
    assert content == {
        "type": "handoff.reassigned",
        "timestamp": "2026-11-03T09:00:00Z",
        "data": {"id": "h1", "owner": "b\u00e9a \U0001f600"},
        "trace_id": content["trace_id"],
    }
    assert headers["webhook-id"] == key
    assert subscription.secret != secret.encode()
    with pytest.raises(standardwebhooks.WebhookVerificationError):
        standardwebhooks.Webhook(secret).verify(request.body + b" ", headers)


def test_while_a_rotation_overlaps_both_secrets_verify(receiver: HttpReceiver) -> None:
    subscription, old = make_subscription(receiver.url)
    now = clock.now()
    _, new = operations.rotate_subscription_secret(subscription, actor=SETUP, now=now, overlap=timedelta(hours=1))
    publish(now=now)
    relay.drain(now)
    request = receiver.requests[0]
    for secret in (old, new):
        standardwebhooks.Webhook(secret).verify(request.body, dict(request.headers))
    publish(now=now)
    relay.drain(now + timedelta(hours=2))
    assert len(receiver.requests[1].headers["webhook-signature"].split(" ")) == 1


def test_a_post_in_a_slack_channel_keeps_its_address_secret(receiver: HttpReceiver) -> None:
    address = f"{receiver.url}services/T000/B000/verysecretpath"
    receiver.always(Answer(500, body=f"no such hook {address}".encode()))
    subscription, secret = make_subscription(address, kind=Subscription.Kind.SLACK_WEBHOOK)
    assert secret == ""
    publish("handoff.breached", data={"subject": "Acme", "owner": "bea", "page": "/handoffs/1/"})
    relay.drain(NOW)
    assert "handoff.breached" in receiver.requests[0].json()["text"]
    assert "/handoffs/1/" in receiver.requests[0].json()["text"]
    shown = json.dumps([subscription.url, list(Delivery.objects.values_list("destination", "last_error"))])
    shown += json.dumps(list(Attempt.objects.values_list("answer", flat=True)))
    assert "verysecretpath" not in shown


@pytest.mark.parametrize("answer", [500, 503, 429, 404, 301, DROP, redirect("http://127.0.0.1:1/")])
def test_what_did_not_work_is_tried_again_later_with_the_same_key(receiver: HttpReceiver, answer: Any) -> None:
    make_subscription(receiver.url)
    key = publish()
    receiver.answer(answer)
    relay.drain(NOW)
    row = Delivery.objects.get()
    assert (row.state, row.attempts) == ("pending", 1)
    assert 3 * SECOND < row.next_attempt_at - NOW < 9 * SECOND
    assert relay.drain(NOW + SECOND).examined == 0
    relay.drain(NOW + 10 * SECOND)
    assert states() == {row.key: "delivered"}
    assert receiver.effects("webhook-id") == {key: 2}
    assert receiver.requests[0].body == receiver.requests[1].body


@pytest.mark.parametrize(("value", "seconds"), [("120", 120), ("Tue, 03 Nov 2026 09:02:00 GMT", 120), ("99999", 3600)])
def test_retry_after_is_honoured(receiver: HttpReceiver, value: str, seconds: int) -> None:
    make_subscription(receiver.url)
    publish()
    receiver.answer(Answer(429, headers={"Retry-After": value}))
    relay.drain(NOW)
    wait = Delivery.objects.get().next_attempt_at - NOW
    assert timedelta(seconds=seconds - 1) <= wait < timedelta(seconds=seconds + 4)


def test_slack_that_is_rate_limited_waits_as_long_as_asked(slack: HttpReceiver) -> None:
    tell(make_person(slack_id="U1"))
    slack.answer(json_answer({"ok": False, "error": "ratelimited"}, **{"Retry-After": "30"}))
    relay.drain(NOW)
    row = Delivery.objects.get()
    assert row.state == "pending"
    assert row.next_attempt_at - NOW >= 30 * SECOND


@pytest.mark.parametrize("error", ["invalid_auth", "channel_not_found", "account_inactive", "no_text"])
def test_slack_errors_that_will_not_pass_end_it_and_mail_takes_over(
    slack: HttpReceiver, settings: Any, error: str
) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    tell(make_person(slack_id="U1", email="a@example.org"), key="k")
    slack.always(play_slack({"U1": error}))
    relay.drain(NOW)
    assert Delivery.objects.get(key="k:slack").last_error.startswith(error)
    assert states() == {"k:slack": "dead", "k:mail": "delivered"}


def test_a_delivery_is_given_up_after_its_attempts_and_its_owner_hears_of_it(receiver: HttpReceiver) -> None:
    owner = make_person(email="")
    make_subscription(receiver.url, created_by=owner, name="CRM")
    publish()
    receiver.always(404)
    now = NOW
    for _ in range(MOST_FAILURES):
        relay.drain(now)
        now += timedelta(hours=2)
    assert list(states().values()) == ["dead"]
    assert len(receiver.requests) == MOST_FAILURES
    assert relay.drain(now).examined == 0
    assert Message.objects.get(recipient=owner).title == "CRM does not take what it is sent"


def test_a_delivery_that_was_given_up_can_be_started_again_under_its_key(receiver: HttpReceiver) -> None:
    make_subscription(receiver.url)
    key = publish()
    receiver.answer(410)
    relay.drain(NOW)
    subscription = Subscription.objects.get()
    assert not subscription.enabled
    operations.enable_subscription(subscription, actor=SETUP, now=NOW)
    much_later = NOW + timedelta(days=30)
    operations.retry_delivery(Delivery.objects.get(), reason="They fixed it.", actor=SETUP, now=much_later)
    relay.drain(much_later)
    assert list(states().values()) == ["delivered"]
    assert receiver.effects("webhook-id") == {key: 2}


def test_switching_a_subscription_off_drops_what_waits(receiver: HttpReceiver) -> None:
    subscription, _ = make_subscription(receiver.url)
    publish()
    operations.disable_subscription(subscription, reason="moved", actor=SETUP, now=NOW)
    publish()
    relay.drain(NOW)
    assert list(states().values()) == ["suppressed"]
    assert not receiver.requests


def test_an_address_that_has_become_private_is_refused_at_send(receiver: HttpReceiver, settings: Any) -> None:
    make_subscription(receiver.url)
    publish()
    settings.OUTBOUND_ALLOW = []
    relay.drain(NOW)
    assert list(states().values()) == ["dead"]
    assert not receiver.requests


def test_the_answer_of_a_receiver_is_kept_short_and_masked(receiver: HttpReceiver) -> None:
    _, secret = make_subscription(receiver.url)
    publish()
    receiver.answer(
        Answer(500, body=f"mail max@example.org\r\n\x1b[31m {secret} xoxb-1234567890 ".encode() + b"x" * 900)
    )
    relay.drain(NOW)
    answer = Attempt.objects.get().answer
    assert len(answer) == 500
    assert not any(text in answer for text in ("max@", secret, "xoxb-1", "\x1b", "\n"))


def test_a_huge_answer_does_no_harm(receiver: HttpReceiver) -> None:
    make_subscription(receiver.url)
    publish()
    receiver.answer(HUGE)
    relay.drain(NOW)
    assert list(states().values()) == ["delivered"]


def test_one_person_hears_things_in_the_order_they_happened(slack: HttpReceiver) -> None:
    person, other = make_person(slack_id="U1"), make_person(slack_id="U2")
    for number in range(5):
        tell(person, title=f"first {number}")
        tell(other, title=f"other {number}")
    slack.answer(500)
    relay.drain(NOW)
    stuck = Delivery.objects.get(attempts=1, state="pending")
    assert Delivery.objects.filter(lane=stuck.lane, state="pending").count() == 5
    assert Delivery.objects.exclude(lane=stuck.lane).exclude(state="delivered").count() == 0
    relay.drain(NOW + 10 * SECOND)
    texts = [request.json()["text"] for request in slack.requests if request.json()["channel"] == "U1"]
    numbers = [int(text.split()[1].strip("*")) for text in texts]
    assert sorted(set(numbers)) == list(range(5))
    assert numbers == sorted(numbers)


def test_urgent_goes_first(slack: HttpReceiver) -> None:
    person = make_person(slack_id="U1", email="")
    tell(person, title="calm")
    tell(person, title="urgent", urgent=True)
    relay.drain(NOW)
    assert ["urgent" in request.json()["text"] for request in slack.requests] == [True, False]


def test_a_black_hole_holds_nobody_else_up(receiver: HttpReceiver, settings: Any) -> None:
    with HttpReceiver(HANG) as hole:
        settings.OUTBOUND_ALLOW = [*settings.OUTBOUND_ALLOW, hole.origin]
        make_subscription(hole.url)
        make_subscription(receiver.url)
        for _ in range(60):
            publish()
        began = time.monotonic()
        running = relay.background.start(NOW)
        receiver.wait_for(60, timeout=6)
        took = time.monotonic() - began
        assert took < 5
        assert len(hole.requests) <= relay.PER_HOST
    running.thread.join(15)
    assert running.error is None
    assert list(states().values()).count("delivered") == 60


def test_the_worker_s_sweep_does_not_wait_for_a_black_hole(settings: Any) -> None:
    from opsportal import trace

    with HttpReceiver(HANG) as hole:
        settings.OUTBOUND_ALLOW = [*settings.OUTBOUND_ALLOW, hole.origin]
        make_subscription(hole.url)
        publish()
        began = time.monotonic()
        with trace.scope(source="task"):
            relay.sweep(NOW)
            relay.sweep(NOW)
        assert time.monotonic() - began < 2 * PATIENCE_SECONDS + 0.5
        assert len(hole.requests) == 1
    assert relay.background.current is not None
    relay.background.current.thread.join(15)
    row = Delivery.objects.get()
    assert (row.state, row.attempts) == ("pending", 1)
    assert Attempt.objects.get().finished_at is not None


def fail(times: int, receiver: HttpReceiver) -> Any:
    """Let a host fail so often; answers the moment after."""
    receiver.always(500)
    now = NOW
    for _ in range(times):
        relay.drain(now)
        now += 10 * SECOND
        Delivery.objects.filter(state="pending").update(next_attempt_at=now)
    return now


def test_an_open_breaker_holds_without_using_up_attempts_and_sends_one_probe(receiver: HttpReceiver) -> None:
    make_subscription(receiver.url)
    for _ in range(20):
        publish()
    now = fail(2, receiver)
    destination = Destination.objects.get()
    assert destination.opened_at is not None
    sent = len(receiver.requests)
    attempts = sum(Delivery.objects.values_list("attempts", flat=True))
    failures = sum(Delivery.objects.values_list("failures", flat=True))
    assert relay.drain(destination.probe_at - SECOND).examined == 0
    relay.drain(destination.probe_at)
    assert len(receiver.requests) == sent + 1
    assert sum(Delivery.objects.values_list("attempts", flat=True)) == attempts
    assert sum(Delivery.objects.values_list("failures", flat=True)) == failures
    assert Attempt.objects.filter(probe=True).count() == 1
    reopened = Destination.objects.get()
    assert reopened.probe_at - now > timedelta(seconds=20)
    receiver.always(200)
    relay.drain(reopened.probe_at)
    assert set(states().values()) == {"delivered"}
    assert Destination.objects.get().opened_at is None


def test_an_outage_of_a_day_costs_no_message(receiver: HttpReceiver) -> None:
    make_subscription(receiver.url)
    for _ in range(6):
        publish()
    now = fail(2, receiver)
    while now < NOW + timedelta(hours=24):
        relay.drain(now)
        now += timedelta(minutes=6)
    assert set(states().values()) == {"pending"}
    assert max(Delivery.objects.values_list("failures", flat=True)) < MOST_FAILURES
    receiver.always(200)
    relay.drain(now)
    relay.drain(now + timedelta(hours=1))
    assert set(states().values()) == {"delivered"}


def test_a_relay_that_lost_its_lease_changes_nothing(receiver: HttpReceiver) -> None:
    make_subscription(receiver.url)
    publish()
    slow = claims.claim(receiver.origin, limit=1, now=NOW, held=False)[0]
    assert claims.claim(receiver.origin, limit=1, now=NOW + 59 * SECOND, held=False) == []
    later = NOW + 61 * SECOND
    quick = claims.claim(receiver.origin, limit=1, now=later, held=False)[0]
    claims.record([(slow, Outcome(Kind.NEVER, "late"))], later)
    assert Delivery.objects.get().state == "leased"
    claims.record([(quick, Outcome(Kind.DELIVERED, "delivered"))], later)
    assert Delivery.objects.get().state == "delivered"
    claims.record([(slow, Outcome(Kind.LATER, "later still"))], later)
    assert Delivery.objects.get().state == "delivered"
    assert Attempt.objects.count() == 2


def test_a_row_that_takes_every_relay_down_with_it_is_given_up(receiver: HttpReceiver) -> None:
    make_subscription(receiver.url)
    publish()
    now = NOW
    for _ in range(MOST_LEASES):
        assert claims.claim(receiver.origin, limit=1, now=now, held=False)
        now += timedelta(minutes=2)
    assert claims.claim(receiver.origin, limit=1, now=now, held=False) == []
    assert list(states().values()) == ["dead"]


def test_a_secret_that_cannot_be_opened_lets_the_others_go_on(receiver: HttpReceiver) -> None:
    from opsportal.vault.models import SubjectKey

    broken, _ = make_subscription(receiver.url)
    make_subscription(receiver.url)
    publish()
    SubjectKey.objects.filter(subject=f"secret:webhook:{broken.pk}").update(wrapped_by="missing")
    relay.drain(NOW)
    assert sorted(states().values()) == ["delivered", "pending"]


def test_signatures_of_ours_equal_those_of_the_library() -> None:
    secret = signatures.new_secret()
    body = '{"a": "\u00e9"}'
    ours = signatures.sign(secret, message_id="msg_1", timestamp=int(NOW.timestamp()), body=body.encode())
    assert ours == standardwebhooks.Webhook(secret).sign("msg_1", NOW, body)
