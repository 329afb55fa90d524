"""Reads for the pages, the API and other rooms."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Count, Min, Q, QuerySet

from opsportal.errors import NotFound
from opsportal.identity.actors import Principal
from opsportal.identity.models import Person
from opsportal.identity.queries import person_of, visible_team_slugs, visible_teams
from opsportal.notify import channels
from opsportal.notify.engine import Reach, channels_for
from opsportal.notify.models import Delivery, Destination, Message, Preference, PublishedEvent, Subscription
from opsportal.notify.states import Channel, DeliveryState


@dataclass(frozen=True, slots=True)
class OutboxState:
    """How sending stands: what waits, since when, what was given up."""

    waiting: int
    oldest_due_at: datetime | None
    given_up: int


def list_messages(person: Person) -> QuerySet[Message]:
    """A person's inbox: unread first, then the newest."""
    unread_first = Q(read_at=None)
    return (
        Message.objects.filter(recipient=person)
        .annotate(is_read=~unread_first)
        .order_by("is_read", "-created_at", "-id")
        .prefetch_related("deliveries")
    )


def list_unread(person: Any, now: datetime) -> QuerySet[Message]:
    """What the navigation counts."""
    return Message.objects.filter(recipient=person, read_at=None)


def count_unread(person: Any, now: datetime) -> int:
    return list_unread(person, now).count()


def list_deliveries(principal: Principal | None) -> QuerySet[Delivery]:
    """What a principal may see of the log: their own messages, and what concerns teams they see.

    Messages of other people are for those who see every team; names of teams stand on the row.
    """
    rows = Delivery.objects.select_related("message", "event", "subscription", "recipient")
    slugs, person = visible_team_slugs(principal), person_of(principal)
    if slugs is None:
        return rows
    ours = Q(event__isnull=False, team__in=[*slugs, ""])
    return rows.filter(ours | Q(recipient=person) if person else ours)


def get_delivery(principal: Principal | None, pk: int) -> Delivery:
    """One delivery of the log; NotFound also when it is hidden."""
    row = list_deliveries(principal).filter(pk=pk).first()
    if row is None:
        raise NotFound("unknown_delivery", "There is no such delivery.")
    return row


def list_subscriptions(principal: Principal | None) -> QuerySet[Subscription]:
    """Subscriptions of visible teams, and those of no team."""
    rows = Subscription.objects.select_related("team", "created_by")
    teams = visible_teams(principal)
    return rows if teams is None else rows.filter(Q(team=None) | Q(team__in=teams))


def get_subscription(principal: Principal | None, pk: Any) -> Subscription:
    """One subscription; NotFound also when it is hidden."""
    row = list_subscriptions(principal).filter(pk=pk).first()
    if row is None:
        raise NotFound("unknown_webhook", "There is no such subscription.")
    return row


def get_outbox_state(rows: QuerySet[Delivery], now: datetime) -> OutboxState:
    """How sending stands for these deliveries, by one short query."""
    unfinished = rows.select_related(None).order_by().filter(Q(finished_at=None) | Q(state=DeliveryState.DEAD))
    waiting = Q(finished_at=None)
    counts = unfinished.aggregate(
        waiting=Count("pk", filter=waiting),
        oldest=Min("next_attempt_at", filter=waiting & Q(next_attempt_at__lte=now)),
        given_up=Count("pk", filter=Q(state=DeliveryState.DEAD)),
    )
    return OutboxState(counts["waiting"], counts["oldest"], counts["given_up"])


def list_silent_hosts() -> list[Destination]:
    """Hosts that are left alone for now, because they have not been answering."""
    return list(Destination.objects.filter(opened_at__isnull=False))


def list_unreachable() -> QuerySet[Person]:
    """Active people whom nothing reaches but their inbox, as this installation is set up."""
    house = channels.house()
    people = Person.objects.filter(is_active=True)
    if house.slack_host:
        people = people.exclude(~Q(slack_id="") & ~Q(preference__slack=False))
    if house.mail_host:
        people = people.exclude(~Q(email="") & ~Q(preference__mail=False))
    return people


def list_by_trace(trace_id: str) -> tuple[list[Message], list[PublishedEvent]]:
    """What was told under one trace id, oldest first, with its deliveries."""
    messages = Message.objects.filter(trace_id=trace_id).select_related("recipient").prefetch_related("deliveries")
    events = PublishedEvent.objects.filter(trace_id=trace_id).prefetch_related("deliveries__subscription")
    return list(messages.order_by("created_at")), list(events.order_by("created_at"))


def sees_every_team(principal: Principal | None) -> bool:
    return principal is not None and visible_teams(principal) is None


def get_preference(person: Person) -> Preference:
    """What a person wishes; without a wish an empty, unsaved one."""
    return Preference.objects.filter(person=person).first() or Preference(person=person)


def get_reach(person: Person, preference: Preference) -> list[Channel]:
    """How a person is told today, beside their inbox."""
    reach = Reach(person.slack_id, person.email, preference.slack, preference.mail)
    return channels_for(reach, channels.house(), urgent=False)


def list_recent(subscription: Subscription) -> list[Delivery]:
    """The last deliveries to a subscription, newest first."""
    return list(subscription.deliveries.select_related("event").order_by("-id")[:20])


def count_by_state(subscription: Subscription) -> dict[str, int]:
    """How many deliveries of a subscription wait, have arrived, were given up."""
    counts: dict[str, int] = subscription.deliveries.aggregate(
        waiting=Count("pk", filter=Q(finished_at=None)),
        delivered=Count("pk", filter=Q(state=DeliveryState.DELIVERED)),
        given_up=Count("pk", filter=Q(state=DeliveryState.DEAD)),
    )
    return counts
