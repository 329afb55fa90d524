"""The pure half of the queue: moves, pauses, the rate, the breaker, the retry budget."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runbooks.queue.engine import flow, outcomes
from runbooks.queue.engine.flow import Breaker, Budget
from runbooks.queue.engine.outcomes import Kind, Outcome, Terms, judge, move, pause_after
from runbooks.states import FINAL, TRANSITIONS, WAITING, ItemState
from tests.factories.identity import NOW

KINDS = st.sampled_from(list(Kind))
CHANCE = st.floats(0, 1)
RATES = st.integers(1, 60_000)


@pytest.mark.parametrize(
    ("status", "kind", "target_failed"),
    [
        (200, Kind.DELIVERED, False),
        (204, Kind.DELIVERED, False),
        (301, Kind.NEVER, False),
        (400, Kind.NEVER, False),
        (401, Kind.LATER, True),
        (404, Kind.NEVER, True),
        (408, Kind.LATER, False),
        (409, Kind.NEVER, False),
        (422, Kind.NEVER, False),
        (429, Kind.LATER, True),
        (500, Kind.LATER, True),
        (502, Kind.UNCLEAR, True),
        (503, Kind.LATER, True),
        (504, Kind.UNCLEAR, True),
    ],
)
def test_an_answer_means_what_the_standard_says(status: int, kind: Kind, target_failed: bool) -> None:
    outcome = judge(status, {}, answer="", now=NOW)
    assert (outcome.kind, outcome.target_failed) == (kind, target_failed)


@given(kind=KINDS, attempts=st.integers(0, 60), idempotent=st.booleans(), probe=st.booleans(), chance=CHANCE)
def test_every_move_exists_and_only_what_waits_is_due(
    kind: Kind, attempts: int, idempotent: bool, probe: bool, chance: float
) -> None:
    terms = Terms(idempotent, 5, probe)
    moved = move(Outcome(kind, "x"), attempts=attempts, terms=terms, now=NOW, chance=chance)
    assert moved.state in TRANSITIONS[ItemState.LEASED]
    assert (moved.due_at is not None) == (moved.state in WAITING)
    if kind is Kind.UNCLEAR and not idempotent:
        assert moved.state is ItemState.IN_DOUBT
    if kind is Kind.LATER and attempts >= 5 and not probe:
        assert moved.state is ItemState.DEAD


@given(attempts=st.integers(0, 100), chance=CHANCE, asked=st.none() | st.integers(0, 10**6))
def test_pauses_are_bounded_and_never_shorter_than_asked(attempts: int, chance: float, asked: int | None) -> None:
    pause = pause_after(attempts, None if asked is None else timedelta(seconds=asked), chance)
    assert timedelta(seconds=2.5) <= pause <= outcomes.LONGEST_ASKED_PAUSE + outcomes.FIRST_PAUSE
    if asked is not None:
        assert pause >= min(timedelta(seconds=asked), outcomes.LONGEST_ASKED_PAUSE)
    else:
        assert pause <= outcomes.LONGEST_PAUSE


def test_pauses_double_and_half_of_each_is_left_to_chance() -> None:
    assert [pause_after(n, None, 1.0).total_seconds() for n in (1, 2, 3, 20)] == [5, 10, 20, 3600]
    assert [pause_after(n, None, 0.0).total_seconds() for n in (1, 2, 3, 20)] == [2.5, 5, 10, 1800]


@given(rate=RATES, waits=st.lists(st.floats(0, 3), min_size=1, max_size=60), wanted=st.integers(1, 40))
def test_no_second_has_more_slots_than_the_limit_and_one(rate: int, waits: list[float], wanted: int) -> None:
    now, next_slot, slots = NOW, None, []
    for wait in waits:
        now += timedelta(seconds=wait)
        count = min(wanted, flow.free_slots(next_slot, now, rate))
        some, next_slot = flow.book(next_slot, now, count, rate)
        slots += some
    assert slots == sorted(slots)
    second = timedelta(seconds=1)
    for first in slots[:: max(len(slots) // 20, 1)]:
        assert sum(first <= slot < first + second for slot in slots) <= rate / 60 + 1


@given(events=st.lists(st.sampled_from(["fail", "answer", "probe", "wait"]), max_size=60))
def test_the_breaker_opens_after_five_in_a_row_and_closes_by_an_answer(events: list[str]) -> None:
    breaker, now, in_a_row = Breaker(), NOW, 0
    for event in events:
        if event == "fail":
            breaker, in_a_row = breaker.failed(now), in_a_row + 1
        elif event == "answer":
            breaker, in_a_row = breaker.answered(), 0
        elif event == "probe" and breaker.lets_probe(now):
            breaker = breaker.probing(now + timedelta(minutes=1))
            assert not breaker.lets_probe(now), "one probe at a time"
        elif event == "wait":
            now += timedelta(minutes=10)
        assert breaker.is_open == (in_a_row >= flow.OPEN_AFTER_FAILURES)
        assert breaker.is_open or breaker.probe_at is None


@given(spent=st.lists(st.tuples(st.integers(0, 20), st.floats(0, 30)), max_size=50))
def test_retries_never_exceed_the_trickle_and_the_share_of_first_attempts(spent: list[tuple[int, float]]) -> None:
    budget, now, retries, firsts = Budget(10.0, NOW), NOW, 0, 0
    for count, wait in spent:
        now += timedelta(seconds=wait)
        budget = budget.refilled(now)
        allowed = min(count, budget.retries)
        budget = budget.spent(firsts=count, retries=allowed)
        retries, firsts = retries + allowed, firsts + count
        seconds = (now - NOW).total_seconds()
        assert retries <= 10 + seconds * flow.RETRIES_PER_SECOND + firsts * flow.RETRIES_PER_FIRST + 1e-6


def test_what_is_over_stays_over() -> None:
    assert all(not TRANSITIONS[state] for state in FINAL)
    assert all(TRANSITIONS[state] for state in ItemState if state not in FINAL)
