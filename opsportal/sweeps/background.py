"""A part of a sweep whose rounds go on in a thread of their own: waiting for the outside never holds up the timers."""

import logging
import threading
import time
from collections.abc import Callable
from datetime import datetime
from typing import Protocol

from django.db import connection

from opsportal import trace
from opsportal.sweeps.registry import SweepResult

log = logging.getLogger("opsportal.sweeps")

PATIENCE_SECONDS = 1.5  # how long the worker's sweep waits for a round before it goes on to other sweeps


class Round(Protocol):
    """One pass over what is due: `run` returns when it has come to an end, `result` says at any time how far it is."""

    def run(self) -> SweepResult: ...

    def result(self) -> SweepResult: ...


class Running:
    """A round in its thread, from the start to its end or its failure."""

    def __init__(self, round_: Round, name: str) -> None:
        self.round = round_
        self.error: Exception | None = None
        self.began = time.monotonic()
        self.thread = threading.Thread(target=self._run, name=name)
        self.thread.start()

    def _run(self) -> None:
        try:
            with trace.scope(source="task"):
                self.round.run()
        except Exception as error:
            log.exception("A round beside the sweeps failed: %s", self.thread.name)
            self.error = error
        finally:
            connection.close()


class Background:
    """At most one round of this process at work. `begin` makes one as of an instant of the database."""

    def __init__(self, name: str, begin: Callable[[datetime], Round], *, stuck_after_seconds: float) -> None:
        self.name, self.stuck_after_seconds = name, stuck_after_seconds
        self.current: Running | None = None
        self._begin, self._lock = begin, threading.Lock()

    def sweep(self, now: datetime) -> SweepResult:
        """The part to register. In a worker it waits a moment and leaves the round at work; elsewhere, and within a
        transaction, which another thread would not see, it waits for the end. Raises what a round has failed with,
        also when that came after the wait, and RuntimeError for one that does not come to an end.
        """
        if trace.current_source() != "task" or connection.in_atomic_block:
            return self._begin(now).run()
        with self._lock:
            failed_since, running = self._failure(), self._running(now)
        running.thread.join(PATIENCE_SECONDS)
        if error := failed_since or self._failure():
            raise error
        return running.round.result()

    def start(self, now: datetime) -> Running:
        """A round at work, whatever else is."""
        self.current = Running(self._begin(now), self.name)
        return self.current

    def _running(self, now: datetime) -> Running:
        running = self.current
        if running is None or not running.thread.is_alive():
            return self.start(now)
        if time.monotonic() - running.began > self.stuck_after_seconds:
            minutes = self.stuck_after_seconds / 60
            raise RuntimeError(f"A round of {self.name} has not come to an end for {minutes:g} minutes.")
        return running

    def _failure(self) -> Exception | None:
        """What the latest round has failed with, told once."""
        error = None
        if self.current is not None and not self.current.thread.is_alive():
            error, self.current.error = self.current.error, None
        return error
