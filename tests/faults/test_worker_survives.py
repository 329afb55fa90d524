"""The worker's processes are killed for real; nobody helps it up again."""

import os
import signal
import sys
import time
from pathlib import Path

import pytest

from tests.faults.harness import Database, Worker, group_members, is_alive, sweep_age, tail, wait_for, worker

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc to find whom to kill")

CURED_SECONDS = 120  # stale after 6; a start that took too long on a busy machine is given 12 the next time, then 24
SWEPT_SECONDS = 12  # the supervisor stands in after 2


def kill(pid: int | None, number: int = signal.SIGKILL) -> None:
    assert pid, "there is nobody to kill"
    os.kill(pid, number)


def wait_until_cured(running: Worker, killed_at: float) -> float:
    """A beat that left after the kill has come back from a whole cluster; sweeps did not wait for it."""

    def cured() -> bool:
        since = time.monotonic() - killed_at
        assert since < SWEPT_SECONDS or sweep_age(running.database) < SWEPT_SECONDS, tail(running.log)
        return since > 1 and running.beat_age() < since - 0.5 and len(running.members()) >= 4

    return wait_for(cured, CURED_SECONDS, lambda: tail(running.log))


def test_an_idle_worker_killed_again_and_again_is_cured_without_a_person(database: Database, log: Path):
    """It may die holding the queue's read lock; then every process still looks alive and nothing moves."""
    with worker(database, log) as running:
        for _ in range(3):
            running.wait_until_beating()
            kill(running.idle_worker_pid())
            wait_until_cured(running, time.monotonic())
        assert running.supervisor.poll() is None


def test_a_cluster_frozen_as_a_whole_is_replaced(database: Database, log: Path):
    with worker(database, log) as running:
        running.wait_until_beating()
        group = running.cluster_pid()
        assert group
        os.killpg(group, signal.SIGSTOP)
        wait_until_cured(running, time.monotonic())
        assert running.cluster_pid() != group
        assert group_members(group) == []


def test_a_cluster_that_hangs_with_a_row_locked_is_replaced(database: Database, log: Path):
    """The supervisor writes the same row: were it to wait for the lock, nobody would ever count the silence."""
    wish = log.with_suffix(".freeze")
    with worker(database, log, FAULT_FREEZES_IN_BEAT=str(wish)) as running:
        running.wait_until_beating()
        group = running.cluster_pid()
        wish.touch()
        wait_for(lambda: not wish.exists(), 5)
        wait_until_cured(running, time.monotonic())
        assert running.cluster_pid() != group


def test_a_killed_sentinel_leaves_no_orphans_and_is_replaced(database: Database, log: Path):
    with worker(database, log) as running:
        running.wait_until_beating()
        group = running.cluster_pid()
        assert group
        kill(running.sentinel_pid())
        wait_for(lambda: group_members(group) == [], 5)
        wait_until_cured(running, time.monotonic())


def test_a_killed_cluster_parent_takes_its_children_along_and_is_replaced(database: Database, log: Path):
    with worker(database, log) as running:
        running.wait_until_beating()
        group = running.cluster_pid()
        assert group
        kill(group)
        wait_for(lambda: group_members(group) == [], 5)
        wait_until_cured(running, time.monotonic())


@pytest.mark.parametrize("member", [2, 3], ids=["monitor", "pusher"])
def test_a_killed_monitor_or_pusher_is_made_good(database: Database, log: Path, member: int):
    with worker(database, log) as running:
        running.wait_until_beating()
        kill(running.members()[member])
        wait_until_cured(running, time.monotonic())


def test_a_killed_supervisor_leaves_nobody_behind(database: Database, log: Path):
    with worker(database, log) as running:
        running.wait_until_beating()
        group = running.cluster_pid()
        assert group
        assert len(group_members(group)) >= 6
        running.kill()
        wait_for(lambda: group_members(group) == [], 3)


def test_a_restart_of_the_database_is_survived_by_the_same_processes(database: Database, log: Path):
    with worker(database, log) as running:
        running.wait_until_beating()
        supervisor = running.supervisor.pid
        for _ in range(2):
            database.crash_and_start()
            wait_until_cured(running, time.monotonic())
        assert running.supervisor.poll() is None
        assert running.supervisor.pid == supervisor


