"""Failed payloads as they come from outside: one declared schema for their shape, whatever carries them."""

import base64
import binascii
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import UUID

import msgspec

from opsportal import trace
from opsportal.api.lines import read_json, shaped
from opsportal.errors import InvalidInput
from opsportal.outbound.masking import excerpt, mask

MAX_PAYLOAD_BYTES = 200_000
CONTENT_TYPE = re.compile(r"[A-Za-z0-9!#$&^_.+-]{1,60}/[A-Za-z0-9!#$&^_.+-]{1,80}(?:; ?[A-Za-z0-9=_.\"-]{1,60})?")
JSON_TYPE = re.compile(r"application/(?:[A-Za-z0-9.+-]+\+)?json\b", re.IGNORECASE)

Text60 = Annotated[str, msgspec.Meta(max_length=60)]
Text64 = Annotated[str, msgspec.Meta(max_length=64)]
Text120 = Annotated[str, msgspec.Meta(max_length=120)]
Text200 = Annotated[str, msgspec.Meta(max_length=200)]


class ItemLine(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True, gc=False):
    """One failed payload as the API writes it. `payload` is any JSON value, `payload_base64` any bytes."""

    target: Text60 = ""
    automation: Text60 = ""
    external_id: Text200 = ""
    record_key: Text200 = ""
    correlation_id: Text64 = ""
    trace_id: Text64 = ""
    source: Text60 = ""
    payload: Any = msgspec.UNSET
    payload_base64: str | None = None
    content_type: Text120 = "application/json"
    error_type: Text120 = ""
    error_message: Annotated[str, msgspec.Meta(max_length=20_000)] = ""
    failed_at: Annotated[datetime, msgspec.Meta(tz=True)] | None = None


@dataclass(frozen=True, slots=True)
class NewItem:
    """One failed payload, checked. `body` is what the target will get, byte for byte."""

    target: str
    automation: str
    external_id: str
    record_key: str
    correlation_id: str
    source: str
    body: bytes
    content_type: str
    error_class: str
    error_message: str
    failed_at: datetime | None
    item_id: UUID | None = None  # where the caller has to know it before


def read_line(raw: bytes) -> NewItem:
    """One payload in one line of JSON. Raises InvalidInput with a code, and at the field where there is one."""
    return read_item(read_json(raw))


def read_item(raw: Any) -> NewItem:
    """One payload of the API's shape, read by a strict parser."""
    line = shaped(raw, ItemLine)
    if not line.target and not line.automation:
        raise InvalidInput("required", "Name the target it is for.", field="target")
    if not CONTENT_TYPE.fullmatch(line.content_type):
        raise InvalidInput("invalid", "This is no media type.", field="content_type")
    return NewItem(
        target=line.target,
        automation=line.automation,
        external_id=line.external_id.strip(),
        record_key=line.record_key.strip(),
        correlation_id=_correlation_id(line),
        source=line.source,
        body=_body(line),
        content_type=line.content_type,
        error_class=mask(line.error_type)[:120],
        error_message=excerpt(line.error_message.encode("utf-8", "replace")),
        failed_at=_utc(line.failed_at) if line.failed_at else None,
    )


def _body(line: ItemLine) -> bytes:
    if (line.payload is msgspec.UNSET) == (line.payload_base64 is None):
        raise InvalidInput("required", "Send the payload, either as payload or as payload_base64.", field="payload")
    if line.payload_base64 is not None:
        body = _decoded(line.payload_base64)
    elif isinstance(line.payload, str) and not JSON_TYPE.match(line.content_type):
        body = line.payload.encode()
    else:
        body = msgspec.json.encode(line.payload)
    if len(body) > MAX_PAYLOAD_BYTES:
        raise InvalidInput("too_long", f"A payload has at most {MAX_PAYLOAD_BYTES:,} bytes.", field="payload")
    return body


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise InvalidInput("invalid", "This is not base64.", field="payload_base64") from None


def _correlation_id(line: ItemLine) -> str:
    """`trace_id` is another name for it, as everywhere in the API."""
    for field in ("correlation_id", "trace_id"):
        value = getattr(line, field)
        if value and not trace.is_valid(value):
            raise InvalidInput("invalid", "This is no trace id.", field=field)
    if line.correlation_id and line.trace_id and line.correlation_id != line.trace_id:
        raise InvalidInput("contradiction", "Both names of one id, and they differ.", field="trace_id")
    return line.correlation_id or line.trace_id


def _utc(instant: datetime) -> datetime:
    try:
        return instant.astimezone(UTC)
    except OverflowError:
        raise InvalidInput("overflow", "There is no such time in UTC.", field="failed_at") from None
