"""Writes of the library: texts and their revisions, review and publication, and what people found out."""

from runbooks.library.operations.publishing import (
    ask_review,
    publish_revision,
    restore_runbook,
    retire_runbook,
    return_revision,
)
from runbooks.library.operations.upkeep import draw_month, report_step, resolve_report, validate_runbook
from runbooks.library.operations.writing import create_runbook, derive_runbook, save_draft

__all__ = [
    "ask_review",
    "create_runbook",
    "derive_runbook",
    "draw_month",
    "publish_revision",
    "report_step",
    "resolve_report",
    "restore_runbook",
    "retire_runbook",
    "return_revision",
    "save_draft",
    "validate_runbook",
]
