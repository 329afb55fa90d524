"""Addresses that take lists and NDJSON streams: gzip, bounded memory, answers spooled until the last chunk is
committed. What a line is and where it goes, a room says by its Intake.
"""

import tempfile
from collections.abc import Iterator
from functools import partial
from typing import IO, Any, ClassVar

import msgspec
from django.http import StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import PolymorphicProxySerializer
from rest_framework import serializers as drf
from rest_framework.exceptions import ErrorDetail, UnsupportedMediaType
from rest_framework.parsers import BaseParser
from rest_framework.request import Request
from rest_framework.response import Response

from opsportal.api import idempotency, parsers
from opsportal.api.errors import Malformed, TooLarge
from opsportal.api.lines import STATUSES, Intake, Numbered, split_lines
from opsportal.api.serializers import Serializer
from opsportal.api.viewsets import BaseViewSet

MAX_LIST = 1_000
# Of a stream, before and after unpacking. With an Idempotency-Key the body is held whole, and taken as one.
MAX_BULK_BYTES, MAX_KEYED_BYTES = 256 * 1024 * 1024, 8 * 1024 * 1024
HELD_BYTES = 1024 * 1024  # of answers, before they go to a temporary file
NDJSON = ("application/x-ndjson", "application/ndjson", "application/jsonl", "application/x-jsonlines")


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


# What an address answers that takes one record or a list of them.
ONE_OR_LIST = {
    201: RecordedSerializer,
    200: PolymorphicProxySerializer(
        component_name="Intake", serializers=[RecordedSerializer, LinesSerializer], resource_type_field_name=None
    ),
}


def take_list(items: list[Any], intake: Intake[Any], *, more: str) -> Response:
    """Answer a list; each item stands or falls alone. `more` names the address that takes longer ones."""
    if len(items) > MAX_LIST:
        raise Malformed("too_many_lines", f"A list holds at most {MAX_LIST:,} of them; {more} takes more.")
    answers = intake.take_chunk(Numbered(number, one) for number, one in enumerate(items, start=1))
    return Response({"counts": intake.tally(), "results": msgspec.to_builtins(answers)})


class NDJSONParser(BaseParser):
    """Names the type for the document; the lines are read from the stream."""

    media_type = NDJSON[0]


class LinesViewSet(BaseViewSet):
    """Takes NDJSON, one record a line, in chunks, each whole or not at all, whatever their number."""

    parser_classes = [NDJSONParser]
    request_serializers = {"create": {NDJSON[0]: OpenApiTypes.STR}}  # type: ignore[dict-item]
    response_serializers: ClassVar[Any] = {"create": {200: LinesSerializer}}

    def intake(self) -> Intake[Any]:
        """Reads lines of bytes on behalf of whoever asks."""
        raise NotImplementedError

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
        intake = self.intake()
        if idempotency.key_of(request):
            lines = split_lines([request._request.body])
            answers = [one for several in intake.take(lines) for one in several]
            return Response({"counts": intake.tally(), "results": msgspec.to_builtins(answers)})
        pieces = parsers.stream_body(request._request, limit=MAX_BULK_BYTES)
        spool = tempfile.SpooledTemporaryFile(HELD_BYTES)  # noqa: SIM115 - closed with the answer
        _spool(intake, split_lines(pieces), spool)
        return _answered(intake, spool)


def _spool(intake: Intake[Any], lines: Iterator[Numbered], spool: IO[bytes]) -> None:
    """Nothing is answered before the last chunk is committed, and nothing is held in memory meanwhile."""
    try:
        for answers in intake.take(lines):
            spool.write((b"," if spool.tell() else b"") + msgspec.json.encode(answers)[1:-1])
    except (Malformed, TooLarge) as error:
        taken = f"{error.detail} {intake.counts.total():,} lines before that are taken."
        error.detail = ErrorDetail(taken, str(error.get_codes()))
        raise


def _answered(intake: Intake[Any], spool: IO[bytes]) -> StreamingHttpResponse:
    head = b'{"counts":' + msgspec.json.encode(intake.tally()) + b',"results":['
    size = len(head) + spool.tell() + 2

    def pieces() -> Iterator[bytes]:
        with spool:
            spool.seek(0)
            yield head
            yield from iter(partial(spool.read, HELD_BYTES), b"")
            yield b"]}"

    return StreamingHttpResponse(pieces(), content_type="application/json", headers={"Content-Length": str(size)})
