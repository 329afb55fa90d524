"""The beat of each `manage.py work`: a task through the queue into its own cluster, and back as a timestamp.

Each supervisor has a lane of its own in the queue; a shared one would let a healthy host answer for a hung one.
"""

import os
import socket
from datetime import datetime, timedelta

from django_q.models import OrmQ
from django_q.tasks import async_task

from opsportal.sweeps.broker import Broker
from opsportal.sweeps.models import WorkHost

LANE_PREFIX = "beat:"
FORGET_AFTER = timedelta(days=1)


def lane_of(host_id: str) -> str:
    return LANE_PREFIX + host_id


def register_host(host_id: str, *, now: datetime) -> None:
    """Enter this supervisor's row; ones not seen for a day leave."""
    WorkHost.objects.filter(seen_at__lt=now - FORGET_AFTER).delete()
    WorkHost.objects.update_or_create(
        id=host_id,
        defaults={"host": socket.gethostname()[:120], "pid": os.getpid(), "started_at": now, "seen_at": now},
    )


def send_beat(host_id: str, *, now: datetime, restart_count: int) -> datetime | None:
    """Queue the next beat and return when the last one came back. At most one waits, however long the cluster hangs.

    From here on only the cluster of this `restart_count` can answer: a killed one's last task may still be on its way.
    """
    if not WorkHost.objects.filter(id=host_id).update(seen_at=now, restart_count=restart_count):
        # At the start; or the row left, for the host was away for a day or the database was restored from before.
        register_host(host_id, now=now)
        WorkHost.objects.filter(id=host_id).update(restart_count=restart_count)
    beat_at = WorkHost.objects.filter(id=host_id).values_list("beat_at", flat=True).first()
    lane = lane_of(host_id)
    OrmQ.objects.filter(key=lane).delete()
    options = {"broker": Broker(list_key=lane), "timeout": 20}
    async_task("opsportal.sweeps.tasks.beat", host_id, restart_count, q_options=options)
    return beat_at


def note_beat(host_id: str, restart_count: int, *, now: datetime) -> None:
    WorkHost.objects.filter(id=host_id, restart_count=restart_count).update(beat_at=now)


def forget_host(host_id: str) -> None:
    """Take this supervisor's row and lane out: it stopped in good order."""
    OrmQ.objects.filter(key=lane_of(host_id)).delete()
    WorkHost.objects.filter(id=host_id).delete()
