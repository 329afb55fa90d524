"""Writes: every function is atomic, takes `actor` and `now`, records the trail, and returns the record it moved."""

from handoffs.operations.lifecycle import (
    cancel_handoff,
    complete_handoff,
    pause_handoff,
    reopen_handoff,
    respond_to_handoff,
    resume_handoff,
)
from handoffs.operations.owners import assign_handoff, reassign_handoff
from handoffs.operations.reasons import add_reason, change_reason, merge_reason
from handoffs.operations.records import (
    Accepted,
    NewHandoff,
    create_handoff,
    make_handoff_live,
    note_outcome,
    tag_reason,
)
from handoffs.operations.rules import activate_rule, change_rule, create_rule, retire_rule, shadow_rule
from handoffs.operations.terms import adopt_calendar_version, adopt_rule_terms, change_sla
from handoffs.terms import Terms, terms_of

__all__ = [
    "Accepted",
    "NewHandoff",
    "Terms",
    "activate_rule",
    "add_reason",
    "adopt_calendar_version",
    "adopt_rule_terms",
    "assign_handoff",
    "cancel_handoff",
    "change_reason",
    "change_rule",
    "change_sla",
    "complete_handoff",
    "create_handoff",
    "create_rule",
    "make_handoff_live",
    "merge_reason",
    "note_outcome",
    "pause_handoff",
    "reassign_handoff",
    "reopen_handoff",
    "respond_to_handoff",
    "resume_handoff",
    "retire_rule",
    "shadow_rule",
    "tag_reason",
    "terms_of",
]
