"""The events of a case open, answer and complete handoffs; no order of arrival, repetition or delay changes the end."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any, NamedTuple

import pytest
from django.db import connection, transaction
from hypothesis import Phase, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from handoffs import operations
from handoffs.events import NewEvent, record_events
from handoffs.models import CaseEvent, Handoff, Rule
from handoffs.states import HandoffState, RuleMode
from opsportal.audit.models import Entry
from opsportal.errors import Conflict, InvalidInput
from tests.factories.handoffs import START, actions_on, after, make_handoff, make_rule, sweep, tell_event
from tests.factories.identity import SETUP, make_person

pytestmark = pytest.mark.django_db

MATCHERS: dict[str, Any] = {
    "start_on": {"event_name": "lead", "lifecycle": "SCHEDULE"},
    "respond_on": {"event_name": "lead", "lifecycle": "START"},
    "complete_on": {"event_name": "lead", "lifecycle": "COMPLETE"},
}


class Said(NamedTuple):
    lifecycle: str
    minutes: float
    actor_kind: str = "human"
    channel: str = ""


def tell(case: str, said: Said, number: int, *, now: datetime, **extra: Any) -> None:
    tell_event(
        case,
        "lead",
        after(said.minutes),
        now=now,
        lifecycle=said.lifecycle,
        actor_kind=said.actor_kind,
        channel=said.channel,
        event_id=f"{case}-{number}",
        **extra,
    )


def lead_rule(**terms: Any) -> Rule:
    return make_rule(**{**MATCHERS, **terms})


def only(case: str = "case-1") -> Handoff:
    return Handoff.objects.with_names().get(external_ref=case)


def test_a_case_opens_answers_and_completes_a_handoff() -> None:
    ana, ben = make_person("ana"), make_person("ben")
    lead_rule(default_owner=ana)
    tell_event(
        "case-1", "lead", after(0), lifecycle="SCHEDULE", channel="web",
        attributes={"backup_owner": "ben", "icp": "smb", "subject": "Lead 1"}, trace_id="trace-1",
    )  # fmt: skip
    lead = only()
    assert (lead.owner, lead.backup_owner, lead.channel, lead.icp, lead.subject) == (ana, ben, "web", "smb", "Lead 1")
    assert (lead.started_at, lead.source, lead.trace_id, lead.from_case) == (START, "crm", "trace-1", True)
    tell_event("case-1", "lead", after(20), lifecycle="start")
    assert (only().state, only().first_response_at, only().responder_id) == (HandoffState.RESPONDED, after(20), "kim")
    tell_event("case-1", "lead", after(50), lifecycle="COMPLETE")
    assert (only().state, only().completed_at, only().business_hit) == (HandoffState.COMPLETED, after(50), True)
    assert actions_on(only()) == ["created", "responded", "completed"]


def test_other_events_and_other_lifecycles_say_nothing() -> None:
    lead_rule(start_on={"event_name": "lead", "attributes": {"qualified": True}})
    tell_event("case-1", "lead", after(0), attributes={"qualified": False})
    tell_event("case-1", "order", after(0), attributes={"qualified": True})
    assert not Handoff.objects.exists()
    tell_event("case-1", "lead", after(0), attributes={"qualified": True, "more": 1})
    assert only().started_at == START


def test_a_system_does_not_answer_and_somebody_unknown_is_flagged() -> None:
    lead_rule()
    for number, said in enumerate([Said("SCHEDULE", 0), Said("START", 5, "system"), Said("START", 9, "unknown")]):
        tell("case-1", said, number, now=after(said.minutes))
    assert (only().first_response_at, only().responder_unknown) == (after(9), True)
    tell_event("case-1", "lead", after(7), lifecycle="START", attributes={"automatic": True}, now=after(10))
    assert only().first_response_at == after(9)


def test_a_case_starts_a_rules_clock_once() -> None:
    lead_rule()
    story = [Said("SCHEDULE", 0), Said("START", 5), Said("COMPLETE", 10), Said("SCHEDULE", 60), Said("START", 200)]
    for number, said in enumerate(story):
        tell("case-1", said, number, now=after(said.minutes))
    assert (only().started_at, only().first_response_at) == (START, after(5))


def test_the_same_event_twice_changes_nothing_and_another_body_is_a_conflict() -> None:
    lead_rule()
    first = tell_event("case-1", "lead", START, lifecycle="SCHEDULE", event_id="e1")
    rows, entries = CaseEvent.objects.count(), Entry.objects.count()
    second = tell_event("case-1", "lead", START, lifecycle="SCHEDULE", event_id="e1", now=after(5))
    assert (first.status, second.status, second.id) == ("created", "duplicate", first.id)
    assert (CaseEvent.objects.count(), Entry.objects.count()) == (rows, entries)
    with pytest.raises(Conflict, match="something else"):
        tell_event("case-1", "lead", after(1), lifecycle="SCHEDULE", event_id="e1")
    assert tell_event("case-1", "lead", START, lifecycle="SCHEDULE", event_id="e1", source="erp").status == "created"


def test_an_event_from_the_future_is_refused() -> None:
    with pytest.raises(InvalidInput, match="future"):
        tell_event("case-1", "lead", after(6), now=START)
    assert tell_event("case-1", "lead", after(5), now=START).status == "created"


def test_a_start_that_comes_late_is_late_on_arrival_and_acts() -> None:
    lead_rule(default_owner=make_person())
    tell_event("case-1", "lead", START, lifecycle="SCHEDULE", now=after(70))
    assert only().late_on_arrival
    assert sweep(after(70)) == 2


def test_history_is_judged_and_acts_on_nobody() -> None:
    lead_rule(default_owner=make_person())
    tell("case-1", Said("SCHEDULE", 0), 1, now=after(500), historical=True)
    assert sweep(after(500)) == 0
    tell("case-1", Said("START", 90), 2, now=after(500), historical=True)
    assert (only().missed, only().breached, only().historical) == (True, True, True)


def test_an_answer_that_comes_before_its_start_counts_once_the_start_is_known() -> None:
    lead_rule()
    tell("case-1", Said("START", 10), 1, now=after(10))
    assert not Handoff.objects.exists()
    tell("case-1", Said("SCHEDULE", 0), 2, now=after(40))
    assert (only().state, only().elapsed_seconds, only().business_hit) == (HandoffState.RESPONDED, 600, True)
    assert sweep(after(100)) == 0


def test_an_earlier_start_moves_the_clock_and_takes_the_timer_of_that_start() -> None:
    lead_rule(segments=[{"channel": "web", "sla_minutes": 10}])
    tell("case-1", Said("SCHEDULE", 20, channel="phone"), 1, now=after(20))
    assert (only().due_at, only().sla_minutes) == (after(50), 30)
    tell("case-1", Said("SCHEDULE", 0, channel="web"), 2, now=after(25))
    assert (only().started_at, only().due_at, only().channel) == (START, after(10), "web")
    assert actions_on(only()) == ["created", "corrected"]


def test_a_posted_handoff_is_answered_by_the_events_of_its_reference() -> None:
    rule = lead_rule()
    lead = make_handoff(rule, external_ref="case-1", started_at=after(5))
    tell("case-1", Said("SCHEDULE", 0), 1, now=after(6))
    assert (only().pk, only().started_at) == (lead.pk, START)
    tell("case-1", Said("START", 12), 2, now=after(12))
    assert only().first_response_at == after(12)


def test_an_answer_noted_by_hand_stays_where_it_is_earlier() -> None:
    from opsportal.audit.engine import Actor

    lead_rule()
    tell("case-1", Said("SCHEDULE", 0), 1, now=START)
    operations.respond_to_handoff(only(), actor=Actor("human", "ana", "Ana"), now=after(10))
    tell("case-1", Said("START", 15), 2, now=after(15))
    assert (only().first_response_at, only().responder_id) == (after(10), "ana")
    tell("case-1", Said("START", 8), 3, now=after(16))
    assert only().first_response_at == after(8)


def test_what_was_cancelled_by_hand_stays_cancelled() -> None:
    lead_rule()
    tell("case-1", Said("SCHEDULE", 0), 1, now=START)
    operations.cancel_handoff(only(), actor=SETUP, now=after(1), reason="spam")
    for number, lifecycle in enumerate(("SCHEDULE", "START", "COMPLETE"), start=2):
        tell("case-1", Said(lifecycle, number), number, now=after(10))
    assert only().state == HandoffState.CANCELLED


def test_activating_a_rule_does_not_wake_what_the_log_already_holds() -> None:
    rule = lead_rule(mode=RuleMode.DRAFT)
    tell("case-1", Said("SCHEDULE", 0), 1, now=START)
    operations.activate_rule(rule, actor=SETUP, now=after(1))
    tell("case-1", Said("START", 2), 2, now=after(2))
    assert not Handoff.objects.exists()


def test_a_retired_rule_opens_nothing_and_still_answers() -> None:
    rule = lead_rule()
    tell("case-1", Said("SCHEDULE", 0), 1, now=START)
    operations.retire_rule(rule, actor=SETUP, now=after(1))
    tell("case-2", Said("SCHEDULE", 2), 1, now=after(2))
    tell("case-1", Said("START", 3), 2, now=after(3))
    assert only("case-1").first_response_at == after(3)
    assert not Handoff.objects.filter(external_ref="case-2").exists()


def test_an_event_concerns_every_rule_that_reads_it() -> None:
    lead_rule()
    lead_rule(stop_clock="completion", sla_minutes=60)
    for number, said in enumerate([Said("SCHEDULE", 0), Said("START", 5), Said("COMPLETE", 70)]):
        tell("case-1", said, number, now=after(said.minutes))
    assert sorted(Handoff.objects.values_list("missed", flat=True)) == [False, True]


# --- I08: any order, any delay, any repetition ---

events = st.builds(
    Said,
    lifecycle=st.sampled_from(["SCHEDULE", "SCHEDULE", "START", "START", "COMPLETE", "OTHER"]),
    minutes=st.sampled_from([0, 0.004, 0.008, 1, 10, 10.001, 20, 29.5, 30, 31, 59, 60, 61, 90]),
    actor_kind=st.sampled_from(["human", "human", "unknown", "system"]),
    channel=st.sampled_from(["", "web", "phone"]),
)
SEGMENTS = [{"channel": "web", "sla_minutes": 10}]
FACTS = [
    "state", "started_at", "first_response_at", "completed_at", "responder_kind", "responder_unknown", "channel",
    "sla_minutes", "due_at", "breach_at", "elapsed_seconds", "missed", "breached", "business_hit", "absolute_hit",
    "within_business_hours", "cycle",
]  # fmt: skip


def final_state(case: str) -> list[tuple[Any, ...]]:
    return list(Handoff.objects.filter(external_ref=case).values_list("rule__slug", *FACTS).order_by("rule__slug"))


# Without the phase that explains: it alone takes minutes.
@hypothesis_settings(max_examples=40, phases=[Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink])
@given(
    story=st.lists(events, min_size=1, max_size=6),
    data=st.data(),
    swept=st.booleans(),
)
def test_any_order_delay_and_repetition_gives_the_same_final_state(
    story: list[Said], data: st.DataObject, swept: bool
) -> None:
    _reset()
    for clock in ("first_response", "completion"):
        lead_rule(slug=clock, stop_clock=clock, segments=SEGMENTS, default_owner=make_person())
    in_order = sorted(range(len(story)), key=lambda number: story[number].minutes)
    shuffled = data.draw(st.permutations(range(len(story))))
    repeated = [*shuffled, *data.draw(st.lists(st.sampled_from(shuffled), max_size=3))]
    for case, order, late in (("a", in_order, 0), ("b", repeated, 95)):
        for number in order:
            now = after(max(story[number].minutes, late))
            tell(case, story[number], number, now=now)
            if swept:
                sweep(now)
    assert final_state("a") == final_state("b")


@hypothesis_settings(max_examples=40, phases=[Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink])
@given(story=st.lists(events, min_size=1, max_size=8), data=st.data())
def test_events_in_chunks_of_any_cut_and_order_give_the_same_final_state(
    story: list[Said], data: st.DataObject
) -> None:
    _reset()
    for clock in ("first_response", "completion"):
        lead_rule(slug=clock, stop_clock=clock, segments=SEGMENTS, default_owner=make_person())
    for number, said in sorted(enumerate(story), key=lambda each: each[1].minutes):
        tell("a", said, number, now=after(95))
    numbers = range(len(story))
    rest = [*data.draw(st.permutations(numbers)), *data.draw(st.lists(st.sampled_from(numbers), max_size=4))]
    while rest:
        cut = data.draw(st.integers(1, len(rest)))
        chunk = [new_event(case, story[number], number) for number in rest[:cut] for case in ("b", "c")]
        record_events(chunk, actor=SETUP, now=after(95))
        rest = rest[cut:]
    assert final_state("a") == final_state("b") == final_state("c")


def new_event(case: str, said: Said, number: int) -> NewEvent:
    return NewEvent(
        case_id=case,
        event_name="lead",
        occurred_at=after(said.minutes),
        lifecycle=said.lifecycle,
        actor_kind=said.actor_kind,
        actor_id="kim",
        channel=said.channel,
        event_id=f"{case}-{number}",
        source="crm",
    )


def test_of_two_answers_in_one_instant_a_person_speaks_whoever_is_heard_first() -> None:
    lead_rule()
    for case, kinds in (("case-1", ("unknown", "human")), ("case-2", ("human", "unknown"))):
        tell(case, Said("SCHEDULE", 0), 0, now=START)
        for number, kind in enumerate(kinds, start=1):
            tell(case, Said("START", 5, kind), number, now=after(5))
    assert {only(case).responder_unknown for case in ("case-1", "case-2")} == {False}


def test_of_two_starts_in_one_second_the_first_speaks_whoever_is_heard_first() -> None:
    lead_rule(segments=SEGMENTS)
    early, late = Said("SCHEDULE", 0.004, channel="web"), Said("SCHEDULE", 0.008, channel="phone")
    for case, story in (("case-1", (early, late)), ("case-2", (late, early))):
        for number, said in enumerate(story):
            tell(case, said, number, now=after(1))
    assert {(only(case).channel, only(case).sla_minutes) for case in ("case-1", "case-2")} == {("web", 10)}


def test_many_cases_cost_the_statements_of_one(django_assert_max_num_queries: Any) -> None:
    lead_rule(default_owner=make_person())
    story = [
        new_event(f"case-{case}", Said(lifecycle, minutes), minutes)
        for case in range(200)
        for lifecycle, minutes in (("SCHEDULE", 0), ("START", 10), ("COMPLETE", 50))
    ]
    record_events(story[:3], actor=SETUP, now=after(60))  # whatever is looked up once and kept
    # SQLite takes but so many values in one statement, so the ORM cuts rows into batches.
    with django_assert_max_num_queries(40 if connection.vendor == "postgresql" else 80):
        record_events(story, actor=SETUP, now=after(60))
    assert Handoff.objects.filter(business_hit=True).count() == 200


def _reset() -> None:
    """Hypothesis runs many examples in one test's transaction."""
    from handoffs.models import EventKey, RuleVersion, StageFiring

    StageFiring.objects.all().delete()
    Handoff.objects.all().delete()
    CaseEvent.objects.all().delete()
    EventKey.objects.all().delete()
    Rule.objects.update(current=None)
    RuleVersion.objects.all().delete()
    Rule.objects.all().delete()


STORY = [
    Said("SCHEDULE", 0, channel="web"),
    Said("SCHEDULE", 5, channel="phone"),
    Said("START", 4, "system"),
    Said("START", 12, "unknown"),
    Said("START", 30),
    Said("COMPLETE", 40),
]


@pytest.mark.slow
def test_all_permutations_of_six_events_agree() -> None:
    lead_rule(slug="first-response", segments=SEGMENTS)
    lead_rule(slug="completion", stop_clock="completion", segments=SEGMENTS)
    ends = set(_ends_of_all_orders(frozenset(range(len(STORY)))))
    assert len(ends) == 1


def _ends_of_all_orders(rest: frozenset[int]) -> Iterator[tuple[Any, ...]]:
    """The final states of every order of the rest; what two orders have in common is told once, and taken back."""
    if not rest:
        yield tuple(final_state("case"))
    for number in sorted(rest):
        point = transaction.savepoint()
        tell("case", STORY[number], number, now=after(60))
        yield from _ends_of_all_orders(rest - {number})
        transaction.savepoint_rollback(point)
