"""/api/v1/replay/items/: what failed comes in one by one, as a list, or as NDJSON; people decide about each."""

from functools import partial
from typing import Any

from django.db.models import QuerySet
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers as drf
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from opsportal.api import routing
from opsportal.api.bulk import ONE_OR_LIST, LinesViewSet, take_list
from opsportal.api.lines import Intake
from opsportal.api.serializers import DateTimeField, ModelSerializer, Serializer
from opsportal.api.viewsets import ResourceViewSet, page_fields
from opsportal.catalog.models import Automation
from opsportal.errors import Forbidden
from opsportal.identity.actors import Principal, actor_of, principal_of, require_person
from opsportal.identity.queries import person_of
from runbooks.models import Attempt, Delivered, ReplayItem, ReplayTarget
from runbooks.models.items import Release
from runbooks.queue import operations, queries, reading
from runbooks.queue.intake import NewItem, read_item, read_line
from runbooks.states import ItemState

STATES = [one.value for one in ItemState]
DECIDES = "A person decides about this payload, signed in; a token never does."


def words(max_length: int) -> drf.CharField:
    return drf.CharField(max_length=max_length, required=False, allow_blank=True)


class NewItemSerializer(Serializer):
    """A payload that failed: `payload` is any JSON value, `payload_base64` any bytes; one of them. Of target and
    automation one is enough where the automation has one target. The same external_id again is a duplicate.
    """

    target = words(60)
    automation = words(60)
    external_id = words(200)
    record_key = words(200)
    correlation_id = words(64)
    trace_id = words(64)
    payload = drf.JSONField(required=False)
    payload_base64 = drf.CharField(required=False, allow_null=True)
    content_type = words(120)
    error_type = words(120)
    error_message = words(20_000)
    failed_at = DateTimeField(required=False, allow_null=True)

    def get_fields(self) -> dict[str, Any]:
        return {**super().get_fields(), "source": words(60)}  # `source` is a word of the base class


class ItemSerializer(ModelSerializer):
    """A stored payload. `record_key` names its record: payloads of one record are delivered in their order."""

    id = drf.CharField(read_only=True)
    target = drf.SlugRelatedField(slug_field="slug", read_only=True)  # type: ignore[var-annotated]
    automation = drf.SlugRelatedField(slug_field="slug", read_only=True)  # type: ignore[var-annotated]
    error_type = drf.CharField(source="error_class", read_only=True)
    next_attempt_at = DateTimeField(source="due_at", read_only=True, allow_null=True)

    class Meta:
        model = ReplayItem
        fields = [
            "id", "automation", "target", "external_id", "record_key", "correlation_id", "source", "content_type",
            "sha256", "size", "revision", "state", "sequence", "attempts", "tries", "next_attempt_at", "error_type",
            "error_message", "last_error", "failed_at", "received_at", "finished_at",
        ]  # fmt: skip


class WholeItemSerializer(ItemSerializer):
    """The same with its payload, masked, why it waits, and whether what was asked for needs a second person."""

    payload = drf.SerializerMethodField()
    sentence = drf.SerializerMethodField()
    approval = drf.SerializerMethodField(help_text="The request a second person decides, where one is needed.")

    class Meta:
        model = ReplayItem
        fields = [*ItemSerializer.Meta.fields, "legal_hold", "payload", "sentence", "approval"]

    @extend_schema_field(OpenApiTypes.ANY)
    def get_payload(self, item: ReplayItem) -> Any:
        return reading.masked(item)

    def get_sentence(self, item: ReplayItem) -> str:
        return queries.why_it_waits(item, self.context["view"].now)

    @extend_schema_field(drf.CharField(allow_null=True))
    def get_approval(self, item: ReplayItem) -> str | None:
        asked: str | None = self.context.get("approval")
        return asked


class ItemReasonSerializer(Serializer):
    reason = drf.CharField(max_length=500)


class AttemptSerializer(ModelSerializer):
    """One request. Without `finished_at` it was cut off: nobody knows what became of it."""

    class Meta:
        model = Attempt
        fields = [
            "number", "is_probe", "started_at", "finished_at", "outcome", "status", "answer", "duration_ms", "was_late",
        ]  # fmt: skip


class LedgerSerializer(ModelSerializer):
    """That the target has it: sent, already_there, or by_person."""

    class Meta:
        model = Delivered
        fields = ["webhook_id", "how", "sha256", "at"]


def intake_of(principal: Principal | None, now: Any, read: Any) -> Intake[NewItem]:
    """Stores payloads for the targets that `principal` may see."""
    targets, automations = ReplayTarget.objects.visible_to(principal), Automation.objects.visible_to(principal)
    return Intake(read, partial(operations.record_items, targets=targets, automations=automations, now=now))


