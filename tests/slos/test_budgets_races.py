"""Intake and rollup at the same time on PostgreSQL: no mark is lost, and no older state is written over a newer one."""

import threading
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection, connections, transaction

from slos.budgets import queries
from slos.budgets.sweep import ADDING, sweep_rollups, take_marks
from slos.models import DirtyMinute, RunBucket
from tests.factories.budgets import sweep
from tests.factories.catalog import make_automation
from tests.factories.objectives import make_slo
from tests.factories.runs import a_run, make_run, make_runs

T = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
NOW = T + timedelta(days=2)


@pytest.fixture
def two_connections(transactional_db: None) -> None:
    if connection.vendor != "postgresql":
        pytest.skip("SQLite has one writer")


def in_thread(work) -> threading.Thread:
    def run() -> None:
        try:
            work()
        finally:
            connections.close_all()

    thread = threading.Thread(target=run)
    thread.start()
    return thread


def test_runs_that_come_while_others_are_added_up_are_all_counted(two_connections):
    automation = make_automation()
    slo = make_slo(automation=automation)
    stop = threading.Event()

    def sweeper() -> None:
        while not stop.is_set():
            sweep_rollups(NOW)

    def sender(number: int) -> None:
        for n in range(15):
            ended = T + timedelta(seconds=7 * n + number)
            make_runs([a_run(automation, ended=ended, status="failed") for _ in range(4)], now=NOW)

    sweepers = [in_thread(sweeper) for _ in range(2)]
    for thread in [in_thread(lambda number=number: sender(number)) for number in range(3)]:
        thread.join()
    stop.set()
    for thread in sweepers:
        thread.join()
    sweep(NOW)
    tally = queries.tally(slo, T - timedelta(days=1), NOW)
    assert (tally.valid, tally.bad) == (180, 180)
    assert queries.counts(automation, T, NOW).failed == 180


def test_a_run_that_commits_after_its_minute_was_added_up_leaves_its_mark(two_connections):
    automation = make_automation()
    slo = make_slo(automation=automation)
    make_run(automation, ended=T, now=NOW)
    written, swept = threading.Event(), threading.Event()

    def slow_sender() -> None:
        with transaction.atomic():
            make_run(automation, ended=T + timedelta(seconds=1), now=NOW)
            written.set()
            swept.wait(20)

    thread = in_thread(slow_sender)
    written.wait(20)
    sweep(NOW)
    assert queries.tally(slo, T, NOW).valid == 1
    swept.set()
    thread.join()
    assert DirtyMinute.objects.count() == 1
    sweep(NOW)
    assert queries.tally(slo, T, NOW).valid == 2


def test_only_one_sweeper_adds_up(two_connections):
    make_run(make_automation(), ended=T, now=NOW)
    held, done = threading.Event(), threading.Event()

    def holder() -> None:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [ADDING])
            held.set()
            done.wait(20)

    thread = in_thread(holder)
    held.wait(20)
    assert take_marks(NOW) is None
    assert sweep_rollups(NOW).fired == 0
    done.set()
    thread.join()
    sweep(NOW)
    assert RunBucket.objects.filter(width=60).count() == 1


def test_a_sweep_that_dies_takes_no_mark_away(two_connections):
    make_run(make_automation(), ended=T, now=NOW)
    with transaction.atomic():
        assert take_marks(NOW) == 1
        transaction.set_rollback(True)
    assert DirtyMinute.objects.count() == 1
    assert not RunBucket.objects.exists()