def test_a_database_that_stays_away_causes_no_crash_loop(database: Database, log: Path):
    with worker(database, log) as running:
        running.wait_until_beating()
        before = running.restart_count()
        database.cluster.crash()
        time.sleep(10)  # longer than a beat may be stale
        assert running.supervisor.poll() is None
        database.crash_and_start()
        wait_until_cured(running, time.monotonic())
        assert running.restart_count() - before <= 2


@pytest.mark.parametrize("slow", ["START", "BEAT"])
def test_a_machine_too_slow_for_the_limit_is_given_more(database: Database, log: Path, slow: str):
    """A fixed limit would kill every cluster before its first beat, or between two of them, for ever."""
    with worker(database, log, OPSPORTAL_BEAT_STALE_SECONDS="1", **{f"FAULT_{slow}_TAKES_SECONDS": "3"}) as running:

        def is_back() -> bool:
            if time.monotonic() - began > SWEPT_SECONDS:
                assert sweep_age(database) < SWEPT_SECONDS, tail(log)
            rests = "no longer sweeps itself" in log.read_text()
            is_beating = running.beat_age() < float("inf")
            assert is_beating or not rests, "a new cluster alone is no reason to rest"
            return is_beating

        def stays() -> bool:
            """A first beat and the kill before it can cross on a busy machine: a second look tells."""
            wait_for(is_back, 90, lambda: tail(log))
            kills = running.restart_count()
            assert 1 <= kills <= 6  # after 1, 2, 4 … seconds: how many depends on how busy the machine is besides
            time.sleep(8)  # eight times the limit
            return running.restart_count() == kills and running.beat_age() < 20

        began = time.monotonic()
        wait_for(stays, 90, lambda: tail(log))


def test_a_worker_whose_row_is_gone_enters_it_again(database: Database, log: Path):
    """The database was restored from before its start, or it was away so long that another host took the row out."""
    with worker(database, log) as running:
        running.wait_until_beating()
        group = running.cluster_pid()
        with database.connect() as session:
            session.execute("DELETE FROM sweeps_workhost")
        running.wait_until_beating()
        time.sleep(8)  # longer than a beat may be stale
        assert (running.cluster_pid(), running.restart_count()) == (group, 0)


def test_a_supervisor_held_up_itself_does_not_blame_its_cluster(database: Database, log: Path):
    with worker(database, log) as running:
        running.wait_until_beating()
        everybody = [running.supervisor.pid, *group_members(running.cluster_pid() or 0)]
        for pid in everybody:
            os.kill(pid, signal.SIGSTOP)
        time.sleep(8)  # longer than a beat may be stale
        for pid in everybody:
            os.kill(pid, signal.SIGCONT)
        running.wait_until_beating()
        assert running.restart_count() == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_everything_within_seconds(database: Database, log: Path, number: int):
    with worker(database, log) as running:
        running.wait_until_beating()
        group = running.cluster_pid()
        assert group
        began = time.monotonic()
        running.supervisor.send_signal(number)
        wait_for(lambda: running.supervisor.poll() is not None, 10, lambda: tail(log))
        assert running.supervisor.returncode == 0
        assert time.monotonic() - began < 8
        assert group_members(group) == []
        assert database.ask("SELECT count(*) FROM sweeps_workhost WHERE pid = %s", running.supervisor.pid) == 0


def test_a_hung_cluster_does_not_hold_up_the_end(database: Database, log: Path):
    with worker(database, log) as running:
        running.wait_until_beating()
        group = running.cluster_pid()
        assert group
        os.killpg(group, signal.SIGSTOP)
        began = time.monotonic()
        assert running.stop() == 0
        assert time.monotonic() - began < 10
        assert group_members(group) == []


def test_a_second_host_answers_for_itself_only(database: Database, tmp_path: Path):
    """Were the beats of all hosts in one lane, the healthy cluster would answer for the frozen one."""
    with worker(database, tmp_path / "one.log") as one, worker(database, tmp_path / "two.log") as two:
        one.wait_until_beating()
        two.wait_until_beating()
        frozen, healthy = one.cluster_pid(), two.cluster_pid()
        assert frozen
        os.killpg(frozen, signal.SIGSTOP)
        wait_until_cured(one, time.monotonic())
        assert one.cluster_pid() != frozen
        assert two.cluster_pid() == healthy
        assert healthy is not None
        assert is_alive(healthy)
