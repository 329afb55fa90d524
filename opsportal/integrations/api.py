"""/api/v1/integrations/: who may send us something, and by which address."""

from typing import Any

from django.conf import settings
from django.db.models import QuerySet
from rest_framework import serializers as drf
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from opsportal.api import serializers
from opsportal.api.serializers import DateTimeField
from opsportal.api.viewsets import ResourceViewSet
from opsportal.identity import queries as identity
from opsportal.identity.actors import actor_of, principal_of
from opsportal.integrations import operations, queries
from opsportal.integrations.models import Integration
from opsportal.web import words


class IntegrationSerializer(serializers.Serializer):
    """A sender. It posts to `inbound_path`; `mapping` names our field and the path it is read from in the payload."""

    id = drf.UUIDField(read_only=True)
    kind = drf.CharField(max_length=30)
    name = drf.CharField(max_length=120)
    key = drf.CharField(read_only=True)
    inbound_path = drf.CharField(read_only=True)
    url = drf.CharField(read_only=True)
    source = drf.CharField(max_length=60, required=False)  # type: ignore[assignment]
    team = drf.CharField(max_length=60, allow_null=True, required=False)
    mapping = drf.DictField(child=drf.CharField(max_length=400), required=False)
    secret = drf.CharField(max_length=100, required=False, write_only=True)
    enabled = drf.BooleanField(read_only=True)
    created_at = DateTimeField(read_only=True)
    last_seen_at = DateTimeField(read_only=True, allow_null=True)

    def to_representation(self, integration: Integration) -> dict[str, Any]:
        path = queries.path_of(integration)
        return {
            "id": str(integration.pk),
            **{name: getattr(integration, name) for name in ("kind", "name", "key")},
            "inbound_path": path,
            "url": settings.BASE_URL + path,
            "source": integration.source,
            "team": integration.team.slug if integration.team else None,
            "mapping": integration.mapping,
            "enabled": integration.enabled,
            "created_at": words.iso(integration.created_at),
            "last_seen_at": words.iso(integration.last_seen_at) if integration.last_seen_at else None,
        }


class NewIntegrationSerializer(IntegrationSerializer):
    """What a new sender answers: the same, and its secret this once (empty for kinds that do not sign)."""

    secret = drf.CharField(read_only=True)


class IntegrationPatchSerializer(serializers.Serializer):
    name = drf.CharField(max_length=120, required=False)
    mapping = drf.DictField(child=drf.CharField(max_length=400), required=False)
    enabled = drf.BooleanField(required=False)
    reason = drf.CharField(max_length=240, required=False, allow_blank=True)


class RotationSerializer(serializers.Serializer):
    """`secret` is made when it is not given; the old one verifies too for a day."""

    secret = drf.CharField(max_length=100, required=False)


class IntegrationViewSet(ResourceViewSet):
    """Inbound addresses, one for each program that sends."""

    queryset = Integration.objects.all()
    serializer_class = IntegrationSerializer
    # The key in the address is a credential, so reading it takes the right to make one.
    read_scope = write_scope = "catalog:write"
    lookup_field = "pk"
    filter_fields = {"kind": "kind", "name": "name", "source": "source", "team": "team__slug"}
    ordering_fields = ("name", "created_at")
    search_fields = ("name", "source")
    default_ordering = "-created_at"
    request_serializers = {"partial_update": IntegrationPatchSerializer, "rotate": RotationSerializer}
    response_serializers = {
        "create": {201: NewIntegrationSerializer},
        "partial_update": IntegrationSerializer,
        "rotate": NewIntegrationSerializer,
    }

    def get_queryset(self) -> QuerySet[Integration]:
        return queries.list_integrations(principal_of(self.request))

    def create(self, request: Request) -> Response:
        principal, values = principal_of(request), self.body()
        values["team"] = identity.team_for(principal, values.get("team"))
        made, secret = operations.create_integration(
            **values, created_by=identity.person_of(principal), actor=actor_of(request), now=self.now
        )
        return self._with_secret(made, secret, status=201)

    def partial_update(self, request: Request, pk: str) -> Response:
        found = self.get_object()
        return self.answer(operations.change_integration(found, **self.body(), actor=actor_of(request), now=self.now))

    @action(detail=True, methods=["post"])
    def rotate(self, request: Request, pk: str) -> Response:
        made, secret = operations.rotate_integration_secret(
            self.get_object(), **self.body(), actor=actor_of(request), now=self.now
        )
        return self._with_secret(made, secret)

    def _with_secret(self, integration: Integration, secret: str, *, status: int = 200) -> Response:
        return Response({**self.get_serializer(integration).data, "secret": secret}, status=status)


routes = [("integrations", IntegrationViewSet, "integration")]
