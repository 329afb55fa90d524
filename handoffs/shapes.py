"""The handoff as the outside sees it: one shape for the API, webhooks and the trail. Names are those of the API."""

from typing import Any

from handoffs.engine.clock import Verdict
from handoffs.models import Handoff
from handoffs.timers import spell_instant

INSTANTS = (
    "started_at",
    "assigned_at",
    "ingested_at",
    "due_at",
    "breach_at",
    "first_response_at",
    "completed_at",
    "cancelled_at",
)
PLAIN = (
    "external_ref",
    "subject",
    "state",
    "cycle",
    "sla_minutes",
    "stop_clock",
    "breach_reason",
    "cancel_reason",
    "within_business_hours",
    "late_on_arrival",
    "historical",
    "shadow",
    "backup_missing",
    "responder_unknown",
    "clock_skew",
    "source",
    "event_id",
    "trace_id",
    "channel",
    "icp",
    "outcome",
    "url",
    "attributes",
)


def handoff_data(handoff: Handoff, verdict: Verdict) -> dict[str, Any]:
    """The record as plain JSON values; reads `rule`, `owner` and `backup_owner` (QuerySet.with_names loads them)."""
    return {
        "id": str(handoff.pk),
        "rule": handoff.rule.slug,
        "owner": handoff.owner.username if handoff.owner else None,
        "backup_owner": handoff.backup_owner.username if handoff.backup_owner else None,
        **{name: getattr(handoff, name) for name in PLAIN},
        **{name: spell_instant(getattr(handoff, name)) for name in INSTANTS},
        "amount": None if handoff.amount is None else str(handoff.amount),
        "elapsed_seconds": verdict.elapsed_seconds,
        "missed": verdict.missed,
        "breached": verdict.breached,
        "business_hit": verdict.business_hit,
        "absolute_hit": verdict.absolute_hit,
    }


def change_data(handoff: Handoff) -> dict[str, Any]:
    """What the trail compares before and after a move: people, facts, timer and verdict."""
    return {
        "state": handoff.state,
        "cycle": handoff.cycle,
        "owner": handoff.owner.username if handoff.owner else None,
        "backup_owner": handoff.backup_owner.username if handoff.backup_owner else None,
        "sla_minutes": handoff.sla_minutes,
        **{name: spell_instant(getattr(handoff, name)) for name in INSTANTS if name != "ingested_at"},
        "breached": handoff.breached,
        "missed": handoff.missed,
        "breach_reason": handoff.breach_reason,
        "outcome": handoff.outcome,
        "historical": handoff.historical,
        "shadow": handoff.shadow,
    }
