"""The states of a handoff and of a rule, and which moves exist. No Django here."""

from collections.abc import Mapping
from enum import StrEnum


class HandoffState(StrEnum):
    OPEN = "open"
    PAUSED = "paused"
    RESPONDED = "responded"
    COMPLETED = "completed"
    CANCELLED = "cancelled"


class StopClock(StrEnum):
    """What stops the timer of a rule."""

    FIRST_RESPONSE = "first_response"
    COMPLETION = "completion"


class RuleMode(StrEnum):
    DRAFT = "draft"
    SHADOW = "shadow"
    ACTIVE = "active"
    RETIRED = "retired"


class Reopen(StrEnum):
    """What reopening does to the clock: a new cycle with a full timer, or the old one runs on."""

    NEW_CYCLE = "new_cycle"
    RESUME = "resume"


class FactKind(StrEnum):
    """What is reported upwards: a record breached, nobody could take over, the ladder asks for the on-call side."""

    BREACH = "breach"
    NOBODY_LEFT = "nobody_left"
    ESCALATION = "escalation"


# From state -> the states one move away. Staying (a second, earlier response) is no move.
TRANSITIONS: Mapping[HandoffState, frozenset[HandoffState]] = {
    HandoffState.OPEN: frozenset(
        {HandoffState.PAUSED, HandoffState.RESPONDED, HandoffState.COMPLETED, HandoffState.CANCELLED}
    ),
    HandoffState.PAUSED: frozenset(
        {HandoffState.OPEN, HandoffState.RESPONDED, HandoffState.COMPLETED, HandoffState.CANCELLED}
    ),
    HandoffState.RESPONDED: frozenset({HandoffState.PAUSED, HandoffState.COMPLETED, HandoffState.CANCELLED}),
    HandoffState.COMPLETED: frozenset({HandoffState.OPEN, HandoffState.RESPONDED}),
    HandoffState.CANCELLED: frozenset(),
}

RULE_TRANSITIONS: Mapping[RuleMode, frozenset[RuleMode]] = {
    RuleMode.DRAFT: frozenset({RuleMode.SHADOW, RuleMode.ACTIVE, RuleMode.RETIRED}),
    RuleMode.SHADOW: frozenset({RuleMode.ACTIVE, RuleMode.RETIRED}),
    RuleMode.ACTIVE: frozenset({RuleMode.SHADOW, RuleMode.RETIRED}),
    RuleMode.RETIRED: frozenset({RuleMode.SHADOW, RuleMode.ACTIVE}),
}

UNANSWERED = (HandoffState.OPEN, HandoffState.PAUSED)


def is_running(state: str, stop_clock: str) -> bool:
    """Whether the timer can still run out: nothing has stopped the rule's clock (a pause only holds it)."""
    return state in UNANSWERED or (state == HandoffState.RESPONDED and stop_clock == StopClock.COMPLETION)
