"""Whatever reports of a run come, in whatever order and how often: they add up to the same row."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from opsportal.catalog.models import Automation
from slos.models import DirtyMinute, Run
from slos.runs import engine
from slos.runs.engine import NewRun, Step
from slos.runs.operations import record_runs
from tests.factories.catalog import make_automation

pytestmark = pytest.mark.django_db

T = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
NOW = T + timedelta(days=1)
WITHOUT = ("id", "received_at", "updated_at")

instants = st.integers(-600, 600).map(lambda seconds: T + timedelta(seconds=seconds))
texts = st.sampled_from(["", "a", "b\t\\N"])
maybe_counts = st.none() | st.integers(0, 3)
facts = st.fixed_dictionaries(
    {},
    optional={
        "occurred_at": instants,
        "correlation_id": st.sampled_from(["", "c1", "c2"]),
        "request_id": texts,
        "payload_bytes": maybe_counts,
        "error_type": texts,
        "error_message": texts,
        "attempt": st.integers(1, 3),
        "retries": st.integers(0, 3),
        "compensated": st.booleans(),
        "interventions": st.integers(0, 2),
        "version": texts,
        "environment": texts,
        "trigger": st.sampled_from(["", "event", "api"]),
        "cost": st.none() | st.sampled_from([Decimal("0.000001"), Decimal("1.5")]),
        "items_out": maybe_counts,
        "tags": st.dictionaries(st.sampled_from("xy"), st.integers(0, 1), max_size=2),
        "steps": st.lists(st.sampled_from([Step(name="fetch", status="failed"), Step(name="send")]), max_size=2),
    },
)


def report(status: str, said: dict[str, Any], **times: Any) -> NewRun:
    return NewRun(automation="lead-router", run_id="r1", status=status, **said, **times)


running = st.builds(lambda said, at: report("running", said, started_at=at), facts, instants)
ends = st.builds(
    lambda said, status, ended, took: report(
        status, said, finished_at=ended, started_at=None if took is None else ended - timedelta(seconds=took)
    ),
    facts,
    st.sampled_from(["succeeded", "failed", "cancelled"]),
    instants,
    st.none() | st.integers(0, 900),
)


def row_after(reports: Sequence[NewRun]) -> dict[str, Any]:
    Run.objects.all().delete()
    record_runs(reports, among=Automation.objects.all(), now=NOW)
    return {name: value for name, value in Run.objects.values().get().items() if name not in WITHOUT}


def row_after_single(reports: Sequence[NewRun]) -> dict[str, Any]:
    Run.objects.all().delete()
    for one in reports:
        record_runs([one], among=Automation.objects.all(), now=NOW)
    return {name: value for name, value in Run.objects.values().get().items() if name not in WITHOUT}


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_any_order_and_repetition_gives_the_same_row(automation_row: Automation, data: st.DataObject):
    starts = data.draw(st.lists(running, min_size=1, max_size=3))
    end = data.draw(st.none() | ends)
    reports = starts + ([end] if end else [])
    repeated = reports + data.draw(st.lists(st.sampled_from(reports), max_size=3))
    expected = row_after(reports)
    shuffled = data.draw(st.permutations(repeated))
    assert row_after(shuffled) == expected
    assert row_after_single(data.draw(st.permutations(repeated))) == expected


@settings(max_examples=60, deadline=None)
@given(ends, ends, st.lists(running, max_size=2))
def test_the_first_end_stands(first: NewRun, second: NewRun, starts: list[NewRun]):
    known = engine.kept(first)
    for one in starts:
        _, known = engine.merge(known, one)
    status, after = engine.merge(known, second)
    said_the_same = engine.body_hash(first) == engine.body_hash(second)
    assert status == ("duplicate" if said_the_same else "conflict")
    assert after == known
    assert (after.run.status, after.run.finished_at) == (first.status, first.finished_at)


@pytest.fixture
def automation_row() -> Automation:
    return make_automation("lead-router")


def said(**fields: Any) -> NewRun:
    return msgspec.convert({"automation": "lead-router", "run_id": "r1", **fields}, NewRun)


START = {"status": "running", "started_at": T, "correlation_id": "c1", "version": "v7", "retries": 2}
END = {"status": "failed", "finished_at": T + timedelta(seconds=90), "error_type": "RateLimit"}


def take(*reports: NewRun) -> list[str]:
    return [one.status for one in record_runs(reports, among=Automation.objects.all(), now=NOW)]


def test_an_end_that_knows_no_start_takes_it_from_the_report_of_the_start(automation_row: Automation):
    assert take(said(**START), said(**END)) == ["created", "updated"]
    run = Run.objects.get()
    assert (run.started_at, run.duration_ms, run.correlation_id, run.version) == (T, 90_000, "c1", "v7")
    assert (run.status, run.error_type, run.retries) == ("failed", "RateLimit", 2)


def test_a_start_that_comes_late_is_a_duplicate_and_fills_what_is_missing(automation_row: Automation):
    assert take(said(**END)) == ["created"]
    run = Run.objects.get()
    assert (run.started_at, run.duration_ms) == (run.finished_at, None)
    assert take(said(**START), said(**START)) == ["duplicate", "duplicate"]
    run = Run.objects.get()
    assert (run.status, run.started_at, run.duration_ms, run.correlation_id) == ("failed", T, 90_000, "c1")


def test_what_the_end_says_stands_above_the_start(automation_row: Automation):
    take(said(**END, started_at=T + timedelta(seconds=30), version="v8", retries=1))
    take(said(**START))
    run = Run.objects.get()
    assert (run.duration_ms, run.version, run.retries) == (60_000, "v8", 2)


def test_another_end_is_a_conflict_and_the_same_end_a_duplicate(automation_row: Automation):
    assert take(said(**START), said(**END), said(**END), said(**END | {"status": "succeeded"})) == [
        "created", "updated", "duplicate", "conflict"
    ]  # fmt: skip
    assert take(said(**END, items_out=1)) == ["conflict"]
    assert Run.objects.get().status == "failed"


def test_each_end_marks_its_minute_once_for_the_rollups(automation_row: Automation):
    other = make_automation("deal-sync")
    ended = {"status": "succeeded", "finished_at": T + timedelta(seconds=20), "started_at": T}
    reports = [said(**{**ended, "run_id": f"r{number}"}) for number in range(5)]
    reports += [said(**{**ended, "automation": "deal-sync"}), said(**START | {"run_id": "still going"})]
    take(*reports)
    assert set(DirtyMinute.objects.values_list("automation", "minute")) == {(automation_row.pk, T), (other.pk, T)}
    assert DirtyMinute.objects.count() == 2
    take(*reports)
    assert DirtyMinute.objects.count() == 2


def test_a_late_start_that_changes_a_duration_marks_the_minute_again(automation_row: Automation):
    take(said(**END))
    take(said(**START))
    assert list(DirtyMinute.objects.values_list("minute", flat=True)) == [T + timedelta(minutes=1)] * 2


def test_what_is_nobodys_automation_or_lies_ahead_is_refused_alone(automation_row: Automation):
    ahead = NOW + timedelta(seconds=301)
    answers = record_runs(
        [
            said(**START | {"automation": "nobody"}),
            said(**START | {"started_at": ahead}),
            said(**END | {"finished_at": ahead}),
            said(**START | {"run_id": "r2", "started_at": NOW + timedelta(seconds=299)}),
        ],
        among=Automation.objects.all(),
        now=NOW,
    )
    assert [(one.status, one.code, one.field) for one in answers] == [
        ("invalid", "unknown_automation", "automation"),
        ("invalid", "in_the_future", "started_at"),
        ("invalid", "in_the_future", "finished_at"),
        ("created", None, None),
    ]
