"""The rooms that keep something of a data subject. Each registers here how it finds and erases it, and what it keeps.

Whatever text no room speaks of is searched and cleared all the same (opsportal.privacy): a new column needs no entry
here to be covered, only to be left out.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from opsportal.audit.engine import Actor
from opsportal.audit.mentions import Mentions

INSIDE = "A longer word contains it: look whether it means them."
MOST_NAMED = 20
Record = tuple[str, str]  # type and id, as the trail names its subjects


@dataclass(frozen=True, slots=True)
class Found:
    """What a room knows a person by: records of theirs, names that stand on them, and what a legal hold keeps.

    `held` is the case by record; `spared` are the rows of a table that a hold keeps as they are.
    """

    records: frozenset[Record] = frozenset()
    names: frozenset[str] = frozenset()
    held: Mapping[Record, str] = field(default_factory=dict)
    spared: Mapping[str, frozenset[Any]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Sought:
    """Whom an erasure is about: the keys of the request, and what every room found by them."""

    keys: tuple[str, ...]
    found: Found
    mentions: Mentions

    def ids_of(self, kind: str) -> list[str]:
        """The ids of their records of one type."""
        return sorted(key for type_, key in self.found.records if type_ == kind)

    def all_ids(self) -> list[str]:
        return sorted(key for _, key in self.found.records)


@dataclass(frozen=True, slots=True)
class Erased:
    """What a room erased, by what it is, and what it kept: the reason by record."""

    counts: dict[str, int]
    kept: dict[str, str] = field(default_factory=dict)


class Kept:
    """What a search left, by place and reason: the first rows by their ids, the others counted."""

    def __init__(self) -> None:
        self._rows: dict[tuple[str, str], list[str]] = {}
        self._more: dict[tuple[str, str], int] = {}

    def note(self, place: str, pk: object, because: str) -> None:
        rows = self._rows.setdefault((place, because), [])
        if len(rows) < MOST_NAMED:
            rows.append(str(pk))
        else:
            self._more[place, because] = self._more.get((place, because), 0) + 1

    def said(self) -> dict[str, str]:
        named = {f"{place} {pk}": why for (place, why), rows in self._rows.items() for pk in rows}
        return named | {f"{place}: {count} more": why for (place, why), count in self._more.items()}


Finder = Callable[[Sequence[str]], Found]
# Takes whom it is about, who asks and the instant; in the caller's transaction. With `is_look` it only says what it
# would erase.
Eraser = Callable[..., Erased]


@dataclass(frozen=True, slots=True)
class _Room:
    erase: Eraser
    find: Finder | None
    order: int


_rooms: dict[str, _Room] = {}
_named: dict[str, str] = {}
_passed: dict[str, str] = {}


def register(name: str, eraser: Eraser, *, find: Finder | None = None, order: int = 50) -> None:
    """Join, from AppConfig.ready. Rooms erase by `order`: what still writes messages comes before who keeps them."""
    _rooms[name] = _Room(eraser, find, order)


def leave_to_people(*places: str, because: str) -> None:
    """Tables or `table.column`s that are searched and named in the certificate, but changed by people alone."""
    _named.update(dict.fromkeys(places, because))


def pass_over(*places: str, because: str) -> None:
    """Tables or `table.column`s that are not searched: they cannot hold such words, or a room erases them itself."""
    _passed.update(dict.fromkeys(places, because))


def left_to_people() -> dict[str, str]:
    return dict(_named)


def passed_over() -> dict[str, str]:
    return dict(_passed)


def seek(keys: Sequence[str]) -> Sought:
    """Ask every room what it knows of these keys."""
    several = [room.find(keys) for room in _rooms.values() if room.find is not None]
    spared: dict[str, frozenset[Any]] = {}
    for table, rows in (pair for one in several for pair in one.spared.items()):
        spared[table] = spared.get(table, frozenset()) | rows
    found = Found(
        frozenset().union(*(one.records for one in several)),
        frozenset().union(*(one.names for one in several)) - set(keys),
        {record: case for one in several for record, case in one.held.items()},
        spared,
    )
    return Sought(tuple(keys), found, Mentions(keys))


def erase_all(sought: Sought, *, is_look: bool, actor: Actor, now: datetime) -> dict[str, Erased]:
    """What every room erased, or would; by room."""
    rooms = sorted(_rooms.items(), key=lambda pair: (pair[1].order, pair[0]))
    return {name: room.erase(sought, is_look=is_look, actor=actor, now=now) for name, room in rooms}
