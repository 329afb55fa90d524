"""Facts of every room are claimed, settled and told by the same code; each room's trail says so in its own words."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from opsportal.audit.models import Entry
from opsportal.facts import registry
from opsportal.facts.models import Fact
from opsportal.facts.operations import claim_fact, resolve_fact
from opsportal.notify.models import Message
from tests.factories.facts import escalate_handoff, go_silent, tell_of_facts
from tests.factories.handoffs import after
from tests.factories.identity import SETUP

pytestmark = pytest.mark.django_db
AT = after(90)
MINUTE = timedelta(minutes=1)
Report = Callable[[datetime], Fact]
of_every_room = pytest.mark.parametrize(
    ("report", "trail"), [(escalate_handoff, "handoff"), (go_silent, "slo")], ids=["handoffs", "slos"]
)


@of_every_room
def test_of_two_who_claim_one_gets_it(report: Report, trail: str):
    fact = report(AT)
    assert claim_fact(fact, claimed_by="alert 7", actor=SETUP, now=AT)
    assert not claim_fact(fact, claimed_by="alert 8", actor=SETUP, now=AT)
    fact.refresh_from_db()
    assert (fact.claimed_by, fact.claimed_at) == ("alert 7", AT)
    assert Entry.objects.filter(action=f"{trail}.fact_claimed").count() == 1


@of_every_room
def test_it_is_settled_once(report: Report, trail: str):
    fact = report(AT)
    assert resolve_fact(fact, resolution="Bea took over", actor=SETUP, now=AT)
    assert not resolve_fact(fact, resolution="again", actor=SETUP, now=AT + MINUTE)
    fact.refresh_from_db()
    assert (fact.resolution, fact.resolved_at) == ("Bea took over", AT)
    assert Entry.objects.filter(action=f"{trail}.fact_resolved").count() == 1


@of_every_room
def test_nobody_hears_of_one_that_was_claimed_within_its_grace(report: Report, trail: str):
    fact = report(AT)
    claim_fact(fact, claimed_by="alert 7", actor=SETUP, now=AT)
    Message.objects.all().delete()  # what its stage told
    tell_of_facts(AT + 10 * MINUTE)
    assert not Message.objects.exists()


@of_every_room
def test_its_owner_hears_once_of_one_that_nobody_claimed(report: Report, trail: str):
    report(AT)
    Message.objects.all().delete()
    for minutes in (0, 10, 20):
        tell_of_facts(AT + minutes * MINUTE)
    assert Message.objects.count() == 1
    assert Entry.objects.filter(action=f"{trail}.fact_unclaimed").count() == 1


def test_a_room_above_claims_what_every_room_reported_in_one_loop():
    escalate_handoff(AT)
    go_silent(AT)
    claimed = [
        claim_fact(fact, claimed_by="alert 7", actor=SETUP, now=AT)
        for source in registry.sources()
        for fact in source.model.objects.unclaimed()
    ]
    assert all(claimed)
    assert {entry.subject_type for entry in Entry.objects.filter(action__endswith="fact_claimed")} == {
        "handoff",
        "automation",
    }
    assert not any(source.model.objects.unclaimed().exists() for source in registry.sources())
