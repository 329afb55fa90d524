"""What is told, to whom, over which channel (SEMANTICS.md 2: consequences reach people where they are)."""

from typing import Any

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from opsportal.identity.models import Person
from opsportal.notify import operations
from opsportal.notify.engine import Event, House, Notice, Reach, channels_for, matches
from opsportal.notify.models import Delivery, Message, PublishedEvent
from tests.factories.identity import NOW, make_person, make_team
from tests.factories.notify import make_subscription, publish, tell

BOTH = House("slack.com:443", "smtp:mail:25")
SLACK_AND_MAIL = Reach("U1", "a@example.org")


@pytest.fixture(autouse=True)
def _slack_is_set_up(settings: Any) -> None:
    settings.SLACK_BOT_TOKEN = "xoxb-for-tests-only"
    settings.OUTBOUND_ALLOW = ["127.0.0.1:9"]


@pytest.mark.parametrize(
    ("reach", "house", "urgent", "expected"),
    [
        (SLACK_AND_MAIL, BOTH, False, ["slack"]),
        (SLACK_AND_MAIL, BOTH, True, ["slack", "mail"]),
        (SLACK_AND_MAIL, House("", "smtp:mail:25"), False, ["mail"]),
        (SLACK_AND_MAIL, House("slack.com:443", ""), True, ["slack"]),
        (SLACK_AND_MAIL, House(), True, []),
        (Reach("", "a@example.org"), BOTH, False, ["mail"]),
        (Reach("U1", ""), BOTH, True, ["slack"]),
        (Reach(), BOTH, True, []),
        (Reach("U1", "a@example.org", slack=False), BOTH, False, ["mail"]),
        (Reach("U1", "a@example.org", slack=False, mail=False), BOTH, True, []),
        (Reach("U1", "a@example.org", mail=True), BOTH, False, ["slack", "mail"]),
        (Reach("U1", "a@example.org", mail=False), BOTH, True, ["slack"]),
    ],
)
def test_a_person_is_told_on_one_intrusive_channel_unless_they_or_the_matter_ask_for_more(
    reach: Reach, house: House, urgent: bool, expected: list[str]
) -> None:
    assert channels_for(reach, house, urgent=urgent) == expected


@pytest.mark.parametrize(
    ("pattern", "heard"),
    [
        ("handoff.*", True),
        ("handoff.reassigned", True),
        ("*", True),
        ("handoff", False),
        ("handoff.re", False),
        ("run.*", False),
        ("handoff.reassigned.*", False),
    ],
)
def test_a_pattern_covers_what_it_says(pattern: str, heard: bool) -> None:
    assert matches("handoff.reassigned", [pattern]) is heard


@pytest.mark.django_db
def test_telling_twice_changes_nothing() -> None:
    person = make_person(slack_id="U1")
    key = tell(person, title="First")
    tell(person, key=key, title="Second")
    message = Message.objects.get()
    assert (message.title, message.recipient, message.read_at) == ("First", person, None)
    assert [row.key for row in Delivery.objects.all()] == [f"{key}:slack"]


@pytest.mark.django_db
def test_what_is_rolled_back_was_never_told() -> None:
    person = make_person(slack_id="U1")
    with transaction.atomic():
        tell(person, key="k")
        transaction.set_rollback(True)
    assert not Message.objects.exists()
    tell(person, key="k")
    assert Delivery.objects.count() == 1


@pytest.mark.django_db
def test_a_person_who_cannot_be_reached_still_has_it_in_the_inbox() -> None:
    person = make_person(email="")
    gone = make_person(slack_id="U2")
    Person.objects.filter(pk=gone.pk).update(is_active=False)
    tell(person)
    tell(gone)
    assert Message.objects.count() == 2
    assert not Delivery.objects.exists()


@pytest.mark.django_db
@pytest.mark.parametrize("count", [3, 2000])
def test_thousands_are_told_with_few_statements(count: int) -> None:
    people = [make_person(slack_id=f"U{number}") for number in range(3)]
    notices = [
        Notice(person=people[number % 3].pk, topic="t", title="T", key=f"k{number}", trace_id="t")
        for number in range(count)
    ]
    with CaptureQueriesContext(connection) as queries:
        assert operations.tell_many(notices, NOW) == count
    most = 8 if connection.vendor == "postgresql" else 8 + count / 25  # SQLite takes 999 parameters a statement
    assert len(queries) <= most
    assert operations.tell_many(notices, NOW) == 0
    assert Delivery.objects.count() == count


@pytest.mark.django_db
def test_line_breaks_in_a_title_become_spaces_and_a_long_one_is_cut() -> None:
    person = make_person()
    tell(person, title="Bcc: x\r\nSubject: y\u2028z" + "a" * 300)
    title = Message.objects.get().title
    assert title.startswith("Bcc: x Subject: y z")
    assert len(title) == 200


@pytest.mark.django_db
@pytest.mark.parametrize("key", ["", "with space", "line\nbreak", "a" * 201, "\u00fc"])
def test_a_key_that_could_not_travel_in_a_header_is_a_mistake_of_the_caller(key: str) -> None:
    with pytest.raises(ValueError, match="not a key"):
        operations.tell_many([Notice(person=1, topic="t", title="T", key=key, trace_id="t")], NOW)


@pytest.mark.django_db
def test_an_event_goes_to_the_subscriptions_that_asked_and_may_hear() -> None:
    sales, other = make_team("sales"), make_team("other")
    everything, _ = make_subscription("http://127.0.0.1:9/a", events=["*"])
    ours, _ = make_subscription("http://127.0.0.1:9/b", team=sales)
    make_subscription("http://127.0.0.1:9/c", team=other)
    make_subscription("http://127.0.0.1:9/d", events=["run.*"])
    key = publish("handoff.breached", team="sales")
    assert set(Delivery.objects.values_list("subscription", flat=True)) == {everything.pk, ours.pk}
    publish("handoff.breached", team="sales", key=key)
    assert PublishedEvent.objects.count() == 1
    assert Delivery.objects.count() == 2
    publish("handoff.breached", team="")
    assert Delivery.objects.count() == 5


@pytest.mark.django_db
def test_an_event_nobody_asked_for_leaves_no_row() -> None:
    publish()
    assert not PublishedEvent.objects.exists()


@pytest.mark.django_db
def test_thousands_of_events_cost_few_statements() -> None:
    make_subscription("http://127.0.0.1:9/a")
    events = [
        Event(event_type="handoff.breached", data={"id": str(number)}, key=f"k{number}", trace_id="t")
        for number in range(1000)
    ]
    with CaptureQueriesContext(connection) as queries:
        assert operations.publish_many(events, NOW) == 1000
    assert len(queries) <= (8 if connection.vendor == "postgresql" else 60)
    assert Delivery.objects.values("lane").distinct().count() == 1000
