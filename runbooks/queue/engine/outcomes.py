"""What an attempt came to, and where its item goes then. Pure: no database, no clock, no chance of its own.

What an answer means follows RFC 9110; the one rule above all: what may have arrived is not sent again on a guess.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from opsportal.notify.retry import read_retry_after
from runbooks.states import ItemState

FIRST_PAUSE, LONGEST_PAUSE = timedelta(seconds=5), timedelta(hours=1)
LONGEST_ASKED_PAUSE = timedelta(hours=24)
# The gateway in front gave up waiting: the target may well have acted.
GATEWAY_GAVE_UP = frozenset({502, 504})
# About the door, not about the payload: wrong credentials, a wrong address, too much, down.
ABOUT_THE_TARGET = frozenset({401, 403, 404, 405, 407, 410, 429})
# Of the address or of the record that the body names: whoever took a payload lately is there.
MAY_BE_THE_RECORD = frozenset({404})
LATELY = timedelta(days=1)
TRY_AGAIN = frozenset({401, 403, 407, 408, 423, 425, 429})


class Kind(StrEnum):
    DELIVERED = "delivered"
    ALREADY_THERE = "already_there"
    LATER = "later"  # it did not take it, and may later
    NEVER = "never"  # it will not take this payload, however often it comes
    UNCLEAR = "unclear"  # no answer: it may have arrived
    NOT_SENT = "not_sent"  # our own rules, before anything left: a person has to look
    PUT_BACK = "put_back"  # nothing left, and it may at once: its slot was missed, the worker ended


@dataclass(frozen=True, slots=True)
class Outcome:
    """`word` and `answer` are for the log. `target_failed` counts against the target, not only against the item."""

    kind: Kind
    word: str
    status: int | None = None
    answer: str = ""
    retry_after: timedelta | None = None
    target_failed: bool = False
    duration_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Terms:
    """What the target declares, and how this attempt was made."""

    idempotent: bool
    max_attempts: int
    is_probe: bool = False


@dataclass(frozen=True, slots=True)
class Move:
    """The item's next state; `due_at` when it may be taken again, None where a person or nobody takes it."""

    state: ItemState
    due_at: datetime | None = None


def judge(
    status: int, headers: dict[str, str], *, answer: str, now: datetime, already_there: frozenset[int] = frozenset()
) -> Outcome:
    """What an HTTP answer means. `headers` in lower case; `already_there` are statuses the target declares as such."""
    word = f"HTTP {status}"
    if status in already_there or (200 <= status < 300 and _says_duplicate(headers)):
        return Outcome(Kind.ALREADY_THERE, "already there", status, answer)
    if 200 <= status < 300:
        return Outcome(Kind.DELIVERED, "delivered", status, answer)
    if status in GATEWAY_GAVE_UP:
        return Outcome(Kind.UNCLEAR, word, status, answer, target_failed=True)
    if status >= 500 or status in TRY_AGAIN:
        pause = read_retry_after(headers.get("retry-after", ""), now)
        failed = status >= 500 or status in ABOUT_THE_TARGET
        return Outcome(Kind.LATER, word, status, answer, pause, target_failed=failed)
    return Outcome(Kind.NEVER, word, status, answer, target_failed=status in ABOUT_THE_TARGET)


def blames_target(outcome: Outcome, last_success_at: datetime | None, now: datetime) -> bool:
    """Whether an outcome counts against the target's breaker."""
    if outcome.status in MAY_BE_THE_RECORD and last_success_at is not None:
        return now - last_success_at > LATELY
    return outcome.target_failed


def _says_duplicate(headers: dict[str, str]) -> bool:
    return any(headers.get(name, "").strip().lower() == "true" for name in ("duplicate", "idempotency-replayed"))


def move(outcome: Outcome, *, attempts: int, terms: Terms, now: datetime, chance: float) -> Move:
    """Where an item goes after an attempt; `attempts` counts this one (a probe counts for none)."""
    if outcome.kind in (Kind.DELIVERED, Kind.ALREADY_THERE):
        return Move(ItemState.DELIVERED)
    if outcome.kind is Kind.NEVER:
        return Move(ItemState.DEAD)
    if outcome.kind is Kind.NOT_SENT:
        return Move(ItemState.HELD)
    if outcome.kind is Kind.PUT_BACK:
        return Move(ItemState.FAILED if attempts > (0 if terms.is_probe else 1) else ItemState.PENDING, now)
    unclear = outcome.kind is Kind.UNCLEAR
    if unclear and not terms.idempotent:
        return Move(ItemState.IN_DOUBT)
    if attempts >= terms.max_attempts and not terms.is_probe:
        return Move(ItemState.IN_DOUBT if unclear else ItemState.DEAD)
    return Move(ItemState.FAILED, now + pause_after(attempts, outcome.retry_after, chance))


def pause_after(attempts: int, asked: timedelta | None, chance: float) -> timedelta:
    """How long to wait: as asked by Retry-After (a day at most), never less than our own pause: 5 s, 10 s, 20 s … an
    hour, of which half is left to chance so that those who failed together do not come back together.
    """
    doublings: int = 2 ** min(max(attempts - 1, 0), 12)
    own = min(FIRST_PAUSE * doublings, LONGEST_PAUSE)
    jittered = own * (0.5 + 0.5 * chance)
    if asked is None:
        return jittered
    return max(min(asked, LONGEST_ASKED_PAUSE) + FIRST_PAUSE * 0.2 * chance, jittered)


def burns(outcome: Outcome, terms: Terms) -> bool:
    """Whether the attempt counts. What never left, and a probe of an open target, cost the item nothing."""
    return not terms.is_probe and outcome.kind not in (Kind.NOT_SENT, Kind.PUT_BACK)


LOST_LEASE = Outcome(Kind.UNCLEAR, "cut off", answer="Whoever sent it ended without a word.")
