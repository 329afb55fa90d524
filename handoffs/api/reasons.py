"""/api/v1/breach-reasons/: the list that reasons are picked from. Records keep the label."""

from typing import Any

from django.db.models import QuerySet
from rest_framework import serializers as drf
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from handoffs import operations
from handoffs.models import BreachReason
from opsportal.api.serializers import ModelSerializer, Serializer
from opsportal.api.viewsets import ResourceViewSet
from opsportal.identity.actors import actor_of
from opsportal.identity.roles import CONFIGURE_HANDOFFS

PLACE: dict[str, Any] = {"min_value": 0, "max_value": 30_000, "required": False}


class BreachReasonSerializer(ModelSerializer):
    """A reason. `also` is what it was called before: programs that send those words mean it."""

    also = drf.ListField(child=drf.CharField(), read_only=True)

    class Meta:
        model = BreachReason
        fields = ["slug", "label", "also", "active", "position"]


class NewReasonSerializer(Serializer):
    label = drf.CharField(max_length=120)  # type: ignore[assignment]
    slug = drf.SlugField(max_length=60, required=False)
    position = drf.IntegerField(**PLACE)


class ChangeReasonSerializer(Serializer):
    label = drf.CharField(max_length=120, required=False)  # type: ignore[assignment]
    active = drf.BooleanField(required=False)
    position = drf.IntegerField(**PLACE)


class MergeSerializer(Serializer):
    """`text`: another reason's label or slug, or words that records say and that are not on the list."""

    text = drf.CharField(max_length=120)


class MergedSerializer(Serializer):
    records = drf.IntegerField(help_text="How many records followed.")
    reason = BreachReasonSerializer()


class BreachReasonViewSet(ResourceViewSet):
    """Why records ran past their timer, as a list that is kept."""

    queryset = BreachReason.objects.all()
    serializer_class = BreachReasonSerializer
    read_scope, write_scope = "handoffs:read", CONFIGURE_HANDOFFS
    lookup_field = "slug"
    filter_fields = {"active": "active"}
    ordering_fields = ("position", "slug", "label")
    default_ordering = "position"
    request_serializers = {
        "create": NewReasonSerializer,
        "partial_update": ChangeReasonSerializer,
        "merge": MergeSerializer,
    }
    response_serializers = {"merge": MergedSerializer}

    def get_queryset(self) -> QuerySet[BreachReason]:
        return BreachReason.objects.all()

    def create(self, request: Request) -> Response:
        return self.answer(operations.add_reason(**self.body(), **self._who()), status=201)

    def partial_update(self, request: Request, slug: str) -> Response:
        return self.answer(operations.change_reason(self.get_object(), **self.body(), **self._who()))

    @action(detail=True, methods=["post"])
    def merge(self, request: Request, slug: str) -> Response:
        into = self.get_object()
        records = operations.merge_reason(into, text=self.body()["text"], **self._who())
        into.refresh_from_db()
        return Response({"records": records, "reason": self.get_serializer(into).data})

    def _who(self) -> dict[str, Any]:
        return {"actor": actor_of(self.request), "now": self.now}
