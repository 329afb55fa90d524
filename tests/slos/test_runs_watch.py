"""Whether runs need a look: each trouble is one fact while it lasts, judged by limits or by what is usual."""

import threading
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test import override_settings

from opsportal.catalog.models import Automation
from slos.budgets.sweep import sweep_rollups
from slos.models import DirtyMinute, Fact, Heartbeat, Run, RunBucket, RunHorizon
from slos.runs import queries
from slos.runs.operations import record_queue, record_runs
from slos.runs.sweep import sweep_old_runs, sweep_watch
from tests.factories.catalog import make_automation
from tests.factories.runs import a_run, make_run, make_runs

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 3, 17, 12, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


@pytest.fixture
def router() -> Automation:
    return make_automation("lead-router", name="Lead router")


def limit(automation: Automation, **limits: Any) -> None:
    Automation.objects.filter(pk=automation.pk).update(limits=limits)


def facts() -> list[tuple[str, str, bool]]:
    return [(one.kind, one.sentence, one.ended_at is None) for one in Fact.objects.order_by("id")]


def kinds() -> list[str]:
    return [one.kind for one in Fact.objects.going_on().order_by("id")]


# --- stuck ---


def test_a_run_beyond_the_longest_allowed_is_stuck_until_it_ends(router: Automation):
    limit(router, max_runtime_seconds=600)
    make_run(router, run_id="r1", status="running", ended=NOW - 11 * MINUTE, correlation_id="c1", now=NOW)
    make_run(router, run_id="r2", status="running", ended=NOW - 9 * MINUTE, now=NOW)
    sweep_watch(NOW)
    sweep_watch(NOW + timedelta(seconds=30))
    assert facts() == [("run_stuck", "A run of Lead router has not ended, for 11 min; 10 min are allowed.", True)]
    fact = Fact.objects.get()
    assert (fact.automation, fact.trace_id, fact.occurred_at) == (router, "c1", NOW - MINUTE)
    make_run(router, run_id="r1", status="failed", ended=NOW + MINUTE, now=NOW + MINUTE)
    make_run(router, run_id="r2", status="succeeded", ended=NOW + MINUTE, now=NOW + MINUTE)
    sweep_watch(NOW + 2 * MINUTE)
    assert Fact.objects.get().ended_at == NOW + 2 * MINUTE


def test_without_a_limit_four_times_the_usual_and_an_hour_at_least_is_stuck(router: Automation):
    slow = make_automation("nightly", name="Nightly")
    make_runs([a_run(slow, ended=NOW - timedelta(days=n), seconds=3600) for n in range(1, 6)], now=NOW)
    make_run(slow, status="running", ended=NOW - timedelta(hours=3, minutes=59), now=NOW)
    make_run(router, status="running", ended=NOW - timedelta(minutes=59), now=NOW)
    sweep_watch(NOW)
    assert kinds() == []
    sweep_watch(NOW + 2 * MINUTE)
    assert [(one.automation, one.kind) for one in Fact.objects.order_by("automation__slug")] == [
        (router, "run_stuck"), (slow, "run_stuck")
    ]  # fmt: skip


def test_a_heartbeats_longest_run_counts_for_the_runs_too(router: Automation):
    Heartbeat.objects.create(
        slug="hb", automation=router, max_runtime_seconds=60, created_at=NOW, updated_at=NOW
    )  # fmt: skip
    make_run(router, status="running", ended=NOW - 2 * MINUTE, now=NOW)
    sweep_watch(NOW)
    assert kinds() == ["run_stuck"]


# --- runaway, retries ---


def test_more_runs_than_the_tool_allows_an_hour_is_a_loop_until_it_calms_down(router: Automation):
    limit(router, runs_per_hour=60)
    make_runs([a_run(router, ended=NOW - n * timedelta(seconds=10), seconds=1) for n in range(11)], now=NOW)
    sweep_watch(NOW)
    assert facts() == [
        ("runaway_loop", "Lead router began 11 runs within 10 minutes; beyond 10 it is a loop.", True)
    ]  # fmt: skip
    sweep_watch(NOW + 11 * MINUTE)
    assert kinds() == []


