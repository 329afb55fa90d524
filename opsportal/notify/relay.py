"""The relay: takes what is due from the outbox, sends it outside every transaction, writes down what came of it.

One thread claims and records; sending happens in a few threads that know nothing of the database. A destination that
hangs holds its own few threads and nobody else's.
"""

import logging
import queue
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

from opsportal.notify import aftermath, claims, digest, senders
from opsportal.notify.claims import Claim
from opsportal.notify.models import Destination
from opsportal.notify.retry import Kind, Outcome
from opsportal.notify.senders import Letter, Parcel
from opsportal.sweeps.background import Background
from opsportal.sweeps.registry import SweepResult

log = logging.getLogger("opsportal.notify")

SENDERS, PER_HOST, PER_FAILING_HOST, FOR_FAILING_HOSTS = 12, 4, 1, 4
CLAIM_SECONDS = 8.0  # of new claims in a round; sends in flight then have ten seconds more
LOOK_EVERY_SECONDS = 0.5
STUCK_AFTER_SECONDS = 120.0


class Round:
    """One pass over the outbox: `run` returns when nothing is due and nothing in flight, or its time is up."""

    def __init__(self, now: datetime) -> None:
        self.examined = self.fired = 0
        self.began = time.monotonic()
        self._now = now
        self._in_flight: Counter[str] = Counter()
        self._failing: set[str] = set()
        self._hosts: list[str] = []
        self._held = self._is_ending = False
        self._next_look = 0.0
        self._done: queue.SimpleQueue[tuple[Claim, Outcome]] = queue.SimpleQueue()
        self._senders = ThreadPoolExecutor(SENDERS, thread_name_prefix="sender")

    def run(self, *, seconds: float = CLAIM_SECONDS) -> SweepResult:
        try:
            while True:
                goes_on = time.monotonic() - self.began < seconds and not self._is_ending
                claimed = self._claim_all() if goes_on else 0
                if self._in_flight.total():
                    self._record(self._wait())
                elif not claimed:
                    return self.result()
        finally:
            self._senders.shutdown(wait=False)

    def result(self) -> SweepResult:
        return SweepResult(examined=self.examined, fired=self.fired)

    def now(self) -> datetime:
        """The database's instant at the start of the round, moved on by our own stopwatch."""
        return self._now + timedelta(seconds=time.monotonic() - self.began)

    def _claim_all(self) -> int:
        """Claim for each host what its share of the senders allows; answers how many there were."""
        self._look_around()
        return sum(self._claim(host) for host in self._hosts)

    def _look_around(self) -> None:
        if time.monotonic() < self._next_look and self._hosts:
            return
        self._next_look = time.monotonic() + LOOK_EVERY_SECONDS
        now = self.now()
        self._held = digest.prepare(now)
        self._failing = set(Destination.objects.filter(failures__gt=0).values_list("pk", flat=True))
        self._hosts = claims.due_hosts(now, held=self._held)

    def _claim(self, host: str) -> int:
        free = self._free_for(host)
        if free <= 0:
            return 0
        claimed = claims.claim(host, limit=free, now=self.now(), held=self._held)
        for one in claimed:
            self._start(one)
        return len(claimed)

    def _free_for(self, host: str) -> int:
        """Hosts that have just failed share a third of the senders, so that several dead ones cannot take them all."""
        free = SENDERS - self._in_flight.total()
        if host in self._failing:
            suspects = sum(self._in_flight[one] for one in self._failing)
            return min(free, PER_FAILING_HOST - self._in_flight[host], FOR_FAILING_HOSTS - suspects)
        return min(free, PER_HOST - self._in_flight[host])

    def _start(self, claimed: Claim) -> None:
        self.examined += 1
        self._in_flight[claimed.delivery.host] += 1
        packed = _pack(claimed, self.now())
        if isinstance(packed, Outcome):
            self._done.put((claimed, packed))
        else:
            self._submit(claimed, packed)

    def _submit(self, claimed: Claim, packed: Parcel | Letter) -> None:
        try:
            self._senders.submit(self._send, claimed, packed)
        except RuntimeError:  # this process is ending, as each worker does in its turn: the next relay sends it
            self._is_ending = True
            self._done.put((claimed, Outcome(Kind.LATER, "the worker ended before it was sent")))

    def _send(self, claimed: Claim, packed: Parcel | Letter) -> None:
        self._done.put((claimed, senders.post(packed)))

    def _wait(self) -> list[tuple[Claim, Outcome]]:
        """The results that are there, after waiting a moment for the first."""
        results = []
        try:
            results.append(self._done.get(timeout=LOOK_EVERY_SECONDS))
            while True:
                results.append(self._done.get_nowait())
        except queue.Empty:
            return results

    def _record(self, results: list[tuple[Claim, Outcome]]) -> None:
        for claimed, outcome in results:
            self._in_flight[claimed.delivery.host] -= 1
            self.fired += outcome.kind is Kind.DELIVERED
            if outcome.host_failed:
                self._failing.add(claimed.delivery.host)
            if outcome.kind is Kind.NEVER:
                self._next_look = 0.0  # what was given up may go on another way
        if results:
            aftermath.record(results, self.now())


def drain(now: datetime) -> SweepResult:
    """Send what is due and wait for every answer. Commands use it."""
    return Round(now).run()


background = Background("outbox", Round, stuck_after_seconds=STUCK_AFTER_SECONDS)


def sweep(now: datetime) -> SweepResult:
    """The part `outbox` of the sweeps."""
    return background.sweep(now)


def _pack(claimed: Claim, now: datetime) -> Parcel | Letter | Outcome:
    try:
        return senders.pack(claimed.delivery, now)
    except Exception as error:
        # A key that is missing from the vault, a row nobody foresaw: this one waits, the others go on.
        log.exception("The delivery %s could not be packed.", claimed.delivery.pk)
        return Outcome(Kind.LATER, "our own error", answer=type(error).__name__)
