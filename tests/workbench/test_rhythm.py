"""What runs by a schedule in the demo keeps to it, whatever the minute the demo is started at."""

from datetime import UTC, datetime, timedelta
from random import Random

import pytest

from opsportal.workbench.demo import live, promises
from opsportal.workbench.demo.cast import Cast


@pytest.mark.parametrize("minute", [0, 7, 12, 14])
def test_signs_of_life_of_a_schedule_come_right_after_its_instants(minute):
    end = datetime(2026, 3, 12, 10, minute, 17, tzinfo=UTC)
    planned = []
    services = promises.Services(Cast(), start=end - timedelta(days=5), end=end, seed=7)
    services._plan_pings(lambda instant, act: planned.append((instant, act)))
    quarters = [instant for instant, act in planned if "_ping" in act.__qualname__]
    assert quarters
    assert all(instant.minute % 15 == 0 and instant.second <= 40 for instant in quarters)


@pytest.mark.parametrize("minute", [0, 7, 14])
def test_while_somebody_watches_it_runs_right_after_the_quarter_of_an_hour(minute):
    now = datetime(2026, 3, 12, 10, minute, 17, tzinfo=UTC)
    at = now + timedelta(seconds=Random(1).uniform(*live._pause("deal-sync", now)))
    assert at.minute % 15 == 0
    assert live._pause("enrichment", now) == live.RUNS_EVERY["enrichment"]
