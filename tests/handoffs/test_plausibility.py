"""Whether a calendar says when people work: answers beside its hours, and openings moved."""

import time
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handoffs import operations
from handoffs.engine import clock as engine
from handoffs.engine.clock import Clock
from handoffs.engine.plausibility import check, shift, shifted_rates, verdict
from handoffs.queries.plausibility import calendar_check
from opsportal.audit.engine import Actor
from opsportal.calendars.engine import BusinessTime, parse
from opsportal.calendars.engine.definition import Window
from tests.calendars.strategies import instants_near, troubled_calendars
from tests.factories import handoffs as make
from tests.handoffs.test_clock import ALWAYS, OFFICE, at
from tests.handoffs.test_what_if import MOMENTS, clocks

KIM = Actor("human", "kim", "Kim")
NOW = at("sun 00:00") + timedelta(days=70)


@given(st.lists(clocks(), max_size=12), MOMENTS)
def test_no_shift_changes_nothing(some, now):
    inside = [replace(one, hours=OFFICE) for one in some]
    verdicts = [engine.judge(one, now).business_hit for one in inside]
    for one in shifted_rates(OFFICE.definition, inside, now):
        if not one.minutes:
            assert (one.hits, one.evaluated) == (verdicts.count(True), len(verdicts) - verdicts.count(None))


@given(troubled_calendars(), st.integers(-120, 120))
def test_a_moved_opening_takes_or_gives_only_at_the_beginning_of_days(drawn, minutes):
    spelled, trouble = drawn
    definition = parse(**spelled)
    moved = shift(definition, minutes)
    assert shift(definition, 0) == definition
    before, after = BusinessTime(definition), BusinessTime(moved)
    a, b = trouble - timedelta(days=4), trouble + timedelta(days=4)
    difference = after.between(a, b) - before.between(a, b)
    assert difference >= 0 if minutes < 0 else difference <= 0


def test_windows_are_moved_as_a_person_would():
    split = parse(timezone="UTC", weekly={"mon": [["09:00", "12:00"], ["13:00", "17:00"]], "tue": [["00:30", "01:00"]]})
    assert shift(split, -60).weekly[0] == (Window(480, 720), Window(780, 1020))
    assert shift(split, 240).weekly[0] == (Window(780, 1020),)
    assert shift(split, -60).weekly[1] == (Window(0, 60),)
    assert shift(split, 60).weekly[1] == ()


def test_a_shift_past_midnight_has_one_opening():
    night = parse(timezone="UTC", weekly={"mon": [["22:00", "06:00"]]})
    moved = shift(night, 60)
    assert moved.weekly[0] == (Window(23 * 60, 24 * 60),)
    assert moved.weekly[1] == night.weekly[1]


def test_a_calendar_that_never_closes_has_nothing_to_move():
    some = [Clock(ALWAYS, at("mon 10:00"), 1800, stopped_at=at("mon 10:10"))]
    assert shifted_rates(ALWAYS.definition, some, NOW) == []


def weeks(text, count=8):
    return [at(text) + timedelta(days=7 * week) for week in range(count)]


def test_work_that_starts_before_the_opening_is_named():
    answers = [*weeks("mon 08:16"), *weeks("mon 11:00"), *weeks("tue 09:05"), *weeks("tue 17:30")]
    answers += [at("mon 04:00")]  # one night owl makes no opening
    some = [Clock(OFFICE, moment - timedelta(minutes=10), 1800, stopped_at=moment) for moment in answers]
    found = check(OFFICE, answers, some, NOW)
    monday, tuesday = found.weekdays[:2]
    assert (monday.first_active, monday.before, tuesday.first_active, tuesday.after) == (8 * 60 + 15, 9, 9 * 60, 8)
    assert (found.answers, found.outside) == (33, 17)
    tone, sentence = verdict(found)
    assert tone == "warn"
    assert sentence.startswith("Monday work starts at 08:15, 45 min before the calendar opens; 17 of 33 answers")
    assert "Opening 30 min earlier, the business rate would stay at 100.0%" in sentence


def test_a_calendar_that_fits_is_said_to_fit():
    answers = [moment for day in ("mon", "tue", "wed") for moment in weeks(f"{day} 09:10")]
    assert verdict(check(OFFICE, answers, [], NOW)) == (
        "good", "The calendar fits how people work: 0 of 24 answers fall outside it.",
    )  # fmt: skip
    assert verdict(check(OFFICE, answers[:3], [], NOW))[0] == "calm"


def test_a_rate_that_hangs_on_the_opening_is_said_to():
    answers = [moment for day in ("mon", "tue", "wed") for moment in weeks(f"{day} 09:10")]
    some = [Clock(OFFICE, moment - timedelta(hours=2), 1800, stopped_at=moment) for moment in answers]
    tone, sentence = verdict(check(OFFICE, answers, some, NOW))
    assert tone == "good"
    assert (
        "Much hangs on the opening: the business rate is 100.0%, and would be 0.0% with one 30 min earlier" in sentence
    )


def test_days_with_hours_of_their_own_tell_nothing_about_ordinary_ones():
    spelled = {"timezone": "UTC", "weekly": {"mon": [["09:00", "17:00"]]}}
    holidays = {f"{moment:%Y-%m-%d}": [] for moment in weeks("mon 04:00")}
    hours = BusinessTime(parse(**spelled, overrides=holidays))
    found = check(hours, weeks("mon 04:00"), [], NOW)
    assert (found.weekdays[0].first_active, found.weekdays[0].between) == (None, 8)


@given(troubled_calendars(), st.data())
def test_every_answer_is_inside_or_in_one_place_outside(drawn, data):
    spelled, trouble = drawn
    hours = BusinessTime(parse(**spelled))
    answers = data.draw(st.lists(instants_near(trouble, 400_000), max_size=20))
    found = check(hours, answers, [], trouble)
    assert found.answers == len(answers)
    assert found.outside == sum(not hours.is_open(answer) for answer in answers)


def test_five_thousand_records_take_less_than_a_second():
    moments = [at("mon 00:00") + timedelta(minutes=7 * n) for n in range(5_000)]
    some = [Clock(OFFICE, moment, 1800, stopped_at=moment + timedelta(minutes=40)) for moment in moments]
    begin = time.process_time()
    check(OFFICE, moments, some, at("sun 00:00"))
    assert time.process_time() - begin < 1


@pytest.mark.django_db
def test_machines_answer_nothing_and_everything_is_read_from_the_rules_history():
    calendar = make.make_calendar(timezone="Europe/Berlin", tue=[["09:00", "17:00"]])
    rule = make.make_rule(calendar=calendar.slug)
    for week in range(1, 7):
        start = make.START - timedelta(days=7 * week, hours=3)  # 08:00 in Berlin, 07:00 once the clocks changed
        handoff = make.make_handoff(rule, started_at=start, now=start)
        operations.respond_to_handoff(handoff, actor=KIM, now=start + timedelta(minutes=10))
    robot = make.make_handoff(rule, started_at=make.after(-60), now=make.after(-60))
    operations.respond_to_handoff(robot, actor=Actor.system("bot"), now=make.after(-50))
    told = calendar_check(rule, now=make.after(60))
    assert (told.found.answers, told.records, told.found.outside) == (6, 7, 6)
    assert told.found.weekdays[1].first_active == 8 * 60
