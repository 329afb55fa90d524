"""Where requests may go: https to public addresses, except exact host:port pairs of settings.OUTBOUND_ALLOW.

An address is parsed once, here; the client connects to what was checked, never to what another parser reads in it.
"""

import ipaddress
import re
from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from django.conf import settings

from opsportal.outbound import resolver
from opsportal.outbound.errors import OutboundFailed, OutboundRefused
from opsportal.outbound.resolver import Address

URL = re.compile(r"[!-\[\]-~]{1,2000}")  # printable ASCII without space and backslash
LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)")
LOCAL_NAMES = (
    "localhost",
    "local",
    "internal",
    "localdomain",
    "home.arpa",
    "onion",
    "test",
    "invalid",
)

# IPv6 beyond it is local, multicast, reserved, or wraps an IPv4 address (::ffff:0:0/96, 64:ff9b::/96).
GLOBAL_UNICAST_6 = ipaddress.ip_network("2000::/3")
REFUSED_NETWORKS = [
    ipaddress.ip_network(text)
    for text in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",
        "240.0.0.0/4",
        "2001::/23",
        "2001:db8::/32",
        "2002::/16",
        "3fff::/20",
    )
]


@dataclass(frozen=True, slots=True)
class Target:
    """A parsed address. `host` has no brackets; `allowed` says that settings.OUTBOUND_ALLOW names the pair."""

    scheme: str
    host: str
    port: int
    path: str
    allowed: bool

    @property
    def authority(self) -> str:
        """What the Host header says: the port only where it is not the scheme's own."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == default_port(self.scheme) else f"{host}:{self.port}"


def check_url(url: str, *, field: str = "url") -> Target:
    """Refuse an address nobody may send to. A name that cannot be resolved at present is judged when it is used."""
    target = parse(url, field=field)
    with suppress(OutboundFailed):
        check_addresses(target, resolver.resolve(target.host, target.port, timeout=3), field=field)
    return target


def parse(url: str, *, field: str = "url") -> Target:
    """The parts of an address, or OutboundRefused: form, scheme, host, everything that needs no resolver."""
    if not URL.fullmatch(url):
        raise OutboundRefused(
            "Write the address in plain ASCII, without spaces or backslashes.",
            field=field,
        )
    parts, port = _split(url, field)
    if "@" in parts.netloc:
        raise OutboundRefused("An address must not carry a user name or password.", field=field)
    host = parts.hostname or ""
    _check_host(host, bracketed="[" in parts.netloc, field=field)
    allowed = is_allowed(host, port)
    if parts.scheme != "https" and not (parts.scheme == "http" and allowed):
        raise OutboundRefused("Only https addresses are allowed.", field=field)
    if not allowed and is_local_name(host):
        raise OutboundRefused(
            f"{host} is a name of this network, not of the public internet.",
            field=field,
        )
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Target(parts.scheme, host, port, path, allowed)


def check_addresses(target: Target, addresses: list[Address], *, field: str = "url") -> list[Address]:
    """The addresses, when every one of them is public (or the pair is allowed); else OutboundRefused."""
    if not target.allowed and any(is_refused(address) for address in addresses):
        raise OutboundRefused(f"{target.host} leads to an address that is not public.", field=field)
    return addresses


def is_refused(address: Address) -> bool:
    """Whether an address is private, local, reserved, multicast, or wraps another one."""
    if address.version == 6 and address not in GLOBAL_UNICAST_6:
        return True
    return not address.is_global or any(address in network for network in REFUSED_NETWORKS)


def is_allowed(host: str, port: int) -> bool:
    """Whether settings.OUTBOUND_ALLOW names exactly this host:port pair."""
    name = f"[{host}]" if ":" in host else host
    return f"{name}:{port}" in {pair.strip().lower() for pair in settings.OUTBOUND_ALLOW}


def is_local_name(host: str) -> bool:
    return "." not in host and ":" not in host or any(host == n or host.endswith(f".{n}") for n in LOCAL_NAMES)


def default_port(scheme: str) -> int:
    return 443 if scheme == "https" else 80


def _split(url: str, field: str) -> tuple[SplitResult, int]:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise OutboundRefused("This is not an address.", field=field) from error
    if port == 0 or parts.netloc.endswith(":"):
        raise OutboundRefused("The port is missing or not usable.", field=field)
    return parts, port or default_port(parts.scheme)


def _check_host(host: str, *, bracketed: bool, field: str) -> None:
    """A host is an IPv6 address in brackets, four plain decimal numbers, or a name of letters; nothing in between."""
    labels = host.split(".")
    if bracketed:
        valid = _is_address(host, 6)
    elif _looks_numeric(labels[-1]):
        valid = _is_address(host, 4)
    else:
        valid = len(host) <= 253 and all(LABEL.fullmatch(label) for label in labels)
    if not valid:
        raise OutboundRefused("The host must be a plain name or a plain IP address.", field=field)


def _looks_numeric(label: str) -> bool:
    """What a C library would read as (part of) an IPv4 address: 2130706433, 0x7f000001, 0177."""
    return label.isdigit() or re.fullmatch(r"0x[0-9a-f]*", label) is not None


def _is_address(host: str, version: int) -> bool:
    try:
        return ipaddress.ip_address(host).version == version and "%" not in host
    except ValueError:
        return False
