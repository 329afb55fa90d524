"""Taking in a signed message: verified over its raw bytes, remembered by its id, handed on once."""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction

from opsportal import trace
from opsportal.api import parsers
from opsportal.errors import Conflict, InvalidInput, NotFound
from opsportal.integrations import keyring, operations, registry
from opsportal.integrations.models import Integration, ReceivedMessage
from opsportal.vault import signatures
from opsportal.vault.signatures import SignatureError


@dataclass(frozen=True, slots=True)
class Signed:
    """What came in, untouched. Header values are empty where the sender gave none."""

    message_id: str
    timestamp: str
    signature: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Taken:
    """The answer, and whether it is the one of an earlier copy."""

    answer: dict[str, Any]
    repeated: bool


def find_integration(kind: str, key: str) -> Integration:
    """The sender with this key; NotFound for unknown keys, other kinds and senders that were switched off."""
    found = Integration.objects.select_related("team").filter(key=key, kind=kind, disabled_at=None).first()
    if found is None:
        raise NotFound("unknown_integration", "Nobody is known under this address.")
    return found


def receive(integration: Integration, signed: Signed, now: datetime) -> Taken:
    """Verify, remember and hand on one message.

    Raises SignatureError (nothing was read), Malformed, Conflict for an id that came with another body, Unavailable
    when nothing takes this kind, and what the receiver refuses with; after any of them the message may come again.
    """
    verify(integration, signed, now)
    if len(signed.message_id) > 200 or not signed.message_id.isprintable():
        raise InvalidInput("webhook_id_invalid", "A webhook-id has up to 200 printable characters.")
    receiver, payload = registry.receiver_of(integration.kind), parsers.loads(signed.body)
    body_hash = hashlib.sha256(signed.body).digest()
    with transaction.atomic():
        row, is_new = ReceivedMessage.objects.get_or_create(
            integration=integration,
            message_id=signed.message_id,
            defaults={
                "body_hash": body_hash,
                "answer": {},
                "trace_id": trace.current_trace_id(),
                "received_at": now,
            },
        )
        if is_new:
            row.answer = receiver(integration, payload, now)
            row.save(update_fields=["answer"])
            operations.note_seen(integration, now=now)
    if bytes(row.body_hash) != body_hash:
        raise Conflict("webhook_id_reused", "This webhook-id came before with another body.")
    return Taken(row.answer, repeated=not is_new)


def verify(integration: Integration, signed: Signed, now: datetime) -> None:
    """Raise SignatureError unless the message is signed by this sender and fresh. Unsigned ones are never let by."""
    secrets = keyring.verifying_secrets(integration, now)
    if not secrets:
        raise SignatureError("not_set_up", "This sender has no secret, so nothing of it can be verified.")
    signatures.verify(
        secrets,
        message_id=signed.message_id,
        timestamp=signed.timestamp,
        signature=signed.signature,
        body=signed.body,
        now=now,
    )
