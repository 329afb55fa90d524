"""The recurring tasks as data, and their reconciliation with django-q2's table.

Schedules come from here and nowhere else. One malformed row stops every due schedule of the cluster, so such rows are
switched off, loudly.
"""

import ast
import logging
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django_q.brokers import get_broker
from django_q.models import Schedule
from django_q.tasks import async_task

from opsportal.sweeps.models import Sweep
from opsportal.sweeps.tasks import TICK_TIMEOUT

log = logging.getLogger("opsportal.sweeps")


@dataclass(frozen=True, slots=True)
class Entry:
    """One recurring task: every `minutes`, killed after `timeout`."""

    name: str
    func: str
    minutes: int
    timeout: timedelta

    @property
    def options(self) -> dict[str, int]:
        return {"timeout": int(self.timeout.total_seconds())}

    def values(self) -> dict[str, object]:
        return {
            "func": self.func,
            "hook": None,
            "args": None,
            "kwargs": repr({"q_options": self.options}),
            "schedule_type": Schedule.MINUTES,
            "minutes": self.minutes,
            "repeats": -1,
            "cron": None,
            "cluster": None,
            "intended_date_kwarg": None,
        }


TICK = Entry("opsportal tick", "opsportal.sweeps.tasks.tick", 1, TICK_TIMEOUT)
SCHEDULES = (TICK,)


@transaction.atomic
def reconcile(now: datetime) -> list[str]:
    """Make the table say what SCHEDULES says and disarm malformed rows. Returns what was changed, as sentences."""
    # The table has no unique name; this row's lock keeps two hosts from adding the same schedule twice.
    Sweep.objects.get_or_create(name="tick")
    Sweep.objects.select_for_update().get(name="tick")
    changes = [change for entry in SCHEDULES for change in _settle(entry, now)]
    changes += _disarm_malformed()
    for change in changes:
        log.error(change)
    return changes


def _settle(entry: Entry, now: datetime) -> list[str]:
    rows = list(Schedule.objects.filter(name=entry.name).order_by("id"))
    if not rows:
        Schedule.objects.create(name=entry.name, next_run=now, **entry.values())
        log.info("Added the schedule “%s”.", entry.name)
        return []
    changes = []
    keep, surplus = rows[0], rows[1:]
    if surplus:
        Schedule.objects.filter(pk__in=[row.pk for row in surplus]).delete()
        changes.append(f"The schedule “{entry.name}” stood there {len(rows)} times; one is left.")
    wanted = entry.values()
    if keep.next_run is None or keep.next_run > now + timedelta(minutes=2 * entry.minutes):
        wanted["next_run"] = now
    different = [key for key, value in wanted.items() if getattr(keep, key) != value]
    if different:
        Schedule.objects.filter(pk=keep.pk).update(**wanted)
        changes.append(f"The schedule “{entry.name}” had been changed ({', '.join(different)}) and is put right.")
    return changes


def _disarm_malformed() -> list[str]:
    names = [entry.name for entry in SCHEDULES]
    changes = []
    for row in Schedule.objects.exclude(repeats=0).exclude(name__in=names, name__isnull=False):
        problem = _problem_of(row)
        if problem:
            Schedule.objects.filter(pk=row.pk).update(repeats=0)
            changes.append(f"Schedule row {row.pk} would have stopped every schedule ({problem}); it is switched off.")
    return changes


def _problem_of(row: Schedule) -> str:
    """Why django-q2's scheduler would stumble over a row, or nothing. It evaluates arguments and the next run."""
    try:
        if row.args:
            ast.literal_eval(row.args)
        if row.kwargs:
            _check_kwargs(row.kwargs)
        if row.schedule_type != Schedule.ONCE and row.next_run is not None:
            row.calculate_next_run(row.next_run)
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return ""


def _check_kwargs(text: str) -> None:
    """The scheduler forgives what does not parse; it stumbles over what parses to something other than a mapping."""
    try:
        value = ast.literal_eval(text)
    except (SyntaxError, ValueError):
        return
    if not isinstance(value, dict) or not isinstance(value.get("q_options", {}), dict):
        raise TypeError("keyword arguments are not a mapping")


def queue_tick() -> None:
    """Queue a tick by hand, when a cluster has just started or the schedule is silent. One that waits is enough."""
    if not get_broker().queue_size():
        async_task(TICK.func, q_options=TICK.options)
