"""A declared field map over a JSON payload: set, rename, remove, copy. Pure: the same body gives the same bytes.

A field is named by its path, `lead.email` or as a JSON Pointer (RFC 6901), `/lead/email`; a number is a place in a
list. Amounts keep their digits: numbers are never turned into floating point.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import msgspec

from opsportal.errors import InvalidInput

OPERATIONS = ("set", "rename", "remove", "copy")
MOST_STEPS, MOST_PATH, MOST_VALUE, MOST_BYTES = 50, 200, 4_000, 200_000
NOT_JSON, NO_FIELD, TOO_LONG = "not_json", "no_field", "too_long"
_encoder = msgspec.json.Encoder(decimal_format="number")
_MISSING = object()


class Untransformable(Exception):
    """This body cannot be transformed: `code` says why."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True, slots=True)
class Step:
    """One operation. `to` is where rename and copy write, `value` what set writes."""

    op: str
    field: tuple[str, ...]
    to: tuple[str, ...] = ()
    value: Any = None


def read_steps(raw: object) -> list[Step]:
    """The steps as the API writes them. Raises InvalidInput at `transform`."""
    if not isinstance(raw, list) or len(raw) > MOST_STEPS:
        raise _refused(f"A transformation is a list of at most {MOST_STEPS} steps.")
    return [_step(one) for one in raw]


def _step(raw: object) -> Step:
    if not isinstance(raw, dict) or raw.get("op") not in OPERATIONS:
        raise _refused(f"Each step names its op: {', '.join(OPERATIONS)}.")
    op, wanted = raw["op"], {"op", "field", *_EXTRA[raw["op"]]}
    if set(raw) != wanted:
        raise _refused(f"“{op}” takes {', '.join(sorted(wanted - {'op'}))}.")
    if op == "set" and len(msgspec.json.encode(raw["value"])) > MOST_VALUE:
        raise _refused(f"A value has at most {MOST_VALUE:,} characters.")
    return Step(op, _path(raw["field"]), _path(raw["to"]) if "to" in raw else (), raw.get("value"))


_EXTRA: Mapping[str, tuple[str, ...]] = {"set": ("value",), "rename": ("to",), "copy": ("to",), "remove": ()}


def _path(raw: object) -> tuple[str, ...]:
    if not isinstance(raw, str) or not raw.strip("/.") or len(raw) > MOST_PATH:
        raise _refused("A field is named by its path, such as lead.email.")
    if raw.startswith("/"):
        return tuple(part.replace("~1", "/").replace("~0", "~") for part in raw[1:].split("/"))
    parts = tuple(raw.split("."))
    if not all(parts):
        raise _refused("A field is named by its path, such as lead.email.")
    return parts


def _refused(sentence: str) -> InvalidInput:
    return InvalidInput("transform", sentence, field="transform")


def apply(steps: Sequence[Step], body: bytes) -> bytes:
    """The body after all steps. Raises Untransformable."""
    try:
        value = _Root(read_body(body))
    except (ValueError, RecursionError):
        raise Untransformable(NOT_JSON) from None
    for step in steps:
        _APPLY[step.op](value, step)
    try:
        made = _encoder.encode(value.inner)
    except (OverflowError, ValueError):
        raise Untransformable(NOT_JSON) from None
    if len(made) > MOST_BYTES:
        raise Untransformable(TOO_LONG)
    return made


def read_body(body: bytes) -> Any:
    """A JSON value whose fractions are decimals; ValueError for anything else, NaN included."""
    return json.loads(body, parse_float=Decimal, parse_constant=_no_constant)


def _no_constant(name: str) -> Any:
    raise ValueError(name)


class _Root:
    """Holds the value, so that what stands at the top can be reached like any other."""

    def __init__(self, inner: Any) -> None:
        self.inner = inner

    def parent(self, path: tuple[str, ...], *, make: bool) -> Any:
        """What holds the last part of the path; objects on the way are made where they are wanted."""
        here = self.inner
        for part in path[:-1]:
            below = _get(here, part)
            if below is _MISSING:
                if not make or not isinstance(here, dict):
                    raise Untransformable(NO_FIELD)
                below = here[part] = {}
            here = below
        if not isinstance(here, dict | list):
            raise Untransformable(NO_FIELD)
        return here


def _get(holder: Any, part: str) -> Any:
    if isinstance(holder, dict):
        return holder.get(part, _MISSING)
    if isinstance(holder, list) and part.isascii() and part.isdecimal() and len(part) < 9 and int(part) < len(holder):
        return holder[int(part)]
    return _MISSING


def _read(root: _Root, path: tuple[str, ...]) -> Any:
    found = _get(root.parent(path, make=False), path[-1])
    if found is _MISSING:
        raise Untransformable(NO_FIELD)
    return found


def _write(root: _Root, path: tuple[str, ...], value: Any) -> None:
    holder = root.parent(path, make=True)
    if isinstance(holder, dict):
        holder[path[-1]] = value
    elif _get(holder, path[-1]) is _MISSING:
        raise Untransformable(NO_FIELD)
    else:
        holder[int(path[-1])] = value


def _drop(root: _Root, path: tuple[str, ...]) -> None:
    holder = root.parent(path, make=False)
    if _get(holder, path[-1]) is _MISSING:
        raise Untransformable(NO_FIELD)
    del holder[path[-1] if isinstance(holder, dict) else int(path[-1])]


def _set(root: _Root, step: Step) -> None:
    _write(root, step.field, step.value)


def _rename(root: _Root, step: Step) -> None:
    value = _read(root, step.field)
    _drop(root, step.field)
    _write(root, step.to, value)


def _copy(root: _Root, step: Step) -> None:
    # By way of its text: what is copied must not change with the original.
    _write(root, step.to, read_body(_encoder.encode(_read(root, step.field))))


def _remove(root: _Root, step: Step) -> None:
    """What is not there is gone already."""
    try:
        _drop(root, step.field)
    except Untransformable:
        return


_APPLY: Mapping[str, Callable[[_Root, Step], None]] = {
    "set": _set,
    "rename": _rename,
    "copy": _copy,
    "remove": _remove,
}


@dataclass(frozen=True, slots=True)
class Change:
    """One field that differs. `before` or `after` is None where there was, or will be, none."""

    path: str
    before: str | None
    after: str | None


def changes(before: Any, after: Any, path: str = "") -> Iterator[Change]:
    """What differs between two JSON values, field by field, in the order of their names."""
    if isinstance(before, dict) and isinstance(after, dict):
        for name in sorted({*before, *after}):
            inner = f"{path}.{name}" if path else name
            yield from changes(before.get(name, _MISSING), after.get(name, _MISSING), inner)
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for number, (old, new) in enumerate(zip(before, after, strict=True)):
            yield from changes(old, new, f"{path}.{number}" if path else str(number))
    elif before is _MISSING or after is _MISSING or _text(before) != _text(after):
        yield Change(path or "the whole", _text(before), _text(after))


def _text(value: Any) -> str | None:
    return None if value is _MISSING else str(_encoder.encode(value), "utf-8")
