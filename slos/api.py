"""The room's part of /api/v1/."""

from opsportal.api import routing
from slos.alarms import api as alarms
from slos.budgets import api as budgets
from slos.exposition import api as exposition
from slos.heartbeats import api as heartbeats
from slos.objectives import api as objectives
from slos.policy import api as policy
from slos.reports import api as reports
from slos.runs import api as runs

AREAS = (runs, heartbeats, budgets, objectives, alarms, policy, reports, exposition)
routes: list[routing.Route] = [route for area in AREAS for route in area.routes]
