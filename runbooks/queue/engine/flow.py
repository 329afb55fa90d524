"""How fast and whether at all: the rate, the breaker of a target, the retry budget. Pure.

The rate is the generic cell rate algorithm (ITU-T I.371) with a burst of one: slots at equal distances. The budget is
Finagle's RetryBudget: retries are a share of first attempts, and a trickle, however many items wait to be retried.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

# What leaves evenly arrives unevenly; a tenth less than allowed keeps the receiver's count of any second within its
# limit though some arrive 0.1 s late.
MARGIN = 1.1
LOOK_AHEAD = timedelta(milliseconds=500)

OPEN_AFTER_FAILURES = 5
FIRST_COOL_DOWN, LONGEST_COOL_DOWN = timedelta(seconds=15), timedelta(minutes=5)

RETRIES_PER_FIRST, RETRIES_PER_SECOND, MOST_TOKENS = 0.2, 1.0, 100.0


def spacing(rate_per_minute: int) -> timedelta:
    """Between two requests to a target."""
    return timedelta(seconds=60 / rate_per_minute * MARGIN)


def free_slots(next_slot_at: datetime | None, now: datetime, rate_per_minute: int) -> int:
    """How many requests may be taken in hand now: those whose slot comes within the look-ahead."""
    first = max(next_slot_at or now, now)
    if first > now + LOOK_AHEAD:
        return 0
    return int((now + LOOK_AHEAD - first) / spacing(rate_per_minute)) + 1


def book(
    next_slot_at: datetime | None, now: datetime, count: int, rate_per_minute: int
) -> tuple[list[datetime], datetime]:
    """The next `count` slots, and the one after them."""
    first, apart = max(next_slot_at or now, now), spacing(rate_per_minute)
    return [first + apart * number for number in range(count)], first + apart * count


def is_missed(slot: datetime, now: datetime, rate_per_minute: int) -> bool:
    """Whether a slot is gone. Later than one distance, two requests could fall together."""
    return now - slot > max(spacing(rate_per_minute) * 0.5, timedelta(milliseconds=20))


def duration(count: int, rate_per_minute: int) -> timedelta:
    """How long so many requests take at the least."""
    return spacing(rate_per_minute) * max(count - 1, 0)


# --- the breaker ---


@dataclass(frozen=True, slots=True)
class Breaker:
    """Closed while `opened_at` is None. Open it lets one probe through at `probe_at`."""

    failures: int = 0
    opened_at: datetime | None = None
    probe_at: datetime | None = None

    @property
    def is_open(self) -> bool:
        return self.opened_at is not None

    def lets_probe(self, now: datetime) -> bool:
        return self.probe_at is not None and self.probe_at <= now

    def probing(self, until: datetime) -> "Breaker":
        """The probe is taken: nobody else tries before `until`, when whoever took it must have died."""
        return replace(self, probe_at=until)

    def answered(self) -> "Breaker":
        """The target works, whatever it said of the payload."""
        return Breaker()

    def failed(self, now: datetime) -> "Breaker":
        failures = self.failures + 1
        if failures < OPEN_AFTER_FAILURES and not self.is_open:
            return replace(self, failures=failures)
        return Breaker(failures, self.opened_at or now, now + cool_down(failures))


def cool_down(failures: int) -> timedelta:
    """How long a target is left alone after so many failures in a row."""
    doublings: int = 2 ** min(max(failures - OPEN_AFTER_FAILURES, 0), 10)
    return min(FIRST_COOL_DOWN * doublings, LONGEST_COOL_DOWN)


# --- the retry budget ---


@dataclass(frozen=True, slots=True)
class Budget:
    """`tokens` at the instant `at`; a retry costs one."""

    tokens: float
    at: datetime | None = None

    def refilled(self, now: datetime) -> "Budget":
        seconds = max((now - self.at).total_seconds(), 0.0) if self.at is not None else 0.0
        return Budget(min(self.tokens + seconds * RETRIES_PER_SECOND, MOST_TOKENS), max(now, self.at or now))

    @property
    def retries(self) -> int:
        return int(self.tokens + 1e-9)  # ten tenths are one, whatever floating point says

    def spent(self, *, firsts: int, retries: int) -> "Budget":
        tokens = self.tokens + firsts * RETRIES_PER_FIRST - retries
        return replace(self, tokens=max(min(tokens, MOST_TOKENS), 0.0))
