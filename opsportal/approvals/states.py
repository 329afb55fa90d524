"""The life of an approval. Expiry is computed from `expires_at`; the sweep only writes down what is already true."""

from datetime import timedelta
from enum import StrEnum


class State(StrEnum):
    PENDING = "pending"
    APPROVED = "approved"
    REFUSED = "refused"
    EXPIRED = "expired"
    VOIDED = "voided"
    USED = "used"


class Risk(StrEnum):
    SAFE = "safe"
    GUARDED = "guarded"
    DANGEROUS = "dangerous"


TRANSITIONS: dict[State, frozenset[State]] = {
    State.PENDING: frozenset({State.APPROVED, State.REFUSED, State.EXPIRED, State.VOIDED}),
    State.APPROVED: frozenset({State.USED, State.EXPIRED, State.VOIDED}),
    State.REFUSED: frozenset(),
    State.EXPIRED: frozenset(),
    State.VOIDED: frozenset(),
    State.USED: frozenset(),
}

# How long a request may wait and, once approved, be used.
LIFETIME = {
    Risk.SAFE: timedelta(hours=72),
    Risk.GUARDED: timedelta(hours=72),
    Risk.DANGEROUS: timedelta(hours=4),
}
# A dangerous decision needs a password entered within this time.
FRESH_SESSION = timedelta(minutes=10)
