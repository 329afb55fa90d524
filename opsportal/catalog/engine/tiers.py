"""The tier test: few questions about what stops when it stops, one tier with its reason."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Proposal:
    """`key` is the answer that decided."""

    tier: str
    key: str
    reason: str


# In the order they decide: the first yes gives the tier.
QUESTIONS = (
    ("pipeline", "Does it create or move pipeline: leads, deals, quotes, bookings?", "P0"),
    ("retention", "Does it touch customers directly: renewals, invoices, access, support promises?", "P0"),
    ("efficiency", "Would people notice within a day that they have to do its work by hand?", "P1"),
    ("others", "Does another automation or a report that people decide by depend on it?", "P1"),
)
REASONS = {
    "pipeline": "It touches pipeline generation directly.",
    "retention": "It touches retention directly.",
    "efficiency": "It saves people time; revenue feels it later.",
    "others": "Others depend on what it delivers; revenue feels it later.",
    "": "It is nice to have: it touches no revenue and nobody waits for it.",
}


def tier_of(answers: Mapping[str, bool]) -> Proposal:
    """P0 touches pipeline or retention directly, P1 efficiency, P2 is nice to have. What is not answered is no."""
    for key, _, tier in QUESTIONS:
        if answers.get(key):
            return Proposal(tier, key, REASONS[key])
    return Proposal("P2", "", REASONS[""])