def test_a_burst_is_a_loop_only_far_beyond_what_is_usual(router: Automation):
    busy = make_automation("busy", name="Busy")
    hours = [NOW - timedelta(hours=n) for n in range(2, 168)]
    rows = [RunBucket(automation=busy, width=3_600, start=start, succeeded=300) for start in hours]
    RunBucket.objects.bulk_create(rows)
    burst = [a_run(one, ended=NOW - n * timedelta(seconds=4), seconds=1) for one in (router, busy) for n in range(120)]
    make_runs(burst, now=NOW)
    sweep_watch(NOW)
    assert [one.automation for one in Fact.objects.all()] == [router]


def test_a_retry_storm_is_told_by_its_own_usual(router: Automation):
    make_runs([a_run(router, ended=NOW - n * MINUTE, retries=2) for n in range(1, 13)], now=NOW)
    sweep_rollups(NOW)
    sweep_watch(NOW)
    assert facts()[0][:2] == (
        "retry_storm", "Lead router retried 24 times in 12 runs within 30 minutes: 2.0 a run, more than 0.5."
    )  # fmt: skip
    Fact.objects.all().delete()
    RunBucket.objects.create(automation=router, width=3_600, start=NOW - timedelta(days=1), succeeded=10, retries=6)
    sweep_watch(NOW)
    assert kinds() == []
    limit(router, retry_ratio="0.25")
    sweep_watch(NOW)
    assert kinds() == ["retry_storm"]


# --- empty, queue ---


def test_three_empty_runs_in_a_row_are_an_outage_until_one_puts_something_out(router: Automation):
    make_runs([a_run(router, ended=NOW - n * MINUTE, items_out=0) for n in (9, 8)], now=NOW)
    sweep_rollups(NOW)
    sweep_watch(NOW)
    assert kinds() == []
    make_run(router, ended=NOW - 7 * MINUTE, status="failed", now=NOW)
    make_run(router, ended=NOW - 6 * MINUTE, items_out=0, correlation_id="c3", now=NOW)
    sweep_rollups(NOW)
    sweep_watch(NOW)
    assert facts() == [("empty_output", "The last 3 runs of Lead router ended well and put out nothing.", True)]
    assert (Fact.objects.get().trace_id, Fact.objects.get().occurred_at) == ("c3", NOW - 9 * MINUTE)
    sweep_watch(NOW + timedelta(days=2))
    assert kinds() == ["empty_output"]
    make_run(router, ended=NOW + timedelta(days=2), items_out=4, now=NOW + timedelta(days=2))
    sweep_watch(NOW + timedelta(days=2, minutes=1))
    assert kinds() == []


def test_a_least_number_of_items_can_be_set(router: Automation):
    make_runs([a_run(router, ended=NOW - n * MINUTE, items_out=4) for n in (3, 2, 1)], now=NOW)
    sweep_rollups(NOW)
    sweep_watch(NOW)
    assert kinds() == []
    limit(router, min_items=5)
    sweep_watch(NOW)
    assert facts()[0][1] == "The last 3 runs of Lead router ended well and put out fewer than 5 items."
    limit(router, min_items=0)
    sweep_watch(NOW)
    assert kinds() == []


def test_a_queue_beyond_its_limits_is_told(router: Automation):
    record_queue(router, depth=900, oldest_age_seconds=4_000, now=NOW)
    sweep_watch(NOW)
    assert kinds() == []
    limit(router, queue_age_seconds=3_600)
    sweep_watch(NOW)
    assert facts()[0][1] == "An item waits before Lead router for 1 h 6 min; 1 h are allowed."
    limit(router, queue_depth=500)
    record_queue(router, depth=10, oldest_age_seconds=5, now=NOW + MINUTE)
    sweep_watch(NOW + MINUTE)
    assert kinds() == []
    assert queries.use_of_limits(Automation.objects.get(), NOW) == {"queue_depth": 10}


