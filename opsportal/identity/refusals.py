"""Somebody known lacked a right: the trail hears of it, from pages and the API alike."""

from typing import Any

from opsportal import clock
from opsportal.identity.actors import actor_of
from opsportal.identity.addresses import client_address
from opsportal.identity.operations import record_refused_scope


def observe(request: Any, scope: str) -> None:
    """Record that the principal of `request` was refused for want of `scope`."""
    record_refused_scope(
        actor_of(request), scope=scope, path=request.path, address=client_address(request), now=clock.now()
    )
