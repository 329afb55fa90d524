"""A sweep that does nothing but run, a relay that gives up on its dead sooner than in production, and slow beats."""

import os
import time
from datetime import datetime, timedelta

from django.apps import AppConfig

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
        note_beat = beats.note_beat

        def take_time(host_id: str, restart_count: int, *, now: datetime) -> None:
            time.sleep(float(os.environ.get("FAULT_BEAT_TAKES_SECONDS", "0")))
            note_beat(host_id, restart_count, now=now)

        beats.note_beat = take_time


def sweep(now: datetime) -> registry.SweepResult:
    return registry.SweepResult()
