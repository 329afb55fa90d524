"""The rooms and their order, read from import-linter's contract in pyproject.toml: there is no second list."""

import re
import tomllib
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]


class Room(NamedTuple):
    """`name` is the dotted module; a higher `floor` may know a lower; `shares`: siblings may know each other."""

    name: str
    floor: int
    shares: bool
    optional: bool


def read_rooms(contract: dict[str, list[str]]) -> dict[str, Room]:
    """{name: Room} from the `layers` of one import-linter contract, listed from top to bottom."""
    floors = list(enumerate(reversed(contract["layers"])))
    rooms = [
        Room(name.strip("() "), floor, ":" in line, "(" in name)
        for floor, line in floors
        for name in re.split("[|:]", line)
    ]
    return {room.name: room for room in rooms}


def contract() -> dict[str, list[str]]:
    pyproject = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    found: dict[str, list[str]] = pyproject["tool"]["importlinter"]["contracts"][0]
    return found


ROOMS = read_rooms(contract())


def room_of(module: str, rooms: dict[str, Room] = ROOMS) -> Room | None:
    """The room a dotted module stands in; None for libraries and for `opsportal` itself."""
    parts = module.split(".")
    names = [".".join(parts[:length]) for length in range(len(parts), 0, -1)]
    return next((rooms[name] for name in names if name in rooms), None)


def is_arrow_allowed(knows: str, known: str, rooms: dict[str, Room] = ROOMS) -> bool:
    """May module `knows` point at module `known`? Libraries may be known by everyone."""
    upper, lower = room_of(knows, rooms), room_of(known, rooms)
    if upper is None or lower is None or upper == lower:
        return True
    return upper.floor > lower.floor or (upper.floor == lower.floor and upper.shares)
