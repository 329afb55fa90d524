"""/api/v1/: handoffs, their rules, the events of cases."""

from handoffs.api.events import EventBulkViewSet, EventViewSet
from handoffs.api.rates import HitRateViewSet
from handoffs.api.reasons import BreachReasonViewSet
from handoffs.api.records import HandoffViewSet
from handoffs.api.review import ReviewViewSet
from handoffs.api.rules import RuleViewSet

routes = [
    ("handoffs", HandoffViewSet, "handoff"),
    ("handoff-rules", RuleViewSet, "handoff-rule"),
    ("breach-reasons", BreachReasonViewSet, "breach-reason"),
    ("review", ReviewViewSet, "review"),
    ("events/bulk", EventBulkViewSet, "event-bulk"),  # before events: "bulk" is no id
    ("events", EventViewSet, "event"),
    ("hit-rate", HitRateViewSet, "hit-rate"),
]
