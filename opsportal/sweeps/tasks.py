"""What runs inside django-q2: the tick that sweeps, and the beat that proves the queue is alive. Both are idempotent.

A lost task costs nothing: the next tick reads everything that is due from the tables.
"""

import logging
import os
import signal
import socket
import time
from datetime import timedelta
from typing import Any

from django.db import DatabaseError, InterfaceError, close_old_connections

from opsportal import clock, ids
from opsportal.sweeps import beats, operations
from opsportal.sweeps.models import SweepRun

log = logging.getLogger("opsportal.sweeps")

# A tick loops until the next one takes over (each minute, seen within two), and no longer than this.
TICK_LIMIT = timedelta(seconds=100)
# django-q2 kills a task after this; far above the limit, far below the queue's `retry`.
TICK_TIMEOUT = timedelta(seconds=150)
PAUSE_SECONDS = 1.0

_stopping = False


def listen_for_the_end(**_: Any) -> None:
    """In each worker: remember the supervisor's announcement, so that a looping tick ends after the sweep in hand."""
    signal.signal(signal.SIGUSR1, _announce)


def _announce(number: int, frame: Any) -> None:
    global _stopping
    _stopping = True


def tick() -> None:
    """Sweep whatever is due, again and again, until a newer tick takes over. Two at once share the work, harmlessly."""
    holder = f"{socket.gethostname()}:{os.getpid()}:{ids.new_secret(6)}"[-80:]
    operations.take_over(holder, now=clock.database_now())
    until = time.monotonic() + TICK_LIMIT.total_seconds()

    def is_over() -> bool:
        return _stopping or not operations.holds(holder)

    while time.monotonic() < until and not _stopping:
        try:
            # Asked between sweeps as well: were each worker in a long round, no beat would come through.
            operations.run_due(via=SweepRun.Via.QUEUE, unless=is_over)
            if is_over():
                return
        except (DatabaseError, InterfaceError):
            log.warning("The database does not answer; the tick tries again.")
            close_old_connections()
        time.sleep(PAUSE_SECONDS)


def beat(host_id: str, restart_count: int) -> None:
    """Say that this cluster still takes tasks from the queue and finishes them."""
    beats.note_beat(host_id, restart_count, now=clock.database_now())
