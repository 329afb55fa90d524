"""The worker's own tables stay short."""

from datetime import UTC, datetime, timedelta

import pytest
from django_q.models import OrmQ, Task

from opsportal.sweeps import housekeeping
from opsportal.sweeps.models import SweepRun

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)


def runs(count: int, *, age: timedelta, fired: int = 0, error: str = "") -> None:
    at = NOW - age
    values = {"name": "handoffs", "at": at, "started_at": at, "finished_at": at, "via": "queue", "host": "h", "pid": 1}
    SweepRun.objects.bulk_create([SweepRun(**values, fired=fired, error=error) for _ in range(count)])


def test_quiet_runs_are_kept_a_day_and_telling_ones_a_month():
    runs(3, age=timedelta(hours=23))
    runs(4, age=timedelta(hours=25))
    runs(5, age=timedelta(days=29), fired=1)
    runs(6, age=timedelta(days=29), error="no")
    runs(7, age=timedelta(days=31), fired=1)
    assert housekeeping.prune(NOW).fired == 4 + 7
    assert SweepRun.objects.count() == 3 + 5 + 6


def test_it_deletes_in_batches(monkeypatch: pytest.MonkeyPatch, django_assert_max_num_queries):
    monkeypatch.setattr(housekeeping, "BATCH", 10)
    runs(35, age=timedelta(days=2))
    with django_assert_max_num_queries(20):
        assert housekeeping.prune(NOW).fired == 35


def test_old_results_and_left_over_beats_leave():
    old = NOW - timedelta(days=8)
    Task.objects.create(id="a" * 32, name="old", func="f", started=old, stopped=old, success=False)
    Task.objects.create(id="b" * 32, name="new", func="f", started=NOW, stopped=NOW, success=False)
    OrmQ.objects.create(key="beat:gone", payload="x", lock=NOW - timedelta(hours=2))
    OrmQ.objects.create(key="opsportal", payload="x", lock=NOW - timedelta(hours=2))
    housekeeping.prune(NOW)
    assert [task.name for task in Task.objects.all()] == ["new"]
    assert [row.key for row in OrmQ.objects.all()] == ["opsportal"]
