"""/api/v1/webhooks/: who outside hears of what happens here."""

from typing import Any

from django.db.models import QuerySet
from rest_framework import serializers as drf
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from opsportal.api import serializers
from opsportal.api.serializers import DateTimeField
from opsportal.api.viewsets import ResourceViewSet, page_fields
from opsportal.identity import queries as identity
from opsportal.identity.actors import actor_of, principal_of
from opsportal.notify import operations, queries
from opsportal.notify.models import Delivery, Subscription
from opsportal.web import words


class SubscriptionSerializer(serializers.Serializer):
    """A subscription. `events` are patterns such as `handoff.*`; `secret` is answered once, when it is new."""

    id = drf.UUIDField(read_only=True)
    kind = drf.ChoiceField(choices=Subscription.Kind.values, required=False)
    name = drf.CharField(max_length=120)
    url = drf.CharField(max_length=500)
    events = drf.ListField(child=drf.CharField(max_length=80), min_length=1, max_length=50)
    team = drf.CharField(max_length=60, allow_null=True, required=False)
    secret = drf.CharField(max_length=100, required=False, write_only=True)
    enabled = drf.BooleanField(read_only=True)
    disabled_reason = drf.CharField(read_only=True)
    created_at = DateTimeField(read_only=True)

    def to_representation(self, subscription: Subscription) -> dict[str, Any]:
        return {
            "id": str(subscription.pk),
            **{name: getattr(subscription, name) for name in ("kind", "name", "url", "events")},
            "team": subscription.team.slug if subscription.team else None,
            "enabled": subscription.enabled,
            "disabled_reason": subscription.disabled_reason,
            "created_at": words.iso(subscription.created_at),
        }


class NewSubscriptionSerializer(SubscriptionSerializer):
    """What a new subscription answers: the same, and its secret this once (empty for a Slack channel)."""

    secret = drf.CharField(read_only=True)


class SubscriptionPatchSerializer(serializers.Serializer):
    name = drf.CharField(max_length=120, required=False)
    url = drf.CharField(max_length=500, required=False)
    events = drf.ListField(child=drf.CharField(max_length=80), min_length=1, max_length=50, required=False)


class ReasonSerializer(serializers.Serializer):
    reason = drf.CharField(max_length=240)


class RotationSerializer(serializers.Serializer):
    """`secret` is made when it is not given; the old one signs too for a day."""

    secret = drf.CharField(max_length=100, required=False)


class DeliverySerializer(serializers.Serializer):
    """One event on its way to a subscription. `key` is the webhook-id that the receiver sees."""

    id = drf.IntegerField()
    event = drf.CharField()
    key = drf.CharField()
    trace_id = drf.CharField()
    state = drf.CharField()
    attempts = drf.IntegerField()
    error = drf.CharField()
    created_at = DateTimeField()
    next_attempt_at = DateTimeField(allow_null=True)
    finished_at = DateTimeField(allow_null=True)

    def to_representation(self, delivery: Delivery) -> dict[str, Any]:
        return {
            "id": delivery.pk,
            "event": delivery.published.type,
            "key": delivery.published.key,
            "trace_id": delivery.published.trace_id,
            "state": delivery.state,
            "attempts": delivery.attempts,
            "error": delivery.last_error,
            "created_at": words.iso(delivery.created_at),
            "next_attempt_at": None if delivery.finished_at else words.iso(delivery.next_attempt_at),
            "finished_at": words.iso(delivery.finished_at) if delivery.finished_at else None,
        }


class SubscriptionViewSet(ResourceViewSet):
    """Outbound webhooks, signed per Standard Webhooks, and posts in Slack channels."""

    queryset = Subscription.objects.all()
    serializer_class = SubscriptionSerializer
    # Addresses of receivers often hold a credential, so reading them takes the right to write them.
    read_scope = write_scope = "catalog:write"
    lookup_field = "pk"
    filter_fields = {"kind": "kind", "name": "name", "team": "team__slug"}
    ordering_fields = ("name", "created_at")
    search_fields = ("name", "url")
    default_ordering = "-created_at"
    query_fields = {"deliveries": page_fields()}
    request_serializers = {
        "partial_update": SubscriptionPatchSerializer,
        "rotate": RotationSerializer,
        "disable": ReasonSerializer,
        "enable": serializers.Serializer,
    }
    response_serializers = {
        "create": {201: NewSubscriptionSerializer},
        "partial_update": SubscriptionSerializer,
        "rotate": NewSubscriptionSerializer,
        "disable": SubscriptionSerializer,
        "enable": SubscriptionSerializer,
    }
    page_serializers = {"deliveries": DeliverySerializer}

    def get_queryset(self) -> QuerySet[Subscription]:
        return queries.list_subscriptions(principal_of(self.request))

    def create(self, request: Request) -> Response:
        principal, values = principal_of(request), self.body()
        values["team"] = identity.team_for(principal, values.get("team"))
        made, secret = operations.create_subscription(
            **values, created_by=identity.person_of(principal), actor=actor_of(request), now=self.now
        )
        return self._with_secret(made, secret, status=201)

    def partial_update(self, request: Request, pk: str) -> Response:
        found = self.get_object()
        return self.answer(operations.change_subscription(found, **self.body(), actor=actor_of(request), now=self.now))

    @action(detail=True, methods=["post"])
    def rotate(self, request: Request, pk: str) -> Response:
        made, secret = operations.rotate_subscription_secret(
            self.get_object(), **self.body(), actor=actor_of(request), now=self.now
        )
        return self._with_secret(made, secret)

    @action(detail=True, methods=["post"])
    def disable(self, request: Request, pk: str) -> Response:
        found = self.get_object()
        return self.answer(operations.disable_subscription(found, **self.body(), actor=actor_of(request), now=self.now))

    @action(detail=True, methods=["post"])
    def enable(self, request: Request, pk: str) -> Response:
        found = self.get_object()
        self.body()
        return self.answer(operations.enable_subscription(found, actor=actor_of(request), now=self.now))

    @action(detail=True)
    def deliveries(self, request: Request, pk: str) -> Response:
        rows = Delivery.objects.filter(subscription=self.get_object()).select_related("event")
        return self.page(rows, DeliverySerializer, ordering="-pk")

    def _with_secret(self, subscription: Subscription, secret: str, *, status: int = 200) -> Response:
        return Response({**self.get_serializer(subscription).data, "secret": secret}, status=status)


routes = [("webhooks", SubscriptionViewSet, "webhook")]
