"""What can only be wrong by a slip of the pen: navigation entries that lead nowhere."""

from typing import Any

from django.core import checks
from django.urls import NoReverseMatch, reverse

from opsportal.web import navigation


def navigation_leads_somewhere(app_configs: Any, **kwargs: Any) -> list[checks.CheckMessage]:
    return [
        checks.Warning(f"The navigation entry {entry.label!r} names no address: {entry.url_name}", id="web.W001")
        for entry in navigation.entries()
        if not _resolves(entry.url_name)
    ]


def _resolves(url_name: str) -> bool:
    try:
        return bool(reverse(url_name))
    except NoReverseMatch:
        return False
