"""Sweeps that race each other, and people who race the sweep: every stage once, and never after a stop (I02, I03)."""

from collections import Counter
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from django.db import connection

from handoffs import operations, sweep
from handoffs.models import EventKey, Fact, Handoff, StageFiring
from handoffs.operations import NewHandoff
from handoffs.states import HandoffState
from opsportal.audit.engine import Actor
from opsportal.audit.models import Entry
from opsportal.errors import Conflict
from opsportal.facts.operations import claim_fact
from opsportal.notify.models import Message
from tests.factories.handoffs import START, after, make_handoff, make_many, make_rule, tell_event
from tests.factories.identity import SETUP
from tests.races import at_once

pytestmark = pytest.mark.django_db(transaction=True)
KIM = Actor("human", "kim", "Kim")


def how_many() -> int:
    return 10_000 if connection.vendor == "postgresql" else 300


@pytest.mark.slow
@pytest.mark.parametrize("sweepers", [2, 4])
def test_racing_sweeps_fire_every_stage_once(sweepers: int) -> None:
    leads = make_many(how_many())
    results = at_once(*[lambda: _sweep_until_nothing_is_due(after(61), limit=how_many() // 60)] * sweepers)
    assert sum(results) == 2 * len(leads)
    firings = Counter(StageFiring.objects.values_list("handoff_id", "percent"))
    assert set(firings.values()) == {1}
    assert len(firings) == 2 * len(leads)
    trail = Counter(Entry.objects.filter(actor_id="sweep").values_list("subject_id", "action"))
    assert set(trail.values()) == {1}
    assert len(trail) == 4 * len(leads), "alerted, breached, reassigned, notified"
    assert Message.objects.count() == 3 * len(leads)
    assert Fact.objects.count() == len(leads)
    assert not Handoff.objects.filter(breached=False).exists()
    assert set(Handoff.objects.values_list("owner__username", flat=True)) == {leads[0].backup_owner.username}


def _sweep_until_nothing_is_due(now: datetime, limit: int = 50) -> int:
    fired = 0
    for _ in range(1000):
        result = sweep.sweep_batch(now, limit=limit)
        if not result.examined:
            return fired
        fired += result.fired
    raise AssertionError("it does not end")


@pytest.mark.parametrize("move", ["respond_to_handoff", "complete_handoff", "cancel_handoff"])
def test_nothing_fires_after_a_stop_that_committed_first(move: str) -> None:
    leads = make_many(how_many() // 50)
    operation = getattr(operations, move)

    def stop_all() -> None:
        for lead in reversed(leads):
            operation(lead, actor=KIM, now=after(61))

    at_once(stop_all, *[lambda: _sweep_until_nothing_is_due(after(61), limit=7)] * 2)
    for lead in leads:
        entries = Entry.objects.filter(subject_id=str(lead.pk)).exclude(action="handoff.created").order_by("id")
        actors = list(entries.values_list("actor_id", flat=True))
        stop = actors.index("kim")
        assert "sweep" not in actors[stop:], "all of the timer's entries lie before the stop's"
        assert actors[:stop].count("sweep") in (0, 4), "a batch is whole or not at all"
    assert Handoff.objects.filter(next_fire_at=None).count() == len(leads)


def test_many_posts_of_one_reference_open_one_handoff() -> None:
    rule = make_rule()

    def post(event_id: str) -> Callable[[], Any]:
        new = NewHandoff(
            rule=rule, subject="Lead", external_ref="lead-1", started_at=START, source="crm", event_id=event_id
        )
        return lambda: operations.create_handoff(new=new, actor=SETUP, now=START)

    for event_ids in (["", "", "", ""], ["e", "e", "e", "e"], ["a", "b", "c", "d"]):
        Handoff.objects.all().delete()
        EventKey.objects.all().delete()
        accepted = at_once(*[post(event_id) for event_id in event_ids])
        assert sorted(one.duplicate for one in accepted) == [False, True, True, True]
        assert {one.handoff.pk for one in accepted} == {Handoff.objects.get().pk}
        for event_id in set(event_ids) - {""}:
            assert EventKey.objects.get(event_id=event_id).result_id == str(Handoff.objects.get().pk)


def test_one_event_sent_many_times_at_once_is_one_row() -> None:
    make_rule(start_on={"event_name": "lead"})
    statuses = [one.status for one in at_once(*[lambda: tell_event("case-1", "lead", START, event_id="e1")] * 6)]
    assert Counter(statuses) == {"created": 1, "duplicate": 5}
    assert Handoff.objects.count() == 1


def test_two_importers_of_one_case_agree() -> None:
    make_rule(start_on={"event_name": "start"}, respond_on={"event_name": "answer"}, stop_clock="first_response")
    story = [("start", 0), ("answer", 10), ("start", 5), ("answer", 40), ("answer", 20)]

    def importer(order: list[tuple[str, int]]) -> Callable[[], None]:
        def run() -> None:
            for case in range(10):
                for name, minutes in order:
                    tell_event(f"case-{case}", name, after(minutes), event_id=f"{case}-{name}-{minutes}", now=after(60))

        return run

    at_once(importer(story), importer(story[::-1]), importer(story[2:] + story[:2]))
    facts = set(Handoff.objects.values_list("state", "started_at", "first_response_at", "business_hit"))
    assert Handoff.objects.count() == 10
    assert facts == {(HandoffState.RESPONDED, START, after(10), True)}


def test_of_two_who_claim_a_fact_one_gets_it() -> None:
    make_handoff(backup_owner=None)
    sweep.sweep_handoffs(after(60))
    fact = Fact.objects.first()
    claims = [lambda: claim_fact(fact, claimed_by="alert-1", actor=SETUP, now=after(61))] * 4
    assert sorted(at_once(*claims)) == [False, False, False, True]


def test_of_two_contradicting_moves_one_is_refused() -> None:
    lead = make_handoff()

    def outcome(move: Callable[..., Any]) -> Callable[[], str]:
        def run() -> str:
            try:
                return str(move(lead, actor=KIM, now=after(5)).state)
            except Conflict as refusal:
                return refusal.code

        return run

    results = at_once(outcome(operations.complete_handoff), outcome(operations.cancel_handoff))
    assert results.count("invalid_transition") == 1
