"""Writes of one credential are limited, whichever process answers them; reading is not."""

import multiprocessing
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connections

from opsportal.api import throttles
from opsportal.api.models import Window
from tests.factories import api

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 11, 3, 9, 0, tzinfo=UTC)


def test_the_write_beyond_the_limit_is_429_with_a_time_to_come_back(settings):
    settings.API_WRITES_PER_MINUTE = 3
    caller = api.caller()
    for number in range(3):
        assert caller.post("teams/", {"slug": f"t{number}", "name": "T"}).status_code == 201
    answer = caller.post("teams/", {"slug": "t4", "name": "T"})
    api.assert_problem(answer, 429, "throttled")
    assert 1 <= int(answer["Retry-After"]) <= 60
    assert caller.get("teams/").status_code == 200
    assert api.caller().post("teams/", {"slug": "t4", "name": "T"}).status_code == 201


def test_six_hundred_writes_a_minute_are_the_default(settings):
    assert settings.API_WRITES_PER_MINUTE == 600


def test_a_window_begins_with_its_first_request_and_is_one_row():
    for second in range(5):
        assert throttles.count("b", NOW + timedelta(seconds=second))[0] == second + 1
    seen, ends_at = throttles.count("b", NOW + timedelta(seconds=59))
    assert (seen, ends_at) == (6, NOW + timedelta(seconds=60))
    assert throttles.count("b", NOW + timedelta(seconds=60))[0] == 1
    assert Window.objects.count() == 1


def test_counters_nobody_touched_for_a_day_are_forgotten():
    throttles.count("old", NOW)
    throttles.count("new", NOW + timedelta(days=1))
    assert throttles.prune(NOW + timedelta(days=1, seconds=1)) == 1
    assert Window.objects.get().bucket == "new"


def _count_often(bucket: str, times: int) -> list[int]:
    try:
        return [throttles.count(bucket, NOW)[0] for _ in range(times)]
    finally:
        connections.close_all()


@pytest.mark.django_db(transaction=True)
def test_four_processes_share_one_count():
    connections.close_all()
    with multiprocessing.get_context("fork").Pool(4) as pool:
        seen = pool.starmap(_count_often, [("shared", 50)] * 4)
    assert sorted(number for numbers in seen for number in numbers) == list(range(1, 201))
