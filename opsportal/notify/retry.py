"""When to try again, when to give up, when to leave a destination alone. Pure computing.

A delivery may fail eight times over about three hours. A host that fails five times in a row is left alone and probed;
while it is, nothing is used up, so an outage of a day costs no message (three days do).
"""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from enum import StrEnum

MOST_FAILURES = 8
MOST_LEASES = 50  # that ended without a result: a delivery that takes its relay down with it
FIRST_PAUSE, LONGEST_PAUSE = timedelta(seconds=5), timedelta(hours=1)
GIVE_UP_AFTER = timedelta(days=3)
OPEN_AFTER_FAILURES = 5
FIRST_COOL_DOWN, LONGEST_COOL_DOWN = timedelta(seconds=30), timedelta(minutes=5)


class Kind(StrEnum):
    DELIVERED = "delivered"
    LATER = "later"  # it did not work and may work later
    UNCLEAR = "unclear"  # it may have arrived; sent again under the same key
    NEVER = "never"  # it will not work, however often it is tried
    SWITCHED_OFF = "switched off"  # the destination is no longer wanted


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one attempt came to. `word` is for the log; `host_failed` counts against the host, not the message.

    `gone` says that the destination asked to hear nothing more (HTTP 410).
    """

    kind: Kind
    word: str
    status: int | None = None
    answer: str = ""
    retry_after: timedelta | None = None
    host_failed: bool = False
    gone: bool = False


def pause_after(failures: int, outcome: Outcome) -> timedelta:
    """How long to wait after this many failures: 5 s, 15 s, 45 s … an hour, give or take a fifth; or as asked."""
    if outcome.retry_after is not None:
        return min(outcome.retry_after, LONGEST_PAUSE) + FIRST_PAUSE * _chance() / 5
    factor: int = 3 ** min(max(failures - 1, 0), 10)
    pause = min(FIRST_PAUSE * factor, LONGEST_PAUSE)
    return pause * (0.8 + 0.4 * _chance())


def cool_down(failures: int) -> timedelta:
    """How long a host is left alone after this many failures in a row."""
    doublings: int = 2 ** min(max(failures - OPEN_AFTER_FAILURES, 0), 10)
    return min(FIRST_COOL_DOWN * doublings, LONGEST_COOL_DOWN)


def is_hopeless(failures: int, tries_since: datetime, now: datetime) -> bool:
    """Whether a delivery has had its chances or its time."""
    return failures >= MOST_FAILURES or now - tries_since > GIVE_UP_AFTER


def read_retry_after(value: str, now: datetime) -> timedelta | None:
    """The pause a Retry-After header asks for (RFC 9110 10.2.3: seconds or a date); None when it is neither."""
    value = value.strip()
    if value.isascii() and value.isdigit() and len(value) <= 9:
        return timedelta(seconds=int(value))
    try:
        return max(parsedate_to_datetime(value) - now, timedelta(0))
    except (ValueError, TypeError):
        return None


def _chance() -> float:
    return secrets.randbelow(1_000_000) / 1_000_000
