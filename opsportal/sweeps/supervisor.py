"""`manage.py work`: keeps one django-q2 cluster alive, and sweeps itself while that cluster cannot.

The cluster may hang without any process dying (an idle worker killed while it holds the queue's lock), so it is judged
by one thing only: a beat that went through the queue, into its worker, and back.
"""

import logging
import os
import signal
import sys
import threading
import time
from contextlib import suppress
from datetime import datetime, timedelta
from types import FrameType

from django.conf import settings
from django.db import DatabaseError, InterfaceError, close_old_connections, connections

from opsportal import clock, ids
from opsportal.sweeps import beats, locks, operations, processes, queries, schedules
from opsportal.sweeps.broker import BEAT_LANE_VARIABLE
from opsportal.sweeps.models import SweepRun
from opsportal.sweeps.patience import Patience
from opsportal.sweeps.processes import Group

log = logging.getLogger("opsportal.sweeps")

ROUND_SECONDS = 0.25
STOP_PATIENCE_SECONDS = 6.0
RECONCILE_EVERY_SECONDS = 60.0
FIRST_DELAY_SECONDS, LONGEST_DELAY_SECONDS = 0.5, 30.0
STEADY_SECONDS = 60.0
LONGEST_LOOK = 3.0  # beats; a longer time between two looks counts as so many
TICK_SILENT_AFTER = timedelta(seconds=150)


class Stop(BaseException):
    """SIGTERM or SIGINT came: leave whatever is being waited for."""


