"""Schedules come from code; a malformed row of somebody else stops nothing."""

from datetime import timedelta

import pytest
from django_q import scheduler as django_q_scheduler
from django_q.models import OrmQ, Schedule

from opsportal import clock
from opsportal.sweeps import schedules

# django-q2 closes its connections before it looks: the tests commit.
pytestmark = pytest.mark.django_db(transaction=True)


def reconcile() -> list[str]:
    return schedules.reconcile(clock.database_now())


def our_row() -> Schedule:
    return Schedule.objects.get(name="opsportal tick")


def test_the_tick_is_added_and_a_second_time_changes_nothing():
    reconcile()
    assert our_row().func == "opsportal.sweeps.tasks.tick"
    assert our_row().next_run <= clock.database_now()
    assert reconcile() == []
    assert Schedule.objects.count() == 1


def test_a_changed_row_of_ours_is_put_right():
    reconcile()
    Schedule.objects.update(func="os.system", args="'true'", repeats=0, next_run=clock.now() + timedelta(days=9))
    (change,) = reconcile()
    assert "put right" in change
    row = our_row()
    assert (row.func, row.args, row.repeats) == ("opsportal.sweeps.tasks.tick", None, -1)
    assert row.next_run <= clock.database_now()


def test_a_row_that_stands_there_twice_is_reduced_to_one():
    reconcile()
    Schedule.objects.create(name="opsportal tick", func="opsportal.sweeps.tasks.tick", schedule_type="I", minutes=1)
    (change,) = reconcile()
    assert "2 times" in change
    assert Schedule.objects.count() == 1


@pytest.mark.parametrize(
    "malformed",
    [
        {"args": "not python ("},
        {"args": "__import__('os')"},
        {"kwargs": "['a list']"},
        {"kwargs": "{'q_options': 'none'}"},
        {"schedule_type": "C", "cron": "every full moon"},
    ],
)
def test_a_malformed_row_is_switched_off_so_that_the_tick_goes_on(malformed: dict[str, str]):
    reconcile()
    values = {"func": "math.floor", "schedule_type": "I", "minutes": 1, "next_run": clock.now() - timedelta(hours=1)}
    Schedule.objects.bulk_create([Schedule(**(values | malformed))])

    django_q_scheduler.scheduler()
    assert not OrmQ.objects.exists(), "django-q2 is expected to stop at a malformed row; else this test proves nothing"

    (change,) = reconcile()
    assert "switched off" in change
    django_q_scheduler.scheduler()
    assert OrmQ.objects.count() == 1
    assert our_row().next_run > clock.database_now()


def test_a_well_formed_row_of_somebody_else_is_left_alone():
    Schedule.objects.create(name="theirs", func="math.floor", args="1.5", kwargs="x=1", schedule_type="H")
    reconcile()
    assert Schedule.objects.get(name="theirs").repeats == -1


def test_ticks_queued_by_hand_do_not_pile_up():
    for _ in range(3):
        schedules.queue_tick()
    assert OrmQ.objects.count() == 1


def test_the_tick_may_run_longer_than_the_timeout_of_other_tasks():
    reconcile()
    django_q_scheduler.scheduler()
    assert OrmQ.objects.get().task["timeout"] == 150
