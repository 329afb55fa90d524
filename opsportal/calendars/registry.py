"""Where rooms above say which of their open deadlines a new version would move, and let their records adopt it.

Calendars know no timers. Rooms register from `AppConfig.ready`; each callable is asked in the order of registration.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from opsportal.audit.engine import Actor
from opsportal.calendars.engine import BusinessTime
from opsportal.calendars.models import Calendar, CalendarVersion


@dataclass(frozen=True, slots=True)
class MovedDeadline:
    """One open deadline of some room. `after` is None when the new hours would never let it run out."""

    label: str
    url: str
    before: datetime
    after: datetime | None


DeadlineSource = Callable[[Calendar, BusinessTime, int], list[MovedDeadline]]


class Activation(Protocol):
    """Lets a room's open records count by `version` from now on, in the caller's transaction; answers how many."""

    def __call__(self, version: CalendarVersion, *, actor: Actor, now: datetime) -> int: ...


_sources: list[DeadlineSource] = []
_activations: list[Activation] = []


def register_deadlines(source: DeadlineSource) -> None:
    """`source(calendar, business_time, limit)` lists at most `limit` open deadlines that the new hours would move."""
    if source not in _sources:
        _sources.append(source)


def register_activation(activation: Activation) -> None:
    if activation not in _activations:
        _activations.append(activation)


def moved_deadlines(calendar: Calendar, business_time: BusinessTime, limit: int) -> list[MovedDeadline]:
    """What would move, soonest first, at most `limit` over all rooms."""
    found = [moved for source in _sources for moved in source(calendar, business_time, limit)]
    return sorted(found, key=lambda moved: moved.before)[:limit]


def adopt(version: CalendarVersion, *, actor: Actor, now: datetime) -> int:
    """Let every room adopt the version; answers how many records did."""
    return sum(activation(version, actor=actor, now=now) for activation in _activations)


def has_activations() -> bool:
    return bool(_activations)


def forget(registered: Any) -> None:
    """Take a source or an activation out again."""
    for known in (_sources, _activations):
        if registered in known:
            known.remove(registered)
