"""Reads for pages, API and the rooms above. Querysets already carry what showing a record needs."""

from handoffs.queries.boards import (
    Column,
    Counts,
    board,
    count_for,
    list_historical_open,
    list_late,
    list_missing_backup,
    list_needing,
)
from handoffs.queries.explaining import ExplainedDeadline, explain_deadline
from handoffs.queries.reasons import KnownReasons, ReasonUse, get_reason, known_reasons, list_reasons, reason_uses
from handoffs.queries.records import (
    find_handoffs_with_trace,
    get_handoff,
    list_events_of,
    list_firings,
    list_handoffs,
    verdict_as_known,
    verdict_of,
)
from handoffs.queries.rules import (
    ShadowResult,
    count_open_by_version,
    find_young_first_rule,
    get_rule,
    list_rules,
    list_shadow_firings,
    list_versions,
    shadow_result,
)
from handoffs.queries.timeline import Step, timeline_of

__all__ = [
    "Column",
    "Counts",
    "ExplainedDeadline",
    "KnownReasons",
    "ReasonUse",
    "ShadowResult",
    "Step",
    "board",
    "count_for",
    "count_open_by_version",
    "explain_deadline",
    "find_handoffs_with_trace",
    "find_young_first_rule",
    "get_handoff",
    "get_reason",
    "get_rule",
    "known_reasons",
    "list_events_of",
    "list_firings",
    "list_handoffs",
    "list_historical_open",
    "list_late",
    "list_missing_backup",
    "list_needing",
    "list_reasons",
    "list_rules",
    "list_shadow_firings",
    "list_versions",
    "reason_uses",
    "shadow_result",
    "timeline_of",
    "verdict_as_known",
    "verdict_of",
]
