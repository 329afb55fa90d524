"""Writes of the queue: storing, letting go, deciding. Sending is the dispatcher's (runbooks.queue.dispatch)."""

from runbooks.queue.operations.deciding import discard_item, mark_delivered, supersede_item
from runbooks.queue.operations.releasing import hold_back, let_go, open_release, resend_items
from runbooks.queue.operations.storing import record_item, record_items

__all__ = [
    "discard_item",
    "hold_back",
    "let_go",
    "mark_delivered",
    "open_release",
    "record_item",
    "record_items",
    "resend_items",
    "supersede_item",
]
