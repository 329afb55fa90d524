"""The area's part of /api/v1/."""

from opsportal.api import routing
from slos.policy.api.decisions import DecisionViewSet
from slos.policy.api.freezes import FreezeViewSet
from slos.policy.api.policies import ConflictViewSet, PolicyViewSet

routes: list[routing.Route] = [
    ("policies", PolicyViewSet, "policy"),
    ("policy-conflicts", ConflictViewSet, "policy-conflict"),
    ("decisions", DecisionViewSet, "decision"),
    ("freezes", FreezeViewSet, "freeze"),
]
