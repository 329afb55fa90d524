"""Saying a thing twice: who claims a (source, event_id) first, in the transaction of its effect."""

import hashlib
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction

from handoffs.models import EventKey
from opsportal.errors import Conflict


def body_hash(body: Mapping[str, Any]) -> bytes:
    """32 bytes of what the sender said; absent and empty values count alike, so that defaults added later do not
    matter.
    """
    said = {key: value for key, value in body.items() if value not in (None, "", [], {})}
    return hashlib.sha256(json.dumps(said, sort_keys=True, separators=(",", ":"), default=str).encode()).digest()


def find_result(*, scope: str, source: str, event_id: str, body: Mapping[str, Any]) -> str | None:
    """The id of what this event has already made or moved; None when it is new.

    Raises Conflict `event_id_conflict` when it was said before with other words.
    """
    if not event_id:
        return None
    known = EventKey.objects.filter(source=source, event_id=event_id, scope=scope).first()
    if known is None:
        return None
    if bytes(known.body_hash) != body_hash(body):
        raise Conflict(
            "event_id_conflict", f"The event “{event_id}” has already said something else here.", field="event_id"
        )
    return known.result_id


def claim(
    *, scope: str, source: str, event_id: str, body: Mapping[str, Any], result_id: str, now: datetime
) -> str | None:
    """Make this event ours: None when it now is, else the id of what it has made. Raises as `find_result` does.

    Of two transactions that claim at once, the second waits for the first and then finds its row.
    """
    if not event_id:
        return None
    try:
        with transaction.atomic():
            EventKey.objects.create(
                source=source,
                event_id=event_id,
                scope=scope,
                body_hash=body_hash(body),
                result_id=result_id,
                row_at=now,
            )
    except IntegrityError:
        return find_result(scope=scope, source=source, event_id=event_id, body=body)
    return None


def point_at(*, scope: str, source: str, event_id: str, result_id: str) -> None:
    """Correct what a key just claimed in this transaction has made."""
    EventKey.objects.filter(scope=scope, source=source, event_id=event_id).update(result_id=result_id)
