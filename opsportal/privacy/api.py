"""/api/v1/erasures/: erasures of data subjects. Admins ask, signed in; a second person decides in the pages."""

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers as drf
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from opsportal.api import routing
from opsportal.api.serializers import DateTimeField, ModelSerializer, Serializer
from opsportal.api.viewsets import ResourceViewSet
from opsportal.errors import Forbidden
from opsportal.identity.models import Person
from opsportal.privacy import approving, erasing, queries
from opsportal.privacy.models import Erasure


class ErasureSerializer(ModelSerializer):
    """`subjects` are keyed hashes. `state`: waiting, erased, not done. `approval` is what the second person decides."""

    id = drf.UUIDField(read_only=True)
    state = drf.SerializerMethodField()
    requested_by = drf.SlugRelatedField(slug_field="username", read_only=True)  # type: ignore[var-annotated]
    second = drf.SlugRelatedField(slug_field="username", read_only=True, allow_null=True)  # type: ignore[var-annotated]
    approval = drf.UUIDField(source="approval_id", read_only=True, allow_null=True)
    certificate = drf.SerializerMethodField()

    class Meta:
        model = Erasure
        fields = [
            "id", "state", "subjects", "keep_held", "reason", "requested_by", "requested_at", "second", "approval",
            "erased_at", "certificate",
        ]  # fmt: skip
        read_only_fields = fields

    @extend_schema_field(drf.ChoiceField(choices=["waiting", "erased", "not done"]))
    def get_state(self, erasure: Erasure) -> str:
        return queries.standing_of(erasure)[0]

    @extend_schema_field(OpenApiTypes.ANY)
    def get_certificate(self, erasure: Erasure) -> Any:
        return erasure.certificate


class KeysSerializer(Serializer):
    """Every key the person is known by: record keys, external ids, mail addresses, the name."""

    keys = drf.ListField(child=drf.CharField(max_length=erasing.LONGEST_KEY), max_length=erasing.MOST_KEYS)


class NewErasureSerializer(KeysSerializer):
    """`reason` stays: it names the request, not the person. `keep_held` leaves out what a legal hold keeps."""

    reason = drf.CharField(max_length=500)
    keep_held = drf.BooleanField(required=False)


class LookSerializer(Serializer):
    """What would be erased and what would be left, by room; what a legal hold keeps, with its case."""

    erases = drf.JSONField()
    keeps = drf.JSONField()
    held = drf.JSONField()
    names = drf.ListField(child=drf.CharField())


class CertificateSerializer(Serializer):
    certificate = drf.JSONField()


class CheckedSerializer(Serializer):
    """`fault` says why it is not what the trail has."""

    holds = drf.BooleanField()
    fault = drf.CharField()


class ErasureViewSet(ResourceViewSet):
    """Erasures of data subjects."""

    queryset = Erasure.objects.none()
    serializer_class = ErasureSerializer
    read_scope, write_scope = "audit:read", "people:write"
    action_scopes = {"check": "audit:read"}
    lookup_value_regex = "[0-9a-fA-F-]{32,36}"
    filter_fields = {"from": ("requested_at__gte", DateTimeField(required=False))}
    ordering_fields = ("requested_at",)
    default_ordering = "-requested_at"
    request_serializers = {"create": NewErasureSerializer, "look": KeysSerializer, "check": CertificateSerializer}
    response_serializers = {
        "create": {202: ErasureSerializer},
        "retrieve": ErasureSerializer,
        "look": LookSerializer,
        "check": CheckedSerializer,
    }

    def get_queryset(self) -> QuerySet[Erasure]:
        return queries.list_erasures()

    def create(self, request: Request) -> Response:
        """Ask a second person for an erasure, who decides at /approvals/. 409 `legal_hold` where one refuses."""
        made = approving.request_erasure(**self.body(), by=self._admin(), now=self.now)
        return self.answer(queries.list_erasures().get(pk=made.pk), status=202)

    @action(detail=False, methods=["post"])
    def look(self, request: Request) -> Response:
        """What would be erased now. Changes nothing."""
        seen = erasing.look(self.body()["keys"], by=self._admin(), now=self.now)
        said = {
            "erases": {name: room.counts for name, room in seen.rooms.items()},
            "keeps": {name: room.kept for name, room in seen.rooms.items() if room.kept},
            "held": {f"{kind} {key}": case for (kind, key), case in seen.found.held.items()},
            "names": sorted(seen.found.names),
        }
        return Response(said)

    @action(detail=False, methods=["post"])
    def check(self, request: Request) -> Response:
        """Whether a certificate is, word for word, what the trail has."""
        fault = erasing.fault_of(self.body()["certificate"])
        return Response({"holds": not fault, "fault": fault})

    def _admin(self) -> Person:
        if not isinstance(self.principal, Person):
            raise Forbidden("needs_a_person", "A person asks for this, signed in; a token never does.")
        return self.principal


routes: list[routing.Route] = [("erasures", ErasureViewSet, "erasure")]
