"""Everything that becomes due by itself: name -> parts. Each room adds its part from AppConfig.ready."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

# The order of one round: what happened, then what follows from it, then what is sent and sealed.
NAMES = (
    "handoffs",
    "heartbeats",
    "budgets",
    "policies",
    "facts",
    "escalations",
    "outbox",
    "replay",
    "seal",
    "housekeeping",
)


@dataclass(frozen=True, slots=True)
class SweepResult:
    """What one part did: rows looked at, rows acted on, and the range of due instants it covered."""

    examined: int = 0
    fired: int = 0
    range_from: datetime | None = None
    range_until: datetime | None = None

    def __add__(self, other: "SweepResult") -> "SweepResult":
        starts = [at for at in (self.range_from, other.range_from) if at]
        ends = [at for at in (self.range_until, other.range_until) if at]
        return SweepResult(
            self.examined + other.examined,
            self.fired + other.fired,
            min(starts, default=None),
            max(ends, default=None),
        )


# A part takes the database's `now`, works in bounded batches until nothing is due or about 8 seconds have passed,
# and claims its rows with SKIP LOCKED, so several sweepers may run it at once.
Part = Callable[[datetime], SweepResult]


def in_batches(part: Part, now: datetime, *, size: int, seconds: float = 8.0) -> SweepResult:
    """Repeat a part that takes up to `size` rows until it finds fewer, or its time is over."""
    until, total = time.monotonic() + seconds, SweepResult()
    while time.monotonic() < until:
        result = part(now)
        total += result
        if result.examined < size:
            break
    return total


@dataclass(slots=True)
class Registered:
    """A named sweep: its parts in order of registration, and how often it runs."""

    name: str
    every: timedelta
    parts: list[Part] = field(default_factory=list)


_sweeps: dict[str, Registered] = {}


def register(name: str, function: Part, *, every: timedelta) -> None:
    """Add a part to the sweep `name`. The shortest `every` of its parts paces the whole sweep."""
    if name not in NAMES:
        raise ValueError(f"{name!r} is not the name of a sweep: {', '.join(NAMES)}.")
    sweep = _sweeps.setdefault(name, Registered(name, every))
    sweep.every = min(sweep.every, every)
    if function not in sweep.parts:
        sweep.parts.append(function)


def get(name: str) -> Registered | None:
    return _sweeps.get(name)


def all_sweeps() -> list[Registered]:
    """Every sweep that has a part, in the order of one round."""
    return [_sweeps[name] for name in NAMES if name in _sweeps]
