"""What the events of a case say about a handoff.

Every answer is an earliest instant over a set, so no order of arrival, no repetition and no delay changes it. The
log's own order in a case, (occurred_at, arrival), is for showing; here ties are broken by content.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol, TypeVar


class Told(Protocol):
    """The parts of an event that a rule reads."""

    event_name: str
    lifecycle: str
    occurred_at: datetime
    actor_kind: str
    actor_id: str
    channel: str
    amount: Any
    attributes: Any
    source: str
    event_id: str


@dataclass(frozen=True, slots=True)
class Response:
    """The earliest answer that counts. An actor not known to be a person counts and is flagged."""

    at: datetime
    actor_kind: str
    actor_id: str


Event = TypeVar("Event", bound=Told)
Matcher = Mapping[str, Any] | None


def matches(matcher: Matcher, event: Told) -> bool:
    """Whether the event has the matcher's name, its lifecycle where it names one, and all of its attributes."""
    if matcher is None or event.event_name != matcher["event_name"]:
        return False
    if matcher.get("lifecycle", event.lifecycle).casefold() != event.lifecycle.casefold():
        return False
    return all(event.attributes.get(key) == value for key, value in matcher.get("attributes", {}).items())


def first_start(events: Iterable[Event], matcher: Matcher) -> Event | None:
    """The earliest start: a case starts a rule's clock once."""
    return min((one for one in events if matches(matcher, one)), key=_canonical, default=None)


def first_response(
    events: Iterable[Told], matcher: Matcher, *, since: datetime, until: datetime | None
) -> Response | None:
    """The earliest answer in [since, until) that counts: not by a system, not marked automatic."""
    answers = [one for one in _within(events, matcher, since, until) if counts(one.actor_kind, _is_automatic(one))]
    # Of two answers in one instant the one by a known person speaks.
    first = min(answers, key=lambda one: (one.occurred_at, one.actor_kind != "human", one.actor_id), default=None)
    return Response(first.occurred_at, first.actor_kind, first.actor_id) if first else None


def first_completion(
    events: Iterable[Told], matcher: Matcher, *, since: datetime, until: datetime | None
) -> datetime | None:
    """The earliest completion in [since, until), whoever or whatever noted it."""
    return min((one.occurred_at for one in _within(events, matcher, since, until)), default=None)


def counts(actor_kind: str, automatic: bool) -> bool:
    """Whether an answer stops a clock: anybody's does, unless a system sent it or it is marked automatic."""
    return actor_kind != "system" and not automatic


def _within(events: Iterable[Event], matcher: Matcher, since: datetime, until: datetime | None) -> Iterable[Event]:
    for one in events:
        if one.occurred_at >= since and (until is None or one.occurred_at < until) and matches(matcher, one):
            yield one


def _is_automatic(event: Told) -> bool:
    return event.attributes.get("automatic") is True


def _canonical(event: Told) -> tuple[datetime, str, str, str]:
    """An order of starts that arrival has no part in; two that are equal in it say the same."""
    said = json.dumps([event.channel, event.amount, event.attributes], sort_keys=True, default=str)
    return event.occurred_at, event.source, event.event_id, said
