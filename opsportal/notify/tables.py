"""The lists of deliveries and subscriptions."""

import django_filters
from django.db.models import Q, QuerySet
from django.http import HttpRequest

from opsportal.identity.actors import principal_of
from opsportal.notify.models import Delivery, Subscription
from opsportal.notify.queries import list_subscriptions
from opsportal.notify.states import CHANNEL_WORDS, WORDS, Channel, DeliveryState
from opsportal.outbound.masking import mask
from opsportal.web.filters import FilterSet
from opsportal.web.tables import BadgeColumn, Column, LinkColumn, NumberColumn, SwitchColumn, Table, WhenColumn

TONES = {
    DeliveryState.PENDING: "warn",
    DeliveryState.LEASED: "warn",
    DeliveryState.DELIVERED: "good",
    DeliveryState.MERGED: "good",
    DeliveryState.DEAD: "bad",
    DeliveryState.SUPPRESSED: "calm",
}


TONE_OF_WORD = {WORDS[state]: tone for state, tone in TONES.items()}


def tone_of(word: str) -> str:
    return TONE_OF_WORD[word]


def what_of(delivery: Delivery) -> str:
    """What a delivery carries, in a few words."""
    return delivery.message.title if delivery.message else delivery.published.type


def destination_of(delivery: Delivery) -> str:
    """Where it goes, without the address of a person."""
    if delivery.recipient is not None:
        return str(delivery.recipient)
    return f"{delivery.subscribed.name} ({mask(delivery.host)})"


class DeliveryTable(Table):
    caption = "Deliveries"
    empty_title = "Nothing was sent"
    empty_sentence = "Every message and every event that leaves the portal stands here, with the answer it got."

    what = LinkColumn("notify:delivery", accessor="pk", orderable=False, verbose_name="What")
    state = BadgeColumn(tone=tone_of)
    channel = Column(verbose_name="By")
    destination = Column(accessor="pk", orderable=False, verbose_name="To")
    attempts = NumberColumn()
    last_error = Column(verbose_name="Answer", orderable=False)
    created_at = WhenColumn(verbose_name="Decided")
    finished_at = WhenColumn(verbose_name="Ended")

    def render_what(self, record: Delivery) -> str:
        return what_of(record)

    value_what = render_what

    def render_destination(self, record: Delivery) -> str:
        return destination_of(record)

    value_destination = render_destination


def visible_subscriptions(request: HttpRequest) -> QuerySet[Subscription]:
    return list_subscriptions(principal_of(request))


class DeliveryFilter(FilterSet):
    q = django_filters.CharFilter(label="Search", method="search", max_length=200)
    state = django_filters.ChoiceFilter(
        choices=[(state.value, WORDS[state]) for state in DeliveryState], empty_label="Any"
    )
    channel = django_filters.ChoiceFilter(
        label="Sent by", choices=[(channel.value, CHANNEL_WORDS[channel]) for channel in Channel], empty_label="Any"
    )
    subscription = django_filters.ModelChoiceFilter(queryset=visible_subscriptions, label="Subscription")
    trace = django_filters.CharFilter(label="Trace id", method="with_trace", max_length=64)

    class Meta(FilterSet.Meta):
        model = Delivery
        fields: list[str] = []

    def search(self, queryset: QuerySet[Delivery], name: str, text: str) -> QuerySet[Delivery]:
        return queryset.filter(
            Q(message__title__icontains=text)
            | Q(event__type__icontains=text)
            | Q(recipient__name__icontains=text)
            | Q(subscription__name__icontains=text)
            | Q(last_error__icontains=text)
        )

    def with_trace(self, queryset: QuerySet[Delivery], name: str, trace_id: str) -> QuerySet[Delivery]:
        return queryset.filter(Q(message__trace_id=trace_id) | Q(event__trace_id=trace_id))


class SubscriptionTable(Table):
    caption = "Webhooks"
    empty_title = "Nobody outside listens yet"
    empty_sentence = "A subscription tells a CRM or a Slack channel what happens here, signed and in order."

    name = LinkColumn("notify:webhook")
    state = SwitchColumn(accessor="enabled", orderable=False)
    kind = Column(verbose_name="Sent as")
    events = Column(orderable=False)
    host = Column()
    team = Column()
    created_at = WhenColumn(verbose_name="Since")

    def render_events(self, value: list[str]) -> str:
        return ", ".join(value)

    def value_events(self, value: list[str]) -> str:
        return " ".join(value)

    def render_team(self, value: object) -> str:
        return str(value)


class SubscriptionFilter(FilterSet):
    q = django_filters.CharFilter(label="Search", method="search", max_length=200)

    class Meta(FilterSet.Meta):
        model = Subscription
        fields: list[str] = []

    def search(self, queryset: QuerySet[Subscription], name: str, text: str) -> QuerySet[Subscription]:
        return queryset.filter(Q(name__icontains=text) | Q(host__icontains=text))
