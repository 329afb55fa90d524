"""The kinds of integrations. Rooms above say what becomes of a payload; here is only who sends in which way."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from opsportal.errors import Unavailable
from opsportal.integrations.models import Integration

# Takes the sender, the parsed payload and the instant; answers what the sender is told. Runs inside the transaction
# that remembers the message, so both commit or neither. Raises DomainError to refuse.
Receiver = Callable[[Integration, Any, datetime], dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Kind:
    """One way of sending. `path` has the place `{key}`; `signed` kinds need a secret and a signature on everything."""

    slug: str
    label: str
    path: str
    signed: bool


_kinds: dict[str, Kind] = {}
_receivers: dict[str, Receiver] = {}


def register_kind(slug: str, *, label: str, path: str, signed: bool) -> None:
    """Add a kind; the room that serves `path` calls this from AppConfig.ready."""
    _kinds[slug] = Kind(slug, label, path, signed)


def register_receiver(kind: str, receiver: Receiver) -> None:
    """Say what becomes of payloads of a kind. Raises ValueError when another room has said so already."""
    known = _receivers.setdefault(kind, receiver)
    if known is not receiver and (known.__module__, known.__qualname__) != (receiver.__module__, receiver.__qualname__):
        raise ValueError(f"Payloads of the kind {kind} already have a receiver.")


def kinds() -> list[Kind]:
    return list(_kinds.values())


def get_kind(slug: str) -> Kind | None:
    return _kinds.get(slug)


def receiver_of(kind: str) -> Receiver:
    """What takes payloads of this kind; Unavailable when no room has said so: the sender keeps its message."""
    receiver = _receivers.get(kind)
    if receiver is None:
        raise Unavailable("no_receiver", "Nothing here takes messages of this kind yet.")
    return receiver
