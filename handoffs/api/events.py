"""/api/v1/events/: what happened in a case, told once. One event, or a list with an answer for each line."""

import tempfile
from collections.abc import Iterator
from functools import partial
from typing import IO, Any

import msgspec
from django.db.models import QuerySet
from django.http import StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import PolymorphicProxySerializer
from rest_framework import serializers as drf
from rest_framework.exceptions import ErrorDetail, UnsupportedMediaType
from rest_framework.parsers import BaseParser
from rest_framework.request import Request
from rest_framework.response import Response

from handoffs.api.fields import ACTOR_KINDS, source_of, words
from handoffs.events import record_event
from handoffs.intake import read_event, read_line
from handoffs.lines import STATUSES, Intake, Numbered, split_lines
from handoffs.models import CaseEvent
from opsportal import trace
from opsportal.api import idempotency, parsers
from opsportal.api.errors import Malformed, TooLarge
from opsportal.api.serializers import DateTimeField, ModelSerializer, Serializer
from opsportal.api.viewsets import BaseViewSet, ResourceViewSet
from opsportal.identity.actors import actor_of

MAX_LIST = 1_000
# Of a stream, before and after unpacking. With an Idempotency-Key the body is held whole, and taken as one.
MAX_BULK_BYTES, MAX_KEYED_BYTES = 256 * 1024 * 1024, 8 * 1024 * 1024
HELD_BYTES = 1024 * 1024  # of answers, before they go to a temporary file
NDJSON = ("application/x-ndjson", "application/ndjson", "application/jsonl", "application/x-jsonlines")


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


class RecordedSerializer(Serializer):
    status = drf.ChoiceField(choices=list(STATUSES))
    id = drf.CharField()


class LineSerializer(Serializer):
    line = drf.IntegerField()
    status = drf.ChoiceField(choices=list(STATUSES))
    id = drf.CharField(allow_null=True)
    code = drf.CharField(allow_null=True)
    field = drf.CharField(allow_null=True)


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
        source = source_of(request)
        if isinstance(request.data, list):
            return Response(self._list(request.data, source))
        new = read_event(request.data, source=source)
        recorded = record_event(new=new, actor=actor_of(request), now=self.now)
        status = 201 if recorded.status == "created" else 200
        return Response({"status": recorded.status, "id": recorded.id}, status=status)

    def _list(self, items: list[Any], source: str) -> dict[str, Any]:
        """Each stands or falls alone."""
        if len(items) > MAX_LIST:
            raise Malformed("too_many_lines", f"A list holds at most {MAX_LIST:,} events; events/bulk/ takes more.")
        intake = Intake(partial(read_event, source=source), actor_of(self.request), self.now)
        answers = intake.take_chunk(Numbered(number, one) for number, one in enumerate(items, start=1))
        return {"counts": intake.tally(), "results": msgspec.to_builtins(answers)}


class NDJSONParser(BaseParser):
    """Names the type for the document; the lines are read from the stream."""

    media_type = NDJSON[0]


class EventBulkViewSet(BaseViewSet):
    """Events as NDJSON, one a line, gzip allowed: taken in chunks, each whole or not at all, whatever their number.

    One answer for each line. When a connection breaks, send the same again: what was taken answers `duplicate`.
    """

    read_scope, write_scope = "events:read", "events:write"
    parser_classes = [NDJSONParser]
    request_serializers = {"create": {NDJSON[0]: OpenApiTypes.STR}}  # type: ignore[dict-item]
    response_serializers = {"create": {200: LinesSerializer}}

    def take_body(self) -> None:
        if self.action != "create":  # a method that is not answered here, whatever its body
            super().take_body()
            return
        kind = (self.request.content_type or "").split(";")[0].strip().lower()
        if kind not in NDJSON:
            raise UnsupportedMediaType(kind or "none", f"Lines come as {NDJSON[0]}.")
        if idempotency.key_of(self.request):
            parsers.read_body(self.request._request, limit=MAX_KEYED_BYTES, gzip_allowed=True)

    def create(self, request: Request) -> Response | StreamingHttpResponse:
        intake = Intake(partial(read_line, source=source_of(request)), actor_of(request), self.now)
        if idempotency.key_of(request):
            lines = split_lines([request._request.body])
            answers = [one for several in intake.take(lines) for one in several]
            return Response({"counts": intake.tally(), "results": msgspec.to_builtins(answers)})
        pieces = parsers.stream_body(request._request, limit=MAX_BULK_BYTES)
        spool = tempfile.SpooledTemporaryFile(HELD_BYTES)  # noqa: SIM115 - closed with the answer
        self._spool(intake, split_lines(pieces), spool)
        return _answered(intake, spool)

    def _spool(self, intake: Intake, lines: Iterator[Numbered], spool: IO[bytes]) -> None:
        """Nothing is answered before the last chunk is committed, and nothing is held in memory meanwhile."""
        try:
            for answers in intake.take(lines):
                spool.write((b"," if spool.tell() else b"") + msgspec.json.encode(answers)[1:-1])
        except (Malformed, TooLarge) as error:
            taken = f"{error.detail} {intake.counts.total():,} lines before that are taken."
            error.detail = ErrorDetail(taken, str(error.get_codes()))
            raise


def _answered(intake: Intake, spool: IO[bytes]) -> StreamingHttpResponse:
    head = b'{"counts":' + msgspec.json.encode(intake.tally()) + b',"results":['
    size = len(head) + spool.tell() + 2

    def pieces() -> Iterator[bytes]:
        with spool:
            spool.seek(0)
            yield head
            yield from iter(partial(spool.read, HELD_BYTES), b"")
            yield b"]}"

    return StreamingHttpResponse(pieces(), content_type="application/json", headers={"Content-Length": str(size)})
