"""What the events of a case say about a handoff.

Every answer is an earliest instant over a set, so no order of arrival, no repetition and no delay changes it. The
log's own order in a case, (occurred_at, arrival), is for showing; here ties are broken by content.
"""

import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Protocol, TypeVar


class Told(Protocol):
    """The parts of an event that a rule reads."""

    @property
    def case_id(self) -> str: ...
    @property
    def event_name(self) -> str: ...
    @property
    def lifecycle(self) -> str: ...
    @property
    def occurred_at(self) -> datetime: ...
    @property
    def actor_kind(self) -> str: ...
    @property
    def actor_id(self) -> str: ...
    @property
    def channel(self) -> str: ...
    @property
    def amount(self) -> Any: ...
    @property
    def attributes(self) -> Any: ...
    @property
    def source(self) -> str: ...
    @property
    def event_id(self) -> str: ...


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
    events: Iterable[Event], matcher: Matcher, *, since: datetime, until: datetime | None
) -> Event | None:
    """The earliest answer in [since, until) that counts: not by a system, not marked automatic.

    An actor not known to be a person counts; of two answers in one instant the one by a known person speaks.
    """
    answers = [one for one in _within(events, matcher, since, until) if counts(one.actor_kind, _is_automatic(one))]
    return min(answers, key=lambda one: (one.occurred_at, *speaker_order(one.actor_kind, one.actor_id)), default=None)


def speaker_order(kind: str, actor_id: str) -> tuple[bool, str]:
    """Who speaks for an instant: the lowest."""
    return (kind != "human", actor_id)


def first_completion(
    events: Iterable[Event], matcher: Matcher, *, since: datetime, until: datetime | None
) -> Event | None:
    """The earliest completion in [since, until), whoever or whatever noted it."""
    return min(_within(events, matcher, since, until), key=lambda one: one.occurred_at, default=None)


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
