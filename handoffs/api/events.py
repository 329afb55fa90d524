"""/api/v1/events/: what happened in a case, told once. One event, or a list with an answer for each line."""

from functools import partial

from django.db.models import QuerySet
from rest_framework import serializers as drf
from rest_framework.request import Request
from rest_framework.response import Response

from handoffs.api.fields import ACTOR_KINDS, source_of, words
from handoffs.events import NewEvent, record_event
from handoffs.intake import intake_of, read_event, read_line
from handoffs.models import CaseEvent
from opsportal import trace
from opsportal.api.bulk import ONE_OR_LIST, LinesViewSet, take_list
from opsportal.api.lines import Intake
from opsportal.api.serializers import DateTimeField, ModelSerializer, Serializer
from opsportal.api.viewsets import ResourceViewSet
from opsportal.identity.actors import actor_of


class EventActorSerializer(Serializer):
    kind = drf.ChoiceField(choices=list(ACTOR_KINDS), required=False)
    id = words(max_length=200)


class NewEventSerializer(Serializer):
    """Something that happened in a case. Without an event_id it is new each time it is sent.

    This is for the document: what is sent is checked by the one schema that every line is checked by (intake.py).
    """

    case_id = drf.CharField(max_length=200)
    event_name = drf.CharField(max_length=200)
    timestamp = DateTimeField()
    lifecycle = words()
    actor = EventActorSerializer(required=False)
    channel = words()
    location = words(max_length=200)
    amount = drf.DecimalField(max_digits=14, decimal_places=2, required=False, allow_null=True)
    reason_code = words(max_length=120)
    attributes = drf.DictField(required=False)
    source = words()  # type: ignore[assignment]
    event_id = words(max_length=200)
    trace_id = drf.RegexField(f"^{trace.TRACE_ID.pattern}$", required=False)
    historical = drf.BooleanField(required=False)


class EventSerializer(ModelSerializer):
    """An event as it stands in the log."""

    timestamp = DateTimeField(source="occurred_at")
    actor = drf.SerializerMethodField()

    class Meta:
        model = CaseEvent
        fields = [
            "id",
            "case_id",
            "event_name",
            "lifecycle",
            "timestamp",
            "actor",
            "channel",
            "location",
            "amount",
            "reason_code",
            "attributes",
            "source",
            "event_id",
            "trace_id",
            "ingested_at",
            "historical",
            "clock_skew",
        ]

    def get_actor(self, event: CaseEvent) -> dict[str, str]:
        return {"kind": event.actor_kind, "id": event.actor_id}


class EventViewSet(ResourceViewSet):
    """The event log of cases. Rules open, answer and complete handoffs from it, whatever order events arrive in."""

    queryset = CaseEvent.objects.all()
    serializer_class = EventSerializer
    read_scope, write_scope = "events:read", "events:write"
    filter_fields = ("case_id", "event_name", "source", "trace_id")
    default_ordering = "-pk"
    request_serializers = {"create": NewEventSerializer}
    response_serializers = {"create": ONE_OR_LIST}

    def get_queryset(self) -> QuerySet[CaseEvent]:
        return CaseEvent.objects.all()

    def create(self, request: Request) -> Response:
        read = partial(read_event, source=source_of(request))
        if isinstance(request.data, list):
            intake = intake_of(read, actor=actor_of(request), now=self.now)
            return take_list(request.data, intake, more="events/bulk/")
        recorded = record_event(new=read(request.data), actor=actor_of(request), now=self.now)
        status = 201 if recorded.status == "created" else 200
        return Response({"status": recorded.status, "id": recorded.id}, status=status)


class EventBulkViewSet(LinesViewSet):
    """Events as NDJSON, one a line, gzip allowed: taken in chunks, each whole or not at all, whatever their number.

    One answer for each line. When a connection breaks, send the same again: what was taken answers `duplicate`.
    """

    read_scope, write_scope = "events:read", "events:write"

    def intake(self) -> Intake[NewEvent]:
        read = partial(read_line, source=source_of(self.request))
        return intake_of(read, actor=actor_of(self.request), now=self.now)
