"""Writes of plans: drawing up, freezing, asking, starting, pausing, ending. By itself: runbooks.plans.sweep."""

from runbooks.plans.operations.asking import approve_plan, return_plan
from runbooks.plans.operations.planning import CHANGEABLE, change_plan, create_plan, freeze_plan
from runbooks.plans.operations.running import advance_plan, cancel_plan, pause_plan, resume_plan, start_plan
from runbooks.plans.operations.shadow import send_to_shadow

__all__ = [
    "CHANGEABLE",
    "advance_plan",
    "approve_plan",
    "cancel_plan",
    "change_plan",
    "create_plan",
    "freeze_plan",
    "pause_plan",
    "resume_plan",
    "return_plan",
    "send_to_shadow",
    "start_plan",
]
