"""The room's part of /api/v1/."""

from types import ModuleType

from opsportal.api import routing

AREAS: tuple[ModuleType, ...] = ()
routes: list[routing.Route] = [route for area in AREAS for route in area.routes]
