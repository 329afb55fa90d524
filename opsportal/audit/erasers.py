"""The rooms that keep something of a data subject. Each registers here how it erases; `erase_person` asks them all."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from opsportal.audit.engine import Actor


@dataclass(frozen=True, slots=True)
class Erased:
    """What a room erased, by what it is, and what it kept: the reason by record."""

    counts: dict[str, int]
    kept: dict[str, str] = field(default_factory=dict)


# Takes the keys a person is known by (record keys, external ids), who asks and the instant; in the caller's
# transaction. With `is_look` it only says what it would erase.
Eraser = Callable[..., Erased]

_erasers: dict[str, Eraser] = {}


def register(name: str, eraser: Eraser) -> None:
    _erasers[name] = eraser


def erase_all(keys: Sequence[str], *, is_look: bool, actor: Actor, now: datetime) -> dict[str, Erased]:
    """What every room erased, or would; by room."""
    return {name: eraser(keys, is_look=is_look, actor=actor, now=now) for name, eraser in sorted(_erasers.items())}
