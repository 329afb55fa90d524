"""/api/v1/runbooks/webhooks/: what steps of runbooks may call."""

from typing import Any

from django.db.models import QuerySet
from rest_framework import serializers as drf
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from opsportal.api import routing
from opsportal.api.serializers import ModelSerializer, Serializer
from opsportal.api.viewsets import ResourceViewSet
from opsportal.catalog.models import Automation
from opsportal.errors import InvalidInput
from opsportal.identity.actors import actor_of, principal_of, require_person
from opsportal.identity.queries import team_for
from runbooks.models import Webhook
from runbooks.models.webhooks import MOST_SECONDS
from runbooks.webhooks import operations, queries

DECLARES = "A person says what steps may call, signed in; a token never does."


class WebhookSerializer(ModelSerializer):
    automation = drf.SlugRelatedField[Any](slug_field="slug", read_only=True, allow_null=True)
    team = drf.SlugRelatedField[Any](slug_field="slug", read_only=True, allow_null=True)

    class Meta:
        model = Webhook
        fields = [
            "slug", "name", "url", "automation", "team", "timeout_seconds", "idempotent", "is_dangerous", "secret_ref",
            "retired_at", "created_at", "updated_at",
        ]  # fmt: skip
        read_only_fields = fields


class MadeWebhookSerializer(WebhookSerializer):
    secret = drf.SerializerMethodField(help_text="The signing secret; shown this once.")

    class Meta(WebhookSerializer.Meta):
        fields = [*WebhookSerializer.Meta.fields, "secret"]
        read_only_fields = fields

    def get_secret(self, webhook: Webhook) -> str:
        return str(self.context["secret"])


class ChangeWebhookSerializer(Serializer):
    """`idempotent`: it acts once per webhook-id. `is_dangerous`: calling it takes two people. `secret_ref`: env:NAME,
    read from OPSPORTAL_REPLAY_SECRET_NAME.
    """

    name = drf.CharField(max_length=120, required=False)
    url = drf.CharField(max_length=2000)
    automation = drf.CharField(max_length=60, required=False, allow_null=True)
    team = drf.CharField(max_length=60, required=False, allow_null=True)
    timeout_seconds = drf.IntegerField(min_value=1, max_value=MOST_SECONDS, required=False)
    idempotent = drf.BooleanField(required=False)
    is_dangerous = drf.BooleanField(required=False)
    secret_ref = drf.CharField(max_length=80, required=False, allow_blank=True)


class NewWebhookSerializer(ChangeWebhookSerializer):
    """`secret` is the signing secret (`whsec_…`); one is made where none is given."""

    slug = drf.RegexField(r"^[a-z0-9][a-z0-9-]*$", max_length=60)
    secret = drf.CharField(max_length=200, required=False)


class RetireWebhookSerializer(Serializer):
    reason = drf.CharField(max_length=240)


class WebhookViewSet(ResourceViewSet):
    """Webhooks that steps may call. https to public addresses, but for what the installation allows by name."""

    queryset = Webhook.objects.none()
    serializer_class = WebhookSerializer
    read_scope, write_scope = "replay:read", "catalog:write"
    lookup_field = "slug"
    filter_fields = {
        "automation": ("automation__slug", drf.CharField(required=False, max_length=60)),
        "is_dangerous": "is_dangerous",
    }
    ordering_fields = ("slug", "name")
    search_fields = ("slug", "name")
    default_ordering = "slug"
    request_serializers = {
        "create": NewWebhookSerializer,
        "partial_update": ChangeWebhookSerializer,
        "retire": RetireWebhookSerializer,
    }
    response_serializers = {
        "create": {201: MadeWebhookSerializer},
        **dict.fromkeys(("partial_update", "retire"), WebhookSerializer),
    }

    def get_queryset(self) -> QuerySet[Webhook]:
        return queries.list_webhooks(principal_of(self.request))

    def create(self, request: Request) -> Response:
        """A new webhook: an ops lead, never a token."""
        require_person(request, DECLARES)
        given = self.body()
        slug, secret = given.pop("slug"), given.pop("secret", "")
        values = self._values(given)
        if values.get("automation") is None:
            values["team"] = team_for(principal_of(request), given.get("team"))
        webhook, known = operations.create_webhook(
            slug=slug, values=values, secret=secret, actor=actor_of(request), now=self.now
        )
        context = {**self.get_serializer_context(), "secret": known}
        return Response(MadeWebhookSerializer(webhook, context=context).data, status=201)

    def partial_update(self, request: Request, slug: str) -> Response:
        """Change what it declares: an ops lead, never a token."""
        require_person(request, DECLARES)
        given = self.body(partial=True)
        values = self._values(given)
        if "team" in given:
            values["team"] = team_for(principal_of(request), given["team"])
        webhook = self.get_object()
        return self.answer(operations.change_webhook(webhook, values=values, actor=actor_of(request), now=self.now))

    @action(detail=True, methods=["post"])
    def retire(self, request: Request, slug: str) -> Response:
        """No step calls it any more."""
        reason = self.body()["reason"]
        webhook = operations.retire_webhook(self.get_object(), reason=reason, actor=actor_of(request), now=self.now)
        return self.answer(webhook)

    def _values(self, given: dict[str, Any]) -> dict[str, Any]:
        values = {name: value for name, value in given.items() if name != "team"}
        if given.get("automation") is not None:
            found = Automation.objects.visible_to(self.principal).filter(slug=given["automation"]).first()
            if found is None:
                sentence = f"There is no automation “{given['automation']}”."
                raise InvalidInput("unknown_automation", sentence, field="automation")
            values["automation"] = found
        return values


routes: list[routing.Route] = [("runbooks/webhooks", WebhookViewSet, "runbook-webhook")]
