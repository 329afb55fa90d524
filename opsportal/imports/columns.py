"""Which column of a file is which field: guessed by the usual headings, said by a person or with --map."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from opsportal.errors import InvalidInput

LEFT_OUT, KEPT = "", "attribute"  # KEPT: an attribute under the column's own heading
NAMED = "attributes."  # and a name: an attribute under that


@dataclass(frozen=True, slots=True)
class Field:
    """Something a row may say. `synonyms` are headings it is known by, likeliest first; its name counts anyway."""

    name: str
    label: str
    synonyms: tuple[str, ...] = ()
    is_required: bool = False
    is_instant: bool = False


def guess(headings: Sequence[str], fields: Sequence[Field]) -> list[str]:
    """A field for each column; no field twice, and an exact name before every synonym."""
    plain = [_plain(heading) for heading in headings]
    mapping = [LEFT_OUT] * len(headings)
    for field in fields:
        names = [_plain(name) for name in (field.name, *field.synonyms)]
        free = [(names.index(one), at) for at, one in enumerate(plain) if one in names and not mapping[at]]
        if free:
            mapping[min(free)[1]] = field.name
    return mapping


def apply_said(mapping: Sequence[str], headings: Sequence[str], said: Mapping[str, str]) -> list[str]:
    """The mapping with what `--map COLUMN=FIELD` said; a field taken away from another column leaves that one out."""
    found = list(mapping)
    for heading, name in said.items():
        places = [at for at, one in enumerate(headings) if one == heading]
        if not places:
            raise InvalidInput("unknown_column", f"There is no column “{heading[:60]}”.", field="map")
        for at, other in enumerate(found):
            if name not in (LEFT_OUT, KEPT) and other == name:
                found[at] = LEFT_OUT
        found[places[0]] = name
    return found


def check(mapping: Sequence[str], headings: Sequence[str], fields: Sequence[Field], *, keeps_extras: bool) -> None:
    """Raises InvalidInput for a field that is none, that stands twice, or that is needed and nowhere."""
    known = {field.name for field in fields} | {LEFT_OUT} | ({KEPT} if keeps_extras else set())
    seen: dict[str, str] = {}
    for heading, name in zip(headings, mapping, strict=True):
        if name not in known and not (keeps_extras and name.startswith(NAMED) and name != NAMED):
            raise InvalidInput("unknown_field", f"There is no field “{name[:60]}”.", field="map")
        if name not in (LEFT_OUT, KEPT) and name in seen:
            text = f"“{seen[name]}” and “{heading}” cannot both be read as {name}."
            raise InvalidInput("field_twice", text, field="map")
        seen[name] = heading
    for field in fields:
        if field.is_required and field.name not in seen:
            raise InvalidInput("field_missing", f"No column is read as “{field.label}”. Choose one.", field="map")


def _plain(heading: str) -> str:
    """How headings are compared: case, underscores and punctuation do not count."""
    return " ".join(re.sub(r"[^a-z0-9]+", " ", heading.casefold()).split())
