"""Elapsed time, due instants and verdicts: examples first, then the laws they follow, against a second-by-second
count.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handoffs.engine import clock as engine
from handoffs.engine.clock import Clock, Deadline
from opsportal.calendars.engine.business_time import BusinessTime
from opsportal.calendars.engine.definition import parse

WEEKDAYS = {day: [["09:00", "17:00"]] for day in ("mon", "tue", "wed", "thu", "fri")}
OFFICE = BusinessTime(parse(timezone="Europe/Berlin", weekly=WEEKDAYS))
ALWAYS = BusinessTime(parse(timezone="UTC", weekly={day: [["00:00", "24:00"]] for day in
    ("mon", "tue", "wed", "thu", "fri", "sat", "sun")}))  # fmt: skip
ODD = BusinessTime(parse(timezone="UTC", weekly={day: [["09:00", "09:01"], ["09:03", "09:07"]] for day in WEEKDAYS}))
MINUTE = timedelta(minutes=1)


def at(text: str) -> datetime:
    """An instant of the week of Monday 2 November 2026, in Berlin: "mon 09:30"."""
    day, clock = text.split()
    offset = ("mon", "tue", "wed", "thu", "fri", "sat", "sun").index(day)
    hours, minutes = map(int, clock.split(":"))
    return datetime(2026, 11, 2, tzinfo=UTC) + timedelta(days=offset, hours=hours - 1, minutes=minutes)


def office(start: str, minutes: int = 30, **fields: object) -> Clock:
    return Clock(hours=OFFICE, started_at=at(start), sla_seconds=minutes * 60, **fields)


def test_only_open_time_counts() -> None:
    clock = office("fri 16:50")
    assert engine.elapsed(clock, at("fri 23:00")) == 600
    assert engine.elapsed(clock, at("sun 12:00")) == 600
    assert engine.elapsed(clock, at("fri 16:50")) == 0
    assert engine.elapsed(clock, at("mon 09:00")) == 0, "before the start nothing has passed"


def test_a_timer_that_runs_out_at_closing_time_is_due_at_closing_and_missed_from_the_next_opening() -> None:
    plan = engine.plan(office("fri 16:30"), [100])
    assert plan.due_at == at("fri 17:00")
    assert plan.missed_from == at("mon 09:00") + timedelta(days=7, seconds=1)
    weekend = engine.judge(replace(office("fri 16:30"), stopped_at=at("sun 10:00")), at("sun 10:00"))
    assert (weekend.elapsed_seconds, weekend.business_hit, weekend.absolute_hit) == (1800, True, False)


@pytest.mark.parametrize(
    ("stop", "missed", "breached"),
    [("mon 10:30", False, False), ("mon 10:45", True, False), ("mon 11:00", True, True), ("mon 12:00", True, True)],
)
def test_a_miss_is_more_than_one_timer_and_a_breach_is_two(stop: str, missed: bool, breached: bool) -> None:
    verdict = engine.judge(office("mon 10:00", stopped_at=at(stop)), at("tue 10:00"))
    assert (verdict.missed, verdict.breached, verdict.business_hit) == (missed, breached, not missed)


def test_one_second_beyond_the_timer_is_a_miss_and_a_fraction_is_not() -> None:
    due = at("mon 10:30")
    for stop, hit in ((due, True), (due + timedelta(microseconds=900_000), True), (due + timedelta(seconds=1), False)):
        assert engine.judge(office("mon 10:00", stopped_at=stop), stop).business_hit is hit


def test_a_running_clock_is_undecided_until_its_timer_has_passed() -> None:
    clock = office("mon 10:00")
    assert engine.judge(clock, at("mon 10:30")).business_hit is None
    late = engine.judge(clock, at("mon 10:31"))
    assert (late.business_hit, late.missed, late.breached) == (False, True, False)
    assert engine.judge(clock, at("mon 11:00")).breached


def test_a_cancelled_record_has_no_hit_and_stays_at_what_had_passed() -> None:
    verdict = engine.judge(office("mon 10:00", cancelled_at=at("mon 10:50")), at("tue 10:00"))
    assert (verdict.elapsed_seconds, verdict.missed, verdict.business_hit, verdict.absolute_hit) == (
        3000,
        True,
        None,
        None,
    )


def test_a_pause_freezes_the_business_clock_and_not_the_wall_clock() -> None:
    clock = office("mon 10:00", pauses=((at("mon 10:10"), at("mon 11:00")),))
    assert engine.elapsed(clock, at("mon 10:40")) == 600
    assert engine.plan(clock, [100]).due_at == at("mon 11:20")
    verdict = engine.judge(replace(clock, stopped_at=at("mon 11:10")), at("mon 12:00"))
    assert (verdict.business_hit, verdict.absolute_hit) == (True, False)


def test_while_paused_what_was_reached_stays_due_and_the_rest_is_unknown() -> None:
    clock = office("mon 10:00", pauses=((at("mon 10:40"), None),))
    plan = engine.plan(clock, [100, 200])
    assert plan.deadlines == (Deadline(100, at("mon 10:30")), Deadline(200, None))
    assert plan.breach_at is None
    assert engine.elapsed(clock, at("fri 10:00")) == 2400


def test_grace_shifts_the_stages_and_no_verdict() -> None:
    plan = engine.plan(office("mon 10:00", grace_seconds=300), [100])
    assert plan.deadlines[0].at == plan.due_at == at("mon 10:35")
    assert plan.missed_from == at("mon 10:30") + timedelta(seconds=1)


def test_a_year_of_business_minutes_and_a_calendar_that_ends_are_no_loop() -> None:
    far = engine.plan(Clock(hours=OFFICE, started_at=at("mon 10:00"), sla_seconds=525_600 * 60), [100, 200])
    assert far.due_at is not None
    assert far.due_at > at("mon 10:00") + timedelta(days=4 * 365)
    shut = BusinessTime(parse(timezone="UTC", weekly={}, overrides={"2026-11-02": [["09:00", "10:00"]]}))
    plan = engine.plan(Clock(hours=shut, started_at=at("mon 10:00"), sla_seconds=7200), [100])
    assert plan.deadlines == (Deadline(100, None),)


def test_stages_fire_from_their_instant_on_once_and_in_order() -> None:
    deadlines = engine.plan(office("mon 10:00"), [75, 100, 200]).deadlines
    due: Callable[[int, str], list[int]] = lambda fired, now: [  # noqa: E731
        one.percent for one in engine.due_stages(deadlines, fired, at(now))
    ]
    assert due(0, "mon 10:30") == [75, 100]
    assert due(75, "mon 10:30") == [100]
    assert due(100, "mon 10:59") == []
    assert engine.next_fire_at(deadlines, 100) == at("mon 11:00")
    assert engine.next_fire_at(deadlines, 200) is None


def test_what_was_known_earlier_leaves_out_what_happened_later() -> None:
    clock = office("mon 10:00", pauses=((at("mon 10:10"), at("mon 10:20")),), stopped_at=at("mon 10:25"))
    assert engine.judge(engine.known_at(clock, at("mon 10:15")), at("mon 10:15")).elapsed_seconds == 600
    assert engine.judge(engine.known_at(clock, at("mon 10:15")), at("mon 10:15")).business_hit is None
    assert engine.judge(engine.known_at(clock, at("mon 11:00")), at("mon 11:00")).business_hit is True


# --- laws ---

START = datetime(2026, 11, 2, 8, 0, tzinfo=UTC)
calendars = st.sampled_from([OFFICE, ALWAYS, ODD])
seconds = st.integers(0, 5 * 86_400)


@st.composite
def clocks(draw: st.DrawFn) -> Clock:
    marks = sorted(draw(st.lists(seconds, max_size=6, unique=True)))
    spans = [
        (START + timedelta(seconds=a), START + timedelta(seconds=b))
        for a, b in zip(marks[::2], marks[1::2], strict=False)
    ]
    pauses: list[engine.Interval] = list(spans)
    if len(marks) % 2:
        pauses.append((START + timedelta(seconds=marks[-1]), None))
    return Clock(
        hours=draw(calendars),
        started_at=START + timedelta(seconds=draw(st.integers(0, 86_400))),
        sla_seconds=draw(st.integers(1, 600)) * 60,
        pauses=tuple(pauses),
    )


def is_running_at(clock: Clock, instant: datetime) -> bool:
    paused = any(begin <= instant and (until is None or instant < until) for begin, until in clock.pauses)
    return instant >= clock.started_at and not paused and bool(clock.hours.between(instant, instant + engine.SECOND))


@given(clocks(), st.integers(0, 4000))
def test_elapsed_is_the_count_of_open_running_seconds(clock: Clock, span: int) -> None:
    end = clock.started_at + timedelta(seconds=span)
    counted = sum(is_running_at(clock, clock.started_at + timedelta(seconds=second)) for second in range(span))
    assert engine.elapsed(clock, end) == counted


@given(clocks(), seconds, seconds)
def test_elapsed_never_falls_and_never_outruns_the_wall(clock: Clock, first: int, second: int) -> None:
    early, late = sorted((START + timedelta(seconds=first), START + timedelta(seconds=second)))
    grown = engine.elapsed(clock, late) - engine.elapsed(clock, early)
    assert 0 <= grown <= (late - early).total_seconds()


@given(clocks(), st.integers(1, 40_000))
def test_reach_is_the_first_instant_at_which_that_much_has_passed(clock: Clock, amount: int) -> None:
    instant = engine.reach(clock, amount)
    if instant is None:
        assert [until for _, until in clock.pauses][-1:] == [None]
        assert engine.elapsed(clock, START + timedelta(days=60)) < amount
        return
    assert engine.elapsed(clock, instant) == amount
    assert engine.elapsed(clock, instant - engine.SECOND) < amount


@given(clocks(), seconds)
def test_the_stored_thresholds_give_the_verdict_of_the_calculator(clock: Clock, stop: int) -> None:
    """What lists and rates ask in SQL (`missed_from <= stop`) is what `judge` says."""
    plan = engine.plan(clock, [100])
    stopped_at = clock.started_at + timedelta(seconds=stop)
    verdict = engine.judge(replace(clock, stopped_at=stopped_at), stopped_at)
    assert verdict.missed == (plan.missed_from is not None and stopped_at >= plan.missed_from)
    assert verdict.breached == (plan.breached_from is not None and stopped_at >= plan.breached_from)


@given(clocks(), st.lists(st.integers(1, 1000), min_size=1, max_size=6, unique=True))
def test_stages_stand_in_the_order_of_the_ladder(clock: Clock, percents: list[int]) -> None:
    instants = [one.at for one in engine.plan(clock, sorted(percents)).deadlines]
    known = [one for one in instants if one is not None]
    assert known == sorted(known)
    assert instants[: len(known)] == known, "nothing is known beyond what a pause hides"


@given(clocks(), st.integers(1, 600), seconds)
def test_another_timer_keeps_accrued_time(clock: Clock, minutes: int, now: int) -> None:
    instant = START + timedelta(seconds=now)
    assert engine.elapsed(replace(clock, sla_seconds=minutes * 60), instant) == engine.elapsed(clock, instant)
