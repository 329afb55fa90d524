"""Where the shadow of a target may be: allowed like any address, and never one that replay sends to in earnest."""

import posixpath
from urllib.parse import unquote, urlsplit

from opsportal.errors import InvalidInput
from opsportal.outbound import policy
from runbooks.models import ReplayTarget

FIELD = "shadow_url"
Place = tuple[str, int, str]


def check_shadow(target: ReplayTarget) -> None:
    """Asked when a target is saved, and again before each sample goes. Raises OutboundRefused, InvalidInput."""
    policy.check_url(target.shadow_url, field=FIELD)
    place = place_of(target.shadow_url)
    known = ReplayTarget.objects.exclude(pk=target.pk).values_list("url", flat=True)
    if any(place_of(url) == place for url in (target.url, *known)):
        sentence = "Replay sends here in earnest. A shadow is an address where nothing happens for real."
        raise InvalidInput("shadow_is_production", sentence, field=FIELD)


def place_of(url: str) -> Place | None:
    """What a server takes for one address: the host, the port, and the path without its spellings or its query."""
    try:
        parts = urlsplit(url)
        port = parts.port or policy.default_port(parts.scheme)
    except ValueError:
        return None
    path = posixpath.normpath(f"/{unquote(parts.path).lstrip('/')}")
    return (parts.hostname or "").lower(), port, path.lower()
