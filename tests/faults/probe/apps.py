"""A sweep that does nothing but run, a relay that gives up on its dead sooner than in production, and slow beats."""

import os
import signal
import time
from datetime import datetime, timedelta
from pathlib import Path

from django.apps import AppConfig
from django.db import transaction

from opsportal.sweeps import registry

NAME = "policies"


class ProbeConfig(AppConfig):
    name = "tests.faults.probe"
    label = "faults_probe"

    def ready(self) -> None:
        from opsportal.notify import claims
        from opsportal.sweeps import beats

        registry.register(NAME, sweep, every=timedelta(seconds=1))
        # Still above the ten seconds a send may take: a lease ends only when its relay has died.
        claims.LEASE = timedelta(seconds=12)
        self._shorten_replay()
        note_beat = beats.note_beat

        def take_time(host_id: str, restart_count: int, *, now: datetime) -> None:
            time.sleep(float(os.environ.get("FAULT_BEAT_TAKES_SECONDS", "0")))
            with transaction.atomic():
                note_beat(host_id, restart_count, now=now)
                freeze_if_wanted()

        beats.note_beat = take_time

    def _shorten_replay(self) -> None:
        from runbooks.queue import claims, dispatch

        claims.LEASE_BEYOND_TIMEOUT = timedelta(seconds=10)
        dispatch.MOST_DELAY = timedelta(seconds=5)


def freeze_if_wanted() -> None:
    """Stop for ever in the middle of a transaction, once, when the file FAULT_FREEZES_IN_BEAT is there."""
    wanted = Path(os.environ.get("FAULT_FREEZES_IN_BEAT", "/nowhere/at/all"))
    if wanted.exists():
        wanted.unlink()
        os.kill(os.getpid(), signal.SIGSTOP)


def sweep(now: datetime) -> registry.SweepResult:
    return registry.SweepResult()
