"""Telling people and subscribers. Call these inside the transaction of the decision: they only write rows."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from itertools import islice
from typing import Any, TypeVar
from uuid import UUID

from django.db import connection, transaction

from opsportal.identity.models import Person
from opsportal.notify import channels
from opsportal.notify.engine import (
    KEY,
    Event,
    Notice,
    Reach,
    channels_for,
    matches,
    one_line,
    place_of,
)
from opsportal.notify.models import Delivery, Message, PublishedEvent, Subscription
from opsportal.notify.states import Channel

Row = TypeVar("Row", Message, PublishedEvent)


def tell(
    *,
    person: Person,
    topic: str,
    title: str,
    key: str,
    trace_id: str,
    now: datetime,
    body: str = "",
    url: str = "",
    urgent: bool = False,
    team: str = "",
    about: str = "",
) -> None:
    """Tell one person something once, in their inbox and over the channels they can be reached on."""
    notice = Notice(
        person=person,
        topic=topic,
        title=title,
        body=body,
        url=url,
        key=key,
        trace_id=trace_id,
        urgent=urgent,
        team=team,
        about=about,
    )
    tell_many([notice], now)


@transaction.atomic
def tell_many(notices: Sequence[Notice], now: datetime) -> int:
    """Tell many people with a handful of statements; answers how many were new. A key that exists changes nothing."""
    rows = {_checked(notice.key): _message(notice, now) for notice in notices}
    told = _insert_new(Message, rows)
    mailed = {notice.key for notice in notices if notice.by_mail}
    reach_of = reaches({message.recipient_id for message in told})
    house = channels.house()
    Delivery.objects.bulk_create(
        [
            personal_delivery(message, channel, reach_of[message.recipient_id], now)
            for message in told
            if message.recipient_id in reach_of
            for channel in channels_for(
                reach_of[message.recipient_id], house, urgent=message.urgent, by_mail=message.key in mailed
            )
        ]
    )
    return len(told)


def publish(
    *,
    event_type: str,
    data: dict[str, Any],
    team: str,
    trace_id: str,
    key: str,
    now: datetime,
) -> None:
    """Announce one event to every subscription whose patterns match and whose team may hear of it."""
    publish_many(
        [Event(event_type=event_type, data=data, team=team, trace_id=trace_id, key=key)],
        now,
    )


@transaction.atomic
def publish_many(events: Sequence[Event], now: datetime) -> int:
    """Announce many events with a handful of statements; answers how many were new and had a subscriber."""
    subscriptions = list(Subscription.objects.filter(disabled_at=None).select_related("team"))
    audience = {_checked(event.key): _audience(event, subscriptions) for event in events}
    source = {event.key: event for event in events}
    rows = {key: _published(source[key], now) for key, hearers in audience.items() if hearers}
    announced = _insert_new(PublishedEvent, rows)
    Delivery.objects.bulk_create(
        [
            _event_delivery(published, source[published.key], subscription, now)
            for published in announced
            for subscription in audience[published.key]
        ]
    )
    return len(announced)


def _insert_new(model: type[Row], rows: dict[str, Row]) -> list[Row]:
    """Insert the rows whose key is new, in the order given, and answer those.

    Sorted by key, so that two sweeps that insert the same keys wait for each other instead of locking up.
    """
    ordered = [rows[key] for key in sorted(rows)]
    model._default_manager.bulk_create(ordered, ignore_conflicts=True)
    present: set[UUID] = set()
    for ids in _chunks(row.pk for row in ordered):
        present.update(model._default_manager.filter(pk__in=ids).values_list("pk", flat=True))
    return [row for row in rows.values() if row.pk in present]


def _chunks(values: Iterable[UUID]) -> Iterator[list[UUID]]:
    iterator = iter(values)
    while chunk := list(islice(iterator, connection.features.max_query_params or 5000)):
        yield chunk


def _checked(key: str) -> str:
    if not KEY.fullmatch(key):
        raise ValueError(f"not a key: {key!r}")
    return key


def reaches(person_ids: set[int]) -> dict[int, Reach]:
    """How each active one of these people can be reached; whoever has left hears nothing outside the inbox."""
    rows = Person.objects.filter(pk__in=person_ids, is_active=True).values_list(
        "pk", "slack_id", "email", "preference__slack", "preference__mail"
    )
    return {pk: Reach(slack_id, email, slack, mail) for pk, slack_id, email, slack, mail in rows}


def _audience(event: Event, subscriptions: Iterable[Subscription]) -> list[Subscription]:
    return [one for one in subscriptions if one.hears(event.team) and matches(event.event_type, one.events)]


def _message(notice: Notice, now: datetime) -> Message:
    return Message(
        key=notice.key,
        recipient_id=notice.person_id,
        topic=notice.topic,
        title=one_line(notice.title),
        body=notice.body.replace("\x00", ""),
        url=notice.url,
        team=notice.team,
        about=notice.about,
        trace_id=notice.trace_id,
        urgent=notice.urgent,
        created_at=now,
    )


def personal_delivery(message: Message, channel: Channel, reach: Reach, now: datetime) -> Delivery:
    destination = reach.slack_id if channel is Channel.SLACK else reach.email
    return Delivery(
        key=f"{message.key}:{channel}",
        channel=channel,
        message=message,
        recipient_id=message.recipient_id,
        destination=destination,
        host=channels.personal_host(channel),
        lane=f"{channel}:{message.recipient_id}",
        place=place_of(message.urgent),
        team=message.team,
        urgent=message.urgent,
        created_at=now,
        next_attempt_at=now,
    )


def _published(event: Event, now: datetime) -> PublishedEvent:
    return PublishedEvent(
        key=event.key,
        type=event.event_type,
        data=event.data,
        team=event.team,
        about=event.about,
        trace_id=event.trace_id,
        created_at=now,
    )


def _event_delivery(published: PublishedEvent, event: Event, subscription: Subscription, now: datetime) -> Delivery:
    return Delivery(
        key=f"{published.key}:{subscription.pk.hex}",
        channel=subscription.kind,
        event=published,
        subscription=subscription,
        destination=subscription.url,
        host=subscription.host,
        lane=f"{subscription.pk.hex}:{event.record}"[:300],
        place=place_of(urgent=False),
        team=published.team,
        created_at=now,
        next_attempt_at=now,
    )
