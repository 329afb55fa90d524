"""What every page has beside its own context: navigation, theme, trace id, one `now` for the whole page."""

from typing import Any

from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from opsportal import clock, trace
from opsportal.web import navigation, theme


def page(request: HttpRequest) -> dict[str, Any]:
    """Navigation is lazy: answers that extend no page (fragments, the admin) do not pay for its counts."""
    now = clock.now()
    return {
        "now": now,
        "navigation": SimpleLazyObject(lambda: navigation.for_request(request, now)),
        "theme": theme.chosen(request),
        "theme_choices": theme.CHOICES,
        "trace_id": trace.current_trace_id(),
    }
