"""The banner on every page while the portal itself is degraded."""

from typing import Any

from django.core.cache import cache
from django.http import HttpRequest

from opsportal import clock
from opsportal.sweeps import health

CACHE_KEY, CACHE_SECONDS = "sweeps.degraded", 5


def degraded(request: HttpRequest) -> dict[str, Any]:
    """`degraded`: a health.Degraded with its `sentence`, or None. One query, and at most every five seconds."""
    known = cache.get(CACHE_KEY)
    if known is None:
        known = (health.degraded(clock.now()),)
        cache.set(CACHE_KEY, known, CACHE_SECONDS)
    return {"degraded": known[0]}
