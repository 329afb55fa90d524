"""The dispatcher: takes what is due, sends each item at its slot outside every transaction, writes down the outcome.

One thread claims and records; sending happens in a few threads that know nothing of the database. A target that hangs
holds its own few threads and nobody else's.
"""

import logging
import queue
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

from opsportal.sweeps.background import Background
from opsportal.sweeps.registry import SweepResult
from opsportal.vault.engine import Shredded, VaultError
from runbooks.models import ReplayItem, ReplayTarget
from runbooks.queue import authority, claims, recording, sending
from runbooks.queue.claims import Claim
from runbooks.queue.engine import flow
from runbooks.queue.engine.outcomes import Kind, Outcome

log = logging.getLogger("runbooks")

SENDERS, PER_TARGET = 16, 12
CLAIM_SECONDS = 8.0  # of new claims in a round; what is in flight then has its timeout more
LOOK_EVERY_SECONDS, NAP_SECONDS = 0.5, 0.05
STUCK_AFTER_SECONDS = 180.0
MISSED = Outcome(Kind.PUT_BACK, "missed its slot")
# How long after its claim a request may still be given another slot; its lease must outlive the answer.
MOST_DELAY = claims.LEASE_BEYOND_TIMEOUT / 2


class Round:
    """One pass over the queue: `run` ends when nothing is due and nothing in flight, or its time is up."""

    def __init__(self, now: datetime) -> None:
        self.examined = self.fired = 0
        self.began = time.monotonic()
        self._now = now
        self._targets: dict[int, ReplayTarget] = {}
        self._in_flight: Counter[int] = Counter()
        self._is_ending = False
        self._next_look = 0.0
        self._done: queue.SimpleQueue[tuple[Claim, Outcome]] = queue.SimpleQueue()
        self._packed: dict[UUID, tuple[sending.Parcel, datetime]] = {}  # by token, with the instant to give up at
        self._senders = ThreadPoolExecutor(SENDERS, thread_name_prefix="replay")

    def run(self, *, seconds: float = CLAIM_SECONDS) -> SweepResult:
        try:
            while True:
                goes_on = time.monotonic() - self.began < seconds and not self._is_ending
                claimed = self._claim_all() if goes_on else 0
                if self._in_flight.total():
                    self._record(self._wait())
                elif not claimed and not (goes_on and self._comes_soon()):
                    return self.result()
        finally:
            self._senders.shutdown(wait=False)

    def result(self) -> SweepResult:
        return SweepResult(examined=self.examined, fired=self.fired)

    def now(self) -> datetime:
        """The database's instant at the start of the round, moved on by our own stopwatch."""
        return self._now + timedelta(seconds=time.monotonic() - self.began)

    def _claim_all(self) -> int:
        self._look_around()
        return sum(self._claim(target) for target in list(self._targets.values()))

    def _look_around(self) -> None:
        if time.monotonic() < self._next_look:
            return
        self._next_look = time.monotonic() + LOOK_EVERY_SECONDS
        now = self.now()
        recording.lapse(now)
        due = {target.pk: target for target in claims.due_targets(now)}
        # What is in flight is recorded by the terms it was sent by.
        self._targets = {pk: target for pk, target in self._targets.items() if self._in_flight[pk]} | due

    def _comes_soon(self) -> bool:
        """Whether something is due and only its slot is not: worth a nap, not another round."""
        if not self._targets or not claims.due_targets(self.now()):
            return False
        if not claims.any_slot_before(list(self._targets), self.now() + timedelta(seconds=LOOK_EVERY_SECONDS * 4)):
            return False
        time.sleep(NAP_SECONDS)
        return True

    def _claim(self, target: ReplayTarget) -> int:
        free = min(SENDERS - self._in_flight.total(), PER_TARGET - self._in_flight[target.pk])
        if free <= 0 or target.stopped_at is not None:
            return 0
        claimed = claims.claim(target, limit=free, now=self.now())
        if claimed:
            rows = ReplayItem.objects.filter(pk__in=[one.item_id for one in claimed])
            items = {item.pk: item for item in rows.select_related("automation", "release__approval")}
            for one in claimed:
                self._start(one, items[one.item_id], target)
        return len(claimed)

    def _start(self, claimed: Claim, item: ReplayItem, target: ReplayTarget) -> None:
        self.examined += 1
        self._in_flight[target.pk] += 1
        packed = _pack(item, target, claimed.slot)
        if isinstance(packed, Outcome):
            self._done.put((claimed, packed))
            return
        self._packed[claimed.token] = packed, claimed.slot + MOST_DELAY
        self._submit(claimed, packed, target)

    def _submit(self, claimed: Claim, parcel: sending.Parcel, target: ReplayTarget) -> None:
        try:
            self._senders.submit(self._send, claimed, parcel, target.pace)
        except RuntimeError:  # this process is ending, as each worker does in its turn
            self._is_ending = True
            self._done.put((claimed, Outcome(Kind.PUT_BACK, "the worker ended before it was sent")))

    def _send(self, claimed: Claim, parcel: sending.Parcel, rate_per_minute: int) -> None:
        """Wait for the slot, then go. Whoever comes too late for it would make two requests fall together."""
        time.sleep(max((claimed.slot - self.now()).total_seconds(), 0.0))
        now = self.now()
        is_missed = flow.is_missed(claimed.slot, now, rate_per_minute)
        self._done.put((claimed, MISSED if is_missed else sending.post(parcel, now)))

    def _wait(self) -> list[tuple[Claim, Outcome]]:
        """The results that are there, after waiting a moment for the first."""
        results = []
        try:
            results.append(self._done.get(timeout=NAP_SECONDS))
            while True:
                results.append(self._done.get_nowait())
        except queue.Empty:
            return results

    def _record(self, results: list[tuple[Claim, Outcome]]) -> None:
        by_target: dict[int, list[tuple[Claim, Outcome]]] = {}
        for claimed, outcome in results:
            if outcome is MISSED and self._goes_again(claimed):
                continue
            self._packed.pop(claimed.token, None)
            self._in_flight[claimed.target_id] -= 1
            self.fired += outcome.kind in recording.HOW
            by_target.setdefault(claimed.target_id, []).append((claimed, outcome))
        for pk, some in by_target.items():
            recording.record(self._targets[pk], some, self.now())

    def _goes_again(self, claimed: Claim) -> bool:
        """Give a request that missed its slot another one; too long after the claim it goes back instead."""
        parcel, latest = self._packed[claimed.token]
        target, now = self._targets[claimed.target_id], self.now()
        slot = claims.rebook(target.pk, target.pace, now) if now < latest else latest
        if slot >= latest:
            return False
        self._submit(replace(claimed, slot=slot), parcel, target)
        return True


def _pack(item: ReplayItem, target: ReplayTarget, at: datetime) -> sending.Parcel | Outcome:
    item.target = target
    if refusal := authority.why_not(item):
        log.error("The replay item %s was not sent: %s", item.pk, refusal)
        return Outcome(Kind.NOT_SENT, "not let go", answer=refusal)
    try:
        return sending.render(item, target, at)
    except Shredded:
        return Outcome(Kind.NOT_SENT, "erased", answer="The key of its data subject was destroyed.")
    except (VaultError, LookupError) as error:
        return Outcome(Kind.NOT_SENT, "cannot be built", answer=str(error)[:240])


def drain(now: datetime, *, seconds: float = CLAIM_SECONDS) -> SweepResult:
    """Send what is due and wait for every answer. Commands use it."""
    return Round(now).run(seconds=seconds)


background = Background("replay", Round, stuck_after_seconds=STUCK_AFTER_SECONDS)


def sweep(now: datetime) -> SweepResult:
    """The part `replay` of the sweeps."""
    return background.sweep(now)
