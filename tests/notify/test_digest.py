"""After the portal's own downtime: one digest for each person, urgent messages apart and first (TRUST.md I24)."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from opsportal.notify import operations, relay
from opsportal.notify.engine import Notice
from opsportal.notify.models import Message
from opsportal.sweeps import registry
from opsportal.sweeps.models import BlindSpell, Sweep, SweepRun
from tests.factories.identity import NOW, make_person
from tests.factories.notify import make_subscription, publish, states, tell
from tests.receivers import HttpReceiver

pytestmark = pytest.mark.django_db(transaction=True)
AWAKE = NOW + timedelta(seconds=10)


@pytest.fixture
def _woke_up() -> None:
    """The portal has been blind for a day and woke up ten seconds ago."""
    BlindSpell.objects.create(from_at=NOW - timedelta(days=1), until=NOW)


@pytest.fixture
def _timers(monkeypatch: pytest.MonkeyPatch) -> None:
    """A sweep that comes before the outbox is registered, whatever the other rooms have registered."""
    timers = registry.Registered("handoffs", timedelta(seconds=10))
    monkeypatch.setattr(registry, "_sweeps", {"handoffs": timers})


def swept(started_at: datetime, seconds: float, *, error: str = "") -> None:
    """The sweep of the timers ran for so long."""
    finished_at = started_at + timedelta(seconds=seconds)
    run = {"at": started_at, "started_at": started_at, "finished_at": finished_at, "error": error}
    SweepRun.objects.create(name="handoffs", via="queue", host="h", pid=1, **run)
    values: dict[str, Any] = {"failed_at": finished_at} if error else {"finished_at": finished_at}
    Sweep.objects.update_or_create(name="handoffs", defaults={"attempted_at": started_at, **values})


@pytest.mark.usefixtures("_woke_up", "_timers")
def test_five_thousand_due_messages_become_one_digest_each_and_urgent_ones_come_first(slack: HttpReceiver) -> None:
    people = [make_person(slack_id=f"U{number}", email="") for number in range(10)]
    notices = [
        Notice(
            person=people[number % 10].pk,
            topic="handoffs",
            title=f"Lead {number}",
            url=f"/handoffs/{number}/",
            key=f"k{number}",
            trace_id="t",
            urgent=number < 3,
        )
        for number in range(5000)
    ]
    operations.tell_many(notices, NOW)
    swept(NOW, 2)
    result = relay.drain(AWAKE)
    assert result.fired == 13
    channels = [request.json()["channel"] for request in slack.requests]
    assert {channel: channels.count(channel) for channel in set(channels)} == {
        f"U{number}": 2 if number < 3 else 1 for number in range(10)
    }
    first_for_urgent = [next(r for r in slack.requests if r.json()["channel"] == f"U{n}") for n in range(3)]
    assert all("Lead" in request.json()["text"].split("\n")[0] for request in first_for_urgent)
    digest = next(r.json()["text"] for r in slack.requests if r.json()["channel"] == "U9")
    assert digest.startswith("*500 messages from the time opsportal was away*")
    assert "… and 480 more in your inbox." in digest
    assert Message.objects.count() == 5000
    assert sorted(set(states().values())) == ["delivered", "merged"]


@pytest.mark.usefixtures("_woke_up", "_timers")
def test_while_the_timers_still_decide_people_wait_but_urgent_and_records_do_not(
    slack: HttpReceiver, receiver: HttpReceiver
) -> None:
    make_subscription(receiver.url)
    person = make_person(slack_id="U1", email="")
    tell(person, title="calm one")
    tell(person, title="calm two")
    tell(person, title="page", urgent=True)
    publish()
    swept(NOW, 8)
    relay.drain(AWAKE)
    assert ["page" in request.json()["text"] for request in slack.requests] == [True]
    assert len(receiver.requests) == 1
    tell(person, title="calm three")
    swept(AWAKE, 1)
    relay.drain(AWAKE + timedelta(seconds=10))
    assert len(slack.requests) == 2
    assert "3 messages" in slack.requests[1].json()["text"]


@pytest.mark.usefixtures("_woke_up", "_timers")
@pytest.mark.parametrize("what", ["has not begun", "fails", "is still deciding after two minutes"])
def test_a_sweep_that_does_not_come_to_an_end_silences_nobody(slack: HttpReceiver, what: str) -> None:
    person = make_person(slack_id="U1", email="")
    tell(person)
    tell(person)
    if what != "has not begun":
        swept(NOW, 8, error="broken" if what == "fails" else "")
    relay.drain(AWAKE if "minutes" not in what else NOW + timedelta(minutes=2, seconds=1))
    assert len(slack.requests) == (2 if "minutes" in what else 1)


@pytest.mark.usefixtures("_woke_up")
def test_a_single_message_is_told_as_it_is(slack: HttpReceiver) -> None:
    tell(make_person(slack_id="U1", email=""), title="Only one")
    relay.drain(AWAKE)
    assert "Only one" in slack.requests[0].json()["text"]


def test_in_ordinary_times_everything_is_told_by_itself(slack: HttpReceiver) -> None:
    person = make_person(slack_id="U1", email="")
    for _ in range(5):
        tell(person)
    relay.drain(NOW)
    assert len(slack.requests) == 5


@pytest.mark.usefixtures("_woke_up")
def test_a_digest_that_did_not_arrive_is_repeated_as_it_was(slack: HttpReceiver) -> None:
    person = make_person(slack_id="U1", email="")
    tell(person)
    tell(person)
    slack.answer(500)
    relay.drain(AWAKE)
    tell(person, title="later")
    relay.drain(AWAKE + timedelta(seconds=10))
    texts = [request.json()["text"] for request in slack.requests]
    assert texts[0] == texts[1]
    assert len(slack.effects()) == 2
    assert "later" in texts[2]


@pytest.mark.usefixtures("_woke_up")
def test_a_digest_goes_by_mail_where_slack_refuses(slack: HttpReceiver, settings: Any, mailoutbox: Any) -> None:
    from tests.receivers import play_slack

    person = make_person(slack_id="U1", email="a@example.org")
    tell(person, title="One")
    tell(person, title="Two")
    slack.always(play_slack({"U1": "account_inactive"}))
    relay.drain(AWAKE)
    assert len(mailoutbox) == 1
    assert "One" in mailoutbox[0].body
    assert "Two" in mailoutbox[0].body
