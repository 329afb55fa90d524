"""The coming days, and a calendar in words: what is not as usual is named, on the date it belongs to."""

from datetime import date, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from opsportal.calendars import engine, pictures, sentences
from opsportal.calendars.engine.agenda import agenda, local_date
from tests.calendars import strategies
from tests.calendars.reference import Reference, utc

OFFICE = {day: [["09:00", "12:00"], ["13:00", "17:30"]] for day in ("mon", "tue", "wed", "thu", "fri")}
EVERY_DAY = dict.fromkeys(("mon", "tue", "wed", "thu", "fri", "sat", "sun"), [["09:00", "17:00"]])


def definition(**spelled: object) -> engine.Definition:
    return engine.parse(**{"timezone": "Europe/Berlin", "weekly": OFFICE, **spelled})


@given(strategies.troubled_calendars(second=False), st.integers(-3, 3))
@settings(max_examples=40)
def test_the_open_time_of_a_date_is_that_of_its_lived_through_minutes(case, shift):
    spelled, trouble = case
    if trouble.second:
        return
    zone, reference = ZoneInfo(spelled["timezone"]), Reference(spelled)
    day = trouble.astimezone(zone).date() + timedelta(days=shift)
    (shown,) = agenda(engine.parse(**spelled), day, 1)
    # Wide enough for a date on the far side of a skipped one.
    first = trouble + timedelta(days=shift) - timedelta(hours=64)
    minutes = (first + timedelta(minutes=number) for number in range(128 * 60))
    lived = [minute for minute in minutes if minute.astimezone(zone).date() == day]
    assert shown.exists == bool(lived)
    assert shown.seconds == 60 * sum(reference.is_open(minute) for minute in lived)


def test_a_skipped_date_does_not_exist():
    days = agenda(definition(timezone="Pacific/Apia", weekly=EVERY_DAY), date(2011, 12, 29), 3)
    assert [(day.exists, day.seconds) for day in days] == [(True, 28_800), (False, 0), (True, 28_800)]
    assert pictures.notes(definition(timezone="Pacific/Apia"), days[1]) == ["this date was skipped"]


def test_what_is_not_as_usual_stands_on_its_date():
    shown = definition(
        overrides={"2026-03-30": [], "2026-03-31": [["10:00", "11:00"]]},
        override_names={"2026-03-30": "Stocktaking"},
        closures=[{"from": "2026-04-01T12:00:00Z", "until": "2026-04-02T07:30:00Z", "reason": "Move"}],
    )
    days = {day.date.day: pictures.notes(shown, day) for day in agenda(shown, date(2026, 3, 28), 6)}
    assert days == {
        28: [],
        29: ["clocks go from 02:00 to 03:00; 1 h are not lived through"],
        30: ["Stocktaking"],
        31: ["own hours"],
        1: ["Move"],
        2: ["Move"],
    }


def test_the_sheet_begins_on_the_monday_of_this_week_and_adds_up():
    today = date(2026, 11, 19)
    rows = pictures.sheet(definition(overrides={"2026-11-20": []}), today)
    assert len(rows) == 4
    assert rows[0].cells[0].date == date(2026, 11, 16)
    assert [cell.is_today for cell in rows[0].cells].index(True) == 3
    assert rows[0].open_time == "30 h"
    assert [cell.tone for cell in rows[0].cells] == ["open"] * 4 + ["special", "closed", "closed"]


def test_a_week_is_drawn_to_scale():
    (monday, *_, sunday) = pictures.week(definition())
    assert [(bar.x, bar.width) for bar in monday.bars] == [(37.5, 12.5), (54.167, 18.75)]
    assert (sunday.hours, sunday.bars) == ("closed", [])


@pytest.mark.parametrize(
    ("weekly", "expected"),
    [
        (OFFICE, "Mon–Fri 09:00–12:00, 13:00–17:30"),
        ({"mon": [["09:00", "17:00"]]}, "Mon 09:00–17:00"),
        ({"sat": [["10:00", "14:00"]], "sun": [["10:00", "14:00"]]}, "Sat, Sun 10:00–14:00"),
        ({**OFFICE, "wed": []}, "Mon, Tue 09:00–12:00, 13:00–17:30; Thu, Fri 09:00–12:00, 13:00–17:30"),
        (dict.fromkeys(EVERY_DAY, [["00:00", "24:00"]]), "Around the clock"),
        ({}, "No weekly hours"),
    ],
)
def test_a_week_in_words(weekly, expected):
    assert sentences.week(definition(weekly=weekly)) == expected


@pytest.mark.parametrize(
    ("instant", "is_open", "sentence"),
    [
        (utc(2026, 11, 3, 9), True, "Open until Tue 3 Nov 2026, 12:00 CET."),
        (utc(2026, 11, 3, 11), False, "Closed until Tue 3 Nov 2026, 13:00 CET."),
        (utc(2026, 7, 3, 15, 30), False, "Closed until Mon 6 Jul 2026, 09:00 CEST."),
    ],
)
def test_whether_it_is_open_in_words(instant, is_open, sentence):
    assert sentences.state(engine.compile(definition()), instant) == (is_open, sentence)


def test_calendars_without_an_end_or_a_beginning_in_words():
    always = definition(weekly=dict.fromkeys(EVERY_DAY, [["00:00", "24:00"]]))
    now = utc(2026, 11, 3, 9).replace(microsecond=5)
    assert sentences.state(engine.compile(always), now) == (True, "Open without a break for the next two weeks.")
    never = engine.compile(definition(weekly={}))
    assert sentences.state(never, now) == (False, "Closed, and it does not open again.")


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0 min"),
        (59, "59 s"),
        (3600, "1 h"),
        (27_045, "7 h 30 min 45 s"),
        (-60, "−1 min"),
        (10**7, "2,777 h 46 min 40 s"),
    ],
)
def test_open_time_is_told_exactly(seconds, words):
    assert sentences.open_time(seconds) == words


def test_offsets_are_told_to_the_second_where_they_have_some():
    assert [sentences.offset(seconds) for seconds in (0, 20_700, -2_670)] == ["UTC+00:00", "UTC+05:45", "UTC−00:44:30"]


def test_the_local_date_is_that_of_the_calendar():
    assert local_date(definition(timezone="Pacific/Auckland"), utc(2026, 11, 3, 20)) == date(2026, 11, 4)
