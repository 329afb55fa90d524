"""Writes of the queue: storing, letting go, deciding. Sending is the dispatcher's (runbooks.queue.dispatch)."""

from runbooks.queue.operations.deciding import discard_item, mark_delivered, supersede_item
from runbooks.queue.operations.erasing import erase_subject
from runbooks.queue.operations.keeping import end_legal_hold, hold_for_law, remove_old_payloads
from runbooks.queue.operations.releasing import hold_back, let_go, open_release, resend_items
from runbooks.queue.operations.storing import record_item, record_items

__all__ = [
    "discard_item",
    "end_legal_hold",
    "erase_subject",
    "hold_back",
    "hold_for_law",
    "let_go",
    "mark_delivered",
    "open_release",
    "record_item",
    "record_items",
    "remove_old_payloads",
    "resend_items",
    "supersede_item",
]