class Supervisor:
    """One cluster, one beat, one stand-in. `run` returns when it was told to stop."""

    def __init__(self) -> None:
        self.host_id = ids.new_trace_id()
        self.cluster: Group | None = None
        self.stand_in = StandIn()
        self.restart_count = 0
        self._next_start = 0.0
        self._delay = FIRST_DELAY_SECONDS
        self._patience = Patience(settings.BEAT_STALE_SECONDS)
        self._last_beat = self._last_look = time.monotonic()
        self._last_beat_at: datetime | None = None
        self._has_beaten = False  # the cluster at hand
        self._asked = -1  # the cluster, by its number, that was asked for beats last
        self._next_beat = 0.0
        self._next_reconcile = 0.0
        self._stopping = False

    def run(self) -> None:
        signal.signal(signal.SIGTERM, self._on_signal)
        signal.signal(signal.SIGINT, self._on_signal)
        try:
            self.stand_in.start()
            while not self._stopping:
                self._keep_cluster()
                self._look_after_database()
                time.sleep(ROUND_SECONDS)
        except Stop:
            pass
        finally:
            self._shut_down()

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        # Python drops an exception raised inside a finaliser, so the flag is set as well.
        self._stopping = True
        for again in (signal.SIGTERM, signal.SIGINT):
            signal.signal(again, self._kill_and_leave)  # a second signal waits for nothing
        raise Stop

    def _kill_and_leave(self, number: int, frame: FrameType | None) -> None:
        if self.cluster:
            self.cluster.signal_all(signal.SIGKILL)
        os._exit(1)

    # --- the cluster -------------------------------------------------------------------------------------------

    def _keep_cluster(self) -> None:
        if self.cluster and self.cluster.has_exited():
            self._end_cluster(self.cluster, "it ended by itself")
        if self.cluster and self._patience.has_ended:
            self._end_cluster(self.cluster, f"no beat came through for {self._patience.silence:.0f} s")
            self._patience.give_up()
        if self.cluster is None and time.monotonic() >= self._next_start:
            self._start_cluster()

    def _start_cluster(self) -> None:
        environment = processes.bound_to_me({BEAT_LANE_VARIABLE: beats.lane_of(self.host_id)})
        try:
            self.cluster = Group([sys.executable, "-m", "opsportal.sweeps.cluster"], environment)
        except OSError as error:  # no memory or no process left: there may be later, and the stand-in sweeps on
            self._put_off(f"The cluster cannot be started: {error}")
            return
        self._patience.start()
        self._has_beaten = False
        self._last_look = time.monotonic()
        self._next_beat = self._next_reconcile = 0.0
        log.info("Started the cluster (process group %s).", self.cluster.pid)

    def _end_cluster(self, cluster: Group, why: str) -> None:
        """Kill the whole group: orphans of a dead cluster would go on draining the queue."""
        self._delay = FIRST_DELAY_SECONDS if cluster.age > STEADY_SECONDS else self._delay
        code = cluster.kill()
        self.cluster = None
        self.restart_count += 1
        self._put_off(f"The cluster is started again: {why} (exit code {code})")

    def _put_off(self, why: str) -> None:
        self._next_start = time.monotonic() + self._delay
        log.error("%s; next try in %.1f s.", why, self._delay)
        self._delay = min(2 * self._delay, LONGEST_DELAY_SECONDS)

    # --- the database ------------------------------------------------------------------------------------------

    def _look_after_database(self) -> None:
        if time.monotonic() < self._next_beat:
            return
        self._next_beat = time.monotonic() + settings.BEAT_EVERY_SECONDS
        try:
            close_old_connections()
            locks.wait_at_most(timedelta(seconds=settings.BEAT_EVERY_SECONDS))
            self._exchange_beats(clock.database_now())
        except (DatabaseError, InterfaceError) as error:
            if locks.is_held_up(error):
                # Whoever hangs in mid-transaction keeps its locks: perhaps this cluster, so its silence counts.
                self._wait()
                self.stand_in.work()
            else:
                # Without a database nothing can beat: no reason to kill a cluster that will recover by itself.
                self._last_look = time.monotonic()
                self.stand_in.rest()
            log.warning("The database does not answer: %s", str(error).strip().splitlines()[0] if str(error) else error)
            connections.close_all()

    def _exchange_beats(self, now: datetime) -> None:
        self._judge(beats.send_beat(self.host_id, now=now, restart_count=self.restart_count))
        if time.monotonic() >= self._next_reconcile:
            self._next_reconcile = time.monotonic() + RECONCILE_EVERY_SECONDS
            self._look_after_schedule(now)
        self._decide_on_stand_in(now)

    def _judge(self, beat_at: datetime | None) -> None:
        """A beat counts when the cluster at hand was asked for it; one of its forerunner says nothing about it."""
        if self._asked == self.restart_count and beat_at not in (None, self._last_beat_at):
            self._last_beat = self._last_look = time.monotonic()
            self._has_beaten = True
            self._patience.answered()
        else:
            self._wait()
        self._asked, self._last_beat_at = self.restart_count, beat_at

    def _wait(self) -> None:
        """Count the time since the last look as silence of the cluster, if there is one."""
        if self.cluster:
            # Time in which this process was itself held up (a paused container) is not held against the cluster.
            since_last_look = time.monotonic() - self._last_look
            self._patience.wait(min(since_last_look, LONGEST_LOOK * settings.BEAT_EVERY_SECONDS))
        self._last_look = time.monotonic()

    def _look_after_schedule(self, now: datetime) -> None:
        """At the start and each minute: put the schedule right; if it stays silent, queue the tick by hand."""
        schedules.reconcile(now)
        if operations.tick_is_silent(now, TICK_SILENT_AFTER) or self._cluster_is_young():
            schedules.queue_tick()

    def _cluster_is_young(self) -> bool:
        return self.cluster is not None and self.cluster.age < RECONCILE_EVERY_SECONDS / 2

    def _decide_on_stand_in(self, now: datetime) -> None:
        """Stand in until a beat has really come through: a new cluster alone is no reason to rest."""
        late = timedelta(seconds=settings.BEAT_LATE_SECONDS)
        is_late = time.monotonic() - self._last_beat > settings.BEAT_LATE_SECONDS
        if is_late or queries.has_overdue_sweep(now, late):
            self.stand_in.work(starting=self.restart_count == 0 and self._cluster_is_young())
        elif self._has_beaten:
            self.stand_in.rest()

    def _shut_down(self) -> None:
        self.stand_in.end()
        if self.cluster:
            self.cluster.signal_all(signal.SIGUSR1)  # a looping tick ends after the sweep in hand
            self.cluster.stop(patience=STOP_PATIENCE_SECONDS)
        self.stand_in.join(timeout=2)
        connections.close_all()  # the signal may have come in the middle of a statement
        with suppress(DatabaseError, InterfaceError):  # else the row leaves after a day
            beats.forget_host(self.host_id)
        connections.close_all()


class StandIn(threading.Thread):
    """Runs the same sweeps inside the supervisor while the queue cannot. A thread, so a slow sweep blocks no signal."""

    def __init__(self) -> None:
        super().__init__(name="stand-in", daemon=True)
        self._wanted = threading.Event()
        self._ended = False

    def work(self, *, starting: bool = False) -> None:
        if not self._wanted.is_set():
            level = logging.INFO if starting else logging.WARNING
            log.log(level, "The queue is late; the supervisor sweeps itself meanwhile.")
            self._wanted.set()

    def rest(self) -> None:
        if self._wanted.is_set() and not self._ended:
            log.info("The supervisor no longer sweeps itself.")
            self._wanted.clear()

    def end(self) -> None:
        self._ended = True
        self._wanted.set()

    def run(self) -> None:
        while not self._ended:
            if not self._wanted.wait(timeout=1):
                continue
            try:
                operations.run_due(via=SweepRun.Via.SUPERVISOR, unless=lambda: self._ended)
            except Exception:
                log.exception("The supervisor's own sweep failed.")
                connections.close_all()
            time.sleep(1)
        connections.close_all()
