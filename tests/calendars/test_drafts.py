"""The editor's text: whatever a calendar says can be written as text and read back unchanged."""

import pytest
from hypothesis import given

from opsportal.calendars import drafts, engine
from opsportal.errors import InvalidInput, InvalidInputs
from tests.calendars import strategies


@given(strategies.troubled_calendars())
def test_text_reads_back_as_the_same_calendar(case):
    spelled = engine.spell(engine.parse(**case[0]))
    for pairs in spelled["weekly"].values():
        assert drafts.read_hours(drafts.hours_text(pairs)) == pairs
    text = drafts.overrides_text(spelled["overrides"], spelled["override_names"])
    assert drafts.read_overrides(text) == (spelled["overrides"], spelled["override_names"])
    closures = drafts.closures_text(spelled["closures"], spelled["timezone"])
    assert drafts.read_closures(closures, spelled["timezone"]) == spelled["closures"]


@pytest.mark.parametrize(
    ("text", "pairs"),
    [
        ("09:00–17:00", [["09:00", "17:00"]]),
        ("9-12, 13.30 to 17", [["09:00", "12:00"], ["13:30", "17:00"]]),
        (" 22:00 until 06:00 ", [["22:00", "06:00"]]),
        ("0-24", [["00:00", "24:00"]]),
        ("All day", [["00:00", "24:00"]]),
        ("closed", []),
        ("", []),
    ],
)
def test_hours_are_read_as_people_write_them(text, pairs):
    assert drafts.read_hours(text) == pairs


@pytest.mark.parametrize("text", ["nine to five", "9", "25-26", "9:00-17:00 lunch", "9-12 13-17", "٩-١٢"])
def test_hours_that_cannot_be_read_are_refused(text):
    with pytest.raises(InvalidInput) as refused:
        drafts.read_hours(text)
    assert refused.value.code == "bad_hours"


def test_overrides_are_a_date_hours_and_a_name():
    text = """
    2026-12-24 09:00–12:00, 13:00-14:00 Christmas Eve
    2026-12-25 closed Christmas Day
    2026-12-26 Boxing Day
    2026-12-31 9-12
    2027-01-01
    """
    assert drafts.read_overrides(text) == (
        {
            "2026-12-24": [["09:00", "12:00"], ["13:00", "14:00"]],
            "2026-12-25": [],
            "2026-12-26": [],
            "2026-12-31": [["09:00", "12:00"]],
            "2027-01-01": [],
        },
        {"2026-12-24": "Christmas Eve", "2026-12-25": "Christmas Day", "2026-12-26": "Boxing Day"},
    )


def test_faults_name_their_line_and_hours_that_look_wrong_are_not_taken_for_a_name():
    with pytest.raises(InvalidInputs) as refused:
        drafts.read_overrides("2026-12-24 9-12h\n2026-12-25\n24.12.2026 closed\n2026-12-25 closed")
    assert [(fault.field, fault.code, fault.message[:7]) for fault in refused.value.errors] == [
        ("overrides", "bad_hours", "Line 1:"),
        ("overrides", "bad_date", "Line 3:"),
        ("overrides", "twice", "Line 4:"),
    ]


def test_closures_stand_in_the_calendars_local_time():
    text = "2026-07-01 12:00 to 2026-07-03 00:00 Move\n2026-12-24T12:00Z – 2026-12-27 00:00:30"
    assert drafts.read_closures(text, "Europe/Berlin") == [
        {"from": "2026-07-01T10:00:00Z", "until": "2026-07-02T22:00:00Z", "reason": "Move"},
        {"from": "2026-12-24T12:00:00Z", "until": "2026-12-26T23:00:30Z", "reason": ""},
    ]


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("2026-03-29 02:30 to 2026-03-29 05:00", "no_such_time"),
        ("2026-02-30 02:30 to 2026-03-29 05:00", "bad_instant"),
        ("tomorrow", "bad_closure"),
    ],
)
def test_closures_that_cannot_be_read_name_their_line(line, code):
    with pytest.raises(InvalidInputs) as refused:
        drafts.read_closures(f"\n{line}", "Europe/Berlin")
    assert [(fault.field, fault.code, fault.message[:7]) for fault in refused.value.errors] == [
        ("closures", code, "Line 2:")
    ]


def test_a_local_time_that_occurs_twice_is_its_first_and_the_second_is_written_with_its_offset():
    first = drafts.read_closures("2026-10-25 02:30 to 2026-10-25 05:00", "Europe/Berlin")
    assert first[0]["from"] == "2026-10-25T00:30:00Z"
    second = [{"from": "2026-10-25T01:30:00Z", "until": "2026-10-25T04:00:00Z", "reason": ""}]
    assert drafts.closures_text(second, "Europe/Berlin") == "2026-10-25 01:30:00Z to 2026-10-25 05:00"
