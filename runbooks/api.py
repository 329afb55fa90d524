"""The room's part of /api/v1/."""

from types import ModuleType

from opsportal.api import routing
from runbooks.executions import api as executions
from runbooks.library import api as library
from runbooks.plans import api as plans
from runbooks.queue import api as queue
from runbooks.remediation import api as remediation
from runbooks.targets import api as targets
from runbooks.webhooks import api as webhooks

AREAS: tuple[ModuleType, ...] = (remediation, webhooks, executions, library, plans, queue, targets)
routes: list[routing.Route] = [route for area in AREAS for route in area.routes]