class ItemViewSet(ResourceViewSet):
    """Payloads that failed, and what became of them."""

    queryset = ReplayItem.objects.none()
    serializer_class = ItemSerializer
    read_scope, write_scope = "replay:read", "replay:request"
    action_scopes = {"create": "replay:enqueue"}
    person_scopes = dict.fromkeys(("hold", "end_hold"), "replay:read")  # admins hold, too, who ask for no replay
    lookup_value_regex = "[0-9a-fA-F-]{32,36}"
    filter_fields = {
        "target": ("target__slug", drf.CharField(required=False, max_length=60)),
        "automation": ("automation__slug", drf.CharField(required=False, max_length=60)),
        "state": ("state", drf.ChoiceField(choices=STATES, required=False)),
        "record_key": "record_key",
        "external_id": "external_id",
        "correlation_id": "correlation_id",
        "trace_id": "correlation_id",
        "error_type": "error_class",
        "source": "source",
        "from": ("received_at__gte", DateTimeField(required=False)),
        "to": ("received_at__lt", DateTimeField(required=False)),
    }
    ordering_fields = ("received_at", "failed_at")
    search_fields = ("external_id", "record_key", "error_class")
    default_ordering = "-received_at"
    query_fields = {"attempts": page_fields(), "ledger": page_fields()}
    request_serializers = {
        "create": NewItemSerializer,
        **dict.fromkeys(("mark_delivered", "resend", "discard", "supersede", "hold", "end_hold"), ItemReasonSerializer),
    }
    response_serializers = {
        "create": ONE_OR_LIST,
        "retrieve": WholeItemSerializer,
        "resend": {200: WholeItemSerializer, 202: WholeItemSerializer},
        **dict.fromkeys(("mark_delivered", "discard", "supersede", "hold", "end_hold"), WholeItemSerializer),
    }
    page_serializers = {"attempts": AttemptSerializer, "ledger": LedgerSerializer}

    def get_queryset(self) -> QuerySet[ReplayItem]:
        return queries.list_items(principal_of(self.request))

    def create(self, request: Request) -> Response:
        principal = principal_of(request)
        if isinstance(request.data, list):
            return take_list(request.data, intake_of(principal, self.now, read_item), more="replay/items/bulk/")
        recorded = operations.record_item(
            new=read_item(request.data),
            targets=ReplayTarget.objects.visible_to(principal),
            automations=Automation.objects.visible_to(principal),
            now=self.now,
        )
        status = 201 if recorded.status == "created" else 200
        return Response({"status": recorded.status, "id": recorded.id}, status=status)

    def retrieve(self, request: Request, pk: str) -> Response:
        return self._whole(self.get_object())

    @action(detail=True, methods=["get"])
    def attempts(self, request: Request, pk: str) -> Response:
        return self.page(queries.list_attempts(self.get_object()), AttemptSerializer, ordering="-number")

    @action(detail=True, methods=["get"])
    def ledger(self, request: Request, pk: str) -> Response:
        return self.page(queries.ledger_of(self.get_object()), LedgerSerializer, ordering="-pk")

    @action(detail=True, methods=["post"])
    def mark_delivered(self, request: Request, pk: str) -> Response:
        """Say that the target has it; the next payload of its record goes on. A person, never a token."""
        return self._decided(operations.mark_delivered)

    @action(detail=True, methods=["post"])
    def discard(self, request: Request, pk: str) -> Response:
        """Give it up for good. A person, never a token."""
        return self._decided(operations.discard_item)

    @action(detail=True, methods=["post"])
    def supersede(self, request: Request, pk: str) -> Response:
        """Give it up for a newer payload of its record; never where a P0 is concerned. A person, never a token."""
        return self._decided(operations.supersede_item)

    @action(detail=True, methods=["post"])
    def hold(self, request: Request, pk: str) -> Response:
        """Keep its payload beyond its time, and from erasures. `reason` names the case. Ops leads and admins."""
        return self._held(operations.hold_for_law)

    @action(detail=True, methods=["post"])
    def end_hold(self, request: Request, pk: str) -> Response:
        """End its legal hold: the payload goes when its time comes."""
        return self._held(operations.end_legal_hold)

    @action(detail=True, methods=["post"])
    def resend(self, request: Request, pk: str) -> Response:
        """Let it go. 202 with the request where a second person decides first: a P0, or more than 100 in an hour. What
        is in doubt is sent again by a person, never by a token.
        """
        item, who = self.get_object(), principal_of(request)
        if item.state == ItemState.IN_DOUBT:
            require_person(request, DECIDES)
        done = operations.resend_items(
            [item], reason=self.body()["reason"], actor=actor_of(request), person=person_of(who), now=self.now
        )
        released = isinstance(done, Release)
        return self._whole(item, status=200 if released else 202, approval=None if released else str(done.pk))

    def _decided(self, operation: Any) -> Response:
        item = self.get_object()
        require_person(self.request, DECIDES)
        operation(item, reason=self.body()["reason"], actor=actor_of(self.request), now=self.now)
        return self._whole(item)

    def _held(self, operation: Any) -> Response:
        if not queries.may_hold(principal_of(self.request)):
            raise Forbidden("needs_a_person", "An ops lead or an admin does this, signed in.")
        return self._decided(operation)

    def _whole(self, item: ReplayItem, *, status: int = 200, approval: str | None = None) -> Response:
        fresh = queries.get_item(item.pk, principal_of(self.request))
        context = {**self.get_serializer_context(), "approval": approval}
        return Response(WholeItemSerializer(fresh, context=context).data, status=status)


class ItemBulkViewSet(LinesViewSet):
    """NDJSON, gzip allowed: one failed payload a line, each answered. What is answered is stored."""

    read_scope, write_scope = "replay:read", "replay:enqueue"

    def intake(self) -> Intake[NewItem]:
        return intake_of(principal_of(self.request), self.now, read_line)


routes: list[routing.Route] = [
    ("replay/items/bulk", ItemBulkViewSet, "replay-item-bulk"),  # before items: "bulk" is no id
    ("replay/items", ItemViewSet, "replay-item"),
]