# --- limits, cost ---


def test_nine_tenths_of_what_the_tool_allows_is_told_once_a_period(router: Automation):
    limit(router, runs_per_day=10, runs_per_month=1_000)
    make_runs([a_run(router, ended=NOW - n * MINUTE, seconds=1) for n in range(8)], now=NOW)
    make_run(router, ended=NOW - timedelta(days=1), now=NOW)
    sweep_watch(NOW)
    assert kinds() == []
    make_run(router, ended=NOW, seconds=5, now=NOW)
    sweep_watch(NOW)
    assert facts() == [
        ("run_limit", "Lead router has used 9 of the 10 runs that its tool allows a day.", True)
    ]  # fmt: skip
    assert queries.use_of_limits(Automation.objects.get(), NOW) == {"runs_per_day": 9, "runs_per_month": 10}
    sweep_watch(NOW + timedelta(hours=12))
    assert kinds() == []


def test_runs_that_cost_nearly_what_was_set_aside_are_told(router: Automation):
    Automation.objects.update(cost_budget=Decimal("100"))
    days = [NOW - timedelta(days=n) for n in (20, 3, 1)]
    make_runs([a_run(router, ended=one, cost=Decimal("40")) for one in days], now=NOW)
    sweep_rollups(NOW)
    sweep_watch(NOW)
    assert kinds() == []
    make_run(router, ended=NOW - 2 * MINUTE, cost=Decimal("15"), now=NOW)
    sweep_rollups(NOW)
    sweep_watch(NOW)
    assert facts() == [
        ("cost", "The runs of Lead router have cost 95.00 this month, of 100.00 set aside.", True)
    ]  # fmt: skip


# --- how it looks ---


def test_the_cost_of_a_round_does_not_follow_the_number_of_automations(
    router: Automation, django_assert_max_num_queries: Any
):
    for number in range(30):
        make_run(make_automation(), ended=NOW - number * MINUTE, now=NOW)
    sweep_rollups(NOW)
    with django_assert_max_num_queries(14):
        sweep_watch(NOW)


@pytest.mark.django_db(transaction=True)
def test_sweepers_that_race_enter_one_fact():
    router = make_automation("lead-router")
    limit(router, max_runtime_seconds=600)
    make_run(router, status="running", ended=NOW - 20 * MINUTE, now=NOW)

    def sweep(at: datetime) -> None:
        sweep_watch(at)
        connection.close()

    threads = [threading.Thread(target=sweep, args=[NOW + timedelta(microseconds=n)]) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert Fact.objects.count() == 1


# --- retention ---


def test_old_runs_go_after_they_were_added_up_and_their_sums_stay(router: Automation):
    old, kept = NOW - timedelta(days=31), NOW - timedelta(days=29)
    make_runs([a_run(router, ended=old - n * MINUTE) for n in range(3)], now=NOW)
    make_run(router, ended=kept, now=NOW)
    make_run(router, status="running", ended=old, now=NOW)
    with override_settings(RUNS_KEEP_DAYS=30):
        sweep_old_runs(NOW)
        assert Run.objects.count() == 5  # not added up yet
        sweep_rollups(NOW)
        before = list(RunBucket.objects.values_list("width", "start", "succeeded"))
        assert sweep_old_runs(NOW).fired == 4
    assert Run.objects.get().finished_at == kept
    answers = record_runs(
        [a_run(router, ended=old), a_run(router, ended=kept)], among=Automation.objects.all(), now=NOW
    )  # fmt: skip
    assert [(one.status, one.code) for one in answers] == [("invalid", "too_old"), ("created", None)]
    assert RunHorizon.objects.get().until == NOW - timedelta(days=30)
    DirtyMinute.objects.all().delete()
    assert list(RunBucket.objects.values_list("width", "start", "succeeded")) == before
