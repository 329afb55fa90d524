"""Where the requests of a target go, in one spelling: what the client takes for the same is the same address."""

from urllib.parse import urlsplit

from opsportal.outbound import policy
from runbooks.models import ReplayTarget


def address_of(target: ReplayTarget) -> str:
    """Scheme, host, port, path and query; a fragment, the scheme's own port and capitals of the host say nothing."""
    try:
        parts = urlsplit(target.url)
        port = parts.port or policy.default_port(parts.scheme)
    except ValueError:
        return target.url
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    place = policy.Target(parts.scheme, parts.hostname or "", port, path, allowed=False)
    return f"{place.scheme}://{place.authority}{place.path}"
