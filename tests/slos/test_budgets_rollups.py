"""I19: whatever runs come, late, twice or out of order: the rollups say what the runs themselves say, exactly."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from slos.budgets import operations, queries
from slos.budgets.engine.histogram import bin_of
from slos.models import DirtyMinute, Downtime, OpenBucket, Run, RunBucket, SliBucket, Slo
from tests.factories.budgets import sweep
from tests.factories.catalog import make_automation
from tests.factories.objectives import make_slo
from tests.factories.runs import a_run, make_run, make_runs
from tests.slos import naive

pytestmark = pytest.mark.django_db

T = datetime(2026, 3, 2, 22, 0, tzinfo=UTC)
END = T + timedelta(hours=6)
RARELY = settings(
    max_examples=6,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)

DEFINITIONS: list[dict[str, Any]] = [
    {"kind": "availability", "method": "occurrences"},
    {"kind": "latency", "method": "occurrences", "threshold_seconds": 300},
    {"kind": "freshness", "method": "occurrences", "threshold_seconds": 300},
    {"kind": "availability", "method": "time_slices", "slice_seconds": 300, "slice_target": "60"},
    {"kind": "availability", "method": "downtime", "violation": {"max_run_seconds": 900, "consecutive_failures": 2}},
    {"kind": "availability", "method": "downtime", "violation": {"consecutive_failures": 3}},
    {"kind": "freshness", "method": "downtime", "threshold_seconds": 1_800},
]

times = st.integers(0, 6 * 3_600 - 60).map(lambda seconds: T + timedelta(seconds=seconds, milliseconds=seconds % 7))
reports = st.fixed_dictionaries(
    {
        "ended": times,
        "seconds": st.sampled_from([0.5, 60, 300, 300.001, 1_200]),
        "status": st.sampled_from(["succeeded", "succeeded", "failed", "failed", "cancelled"]),
        "error_type": st.sampled_from(["", "RateLimit", "Timeout"]),
        "version": st.sampled_from(["", "v1", "v2"]),
    }
)
stories = st.lists(st.lists(reports, min_size=1, max_size=12), min_size=1, max_size=4)
windows = st.tuples(times, times).map(sorted)


def tell(automation, said: dict[str, Any]):
    said = dict(said)
    if said["status"] != "failed":
        said["error_type"] = ""
    return a_run(automation, **said)


def check(slo: Slo, asked: list[tuple[datetime, datetime]]) -> None:
    first = min((naive.minute(one.finished_at) for one in naive.ended(slo)), default=END)
    down = naive.timeline(slo, T, END) if slo.method == "downtime" else []
    for start, end in asked:
        tally = queries.tally(slo, start, end)
        if slo.method == "occurrences":
            assert (tally.valid, tally.bad) == naive.events(slo, start, end)
        elif slo.method == "time_slices":
            assert (tally.valid, tally.bad) == naive.slices(slo, start, end, END)
        else:
            since, until = (int((at - T).total_seconds()) for at in (max(start, first), end))
            assert tally.bad == sum(down[since:until]), (slo.kind, slo.max_run_seconds)
        for kind in ("error", "version"):
            assert sum(bad for key, bad in tally.causes.items() if key.startswith(f"{kind}|")) == tally.bad


def make_all(automation) -> list[Slo]:
    window = {"kind": "rolling", "days": 7}
    return [make_slo(automation=automation, target="99", window=window, now=END, **one) for one in DEFINITIONS]


@RARELY
@given(stories, st.lists(windows, min_size=2, max_size=2), st.booleans())
def test_rollups_say_what_the_runs_say(story, asked, before):
    automation = make_automation()
    slos = make_all(automation) if before else []
    told = []
    for number, chapter in enumerate(story):
        told += [tell(automation, one) for one in chapter]
        make_runs(told[-len(chapter) :] + told[:2], now=END)  # the first two come again and again
        sweep(T + timedelta(hours=1 + 2 * number))
    slos = slos or make_all(automation)
    sweep(END)
    stretches = [*((naive.minute(a), b.replace(microsecond=0)) for a, b in asked), (T, END)]
    for slo in slos:
        check(slo, stretches)
    assert not DirtyMinute.objects.exists()
    Slo.objects.filter(automation=automation).update(state="retired")


@RARELY
@given(stories)
def test_minutes_of_runs_say_what_the_runs_say(story):
    automation = make_automation()
    for chapter in story:
        make_runs([tell(automation, one) for one in chapter], now=END)
        sweep(END)
    found = queries.counts(automation, T - timedelta(days=1), END + timedelta(days=1))
    runs = list(Run.objects.filter(automation=automation))
    by_status = Counter(one.status for one in runs)
    assert (found.succeeded, found.failed, found.cancelled) == tuple(
        by_status[name] for name in ("succeeded", "failed", "cancelled")
    )
    assert sum(found.errors.values()) == found.failed == sum(pair[1] for pair in found.versions.values())
    took = Counter(bin_of(naive.took(one) // timedelta(milliseconds=1)) for one in runs if one.status == "succeeded")
    assert found.durations == took
    assert found.attempts == sum(one.attempt for one in runs)


def test_windows_that_touch_add_up_exactly():
    automation = make_automation()
    (slo,) = [make_slo(automation=automation)]
    make_runs([a_run(automation, ended=T + timedelta(seconds=37 * n), status="failed") for n in range(500)], now=END)
    sweep(END)
    cuts = [T + timedelta(seconds=one) for one in (0, 61, 62.5, 3_599, 7_201, 20_000)]
    parts = [queries.tally(slo, *pair) for pair in zip(cuts, cuts[1:], strict=False)]
    whole = queries.tally(slo, cuts[0], cuts[-1])
    assert sum(one.valid for one in parts) == whole.valid == 500
    assert sum((Counter(one.causes) for one in parts), Counter()) == whole.causes


def test_a_late_run_of_a_past_week_moves_every_width():
    automation = make_automation()
    slo = make_slo(automation=automation)
    make_run(automation, ended=T, now=T)
    sweep(T + timedelta(days=7))
    assert set(RunBucket.objects.values_list("width", flat=True)) == {60, 900, 3_600, 86_400}
    make_run(automation, ended=T + timedelta(seconds=5), status="failed", now=T + timedelta(days=7))
    sweep(T + timedelta(days=7, minutes=1))
    assert set(SliBucket.objects.filter(slo=slo).values_list("width", "valid", "bad")) == {
        (60, 2, 1),
        (900, 2, 1),
        (3_600, 2, 1),
        (86_400, 2, 1),
    }


def test_buckets_widen_when_they_are_over_and_not_before():
    automation = make_automation()
    make_run(automation, ended=T, now=T)
    sweep(T + timedelta(minutes=2))
    assert set(RunBucket.objects.values_list("width", flat=True)) == {60}
    sweep(T + timedelta(minutes=15))
    assert set(RunBucket.objects.values_list("width", flat=True)) == {60, 900}
    sweep(T + timedelta(hours=2))
    assert set(RunBucket.objects.values_list("width", flat=True)) == {60, 900, 3_600, 86_400}
    assert not OpenBucket.objects.exists()


def test_a_run_that_ends_later_than_it_was_first_said_leaves_no_trace_in_its_former_minute():
    automation = make_automation()
    slo = make_slo(automation=automation)
    report = a_run(automation, ended=T, status="failed")
    make_runs([report], now=T)
    sweep(T + timedelta(minutes=1))
    Run.objects.filter(automation=automation).update(finished_at=T + timedelta(minutes=5))
    DirtyMinute.objects.bulk_create(
        [DirtyMinute(automation=automation, minute=T + timedelta(minutes=n)) for n in (0, 5)]
    )
    sweep(T + timedelta(minutes=20))
    assert queries.tally(slo, T, T + timedelta(minutes=1)).valid == 0
    assert queries.tally(slo, T + timedelta(minutes=5), T + timedelta(minutes=6)).bad == 1


def test_a_changed_definition_is_added_up_anew_over_all_of_its_history():
    automation = make_automation()
    slo = make_slo(automation=automation, kind="latency", threshold_seconds=100)
    ends = [T - timedelta(days=n) for n in range(5)]
    make_runs([a_run(automation, ended=at, seconds=60) for at in ends], now=END)
    sweep(END)
    assert queries.tally(slo, T - timedelta(days=9), END).bad == 0
    Slo.objects.filter(pk=slo.pk).update(threshold_ms=59_999)
    slo.refresh_from_db()
    operations.rebuild(slo, now=END)
    assert queries.budget(slo, END).sentence == "No data: its history is being added up anew."
    sweep(END)
    tally = queries.tally(slo, T - timedelta(days=9), END)
    assert (tally.valid, tally.bad) == (5, 5)


def test_a_threshold_is_kept_exactly_to_the_millisecond():
    automation = make_automation()
    slo = make_slo(automation=automation, kind="latency", threshold_seconds=1)
    make_runs([a_run(automation, ended=T, seconds=one) for one in (0.999, 1, 1.001)], now=END)
    sweep(END)
    tally = queries.tally(slo, T, END)
    assert (tally.valid, tally.bad) == (3, 1)


def test_sweeping_twice_changes_nothing():
    automation = make_automation()
    make_all(automation)
    make_runs([a_run(automation, ended=T + timedelta(minutes=n), status="failed") for n in range(30)], now=END)
    sweep(END)

    def kept() -> list[Any]:
        names = ("width", "start", "valid", "bad", "causes")
        downs = ("slo_id", "rule", "from_at", "until", "error", "version")
        return [list(SliBucket.objects.values_list("slo_id", *names)), list(Downtime.objects.values_list(*downs))]

    before = kept()
    DirtyMinute.objects.create(automation=automation, minute=T + timedelta(minutes=3))
    sweep(END)
    assert kept() == before


@pytest.mark.parametrize("seconds", [-1, 0, 1, 59, 60])
@pytest.mark.parametrize("boundary", [timedelta(minutes=15), timedelta(hours=1), timedelta(hours=2)])  # then midnight
def test_what_has_just_been_added_up_is_there_in_the_minute_before_wider_buckets_end(boundary: timedelta, seconds: int):
    automation = make_automation()
    slo = make_slo(automation=automation)
    now = T + boundary - timedelta(seconds=seconds)
    make_runs([a_run(automation, ended=now - timedelta(minutes=5)) for _ in range(25)], now=now)
    sweep(now)
    day = T.replace(hour=0)
    assert queries.counts(automation, day, day + timedelta(days=1)).succeeded == 25
    assert (queries.tally(slo, day, now).valid, queries.budget(slo, now).valid) == (25, 25)
