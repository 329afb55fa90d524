"""The area's part of /api/v1/."""

from opsportal.api import routing

routes: list[routing.Route] = []
