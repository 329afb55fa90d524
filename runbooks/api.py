"""The room's part of /api/v1/."""

from types import ModuleType

from opsportal.api import routing
from runbooks.library import api as library

AREAS: tuple[ModuleType, ...] = (library,)
routes: list[routing.Route] = [route for area in AREAS for route in area.routes]
