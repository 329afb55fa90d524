"""Growth, age and poison of the queue are facts; what nobody takes up is told to whoever answers for it, once."""

from datetime import datetime, timedelta

import pytest

from opsportal.audit.models import Entry
from opsportal.facts.operations import claim_fact
from opsportal.facts.sweep import sweep_unclaimed
from opsportal.identity.roles import Role
from opsportal.notify.models import Message
from runbooks.models import ReplayFact, ReplayItem
from runbooks.queue import watching
from tests.factories.catalog import make_automation
from tests.factories.identity import NOW, SETUP, make_person
from tests.factories.replay import make_target, store

pytestmark = pytest.mark.django_db
KEYS = [f"lead-{number}" for number in range(12)]


def watch(at: datetime) -> int:
    """Look, and let the grace of what is found pass."""
    fired = watching.watch(at).fired
    sweep_unclaimed(at + watching.GRACE)
    return fired


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
    assert watch(NOW + timedelta(minutes=1)) == 0


def test_what_waits_four_hours_for_a_person_is_told_once_a_day_to_every_ops_lead_where_nobody_owns_it() -> None:
    leads = {make_person(roles=[Role.OPS_LEAD]).pk for _ in range(2)}
    store(make_target(name="CRM"), "a", now=NOW)
    assert watch(NOW + timedelta(hours=3)) == 0
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
    assert watch(NOW + timedelta(days=2)) == 0


def test_what_somebody_took_up_in_time_is_told_to_nobody() -> None:
    target = make_target(automation=make_automation("router", owner=make_person("owner")))
    store(target, *KEYS, now=NOW)
    watching.watch(NOW)
    fact = ReplayFact.objects.get()
    assert (fact.kind, fact.subject().id) == ("replay_growth", "router")
    assert claim_fact(fact, claimed_by="alert 1", actor=SETUP, now=NOW)
    sweep_unclaimed(NOW + watching.GRACE)
    assert not Message.objects.exists()


def test_what_was_given_up_for_the_same_reason_is_poison_and_settled_once_it_is_decided() -> None:
    make_person("lead", roles=[Role.OPS_LEAD])
    store(make_target(name="CRM"), *KEYS[:5], error_type="InvalidField", now=NOW)
    ReplayItem.objects.update(state="dead")
    for minutes in (0, 10):
        watch(NOW + timedelta(minutes=minutes))
    assert titles() == ["5 payloads for CRM were given up for the same reason"]
    assert Message.objects.get().body.startswith("InvalidField.")
    ReplayItem.objects.update(state="discarded", finished_at=NOW)
    watch(NOW + timedelta(minutes=20))
    assert ReplayFact.objects.get().resolution == watching.OVER
    assert Entry.objects.filter(action="replay.fact_resolved").count() == 1
