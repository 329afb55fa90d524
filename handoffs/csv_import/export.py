"""Handoffs on their way out, under the names an import reads them by; what follows from them stands behind."""

from collections.abc import Iterator
from typing import Any

import msgspec

from handoffs.models import HandoffQuerySet

CHUNK = 1_000
# Heading and where it stands. `handoff` tells an import that the record is here already.
COLUMNS = {
    "handoff": "pk",
    "rule": "rule__slug",
    "subject": "subject",
    "external_ref": "external_ref",
    "state": "state",
    "owner": "owner__username",
    "backup_owner": "backup_owner__username",
    "sla_minutes": "sla_minutes",
    "started_at": "started_at",
    "assigned_at": "assigned_at",
    "first_response_at": "first_response_at",
    "completed_at": "completed_at",
    "cancelled_at": "cancelled_at",
    "cancel_reason": "cancel_reason",
    "outcome": "outcome",
    "breach_reason": "breach_reason",
    "channel": "channel",
    "icp": "icp",
    "amount": "amount",
    "url": "url",
    "source": "source",
    "trace_id": "trace_id",
    "attributes": "attributes",
    "due_at": "due_at",
    "elapsed_seconds": "elapsed_seconds",
    "missed": "missed",
    "breached": "breached",
    "business_hit": "business_hit",
    "absolute_hit": "absolute_hit",
    "within_business_hours": "within_business_hours",
    "historical": "historical",
}
PLACES = list(COLUMNS.values())
ATTRIBUTES = PLACES.index("attributes")


def export(found: HandoffQuerySet) -> tuple[list[str], Iterator[list[Any]]]:
    """Header and rows of a filtered, sorted list; read as they are sent."""
    rows = found.select_related(None).values_list(*PLACES).iterator(chunk_size=CHUNK)
    return list(COLUMNS), (_spelled(list(row)) for row in rows)


def _spelled(row: list[Any]) -> list[Any]:
    attributes = row[ATTRIBUTES]
    row[ATTRIBUTES] = msgspec.json.encode(attributes).decode() if attributes else ""
    return row
