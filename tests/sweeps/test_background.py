"""Rounds beside the sweeps: what the sweep waits for, what it hears of, and when a round counts as stuck."""

import threading
import time
from collections.abc import Callable, Iterator
from datetime import datetime

import pytest
from django.db import connection, transaction

from opsportal import trace
from opsportal.sweeps.background import PATIENCE_SECONDS, Background
from opsportal.sweeps.models import Sweep
from opsportal.sweeps.registry import SweepResult
from tests.factories.identity import NOW

pytestmark = pytest.mark.django_db(transaction=True)


class Rounds:
    """Rounds that last until they are told to end; `begun` are the instants they began with."""

    def __init__(self) -> None:
        self.begun: list[datetime] = []
        self.seen: list[str] = []
        self.end = threading.Event()
        self.failure: Exception | None = None

    def begin(self, now: datetime) -> "Rounds":
        self.begun.append(now)
        return self

    def run(self) -> SweepResult:
        Sweep.objects.count()  # as each does: its thread has a connection of its own
        self.seen += [threading.current_thread().name, trace.current_source()]
        assert self.end.wait(20)
        if self.failure is not None:
            raise self.failure
        return self.result()

    def result(self) -> SweepResult:
        return SweepResult(examined=2, fired=int(self.end.is_set()))


@pytest.fixture
def rounds() -> Iterator[Rounds]:
    made = Rounds()
    yield made
    made.end.set()


@pytest.fixture
def background(rounds: Rounds) -> Iterator[Background]:
    made = Background("replay", rounds.begin, stuck_after_seconds=120)
    yield made
    rounds.end.set()
    join(made)


def join(background: Background) -> None:
    if background.current is not None:
        background.current.thread.join(20)


def in_a_worker(work: Callable[[], SweepResult]) -> SweepResult:
    with trace.scope(source="task"):
        return work()


def test_a_worker_waits_a_moment_and_leaves_the_round_at_work(rounds: Rounds, background: Background) -> None:
    began = time.monotonic()
    first = in_a_worker(lambda: background.sweep(NOW))
    assert time.monotonic() - began >= PATIENCE_SECONDS
    assert (first.examined, first.fired) == (2, 0)
    second = in_a_worker(lambda: background.sweep(NOW))
    assert len(rounds.begun) == 1, "the second sweep finds the round at work"
    assert second.fired == 0
    assert rounds.seen == ["replay", "task"]


def test_a_round_that_is_over_soon_says_what_it_did_and_the_next_sweep_begins_another(
    rounds: Rounds, background: Background
) -> None:
    rounds.end.set()
    began = time.monotonic()
    assert in_a_worker(lambda: background.sweep(NOW)).fired == 1
    assert time.monotonic() - began < PATIENCE_SECONDS
    in_a_worker(lambda: background.sweep(NOW))
    assert len(rounds.begun) == 2


def test_a_command_waits_for_the_end_in_its_own_thread(rounds: Rounds, background: Background) -> None:
    rounds.end.set()
    with trace.scope(source="command"):
        assert background.sweep(NOW).fired == 1
    assert rounds.seen == [threading.current_thread().name, "command"]
    assert background.current is None


def test_within_a_transaction_no_other_thread_is_asked(rounds: Rounds, background: Background) -> None:
    rounds.end.set()
    with transaction.atomic():
        assert in_a_worker(lambda: background.sweep(NOW)).fired == 1
    assert background.current is None


def test_a_round_that_fails_fails_its_sweep_and_the_next_begins_anew(rounds: Rounds, background: Background) -> None:
    rounds.end.set()
    rounds.failure = ValueError("a row nobody foresaw")
    with pytest.raises(ValueError, match="nobody foresaw"):
        in_a_worker(lambda: background.sweep(NOW))
    rounds.failure = None
    assert in_a_worker(lambda: background.sweep(NOW)).fired == 1


def test_what_fails_after_the_wait_fails_the_next_sweep_once(rounds: Rounds, background: Background) -> None:
    rounds.failure = ValueError("a row nobody foresaw")
    assert in_a_worker(lambda: background.sweep(NOW)).fired == 0
    rounds.end.set()
    join(background)
    rounds.failure = None
    with pytest.raises(ValueError, match="nobody foresaw"):
        in_a_worker(lambda: background.sweep(NOW))
    assert len(rounds.begun) == 2, "it is told, and the queue goes on at once"
    assert in_a_worker(lambda: background.sweep(NOW)).fired == 1


def test_a_round_without_an_end_is_a_failure_and_gets_no_second_beside_it(
    rounds: Rounds, background: Background
) -> None:
    in_a_worker(lambda: background.sweep(NOW))
    background.stuck_after_seconds = 0.0
    with pytest.raises(RuntimeError, match="A round of replay has not come to an end"):
        in_a_worker(lambda: background.sweep(NOW))
    assert len(rounds.begun) == 1


def test_its_thread_leaves_no_connection_behind(rounds: Rounds, background: Background) -> None:
    if connection.vendor != "postgresql":
        pytest.skip("connections are counted by PostgreSQL")
    before = connections()
    in_a_worker(lambda: background.sweep(NOW))
    assert connections() == before + 1
    rounds.end.set()
    join(background)
    until = time.monotonic() + 20
    while connections() > before and time.monotonic() < until:
        time.sleep(0.05)
    assert connections() == before


def connections() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()")
        (count,) = cursor.fetchone()
    return int(count)
