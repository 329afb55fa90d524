"""Events as they come from outside: one declared schema for their shape, and signed webhooks read through a mapping.

The shape is that of the API; lists and files of it are read line by line by whoever takes them in.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any, Literal

import msgspec

from handoffs.events import NewEvent, record_event
from opsportal import trace
from opsportal.audit.engine import Actor
from opsportal.errors import InvalidInput
from opsportal.integrations.models import Integration

Name = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
Text200 = Annotated[str, msgspec.Meta(max_length=200)]
Text120 = Annotated[str, msgspec.Meta(max_length=120)]
Text60 = Annotated[str, msgspec.Meta(max_length=60)]

# Where a Standard Webhooks message keeps what an event is made of, unless the integration's mapping says otherwise.
USUAL_PLACES = {"case_id": "data.id", "event_name": "type", "timestamp": "timestamp", "trace_id": "trace_id"}
ACTOR_FIELDS = {"actor_kind": "kind", "actor_id": "id"}


class EventActor(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    kind: Literal["human", "system", "unknown"] = "unknown"
    id: Text200 = ""


class EventLine(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
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
    trace_id: str = ""
    historical: bool = False


def read_event(raw: Any) -> NewEvent:
    """One event of the API's shape. Raises InvalidInput `invalid_event` at its field."""
    try:
        line = msgspec.convert(raw, EventLine)
    except msgspec.ValidationError as error:
        message, _, place = str(error).partition(" - at `$")
        raise InvalidInput("invalid_event", f"{message}.", field=place.strip("`.")) from None
    return new_event(line)


def new_event(line: EventLine) -> NewEvent:
    """What the schema alone cannot say: amounts that fit, trace ids that are some."""
    if line.trace_id and not trace.is_valid(line.trace_id):
        raise InvalidInput("invalid_event", "This is no trace id.", field="trace_id")
    return NewEvent(
        case_id=line.case_id,
        event_name=line.event_name,
        occurred_at=line.timestamp.astimezone(UTC),
        lifecycle=line.lifecycle,
        actor_kind=line.actor.kind,
        actor_id=line.actor.id,
        channel=line.channel,
        location=line.location,
        amount=_amount(line.amount),
        reason_code=line.reason_code,
        attributes=line.attributes,
        source=line.source,
        event_id=line.event_id,
        trace_id=line.trace_id,
        historical=line.historical,
    )


def receive_webhook(integration: Integration, payload: Any, now: datetime) -> dict[str, Any]:
    """Take one signed message as an event of a case; the integration's mapping says where its parts stand.

    A mapping names a field of ours and a path ("data.lead.id"); `attributes.NAME` fills one attribute. Without any of
    these the plain values of `data` become the attributes. Raises InvalidInput where a part is missing or misshapen.
    """
    new = read_event({**_mapped(payload, integration.mapping), "source": integration.source})
    actor = Actor("token", f"integration:{integration.pk}", integration.name)
    recorded = record_event(new=new, actor=actor, now=now)
    return {"status": recorded.status, "id": recorded.id}


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


def _amount(amount: Decimal | None) -> Decimal | None:
    if amount is None:
        return None
    if not amount.is_finite() or abs(amount) >= 10**12:
        raise InvalidInput("invalid_event", "This amount is too large.", field="amount")
    return round(amount, 2)
