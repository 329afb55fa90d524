"""Every IANA zone: spans agree with zoneinfo, and the days around each change of clocks with the reference."""

import bisect
from datetime import UTC, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsportal.calendars import engine
from opsportal.calendars.engine import zones
from tests.calendars import strategies
from tests.calendars.reference import Reference, utc

FIRST, LAST = zones.instant_of(1900), zones.instant_of(2200)
WEEKLY = {
    "mon": [["00:00", "01:30"], ["02:30", "05:15"]],
    "tue": [["22:00", "06:00"]],
    "fri": [["09:00", "12:30"], ["13:25", "24:00"]],
    "sat": [["00:00", "00:30"], ["01:10", "03:05"], ["23:00", "02:30"]],
    "sun": [["00:30", "02:15"], ["02:45", "03:10"], ["12:00", "24:00"]],
}


def distinct_zones() -> list[str]:
    """One name of each set of equal zone files: most names are links."""
    by_content = {zones._path(name).read_bytes(): name for name in sorted(zones.names(), reverse=True)}
    return sorted(by_content.values())


@cache
def spans_of(key: str) -> list[zones.Span]:
    return zones.zone(key).spans(FIRST, LAST)


@given(strategies.any_zone(), st.integers(FIRST, LAST - 1))
def test_spans_say_what_zoneinfo_says_at_any_instant(key, instant):
    spans = spans_of(key)
    span = spans[bisect.bisect_right(spans, instant, key=lambda s: s.since) - 1]
    expected = datetime.fromtimestamp(instant, ZoneInfo(key)).utcoffset()
    assert span.since <= instant < span.until
    assert timedelta(seconds=span.offset) == expected


@pytest.mark.parametrize(
    "key", ["Europe/Berlin", "Africa/Casablanca", "America/Sao_Paulo", "Asia/Gaza", "Pacific/Apia"]
)
def test_spans_miss_no_change_that_an_hourly_look_finds(key):
    info, spans = ZoneInfo(key), zones.zone(key).spans(zones.instant_of(1990), zones.instant_of(2045))
    begins = [span.since for span in spans]
    for instant in range(begins[0], spans[-1].until, 3600):
        span = spans[bisect.bisect_right(begins, instant) - 1]
        assert datetime.fromtimestamp(instant, info).utcoffset().total_seconds() == span.offset


@given(strategies.any_zone(), st.integers(FIRST, LAST - 1), st.integers(1, 10**9))
def test_spans_cover_what_was_asked_without_gaps(key, since, length):
    until = min(since + length, LAST)
    spans = zones.zone(key).spans(since, until)
    assert (spans[0].since, spans[-1].until) == (since, until)
    assert all(before.until == after.since for before, after in zip(spans, spans[1:], strict=False))


def test_the_days_around_every_change_of_clocks_in_ten_years_equal_the_reference():
    """Invariant I18, over all IANA zones."""
    differences, changes = [], 0
    for key in distinct_zones():
        spelled = {"timezone": key, "weekly": WEEKLY}
        clock, reference = engine.compile(engine.parse(**spelled)), Reference(spelled)
        for span in zones.zone(key).spans(zones.instant_of(2018), zones.instant_of(2028))[1:]:
            middle = datetime.fromtimestamp(span.since, UTC)
            start, end = middle - timedelta(hours=27), middle + timedelta(hours=27)
            changes += 1
            step = 60 if middle.minute % 5 else 300  # edges lie on five minutes; only Casey changed at one past
            if clock.between(start, end) != reference.between(start, end, step):
                differences.append((key, middle))
    assert not differences
    assert changes > 1500


def test_names_that_mean_nothing_on_earth_are_no_zones():
    assert {"Factory", "localtime", "posixrules", "../../etc/passwd", ""}.isdisjoint(zones.names())
    with pytest.raises(ZoneInfoNotFoundError):
        zones.zone("Middle/Earth")


def test_the_edition_changes_when_the_file_does(tmp_path, monkeypatch):
    source = zones._path("Europe/Berlin").read_bytes()
    (tmp_path / "Europe").mkdir()
    (tmp_path / "Europe/Berlin").write_bytes(source)
    monkeypatch.setattr("zoneinfo.TZPATH", (str(tmp_path),))
    zones._path.cache_clear()
    before = zones.edition("Europe/Berlin")
    (tmp_path / "Europe/Berlin").write_bytes(zones._path("Asia/Tokyo").read_bytes())
    assert zones.edition("Europe/Berlin") != before
    assert zones.zone("Europe/Berlin").offset_at(0) == 9 * 3600
    zones._path.cache_clear()


def test_zones_come_from_the_package_where_the_system_has_none(monkeypatch):
    monkeypatch.setattr("zoneinfo.TZPATH", ())
    zones._path.cache_clear()
    assert "tzdata" in str(zones._path("Asia/Tokyo"))
    assert zones.zone("Asia/Tokyo").offset_at(0) == 9 * 3600
    assert zones.database_version()
    zones._path.cache_clear()


def test_a_skipped_hour_is_not_lived_through_and_a_repeated_one_counts_twice():
    night = {day: [["00:00", "06:00"]] for day in ("sun",)}
    clock = engine.compile(engine.parse(timezone="Europe/Berlin", weekly=night))
    assert clock.between(utc(2026, 3, 28, 20), utc(2026, 3, 29, 20)) == 5 * 3600
    assert clock.between(utc(2026, 10, 24, 20), utc(2026, 10, 25, 20)) == 7 * 3600
    assert clock.between(utc(2026, 10, 17, 20), utc(2026, 10, 18, 20)) == 6 * 3600


def test_a_date_that_a_country_skipped_has_no_hours():
    every_day = dict.fromkeys(("mon", "tue", "wed", "thu", "fri", "sat", "sun"), [["09:00", "17:00"]])
    clock = engine.compile(engine.parse(timezone="Pacific/Apia", weekly=every_day))
    assert clock.between(utc(2011, 12, 30, 10), utc(2011, 12, 31, 10)) == 8 * 3600  # 31 December only
    assert clock.between(utc(2011, 12, 29, 10), utc(2011, 12, 31, 10)) == 2 * 8 * 3600


def test_half_an_hour_of_summer_time_moves_half_an_hour():
    clock = engine.compile(engine.parse(timezone="Australia/Lord_Howe", weekly={"sun": [["01:00", "03:00"]]}))
    assert clock.between(utc(2026, 10, 3), utc(2026, 10, 5)) == 90 * 60
    assert clock.between(utc(2026, 4, 4), utc(2026, 4, 6)) == 150 * 60


def test_offsets_with_seconds_are_kept_exactly():
    """Liberia stood 44 minutes 30 seconds behind Greenwich until 1972."""
    clock = engine.compile(engine.parse(timezone="Africa/Monrovia", weekly={"mon": [["09:00", "10:00"]]}))
    assert clock.next_opening(utc(1971, 1, 4)) == utc(1971, 1, 4, 9, 44, 30)
    assert clock.next_opening(utc(1973, 1, 1)) == utc(1973, 1, 1, 9)
