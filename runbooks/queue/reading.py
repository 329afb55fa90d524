"""Payloads as people see them: masked always, in clear only with a reason that the trail keeps."""

import json
from datetime import datetime
from typing import Any

from django.db import transaction

from opsportal.audit import operations as audit
from opsportal.audit.engine import Actor, Draft, Subject
from opsportal.errors import Conflict, InvalidInput
from opsportal.outbound.masking import MASK, mask
from opsportal.vault.engine import Shredded
from runbooks.models import Payload, ReplayItem
from runbooks.queue import vaulting
from runbooks.queue.operations.deciding import team_of_item

# What a name says of its value: shown as a mask, whatever it is.
TELLING = ("name", "mail", "phone", "mobile", "token", "secret", "password", "address", "street", "iban", "birth")
MAX_SHOWN = 20_000
ERASED = "The key of its data subject was destroyed: nobody can read it any more."
REMOVED = "Its time has passed: the payload was removed."


def masked(item: ReplayItem) -> Any:
    """The payload with what may name a person masked: a JSON value where it is one, else text; a sentence when gone."""
    try:
        body = vaulting.open_payload(item)
    except Shredded:
        return ERASED
    except Payload.DoesNotExist:
        return REMOVED
    return masked_body(body)


def masked_body(body: bytes) -> Any:
    """The same of any bytes that may have come from a payload."""
    try:
        return _masked(json.loads(body))
    except (ValueError, RecursionError):
        return mask(body[:MAX_SHOWN].decode("utf-8", "replace"))


def laid_out(body: bytes) -> str:
    """A payload in clear as one reads it: JSON line by line, anything else as it came."""
    try:
        return json.dumps(json.loads(body), indent=2, ensure_ascii=False)
    except (ValueError, RecursionError):
        return body.decode("utf-8", "replace")


def _masked(value: Any, name: str = "") -> Any:
    if isinstance(value, dict):
        return {mask(str(key)): _masked(inner, str(key)) for key, inner in value.items()}
    if isinstance(value, list):
        return [_masked(inner, name) for inner in value]
    if isinstance(value, str):
        return MASK if value and any(word in name.lower() for word in TELLING) else mask(value)
    return MASK if isinstance(value, int) and any(word in name.lower() for word in TELLING) else value


@transaction.atomic
def unmask(item: ReplayItem, *, reason: str, actor: Actor, now: datetime) -> bytes:
    """The payload in clear, with an entry of who read it and why. Raises Conflict `payload_gone`."""
    if not reason.strip():
        raise InvalidInput("required", "Say why you need to read it.", field="reason")
    team = team_of_item(item)
    subject = Subject("replay_item", str(item.pk), str(item))
    slug = team.slug if team else ""
    audit.record(Draft(actor, "replay.payload_read", subject, now, team=slug, reason=reason))
    try:
        return vaulting.open_payload(item)
    except (Shredded, Payload.DoesNotExist):
        raise Conflict("payload_gone", "There is nothing to read any more.") from None
