"""Explanations: every second of open time is accounted for by a listed stretch of a window."""

from datetime import date, timedelta

from hypothesis import given
from hypothesis import strategies as st

from opsportal.calendars import engine
from opsportal.calendars.engine.definition import Window
from tests.calendars import strategies
from tests.calendars.reference import utc

OFFICE = {day: [["09:00", "12:00"], ["13:00", "17:00"]] for day in ("mon", "tue", "wed", "thu", "fri")}
BERLIN = {
    "timezone": "Europe/Berlin",
    "weekly": OFFICE,
    "overrides": {"2026-12-25": [], "2026-12-28": [["10:00", "11:00"]]},
    "override_names": {"2026-12-25": "Christmas Day"},
    "closures": [{"from": "2026-12-24T13:00:00Z", "until": "2026-12-24T14:00:00Z", "reason": "party"}],
}


def clock(**spelled: object) -> engine.BusinessTime:
    return engine.compile(engine.parse(**{**BERLIN, **spelled}))


@given(strategies.troubled_calendars(), st.data())
def test_the_stretches_add_up_and_lie_inside_the_open_segments(case, data):
    spelled, trouble = case
    calendar = clock(**{"override_names": {}, **spelled})
    a, b = sorted(data.draw(strategies.instants_near(trouble, 900_000)) for _ in range(2))
    explained = calendar.explain(a, b)
    assert explained.complete
    assert explained.seconds == calendar.between(a, b) == sum(stretch.seconds for stretch in explained.stretches)
    for stretch in explained.stretches:
        assert calendar.between(stretch.since, stretch.until) == stretch.seconds == _length(stretch)
        assert calendar.between(a, stretch.until) == stretch.total


def _length(stretch) -> int:
    return int((stretch.until - stretch.since).total_seconds())


def test_it_names_windows_overrides_and_closures_that_were_met():
    explained = clock().explain(utc(2026, 12, 24, 10), utc(2026, 12, 28, 10))
    assert [(s.date, str(s.window), s.seconds) for s in explained.stretches] == [
        (date(2026, 12, 24), "09:00–12:00", 3600),
        (date(2026, 12, 24), "13:00–17:00", 3600),
        (date(2026, 12, 24), "13:00–17:00", 7200),
        (date(2026, 12, 28), "10:00–11:00", 3600),
    ]
    assert [(o.date, o.name, o.windows) for o in explained.overrides] == [
        (date(2026, 12, 25), "Christmas Day", ()),
        (date(2026, 12, 28), "", (Window(600, 660),)),
    ]
    assert [shut.reason for shut in explained.closures] == ["party"]


def test_it_tells_the_offset_and_the_changes_of_the_clock():
    explained = clock().explain(utc(2026, 3, 27, 12), utc(2026, 3, 30, 12))
    assert explained.offset == 3600
    assert [(change.at, change.gained) for change in explained.clock_changes] == [(utc(2026, 3, 29, 1), 3600)]
    assert [stretch.offset for stretch in explained.stretches] == [3600, 7200, 7200]


def test_the_order_of_the_two_instants_does_not_matter():
    a, b = utc(2026, 3, 27, 12), utc(2026, 3, 30, 12)
    assert clock().explain(b, a) == clock().explain(a, b)


def test_a_long_span_is_listed_in_part_and_says_so():
    explained = clock().explain(utc(2026, 1, 1), utc(2036, 1, 1), limit=20)
    assert len(explained.stretches) == 20
    assert not explained.complete
    assert explained.seconds == clock().between(utc(2026, 1, 1), utc(2036, 1, 1))
    assert explained.overrides == ()  # they lie beyond what is listed


def test_a_closed_span_explains_itself_with_nothing_listed():
    explained = clock().explain(utc(2026, 12, 25), utc(2026, 12, 25) + timedelta(hours=20))
    assert (explained.seconds, explained.stretches, explained.complete) == (0, (), True)
    assert [o.name for o in explained.overrides] == ["Christmas Day"]
