"""django-q2's ORM broker with a fair order, no lost race between hosts, and a private lane for beats.

The stock broker reads without an order and claims row by row; here one statement claims the oldest with SKIP LOCKED.
A task names the function that runs, and so does a row of the schedule: only ours run, whoever wrote the row.
"""

import logging
import os
import time
from datetime import timedelta
from typing import Any

from django.db import (
    DatabaseError,
    InterfaceError,
    close_old_connections,
    connections,
    transaction,
)
from django.db.models import Case, When
from django_q.brokers.orm import ORM
from django_q.conf import Conf
from django_q.models import OrmQ
from django_q.signing import BadSignature, SignedPackage

from opsportal import clock

log = logging.getLogger("opsportal.sweeps")

# Set by the supervisor for its cluster: only that cluster pulls from this lane, so a beat proves this very cluster.
BEAT_LANE_VARIABLE = "OPSPORTAL_BEAT_LANE"
ACKNOWLEDGE_PATIENCE = timedelta(seconds=20)
OURS = frozenset({"opsportal.sweeps.tasks.tick", "opsportal.sweeps.tasks.beat"})


class Broker(ORM):
    """A database that is away for a while costs polls, not processes."""

    def dequeue(self) -> list[tuple[int, str]] | None:
        try:
            tasks = [task for task in self._claim() if self._is_ours(*task)]
        except (DatabaseError, InterfaceError):
            log.warning("The queue cannot be read at present; trying again.")
            close_old_connections()
            tasks = []
            time.sleep(1)
        if not tasks:
            time.sleep(Conf.POLL)
            return None
        return tasks

    def delete(self, task_id: int) -> None:
        """Acknowledge. Given up after a while: the task is then delivered again, and every task is idempotent."""
        deadline = time.monotonic() + ACKNOWLEDGE_PATIENCE.total_seconds()
        while True:
            try:
                super().delete(task_id)
            except (DatabaseError, InterfaceError):
                close_old_connections()
                if time.monotonic() > deadline:
                    log.warning("A finished task could not be acknowledged; it will be delivered again.")
                    return
                time.sleep(1)
            else:
                return

    def _claim(self) -> list[tuple[int, str]]:
        waiting = self._waiting()
        # A plain read first: on SQLite a transaction takes the write lock at once, and most polls find nothing.
        if not waiting.exists():
            return []
        with transaction.atomic(using=Conf.ORM):
            # A beat goes first: behind a heap of old ticks it would be late, and a sound cluster be replaced.
            in_order = waiting.order_by(Case(When(key=self.list_key, then=1), default=0), "id")
            rows = list(self._lock(in_order)[: Conf.BULK])
            OrmQ.objects.using(Conf.ORM).filter(pk__in=[row.pk for row in rows]).update(lock=self.timeout(None))
        return [(row.pk, row.payload) for row in rows]

    def _is_ours(self, task_id: int, payload: str) -> bool:
        """Whether this may run; what may not is taken out of the queue."""
        try:
            task = SignedPackage.loads(payload)
            function = str(task["func"])
        except (TypeError, BadSignature):
            return True  # django-q2 refuses it by itself
        except Exception:
            log.exception("A task that cannot be read leaves the queue: it would end each cluster that pulls it")
            self.delete(task_id)
            return False
        if function in OURS and not task.get("hook"):
            return True
        log.warning("A task that is none of ours is not run: %r", function[:120])
        self.delete(task_id)
        return False

    def _waiting(self) -> Any:
        lanes = [self.list_key, *filter(None, [os.environ.get(BEAT_LANE_VARIABLE)])]
        return self.get_connection().filter(key__in=lanes, lock__lt=clock.now())

    def _lock(self, rows: Any) -> Any:
        if connections[Conf.ORM].features.has_select_for_update_skip_locked:
            return rows.select_for_update(skip_locked=True)
        return rows
