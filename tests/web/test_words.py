"""Times in words: on the page as in the script that keeps them true."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from opsportal.web import words

NOW = datetime(2026, 11, 3, 9, 0, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")
SECONDS = [0, 1, 4, 5, 59, 60, 61, 3599, 3600, 3660, 7199, 86399, 86400, 90000, 863999, 864000, 9e6]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (59.9, "59 s"),
        (60, "1 min"),
        (3600, "1 h"),
        (11100, "3 h 5 min"),
        (187200, "2 d 4 h"),
        (864000, "10 d"),
    ],
)
def test_a_duration_reads_as_its_two_largest_units(seconds, text):
    assert words.duration(seconds) == text


def test_a_deadline_reads_as_what_is_left_or_how_late_it_is():
    assert words.due(NOW + timedelta(minutes=4), NOW) == "due in 4 min"
    assert words.due(NOW - timedelta(minutes=12), NOW) == "12 min late"
    assert words.due(NOW, NOW) == "due now"


def test_a_wall_time_names_its_zone_and_leaves_out_what_goes_without_saying():
    assert words.absolute(NOW, BERLIN, NOW) == "today 10:00 CET"
    assert words.absolute(NOW - timedelta(days=30), BERLIN, NOW) == "Sun 4 Oct, 11:00 CEST"
    assert words.absolute(NOW - timedelta(days=365), BERLIN, NOW) == "Mon 3 Nov 2025, 10:00 CET"
    assert words.absolute(NOW, ZoneInfo("Asia/Kathmandu"), NOW) == "today 14:45 UTC+05:45"


@pytest.mark.browser
@pytest.mark.django_db(transaction=True)
def test_the_script_uses_the_same_words(visitor):
    visitor.open("/login/")
    script = """async (seconds) => {
      const { ago, due } = await import("/static/js/time.js");
      return seconds.map((each) => [ago(each), due(each)]);
    }"""
    both = [*SECONDS, *(-each for each in SECONDS)]
    expected = [
        [words.ago(NOW + timedelta(seconds=each), NOW), words.due(NOW + timedelta(seconds=each), NOW)] for each in both
    ]
    assert visitor.page.evaluate(script, both) == expected
