"""The outbox at size: claims follow what is taken, and what is old leaves."""

import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from opsportal.notify import claims, housekeeping
from opsportal.notify.models import Attempt, Delivery, Message, PublishedEvent
from tests.factories.identity import NOW, make_person
from tests.factories.notify import make_subscription, publish, tell

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _slack_is_set_up(settings: Any) -> None:
    settings.SLACK_BOT_TOKEN = "xoxb-for-tests-only"
    settings.OUTBOUND_ALLOW = ["127.0.0.1:9"]


def plan_of(statement: str) -> str:
    """How the database would run it; the choice of a full table, right for the small one of a test, is taken away."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off")
            cursor.execute(f"EXPLAIN {statement}")
        else:
            cursor.execute(f"EXPLAIN QUERY PLAN {statement}")
        return "\n".join(str(row[-1]) for row in cursor.fetchall())


def test_a_claim_walks_its_index_in_order_and_never_sorts_the_backlog() -> None:
    tell(make_person(slack_id="U1"))
    with CaptureQueriesContext(connection) as queries:
        claims.claim("slack.com:443", limit=4, now=NOW, held=False)
    statement = next(query["sql"] for query in queries if "LIMIT 4" in query["sql"])
    plan = plan_of(statement)
    assert "notify_delivery_due" in plan
    assert "notify_delivery_lane" in plan
    assert "SORT" not in plan.upper()
    assert "TEMP B-TREE" not in plan.upper()


def test_the_head_of_a_lane_is_the_urgent_one_then_the_oldest() -> None:
    person = make_person(slack_id="U1", email="")
    for title in ("first", "second"):
        tell(person, title=title)
    tell(person, title="third", urgent=True)
    taken = []
    for _ in range(3):
        (one,) = claims.claim("slack.com:443", limit=4, now=NOW, held=False)
        taken.append(one.delivery.message.title)
        Delivery.objects.filter(pk=one.delivery.pk).update(state="delivered", lease=None, finished_at=NOW)
    assert taken == ["third", "first", "second"]


def test_what_is_old_leaves_and_what_waits_stays() -> None:
    person = make_person(slack_id="U1", email="")
    make_subscription("http://127.0.0.1:9/")
    for _ in range(2):
        tell(person)
        publish()
    done = [Delivery.objects.filter(**{f"{kind}__isnull": False}).first() for kind in ("message", "event")]
    for row in done:
        assert row is not None
        Attempt.objects.create(delivery=row, lease=uuid.uuid4(), started_at=NOW)
        Delivery.objects.filter(pk=row.pk).update(state="delivered", finished_at=NOW)
    assert housekeeping.sweep(NOW + timedelta(days=89)).fired == 0
    assert housekeeping.sweep(NOW + timedelta(days=91)).fired == 2
    assert (Message.objects.count(), PublishedEvent.objects.count()) == (1, 1)
    assert set(Delivery.objects.values_list("state", flat=True)) == {"pending"}
    assert not Attempt.objects.exists()


def test_a_message_in_a_digest_stays_until_the_digest_is_sent() -> None:
    person = make_person(slack_id="U1", email="")
    tell(person)
    tell(person)
    head, other = Delivery.objects.order_by("place")
    Delivery.objects.filter(pk=other.pk).update(state="merged", merged_into=head, finished_at=NOW)
    assert housekeeping.sweep(NOW + timedelta(days=91)).fired == 0
    Delivery.objects.filter(pk=head.pk).update(state="delivered", finished_at=NOW)
    assert housekeeping.sweep(NOW + timedelta(days=91)).fired == 2
