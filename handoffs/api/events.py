"""/api/v1/events/: what happened in a case, told once. One event, or a list with an answer for each line."""

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import PolymorphicProxySerializer
from rest_framework import serializers as drf
from rest_framework.request import Request
from rest_framework.response import Response

from handoffs.api.fields import ACTOR_KINDS, source_of, words
from handoffs.events import NewEvent, Recorded, record_event
from handoffs.models import CaseEvent
from opsportal import trace
from opsportal.api.errors import Malformed
from opsportal.api.serializers import DateTimeField, ModelSerializer, Serializer
from opsportal.api.viewsets import ResourceViewSet
from opsportal.errors import Conflict, DomainError
from opsportal.identity.actors import actor_of

MAX_LINES = 1_000
STATUSES = ("created", "updated", "duplicate", "conflict", "invalid")


class EventActorSerializer(Serializer):
    kind = drf.ChoiceField(choices=list(ACTOR_KINDS), required=False)
    id = words(max_length=200)


class NewEventSerializer(Serializer):
    """Something that happened in a case. Without an event_id it is new each time it is sent."""

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
        ]

    def get_actor(self, event: CaseEvent) -> dict[str, str]:
        return {"kind": event.actor_kind, "id": event.actor_id}


class RecordedSerializer(Serializer):
    status = drf.ChoiceField(choices=list(STATUSES))
    id = drf.CharField()


class LineSerializer(Serializer):
    line = drf.IntegerField()
    status = drf.ChoiceField(choices=list(STATUSES))
    id = drf.CharField(allow_null=True)
    code = drf.CharField(allow_null=True)


class LinesSerializer(Serializer):
    counts = drf.DictField(child=drf.IntegerField())
    results = LineSerializer(many=True)


class EventViewSet(ResourceViewSet):
    """The event log of cases. Rules open, answer and complete handoffs from it, whatever order events arrive in."""

    queryset = CaseEvent.objects.all()
    serializer_class = EventSerializer
    read_scope, write_scope = "events:read", "events:write"
    filter_fields = ("case_id", "event_name", "source", "trace_id")
    default_ordering = "-pk"
    request_serializers = {"create": NewEventSerializer}
    response_serializers = {
        "create": {
            201: RecordedSerializer,
            200: PolymorphicProxySerializer(
                component_name="Intake",
                serializers=[RecordedSerializer, LinesSerializer],
                resource_type_field_name=None,
            ),
        }
    }

    def get_queryset(self) -> QuerySet[CaseEvent]:
        return CaseEvent.objects.all()

    def create(self, request: Request) -> Response:
        if isinstance(request.data, list):
            return Response(self._lines(request.data))
        recorded = self._record(request.data)
        status = 201 if recorded.status == "created" else 200
        return Response({"status": recorded.status, "id": recorded.id}, status=status)

    def _lines(self, lines: list[Any]) -> dict[str, Any]:
        if len(lines) > MAX_LINES:
            raise Malformed("too_many_lines", f"A list holds at most {MAX_LINES:,} events.")
        results = [self._line(number, line) for number, line in enumerate(lines, start=1)]
        counts = {status: sum(one["status"] == status for one in results) for status in STATUSES}
        return {"counts": counts, "results": results}

    def _line(self, number: int, line: Any) -> dict[str, Any]:
        """One line stands or falls alone."""
        try:
            recorded = self._record(line)
        except Conflict as error:
            return {"line": number, "status": "conflict", "id": None, "code": error.code}
        except DomainError as error:
            return {"line": number, "status": "invalid", "id": None, "code": error.code}
        except drf.ValidationError as error:
            return {"line": number, "status": "invalid", "id": None, "code": _first_code(error.get_codes())}
        return {"line": number, "status": recorded.status, "id": recorded.id, "code": None}

    def _record(self, data: Any) -> Recorded:
        serializer = NewEventSerializer(data=data, context=self.get_serializer_context())
        serializer.is_valid(raise_exception=True)
        values = dict(serializer.validated_data)
        who, occurred_at = values.pop("actor", {}), values.pop("timestamp")
        new = NewEvent(
            **{
                **values,
                "occurred_at": occurred_at,
                "actor_kind": who.get("kind", "unknown"),
                "actor_id": who.get("id", ""),
                "source": source_of(self.request) or values.get("source", ""),
            }
        )
        return record_event(new=new, actor=actor_of(self.request), now=self.now)


def _first_code(codes: Any) -> str:
    """The first code of a nested answer of REST framework."""
    while isinstance(codes, dict | list):
        codes = next(iter(codes.values() if isinstance(codes, dict) else codes), "invalid")
    return str(codes)
