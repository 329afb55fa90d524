"""Kinds of files that can be imported. A room registers its own from AppConfig.ready; this room knows none."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from opsportal.audit.engine import Actor
from opsportal.errors import InvalidInput, NotFound
from opsportal.identity.actors import Principal
from opsportal.identity.models import Team
from opsportal.imports.columns import Field
from opsportal.imports.forms import OptionsForm

Options = Mapping[str, Any]  # plain JSON values, as the kind's form answers them


@dataclass(frozen=True, slots=True)
class Item:
    """A row that can be written. `key` is that of its record to be; `identity` (32 bytes) makes it the same row again;
    `clash` is shared by rows of which one alone can be there, "" by none. `digest` is what the row says beyond its
    identity: under the same identity another one is a conflict.
    """

    key: str
    label: str
    identity: bytes
    record: Any
    clash: str = ""
    digest: str = ""


@dataclass(frozen=True, slots=True)
class Undoing:
    """What undoing a batch means for its records: keys that go, and why others stay, by key."""

    removed: list[str]
    kept: dict[str, str] = field(default_factory=dict)


class Reader(Protocol):
    """Reads the rows of one file under its options."""

    @property
    def about(self) -> str:
        """Under what the rows go: a slug."""

    @property
    def team(self) -> Team | None: ...

    def read(self, said: Mapping[str, str], extras: Mapping[str, str]) -> Item:
        """One row by field, empty cells left out. Raises InvalidInput(s), each at its field."""

    def show(self, item: Item) -> list[Any]:
        """The row as it was understood, under the kind's `shown`."""

    def standing(self, items: Sequence[Item]) -> Mapping[int, str | InvalidInput]:
        """Which of them, by position, are there already, and the key of what stands there; or why they cannot be it."""

    def hold(self) -> None:
        """Until the transaction ends nobody else imports what could be the same."""

    def write(self, items: Sequence[Item], *, batch: int, actor: Actor, now: datetime) -> None:
        """Write the records, their trail and what else follows, in the caller's transaction. Raises IntegrityError."""


@dataclass(frozen=True, slots=True)
class Kind:
    """`nouns`: one and many; `namespace`: of its pages; `shown`: headings of a row as understood.

    `reader(options, principal, now)` raises InvalidInput at an option; `undo` locks and deletes unless it only looks.
    """

    name: str
    nouns: tuple[str, str]
    namespace: str
    scope: str
    modes: Mapping[str, str]  # how rows come in, and what that means; first the usual way, second live, if there is one
    live_scope: str
    fields: tuple[Field, ...]
    shown: tuple[str, ...]
    options_form: type[OptionsForm]
    reader: Callable[[Options, Principal | None, datetime], Reader]
    look_back: Callable[[Sequence[str], int], Undoing]
    remove: Callable[..., Undoing]
    address: Callable[[str], str]
    keeps_extras: bool = True


_kinds: dict[str, Kind] = {}


def register(kind: Kind) -> None:
    _kinds[kind.name] = kind


def get_kind(name: str) -> Kind:
    """Raises NotFound."""
    if name not in _kinds:
        raise NotFound("unknown_kind", f"“{name[:40]}” cannot be imported; {', '.join(sorted(_kinds))} can.")
    return _kinds[name]


def mode_of(kind: Kind, *, live: bool) -> str:
    """How the rows of a file come in, in words. Raises InvalidInput where nothing can come in live."""
    names = list(kind.modes)
    if live and len(names) == 1:
        raise InvalidInput("no_live", f"{kind.nouns[1].capitalize()} come in {names[0]}, never live.", field="live")
    return names[live]


def may_go_live(kind: Kind, principal: Principal | None) -> bool:
    """Whether somebody may bring rows in live, and take them out again. None is the console."""
    return principal is None or principal.allows(kind.live_scope)


def names() -> list[str]:
    return sorted(_kinds)
