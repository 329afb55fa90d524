"""The algebra of business time holds for every calendar and zone: additive, inverse, monotone, extreme."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from opsportal.calendars import engine
from opsportal.errors import InvalidInput
from tests.calendars import strategies
from tests.calendars.reference import Reference, utc

ALWAYS = [["00:00", "24:00"]]
OFFICE = {day: [["09:00", "12:00"], ["13:00", "17:00"]] for day in ("mon", "tue", "wed", "thu", "fri")}
WALKED = settings(max_examples=40)  # the reference is slow
AMOUNTS = st.integers(-400_000, 400_000)


def compiled(**spelled: object) -> engine.BusinessTime:
    return engine.compile(engine.parse(**{"timezone": "Europe/Berlin", "weekly": OFFICE, **spelled}))


@given(strategies.troubled_calendars(), st.data())
@WALKED
def test_it_equals_the_walk_over_every_second(case, data):
    spelled, trouble = case
    start = data.draw(strategies.instants_near(trouble, 8_000))
    end = start + timedelta(seconds=data.draw(st.integers(0, 8_000)))
    assert compiled(**spelled).between(start, end) == Reference(spelled).between(start, end)


@given(strategies.troubled_calendars(second=False), st.data())
@WALKED
def test_it_equals_the_walk_over_every_minute_of_three_days(case, data):
    spelled, trouble = case
    step = 60 if trouble.second == 0 else 1
    span = timedelta(days=1.5) if step == 60 else timedelta(hours=1)
    assert compiled(**spelled).between(trouble - span, trouble + span) == Reference(spelled).between(
        trouble - span, trouble + span, step
    )


@given(strategies.troubled_calendars(), st.data())
@WALKED
def test_adding_equals_walking_until_the_time_has_passed(case, data):
    spelled, trouble = case
    start, amount = data.draw(strategies.instants_near(trouble, 5_000)), data.draw(st.integers(-4_000, 4_000))
    walked = Reference(spelled).add(start, amount, limit=15_000)
    if walked is not None:
        assert compiled(**spelled).add(start, amount) == walked


@given(strategies.troubled_calendars(), st.data())
def test_it_is_open_exactly_where_the_local_clock_is_in_a_window(case, data):
    spelled, trouble = case
    clock, reference = compiled(**spelled), Reference(spelled)
    for _ in range(50):
        instant = data.draw(strategies.instants_near(trouble, 300_000))
        assert clock.is_open(instant) == reference.is_open(instant)


@given(strategies.troubled_calendars(), st.data())
def test_between_is_additive_and_antisymmetric(case, data):
    spelled, trouble = case
    clock = compiled(**spelled)
    a, b, c = (data.draw(strategies.instants_near(trouble, 500_000_000)) for _ in range(3))
    assert clock.between(a, b) + clock.between(b, c) == clock.between(a, c)
    assert clock.between(a, b) == -clock.between(b, a)


@given(strategies.troubled_calendars(), AMOUNTS, st.data())
def test_between_undoes_add(case, amount, data):
    spelled, trouble = case
    clock = compiled(**spelled)
    start = data.draw(strategies.instants_near(trouble, 400_000))
    if (end := _added(clock, start, amount)) is not None:
        assert clock.between(start, end) == amount


@given(strategies.troubled_calendars(), AMOUNTS, st.data())
def test_add_finds_the_extreme_instant_and_no_other(case, amount, data):
    """min {u >= t: F(u) >= F(t) + n} for n > 0, max {u <= t: F(u) <= F(t) + n} for n < 0: one second off is wrong."""
    spelled, trouble = case
    clock = compiled(**spelled)
    start = data.draw(strategies.instants_near(trouble, 400_000))
    end = _added(clock, start, amount)
    if end is not None and amount > 0:
        assert clock.between(start, end - timedelta(seconds=1)) < amount
    if end is not None and amount < 0:
        assert clock.between(start, end + timedelta(seconds=1)) > amount
    if amount == 0:
        assert end == start


@given(strategies.troubled_calendars(), st.data())
def test_add_is_monotone_in_start_and_amount(case, data):
    spelled, trouble = case
    clock = compiled(**spelled)
    a, b = sorted(data.draw(strategies.instants_near(trouble, 400_000)) for _ in range(2))
    m, n = sorted((data.draw(AMOUNTS), data.draw(AMOUNTS)))
    early, late, later = _added(clock, a, m), _added(clock, b, m), _added(clock, b, n)
    assert early is None or late is None or early <= late
    assert late is None or later is None or late <= later


@given(strategies.troubled_calendars(), st.data())
def test_adding_in_two_steps_is_adding_at_once(case, data):
    spelled, trouble = case
    clock, start = compiled(**spelled), data.draw(strategies.instants_near(trouble, 400_000))
    m, n = data.draw(st.integers(0, 200_000)), data.draw(st.integers(1, 200_000))
    middle = _added(clock, start, m)
    if middle is not None:
        assert _added(clock, middle, n) == _added(clock, start, m + n)


def _added(clock: engine.BusinessTime, start: datetime, amount: int) -> datetime | None:
    try:
        return clock.add(start, amount)
    except InvalidInput:
        return None


@given(strategies.any_zone(), strategies.any_instant(), st.integers(-(10**9), 10**9))
def test_around_the_clock_it_is_wall_time_in_every_zone(zone, start, amount):
    clock = compiled(timezone=zone, weekly=dict.fromkeys(OFFICE | {"sat": 0, "sun": 0}, ALWAYS))
    if 1901 <= start.year + amount / 31e6 <= 2198:
        assert clock.add(start, amount) == start + timedelta(seconds=amount)
        assert clock.between(start, start + timedelta(seconds=amount)) == amount


@given(strategies.any_zone(), strategies.any_instant(), st.data())
def test_the_order_of_questions_changes_no_answer(zone, start, data):
    asked_before, fresh = compiled(timezone=zone), compiled(timezone=zone)
    for instant in data.draw(st.lists(strategies.any_instant(), max_size=3)):
        asked_before.is_open(instant)
    amount = data.draw(AMOUNTS)
    assert asked_before.add(start, amount) == fresh.add(start, amount)


@given(st.lists(st.tuples(strategies.instants_near(utc(2026, 1, 1), 50_000_000), AMOUNTS), max_size=6))
def test_many_at_once_equals_one_by_one(cases):
    clock = compiled()
    starts, amounts = [start for start, _ in cases], [amount for _, amount in cases]
    ends = clock.add_many(starts, amounts)
    assert ends == [compiled().add(start, amount) for start, amount in cases]
    assert compiled().between_many(starts, ends) == amounts
    assert clock.add_many(starts, 60) == [clock.add(start, 60) for start in starts]


def test_a_timer_that_runs_out_at_closing_time_is_due_at_closing_time():
    assert compiled().add(utc(2026, 1, 9, 15), 3600) == utc(2026, 1, 9, 16)  # Friday 17:00 in Berlin, not Monday


def test_one_second_more_is_due_after_the_weekend():
    assert compiled().add(utc(2026, 1, 9, 15), 3601) == utc(2026, 1, 12, 8, 0, 1)


def test_counting_back_to_opening_time_stops_at_opening_time():
    assert compiled().add(utc(2026, 1, 12, 9), -3600) == utc(2026, 1, 12, 8)
    assert compiled().add(utc(2026, 1, 12, 9), -3601) == utc(2026, 1, 9, 15, 59, 59)


def test_nothing_added_is_the_instant_itself_even_while_closed():
    sunday = utc(2026, 1, 11, 3, 30)
    assert compiled().add(sunday, 0) == sunday


def test_fractions_of_a_second_are_cut_off_so_the_algebra_stays_exact():
    start = utc(2026, 1, 12, 9).replace(microsecond=999_999)
    assert compiled().add(start, 60) == utc(2026, 1, 12, 9, 1)
    assert compiled().between(start, utc(2026, 1, 12, 9, 1)) == 60
    assert compiled().between(utc(1969, 1, 13, 9), utc(1969, 1, 13, 9, 1).replace(microsecond=1)) == 60


def test_instants_may_stand_in_any_zone_and_answers_stand_in_utc():
    local = datetime(2026, 7, 6, 10, tzinfo=ZoneInfo("Europe/Berlin"))
    answer = compiled().add(local, 3600)
    assert answer == utc(2026, 7, 6, 9)
    assert answer.tzinfo is UTC
    assert compiled().add(local, 0).tzinfo is UTC


def test_naive_instants_are_refused():
    with pytest.raises(TypeError):
        compiled().add(datetime(2026, 7, 6, 10), 60)  # noqa: DTZ001


@pytest.mark.parametrize("seconds", [1, -1, 10**18])
def test_a_calendar_that_never_opens_refuses_and_does_not_search_for_ever(seconds):
    clock = compiled(weekly={})
    assert clock.between(utc(1950, 1, 1), utc(2150, 1, 1)) == 0
    with pytest.raises(InvalidInput) as refused:
        clock.add(utc(2026, 1, 1), seconds)
    assert refused.value.code == "never_opens"
    assert clock.next_opening(utc(2026, 1, 1)) is None


def test_a_calendar_that_is_closed_for_good_refuses_from_then_on():
    clock = compiled(closures=[{"from": "2027-01-01T00:00:00Z", "until": "2199-12-31T23:59:59Z", "reason": "sold"}])
    assert clock.add(utc(2026, 12, 31, 8), 8 * 3600 - 3600) == utc(2026, 12, 31, 16)
    with pytest.raises(InvalidInput) as refused:
        clock.add(utc(2027, 1, 5), 60)
    assert refused.value.code == "never_opens"


def test_a_calendar_of_single_dates_ends_with_the_last_one():
    clock = compiled(weekly={}, overrides={"2026-06-01": [["09:00", "10:00"]], "2150-06-01": [["09:00", "10:00"]]})
    assert clock.add(utc(2026, 6, 1), 5400) == utc(2150, 6, 1, 7, 30)
    assert clock.add(utc(2190, 1, 1), -5400) == utc(2026, 6, 1, 7, 30)
    with pytest.raises(InvalidInput) as refused:
        clock.add(utc(2026, 6, 1), 7201)
    assert refused.value.code == "outside_calendar"


@pytest.mark.parametrize(
    "instant", [utc(1899, 12, 31, 23, 59, 59), utc(2200, 1, 1, 0, 0, 1), utc(9999, 12, 31), utc(1, 1, 1)]
)
def test_years_beyond_the_calendar_are_refused(instant):
    for question in (
        lambda: compiled().add(instant, 0),
        lambda: compiled().add(instant, 60),
        lambda: compiled().between(instant, utc(2026, 1, 1)),
        lambda: compiled().is_open(instant),
    ):
        with pytest.raises(InvalidInput) as refused:
            question()
        assert refused.value.code == "outside_calendar"


def test_the_very_edges_of_the_calendar_answer():
    clock = compiled(timezone="UTC", weekly=dict.fromkeys(("mon", "tue", "wed", "thu", "fri", "sat", "sun"), ALWAYS))
    assert clock.between(utc(1900, 1, 1), utc(2200, 1, 1)) == (utc(2200, 1, 1) - utc(1900, 1, 1)).total_seconds()
    assert clock.add(utc(2199, 12, 31, 23, 59, 59), 1) == utc(2200, 1, 1)
    assert clock.add(utc(1900, 1, 1, 0, 0, 1), -1) == utc(1900, 1, 1)


def test_a_horizon_can_be_asked_for_and_grows_all_the_same():
    clock = engine.compile(compiled().definition, horizon=(utc(2026, 1, 1), utc(2026, 2, 1)))
    assert clock.add(utc(2026, 1, 30, 12), 40 * 3600) == compiled().add(utc(2026, 1, 30, 12), 40 * 3600)
    back = engine.compile(compiled().definition, horizon=(utc(2026, 1, 1), utc(2026, 2, 1)))
    assert back.add(utc(2026, 1, 5, 12), -40 * 3600) == compiled().add(utc(2026, 1, 5, 12), -40 * 3600)
    assert back.add(utc(2026, 1, 5, 12), -9_000 * 3600) == utc(2021, 1, 29, 14)
    assert clock.between(utc(2020, 1, 1), utc(2030, 1, 1)) == compiled().between(utc(2020, 1, 1), utc(2030, 1, 1))


def test_segments_are_cut_to_what_was_asked():
    clock = compiled()
    assert clock.segments(utc(2026, 1, 12, 9), utc(2026, 1, 12, 13)) == [
        (utc(2026, 1, 12, 9), utc(2026, 1, 12, 11)),
        (utc(2026, 1, 12, 12), utc(2026, 1, 12, 13)),
    ]
    assert clock.segments(utc(2026, 1, 10), utc(2026, 1, 11)) == []
    assert clock.segments(utc(2026, 1, 12, 11), utc(2026, 1, 12, 12)) == []
    assert clock.segments(utc(2026, 1, 12, 13), utc(2026, 1, 12, 9)) == []


@given(strategies.troubled_calendars(), st.data())
def test_segments_add_up_to_between(case, data):
    spelled, trouble = case
    clock = compiled(**spelled)
    a, b = sorted(data.draw(strategies.instants_near(trouble, 2_000_000)) for _ in range(2))
    found = clock.segments(a, b)
    assert sum((end - begin).total_seconds() for begin, end in found) == clock.between(a, b)
    assert all(end < begin for (_, end), (begin, _) in zip(found, found[1:], strict=False))
