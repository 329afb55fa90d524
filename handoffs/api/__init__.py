"""/api/v1/: handoffs, their rules, the events of cases."""

from handoffs.api.events import EventViewSet
from handoffs.api.records import HandoffViewSet
from handoffs.api.rules import RuleViewSet

routes = [
    ("handoffs", HandoffViewSet, "handoff"),
    ("handoff-rules", RuleViewSet, "handoff-rule"),
    ("events", EventViewSet, "event"),
]
