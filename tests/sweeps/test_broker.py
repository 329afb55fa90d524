"""The queue: oldest first, no task to two pullers, beats in a lane of their own, patience with the database."""

import threading
from datetime import timedelta

import pytest
from django.db import OperationalError, connections
from django_q.brokers import get_broker
from django_q.models import OrmQ, Schedule
from django_q.scheduler import scheduler
from django_q.signing import SignedPackage
from django_q.tasks import async_task

from opsportal import clock
from opsportal.sweeps import beats, tasks
from opsportal.sweeps.broker import BEAT_LANE_VARIABLE, Broker
from opsportal.sweeps.models import WorkHost

# The broker closes old connections, as django-q2's does: the tests commit.
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("django_q.conf.Conf.POLL", 0)
    monkeypatch.delenv(BEAT_LANE_VARIABLE, raising=False)


def test_the_settings_choose_it():
    assert isinstance(get_broker(), Broker)


def test_the_oldest_task_comes_first_and_comes_once():
    broker = Broker()
    for payload in ("first", "second"):
        broker.enqueue(payload)
    assert [broker.dequeue()[0][1], broker.dequeue()[0][1], broker.dequeue()] == ["first", "second", None]


def test_a_task_that_was_never_acknowledged_comes_again():
    broker = Broker()
    broker.enqueue("task")
    broker.dequeue()
    OrmQ.objects.update(lock=clock.now() - timedelta(seconds=1))
    ((task_id, payload),) = broker.dequeue()
    assert payload == "task"
    broker.acknowledge(task_id)
    assert not OrmQ.objects.exists()


def test_several_pullers_share_the_tasks_without_doubling_one():
    for number in range(40):
        Broker().enqueue(str(number))
    taken: list[str] = []

    def pull() -> None:
        broker = Broker()
        while tasks_taken := broker.dequeue():
            taken.extend(payload for _, payload in tasks_taken)
        connections.close_all()

    threads = [threading.Thread(target=pull) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    # A puller may find the queue locked for a moment and leave early; what counts is that nothing is doubled or lost.
    pull()
    assert sorted(taken, key=int) == [str(number) for number in range(40)]


@pytest.mark.parametrize(
    ("function", "options"),
    [
        ("os.system", {}),
        ("runbooks.queue.operations.let_go", {}),
        ("django.core.management.call_command", {}),
        (len, {}),
        ("opsportal.sweeps.tasks.tick", {"hook": "os.system"}),
    ],
)
def test_a_task_that_is_none_of_ours_is_not_run(function: object, options: dict[str, str]):
    async_task(function, "x", q_options=options)
    assert Broker().dequeue() is None
    assert not OrmQ.objects.exists()


def test_a_row_of_the_schedule_runs_nothing_but_the_tick():
    for function in ("os.system", "opsportal.sweeps.tasks.tick"):
        Schedule.objects.create(name=function, func=function, schedule_type=Schedule.ONCE, next_run=clock.now())
    scheduler()
    pulled = [task for _ in range(3) for task in Broker().dequeue() or []]
    assert [SignedPackage.loads(payload)["func"] for _, payload in pulled] == ["opsportal.sweeps.tasks.tick"]


def test_a_beat_is_pulled_by_its_own_cluster_only(monkeypatch: pytest.MonkeyPatch):
    Broker(list_key=beats.lane_of("host-a")).enqueue("beat")
    assert Broker().dequeue() is None
    monkeypatch.setenv(BEAT_LANE_VARIABLE, beats.lane_of("host-b"))
    assert Broker().dequeue() is None
    monkeypatch.setenv(BEAT_LANE_VARIABLE, beats.lane_of("host-a"))
    assert Broker().dequeue()[0][1] == "beat"


def test_at_most_one_beat_waits_however_long_the_cluster_hangs():
    now = clock.database_now()
    beats.register_host("host-a", now=now)
    for _ in range(3):
        assert beats.send_beat("host-a", now=now, restart_count=0) is None
    assert OrmQ.objects.filter(key=beats.lane_of("host-a")).count() == 1


def test_a_beat_that_came_through_is_read_back():
    now = clock.database_now()
    beats.register_host("host-a", now=now)
    beats.send_beat("host-a", now=now, restart_count=0)
    tasks.beat("host-a", 0)
    assert beats.send_beat("host-a", now=now, restart_count=0) >= now


def test_a_beat_of_a_killed_cluster_says_nothing_about_the_next_one():
    now = clock.database_now()
    beats.send_beat("host-a", now=now, restart_count=0)
    assert beats.send_beat("host-a", now=now, restart_count=1) is None
    tasks.beat("host-a", 0)
    assert beats.send_beat("host-a", now=now, restart_count=1) is None
    tasks.beat("host-a", 1)
    assert beats.send_beat("host-a", now=now, restart_count=1) >= now


def test_a_host_whose_row_is_gone_enters_it_again():
    now = clock.database_now()
    beats.register_host("host-a", now=now)
    WorkHost.objects.all().delete()
    beats.send_beat("host-a", now=now, restart_count=3)
    tasks.beat("host-a", 3)
    assert beats.send_beat("host-a", now=now, restart_count=3) >= now


def test_a_beat_is_pulled_before_the_ticks_that_wait(monkeypatch: pytest.MonkeyPatch):
    Broker().enqueue("tick")
    Broker(list_key=beats.lane_of("host-a")).enqueue("beat")
    monkeypatch.setenv(BEAT_LANE_VARIABLE, beats.lane_of("host-a"))
    broker = Broker()
    assert [broker.dequeue()[0][1], broker.dequeue()[0][1]] == ["beat", "tick"]


def test_hosts_that_are_gone_for_a_day_leave():
    now = clock.database_now()
    beats.register_host("old", now=now - timedelta(days=2))
    beats.register_host("new", now=now)
    assert [host.id for host in WorkHost.objects.all()] == ["new"]
    beats.forget_host("new")
    assert not WorkHost.objects.exists()


def test_a_database_that_is_away_costs_a_poll_and_no_process(monkeypatch: pytest.MonkeyPatch):
    def away(self: Broker) -> list[tuple[int, str]]:
        raise OperationalError("connection refused")

    monkeypatch.setattr("opsportal.sweeps.broker.time.sleep", lambda seconds: None)
    monkeypatch.setattr(Broker, "_claim", away)
    assert Broker().dequeue() is None
