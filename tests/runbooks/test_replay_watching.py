"""Growth and age of the queue are told to whoever answers for it, once, as long as they go on."""

from datetime import timedelta

import pytest

from opsportal.identity.roles import Role
from opsportal.notify.models import Message
from runbooks.models import ReplayItem
from runbooks.queue.watching import watch
from tests.factories.catalog import make_automation
from tests.factories.identity import NOW, make_person
from tests.factories.replay import make_target, store

pytestmark = pytest.mark.django_db
KEYS = [f"lead-{number}" for number in range(12)]


def titles() -> list[str]:
    return sorted(Message.objects.values_list("title", flat=True))


def test_a_queue_that_grows_is_told_to_the_owner_once_an_hour() -> None:
    owner = make_person("owner")
    target = make_target(name="CRM", automation=make_automation("router", owner=owner))
    store(target, *KEYS, now=NOW)
    for minutes in (1, 10, 20):
        watch(NOW + timedelta(minutes=minutes))
    assert titles() == ["12 payloads for CRM failed within an hour"]
    assert Message.objects.get().recipient == owner


def test_a_queue_as_full_as_yesterday_does_not_grow() -> None:
    make_person("lead", roles=[Role.OPS_LEAD])
    target = make_target()
    store(target, *KEYS, now=NOW - timedelta(hours=5))
    store(target, *KEYS[:11], now=NOW)
    ReplayItem.objects.update(state="delivered", finished_at=NOW)
    assert watch(NOW + timedelta(minutes=1)).fired == 0


def test_what_waits_four_hours_for_a_person_is_told_once_a_day_to_every_ops_lead_where_nobody_owns_it() -> None:
    leads = {make_person(roles=[Role.OPS_LEAD]).pk for _ in range(2)}
    store(make_target(name="CRM"), "a", now=NOW)
    assert watch(NOW + timedelta(hours=3)).fired == 0
    for hours in (4, 5, 6):
        watch(NOW + timedelta(hours=hours))
    assert set(Message.objects.values_list("recipient", flat=True)) == leads
    assert titles() == ["1 payload for CRM waits for a person"] * 2
    watch(NOW + timedelta(hours=28))
    assert Message.objects.count() == 4


def test_what_was_decided_is_no_news() -> None:
    make_person("lead", roles=[Role.OPS_LEAD])
    store(make_target(), "a", now=NOW)
    ReplayItem.objects.update(state="discarded", finished_at=NOW)
    assert watch(NOW + timedelta(days=2)).fired == 0
