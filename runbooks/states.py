"""The states of replay items, and what they mean for the rest of their key. No Django here."""

from enum import StrEnum


class ItemState(StrEnum):
    """Where one failed payload stands. `held`: stored, nobody has asked for it yet; `failed`: will be tried again."""

    HELD = "held"
    PENDING = "pending"
    LEASED = "leased"
    FAILED = "failed"
    DEAD = "dead"
    IN_DOUBT = "in_doubt"
    DELIVERED = "delivered"
    DISCARDED = "discarded"
    SUPERSEDED = "superseded"


# What the dispatcher may take, in the order of its key.
WAITING = frozenset({ItemState.PENDING, ItemState.FAILED})
# What stands before its followers: none of them is sent past it.
BLOCKING = frozenset({ItemState.PENDING, ItemState.LEASED, ItemState.FAILED, ItemState.DEAD, ItemState.IN_DOUBT})
# What a person has to look at.
UNDECIDED = frozenset({ItemState.DEAD, ItemState.IN_DOUBT})
FINAL = frozenset({ItemState.DELIVERED, ItemState.DISCARDED, ItemState.SUPERSEDED})
