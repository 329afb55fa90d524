"""Events as they come from outside: one declared schema for their shape, whatever carries them, and signed webhooks
read through a mapping.
"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial
from typing import Annotated, Any, Literal

import msgspec

from handoffs.events import NewEvent, record_event, record_events
from opsportal import trace
from opsportal.api.lines import Intake, read_shape, shaped
from opsportal.audit.engine import Actor
from opsportal.errors import InvalidInput
from opsportal.integrations.models import Integration

Name = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
Text200 = Annotated[str, msgspec.Meta(max_length=200)]
Text120 = Annotated[str, msgspec.Meta(max_length=120)]
Text60 = Annotated[str, msgspec.Meta(max_length=60)]
Text64 = Annotated[str, msgspec.Meta(max_length=64)]

# Where a Standard Webhooks message keeps what an event is made of, unless the integration's mapping says otherwise.
USUAL_PLACES = {"case_id": "data.id", "event_name": "type", "timestamp": "timestamp", "trace_id": "trace_id"}
ACTOR_FIELDS = {"actor_kind": "kind", "actor_id": "id"}


class EventActor(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True, frozen=True, gc=False):
    kind: Literal["human", "system", "unknown"] = "unknown"
    id: Text200 = ""


class EventLine(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True, frozen=True, kw_only=True, gc=False):
    """One event as the API writes it."""

    case_id: Name
    event_name: Name
    timestamp: Annotated[datetime, msgspec.Meta(tz=True)]
    lifecycle: Text60 = ""
    actor: EventActor = EventActor()
    channel: Text60 = ""
    location: Text200 = ""
    amount: Decimal | None = None
    reason_code: Text120 = ""
    attributes: dict[str, Any] = {}
    source: Text60 = ""
    event_id: Text200 = ""
    trace_id: Text64 = ""
    historical: bool = False


DECODER = msgspec.json.Decoder(EventLine)


def read_line(raw: bytes, *, source: str = "") -> NewEvent:
    """One event in one line of JSON. `source` overrules the line's own. Raises InvalidInput with a code, and at the
    field where there is one.
    """
    return new_event(read_shape(raw, DECODER), source=source)


def read_event(raw: Any, *, source: str = "") -> NewEvent:
    """One event of the API's shape, read by a strict parser. Raises InvalidInput with a code, at its field."""
    return new_event(shaped(raw, EventLine), source=source)


def intake_of(read: Callable[[Any], NewEvent], *, actor: Actor, now: datetime) -> Intake[NewEvent]:
    """Takes lines that `read` understands as events, on behalf of somebody."""
    return Intake(read, partial(record_events, actor=actor, now=now))


def new_event(line: EventLine, *, source: str = "") -> NewEvent:
    """What the schema alone cannot say: names that are some, amounts that fit, trace ids, instants that exist."""
    if line.trace_id and not trace.is_valid(line.trace_id):
        raise InvalidInput("invalid", "This is no trace id.", field="trace_id")
    return NewEvent(
        case_id=_name(line.case_id, "case_id"),
        event_name=_name(line.event_name, "event_name"),
        occurred_at=_instant(line.timestamp),
        lifecycle=line.lifecycle,
        actor_kind=line.actor.kind,
        actor_id=line.actor.id,
        channel=line.channel,
        location=line.location,
        amount=None if line.amount is None else _amount(line.amount),
        reason_code=line.reason_code,
        attributes=line.attributes,
        source=source or line.source,
        event_id=line.event_id,
        trace_id=line.trace_id,
        historical=line.historical,
    )


def receive_webhook(integration: Integration, payload: Any, now: datetime) -> dict[str, Any]:
    """Take one signed message as an event of a case; the integration's mapping says where its parts stand.

    A mapping names a field of ours and a path ("data.lead.id"); `attributes.NAME` fills one attribute. Without any of
    these the plain values of `data` become the attributes. Raises InvalidInput where a part is missing or misshapen.
    """
    new = read_event(_mapped(payload, integration.mapping), source=integration.source)
    actor = Actor("token", f"integration:{integration.pk}", integration.name)
    recorded = record_event(new=new, actor=actor, now=now)
    return {"status": recorded.status, "id": recorded.id}


def _name(text: str, field: str) -> str:
    text = text.strip()
    if not text:
        raise InvalidInput("blank", "This says nothing.", field=field)
    return text


def _instant(instant: datetime) -> datetime:
    if instant.tzinfo is UTC:
        return instant
    try:
        return instant.astimezone(UTC)
    except OverflowError:  # year 1 or 9999, at the other end of the world
        raise InvalidInput("overflow", "There is no such time in UTC.", field="timestamp") from None


def _amount(amount: Decimal) -> Decimal:
    if not amount.is_finite() or abs(amount) >= 10**12:
        raise InvalidInput("number_too_large", "This amount is too large.", field="amount")
    return round(amount, 2)


# --- webhooks ---


def _mapped(payload: Any, mapping: Mapping[str, str]) -> dict[str, Any]:
    """The payload as a line of ours."""
    places = {**USUAL_PLACES, **mapping}
    found = {field: value for field, place in places.items() if (value := _at(payload, place)) is not None}
    for field in ("case_id", "actor_id", "event_id"):
        if type(found.get(field)) is int:  # many systems number their records
            found[field] = str(found[field])
    attributes = {field.removeprefix("attributes."): found.pop(field) for field in list(found) if "." in field}
    actor = {ACTOR_FIELDS[field]: found.pop(field) for field in list(found) if field in ACTOR_FIELDS}
    if not any(field.startswith("attributes.") for field in mapping):
        attributes = _plain_values(_at(payload, "data"))
    return {**found, **({"actor": actor} if actor else {}), "attributes": attributes}


def _at(payload: Any, place: str) -> Any:
    """What stands at a dotted path; None when nothing does."""
    for part in place.split("."):
        if isinstance(payload, Mapping):
            payload = payload.get(part)
        elif isinstance(payload, list) and part.isdigit() and int(part) < len(payload):
            payload = payload[int(part)]
        else:
            return None
    return payload


def _plain_values(data: Any) -> dict[str, Any]:
    if not isinstance(data, Mapping):
        return {}
    return {key: value for key, value in data.items() if isinstance(value, str | int | float | bool)}
