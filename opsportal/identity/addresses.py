"""The network address of whoever asks. X-Forwarded-For counts only when the peer is one of our own proxies."""

import ipaddress
from collections.abc import Iterable
from functools import lru_cache
from typing import Any

from django.conf import settings

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def client_address(request: Any) -> str | None:
    """The client's address, or None behind a Unix socket without a trusted proxy.

    Walks X-Forwarded-For from the right and stops at the first hop that is not ours: what stands left of it was written
    by the client and proves nothing.
    """
    peer = _address(request.META.get("REMOTE_ADDR", ""))
    trusted = _networks(tuple(settings.TRUSTED_PROXIES))
    hops = [hop.strip() for hop in request.META.get("HTTP_X_FORWARDED_FOR", "").split(",") if hop.strip()]
    while peer is not None and hops and _inside(peer, trusted):
        nearer = _address(hops.pop())
        if nearer is None:
            break
        peer = nearer
    return None if peer is None else str(peer)


def is_in(address: str | None, networks: Iterable[str]) -> bool:
    """Whether an address lies in one of the networks (CIDR); an unknown address lies in none."""
    parsed = _address(address or "")
    return parsed is not None and _inside(parsed, _networks(tuple(networks)))


def parse_network(text: str) -> Network:
    """A network from `10.0.0.0/8` or a single address; raises ValueError."""
    return ipaddress.ip_network(text.strip())


def _inside(address: Address, networks: Iterable[Network]) -> bool:
    return any(address in network for network in networks)


def _address(text: str) -> Address | None:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address


@lru_cache(maxsize=256)
def _networks(texts: tuple[str, ...]) -> tuple[Network, ...]:
    return tuple(parse_network(text) for text in texts)
