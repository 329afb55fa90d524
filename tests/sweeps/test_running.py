"""Running sweeps: rows, isolation of failures, claims, blind time."""

import threading
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection, connections

from opsportal import clock, trace
from opsportal.sweeps import operations, queries, registry
from opsportal.sweeps.models import BlindSpell, Sweep, SweepRun
from opsportal.sweeps.registry import SweepResult

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("empty_registry")]

EVERY = timedelta(seconds=10)
NINE, TEN = datetime(2026, 3, 2, 9, tzinfo=UTC), datetime(2026, 3, 2, 10, tzinfo=UTC)


def fires(count: int):
    return lambda now: SweepResult(examined=2 * count, fired=count, range_from=now - EVERY, range_until=now)


def breaks(now: datetime) -> SweepResult:
    raise RuntimeError("out of order")


def set_state(name: str, **values: datetime) -> None:
    Sweep.objects.update_or_create(name=name, defaults=values)


def test_a_part_goes_on_until_it_finds_less_than_a_batch():
    left = iter([10, 10, 3, 10])
    total = registry.in_batches(lambda now: SweepResult(next(left), 1), TEN, size=10)
    assert (total.examined, total.fired) == (23, 3)


def test_a_part_stops_when_its_time_is_over():
    assert registry.in_batches(fires(5), TEN, size=10, seconds=0).examined == 0


def test_it_leaves_one_row_with_what_was_looked_at_and_fired():
    registry.register("handoffs", fires(3), every=EVERY)
    registry.register("handoffs", fires(4), every=EVERY)
    run = operations.run_sweep("handoffs")
    run.refresh_from_db()
    assert (run.name, run.examined, run.fired, run.error, run.via) == ("handoffs", 14, 7, "", "command")
    assert run.range_until - run.range_from == EVERY
    assert run.at == run.started_at <= run.finished_at


def test_a_part_is_given_the_database_clock_and_a_trace_id():
    seen = []
    registry.register(
        "handoffs",
        lambda now: seen.append((now, trace.current_trace_id(), trace.current_source())) or SweepResult(),
        every=EVERY,
    )
    before = clock.database_now()
    operations.run_sweep("handoffs", via="queue")
    (now, trace_id, source) = seen[0]
    assert before <= now <= clock.database_now()
    assert trace_id
    assert source == "task"


def test_one_failing_part_does_not_stop_the_others_and_is_told():
    registry.register("handoffs", breaks, every=EVERY)
    registry.register("handoffs", fires(1), every=EVERY)
    run = operations.run_sweep("handoffs")
    assert run.fired == 1
    assert "RuntimeError: out of order" in run.error


def test_a_sweep_that_always_fails_grows_old():
    registry.register("handoffs", fires(1), every=EVERY)
    operations.run_sweep("handoffs")
    registry.get("handoffs").parts.append(breaks)
    operations.run_sweep("handoffs")
    (age,) = queries.sweep_ages(clock.database_now() + timedelta(minutes=5))
    assert age.failing
    assert age.stale


def test_a_sweep_that_never_ran_is_stale():
    registry.register("handoffs", fires(1), every=EVERY)
    (age,) = queries.sweep_ages(clock.database_now())
    assert age.stale
    assert age.age is None


def test_only_sweeps_whose_interval_has_passed_are_run():
    registry.register("handoffs", fires(1), every=EVERY)
    registry.register("seal", fires(1), every=timedelta(hours=1))
    assert [run.name for run in operations.run_due(via="queue")] == ["handoffs", "seal"]
    set_state("handoffs", attempted_at=clock.database_now() - EVERY)
    assert [run.name for run in operations.run_due(via="queue")] == ["handoffs"]
    assert operations.run_due(via="queue") == []


def test_a_round_that_is_called_off_ends_after_the_sweep_in_hand():
    called_off = threading.Event()
    registry.register("handoffs", lambda now: called_off.set() or SweepResult(), every=EVERY)
    registry.register("seal", fires(1), every=EVERY)
    assert [run.name for run in operations.run_due(via="queue", unless=called_off.is_set)] == ["handoffs"]
    assert [run.name for run in operations.run_due(via="queue")] == ["seal"]


