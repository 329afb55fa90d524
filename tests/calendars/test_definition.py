"""Definitions: normalised, spelled back unchanged, and refused with a code at the very place of the fault."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsportal.calendars import engine
from opsportal.calendars.engine.definition import Window
from opsportal.errors import InvalidInputs
from tests.calendars import strategies

NINE_TO_FIVE = [["09:00", "17:00"]]


def read(**spelled: object) -> engine.Definition:
    return engine.parse(**{"timezone": "Europe/Berlin", "weekly": {}, **spelled})


def faults(**spelled: object) -> list[tuple[str, str]]:
    with pytest.raises(InvalidInputs) as refused:
        read(**spelled)
    assert all(fault.message.endswith((".", "]].")) for fault in refused.value.errors)
    return [(fault.field, fault.code) for fault in refused.value.errors]


@given(strategies.troubled_calendars())
def test_what_is_spelled_reads_back_as_the_same_calendar(case):
    definition = read(**case[0])
    assert read(**engine.spell(definition)) == definition
    assert engine.spell(read(**engine.spell(definition))) == engine.spell(definition)


def test_windows_are_sorted_and_overlapping_or_touching_ones_merged():
    pairs = [["13:00", "17:00"], ["09:00", "11:00"], ["11:00", "12:00"], ["10:00", "11:30"]]
    assert read(weekly={"mon": pairs}).weekly[0] == (Window(540, 720), Window(780, 1020))


def test_an_overnight_shift_is_split_at_midnight_and_each_date_owns_its_part():
    spelled = engine.spell(read(weekly={"mon": [["22:00", "06:00"]], "sun": [["22:00", "00:00"]]}))["weekly"]
    assert spelled["mon"] == [["22:00", "24:00"]]
    assert spelled["tue"] == [["00:00", "06:00"]]
    assert spelled["sun"] == [["22:00", "24:00"]]


def test_the_night_of_sunday_ends_on_monday():
    assert engine.spell(read(weekly={"sun": [["22:00", "06:00"]]}))["weekly"]["mon"] == [["00:00", "06:00"]]


def test_an_override_takes_its_date_whole_and_leaves_the_rest_of_a_shift_alone():
    definition = read(weekly={"thu": [["22:00", "06:00"]]}, overrides={"2026-12-25": []})  # a Friday
    assert definition.windows_on(date(2026, 12, 24)) == (Window(1320, 1440),)
    assert definition.windows_on(date(2026, 12, 25)) == ()
    assert definition.windows_on(date(2027, 1, 1)) == (Window(0, 360),)


def test_days_that_are_not_named_are_closed():
    assert engine.spell(read(weekly={"mon": NINE_TO_FIVE}))["weekly"]["sun"] == []


def test_closures_are_kept_in_utc_to_the_second_and_in_order():
    spelled = engine.spell(
        read(
            closures=[
                {"from": "2026-12-24T13:00:00.900+01:00", "until": "2026-12-27T00:00:00Z", "reason": " holidays "},
                {"from": "2026-01-01T00:00:00Z", "until": "2026-01-02T00:00:00Z"},
            ]
        )
    )
    assert spelled["closures"] == [
        {"from": "2026-01-01T00:00:00Z", "until": "2026-01-02T00:00:00Z", "reason": ""},
        {"from": "2026-12-24T12:00:00Z", "until": "2026-12-27T00:00:00Z", "reason": "holidays"},
    ]


@pytest.mark.parametrize(
    "zone", ["Mars/Olympus", "", "europe/berlin", "localtime", "../UTC", "CEST", None, 7, "UTC\x00"]
)
def test_a_zone_must_be_one_of_the_database(zone):
    assert faults(timezone=zone) == [("timezone", "unknown_timezone")]


@pytest.mark.parametrize(
    ("window", "code"),
    [
        (["9:00", "17:00"], "bad_time"),
        (["09:00", "24:01"], "bad_time"),
        (["09:60", "17:00"], "bad_time"),
        (["24:00", "06:00"], "bad_time"),
        (["٠٩:٠٠", "17:00"], "bad_time"),
        (["09:00\n", "17:00"], "bad_time"),
        ([9, 17], "bad_time"),
        (["09:00", "09:00"], "empty_window"),
        (["09:00"], "bad_window"),
        ("09:00-17:00", "bad_window"),
        (["09:00", "12:00", "13:00"], "bad_window"),
        (None, "bad_window"),
        ({"start": "09:00"}, "bad_window"),
    ],
)
def test_a_window_is_refused_at_its_place(window, code):
    assert faults(weekly={"tue": [["09:00", "10:00"], window]}) == [("weekly.tue.1", code)]


@pytest.mark.parametrize(
    ("weekly", "fault"),
    [
        (None, ("weekly", "not_an_object")),
        ([], ("weekly", "not_an_object")),
        ({1: []}, ("weekly", "not_an_object")),
        ({"monday": []}, ("weekly.monday", "unknown_weekday")),
        ({"mon": "09:00"}, ("weekly.mon", "not_a_list")),
        ({"mon": None}, ("weekly.mon", "not_a_list")),
        ({"mon": [["09:00", "10:00"]] * 25}, ("weekly.mon", "too_many")),
    ],
)
def test_a_week_is_refused_at_its_place(weekly, fault):
    assert faults(weekly=weekly) == [fault]


@pytest.mark.parametrize(
    ("overrides", "fault"),
    [
        ({"2026-02-30": []}, ("overrides.2026-02-30", "bad_date")),
        ({"20261225": []}, ("overrides.20261225", "bad_date")),
        ({"1899-12-31": []}, ("overrides.1899-12-31", "bad_date")),
        ({"2200-01-01": []}, ("overrides.2200-01-01", "bad_date")),
        ({"2026-12-25": None}, ("overrides.2026-12-25", "not_a_list")),
        ({"2026-12-25": [["22:00", "06:00"]]}, ("overrides.2026-12-25", "overnight_override")),
        ({"2026-12-25": [["09:00", "8"]]}, ("overrides.2026-12-25.0", "bad_time")),
        ([], ("overrides", "not_an_object")),
        ({f"{year}-{month:02}-01": [] for year in range(2000, 2199) for month in range(1, 13)},
         ("overrides", "too_many")),
    ],
)  # fmt: skip
def test_an_override_is_refused_at_its_place(overrides, fault):
    assert faults(overrides=overrides) == [fault]


@pytest.mark.parametrize(
    ("closure", "fault"),
    [
        ({"from": "2026-01-01T00:00:00", "until": "2026-01-02T00:00:00Z"}, ("closures.0.from", "bad_instant")),
        ({"from": "2026-01-01T00:00:00Z", "until": "soon"}, ("closures.0.until", "bad_instant")),
        ({"from": "0001-01-01T00:00:00+14:00", "until": "2026-01-02T00:00:00Z"}, ("closures.0.from", "bad_instant")),
        ({"from": 5, "until": "2026-01-02T00:00:00Z"}, ("closures.0.from", "bad_instant")),
        ({"from": "2026-01-02T00:00:00Z", "until": "2026-01-02T00:00:00Z"}, ("closures.0.until", "ends_before_start")),
        ({"from": "2026-01-02T00:00:00Z"}, ("closures.0", "bad_closure")),
        ({"from": "2026-01-02T00:00:00Z", "until": "2026-01-03T00:00:00Z", "why": "x"}, ("closures.0", "bad_closure")),
        ({"from": "2026-01-02T00:00:00Z", "until": "2026-01-03T00:00:00Z", "reason": "x" * 121},
         ("closures.0.reason", "bad_text")),
        ({"from": "2026-01-02T00:00:00Z", "until": "2026-01-03T00:00:00Z", "reason": "a\x00b"},
         ("closures.0.reason", "bad_text")),
        ("christmas", ("closures.0", "bad_closure")),
    ],
)  # fmt: skip
def test_a_closure_is_refused_at_its_place(closure, fault):
    assert faults(closures=[closure]) == [fault]


def test_closures_are_a_list_of_bounded_length():
    assert faults(closures={}) == [("closures", "not_a_list")]
    shut = {"from": "2026-01-01T00:00:00Z", "until": "2026-01-02T00:00:00Z"}
    assert faults(closures=[shut] * 501) == [("closures", "too_many")]


def test_a_name_belongs_to_an_override():
    named = read(overrides={"2026-12-25": []}, override_names={"2026-12-25": "Christmas Day"})
    assert named.override_names == {date(2026, 12, 25): "Christmas Day"}
    assert faults(override_names={"2026-12-25": "Christmas Day"}) == [("override_names.2026-12-25", "no_override")]
    assert faults(overrides={"2026-12-25": []}, override_names={"2026-12-25": 7}) == [
        ("override_names.2026-12-25", "bad_text")
    ]


def test_every_fault_is_told_at_once():
    assert faults(
        timezone="Nowhere",
        weekly={"mon": [["9", "10"]], "day": []},
        overrides={"x": []},
        closures=[{}],
    ) == [
        ("timezone", "unknown_timezone"),
        ("weekly.mon.0", "bad_time"),
        ("weekly.day", "unknown_weekday"),
        ("overrides.x", "bad_date"),
        ("closures.0", "bad_closure"),
    ]


json_like = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["09:00", "2026-12-25"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.text(max_size=5) | st.sampled_from(["mon", "2026-12-25", "from", "until"]), inner, max_size=3
        )
    ),
    max_leaves=12,
)


@given(json_like, json_like, json_like, json_like, json_like)
def test_whatever_is_sent_is_either_read_or_refused(timezone, weekly, overrides, names, closures):
    try:
        definition = engine.parse(
            timezone=timezone, weekly=weekly, overrides=overrides, override_names=names, closures=closures
        )
    except InvalidInputs:
        return
    assert read(**engine.spell(definition)) == definition
