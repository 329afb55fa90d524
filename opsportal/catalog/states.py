"""The states of an automation, and the moves between them. No Django here."""

from enum import StrEnum


class AutomationState(StrEnum):
    DRAFT = "draft"
    ACTIVE = "active"
    PAUSED = "paused"
    RETIRED = "retired"

    @classmethod
    def choices(cls) -> list[tuple[str, str]]:
        return [(state.value, state.value) for state in cls]


TRANSITIONS: dict[AutomationState, frozenset[AutomationState]] = {
    AutomationState.DRAFT: frozenset({AutomationState.ACTIVE, AutomationState.RETIRED}),
    AutomationState.ACTIVE: frozenset({AutomationState.PAUSED, AutomationState.RETIRED}),
    AutomationState.PAUSED: frozenset({AutomationState.ACTIVE, AutomationState.RETIRED}),
    AutomationState.RETIRED: frozenset(),
}