def test_the_round_follows_the_order_of_the_house_whatever_the_order_of_registration():
    for name in ("seal", "outbox", "handoffs"):
        registry.register(name, fires(0), every=EVERY)
    assert [run.name for run in operations.run_due(via="queue")] == ["handoffs", "outbox", "seal"]


def test_a_name_outside_the_list_is_refused():
    with pytest.raises(ValueError, match="not the name of a sweep"):
        registry.register("handofs", fires(1), every=EVERY)


@pytest.mark.django_db(transaction=True)
def test_of_several_sweepers_one_runs_each_round():
    registry.register("handoffs", fires(1), every=timedelta(minutes=1))
    barrier = threading.Barrier(4)

    def sweeper() -> None:
        barrier.wait()
        operations.run_due(via="queue")
        connections.close_all()

    for _ in range(5):
        Sweep.objects.filter(name="handoffs").update(attempted_at=clock.database_now() - timedelta(hours=1))
        threads = [threading.Thread(target=sweeper) for _ in range(4)]
        before = SweepRun.objects.count()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert SweepRun.objects.count() == before + 1


def test_the_newest_tick_takes_over_from_the_one_before():
    operations.take_over("first", now=NINE)
    operations.take_over("second", now=TEN)
    assert not operations.holds("first")
    assert operations.holds("second")
    assert not operations.tick_is_silent(TEN + timedelta(seconds=30), timedelta(minutes=1))
    assert operations.tick_is_silent(TEN + timedelta(minutes=2), timedelta(minutes=1))


# --- blind time ---


def test_the_first_sweep_ever_has_no_blind_time_before_it():
    operations.note_blind_spell(TEN)
    assert queries.blind_since(TEN) is None


def test_a_gap_of_ten_minutes_between_sweeps_is_ordinary():
    set_state("outbox", finished_at=TEN - timedelta(minutes=10))
    operations.note_blind_spell(TEN)
    assert queries.blind_since(TEN) is None


def test_a_longer_gap_is_blind_time_from_the_end_of_the_last_sweep_of_any_name():
    set_state("outbox", finished_at=NINE)
    set_state("handoffs", finished_at=NINE + timedelta(minutes=5))
    operations.note_blind_spell(TEN)
    assert queries.blind_since(TEN) == NINE + timedelta(minutes=5)


def test_all_sweeps_of_the_first_two_minutes_know_that_they_are_catching_up():
    set_state("handoffs", finished_at=NINE)
    operations.note_blind_spell(TEN)
    set_state("handoffs", finished_at=TEN)
    assert queries.blind_since(TEN + timedelta(seconds=100)) == NINE
    assert queries.blind_since(TEN + timedelta(seconds=121)) is None


def test_two_sweepers_waking_up_together_record_one_spell():
    set_state("handoffs", finished_at=NINE)
    operations.note_blind_spell(TEN)
    operations.note_blind_spell(TEN + timedelta(milliseconds=5))
    assert BlindSpell.objects.count() == 1


def test_sweeping_as_of_another_instant_makes_no_blind_time():
    registry.register("handoffs", fires(1), every=EVERY)
    operations.run_sweep("handoffs")
    operations.run_sweep("handoffs", at=clock.database_now() + timedelta(days=1))
    assert not BlindSpell.objects.exists()


@pytest.mark.skipif("connection.vendor != 'postgresql'", reason="SQLite has no clock of its own")
def test_a_wrong_clock_of_the_host_decides_nothing(monkeypatch: pytest.MonkeyPatch):
    seen = []
    registry.register("handoffs", lambda now: seen.append(now) or SweepResult(), every=EVERY)
    monkeypatch.setattr(clock, "now", lambda: datetime(2040, 1, 1, tzinfo=UTC))
    run = operations.run_sweep("handoffs")
    assert connection.vendor == "postgresql"
    assert seen[0].year < 2040
    assert run.finished_at.year < 2040
