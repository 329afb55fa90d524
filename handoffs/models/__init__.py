"""Rules and their versions, handoffs and what happened to them, facts for the rooms above, the events of cases."""

from handoffs.models.events import CaseEvent, EventImport, EventKey
from handoffs.models.facts import Fact
from handoffs.models.handoffs import Handoff, HandoffQuerySet, PastCycle, Pause, StageFiring
from handoffs.models.rates import DirtyDay, RateDay
from handoffs.models.reasons import BreachReason
from handoffs.models.rules import Rule, RuleQuerySet, RuleVersion

__all__ = [
    "BreachReason",
    "CaseEvent",
    "DirtyDay",
    "EventImport",
    "EventKey",
    "Fact",
    "Handoff",
    "HandoffQuerySet",
    "PastCycle",
    "Pause",
    "RateDay",
    "Rule",
    "RuleQuerySet",
    "RuleVersion",
    "StageFiring",
]
