"""How a running plan goes on: what comes next after so many have arrived, died or wait. Pure.

A plan ends by itself: what keeps failing runs out of attempts, what stands behind a payload that waits for a person
does not count as being on its way, and what is not let go any more is never waited for.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum

from runbooks.queue.engine import flow

# Of fewer that have ended, no ratio says anything; of a smaller plan, all.
ABORT_FROM = 10


class Next(StrEnum):
    LET_GO = "let_go"
    WAIT = "wait"
    VERIFY = "verify"
    COMPLETE = "complete"
    ABORT = "abort"


@dataclass(frozen=True, slots=True)
class Progress:
    """What became of so many payloads. `to_go`: not let go yet; `moving`: let go and on their way; `blocked`: let go,
    behind a payload that waits for a person; `put_back`: let go and refused by ourselves; `decided`: discarded,
    superseded, or sent or decided by others before their turn.
    """

    to_go: int = 0
    moving: int = 0
    blocked: int = 0
    delivered: int = 0
    dead: int = 0
    in_doubt: int = 0
    put_back: int = 0
    decided: int = 0

    @property
    def bad(self) -> int:
        return self.dead + self.in_doubt + self.put_back

    @property
    def ended(self) -> int:
        return self.delivered + self.bad

    @property
    def total(self) -> int:
        return self.to_go + self.moving + self.blocked + self.ended + self.decided


def next_move(all_items: Progress, canary: Progress | None, *, abort_ratio: Decimal) -> Next:
    """`canary` is the progress of the canary while it is out, None before the rest and without one."""
    present = all_items if canary is None else canary
    if is_too_bad(present, abort_ratio):
        return Next.ABORT
    if present.to_go:
        return Next.LET_GO
    if present.moving:
        return Next.WAIT
    return Next.COMPLETE if canary is None or not all_items.to_go else Next.VERIFY


def is_too_bad(progress: Progress, abort_ratio: Decimal) -> bool:
    """Whether more than this share of what has ended has ended badly. A ratio of 1 never stops a plan."""
    enough = min(ABORT_FROM, progress.total - progress.decided)
    return progress.ended >= max(enough, 1) and Decimal(progress.bad) > abort_ratio * progress.ended


def allowance(let_go_since: int, *, since: datetime, now: datetime, rate_per_minute: int) -> int:
    """How many more a plan that is slower than its target may let go now: one at once, then as fast as it is sent."""
    return max(int(max(now - since, timedelta(0)) / flow.spacing(rate_per_minute)) + 1 - let_go_since, 0)
