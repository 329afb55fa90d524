"""Cursor pages: {results, next, previous}. A cursor names the last row seen, so inserts and deletes shift nothing.

Rows are ordered by the asked columns, then by primary key; NULL sorts as the largest value on both databases.
"""

import base64
import binascii
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import F, Field, Model, Q, QuerySet
from django.db.models.expressions import OrderBy
from rest_framework.request import Request

from opsportal.api.errors import Malformed

MAX_LIMIT = 500
DEFAULT_LIMIT = 50
MAX_CURSOR_LENGTH = 2000


@dataclass(frozen=True, slots=True)
class Key:
    """One column of the order. `path` is an ORM path or an annotation."""

    path: str
    descending: bool
    field: Field[Any, Any]
    nullable: bool

    def order(self, *, reverse: bool) -> OrderBy:
        descending = self.descending != reverse
        largest: dict[str, Any] = {"nulls_first" if descending else "nulls_last": True} if self.nullable else {}
        return F(self.path).desc(**largest) if descending else F(self.path).asc(**largest)

    def beyond(self, value: Any, *, reverse: bool) -> Q:
        """Rows strictly after `value` in the direction of travel."""
        descending = self.descending != reverse
        if value is None:
            return Q(**{f"{self.path}__isnull": False}) if descending else Q(pk__in=[])
        if descending:
            return Q(**{f"{self.path}__lt": value})
        larger = Q(**{f"{self.path}__gt": value})
        return larger | Q(**{f"{self.path}__isnull": True}) if self.nullable else larger

    def same(self, value: Any) -> Q:
        return Q(**{f"{self.path}__isnull": True}) if value is None else Q(**{self.path: value})


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where a page starts: after `values` (one for each key), or before them when `reverse`."""

    order: str
    values: list[str | None]
    reverse: bool

    def encode(self) -> str:
        body = json.dumps([int(self.reverse), self.order, *self.values], separators=(",", ":"))
        return base64.urlsafe_b64encode(body.encode()).decode().rstrip("=")

    @classmethod
    def decode(cls, text: str) -> "Cursor":
        """Raises Malformed for anything that encode() did not make."""
        try:
            body = json.loads(base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True))
            reverse, order, *values = body
        except (ValueError, TypeError, binascii.Error, RecursionError):
            raise _bad_cursor() from None
        if reverse not in (0, 1) or not all(value is None or isinstance(value, str) for value in values):
            raise _bad_cursor()
        return cls(order=str(order), values=values, reverse=bool(reverse))


@dataclass(frozen=True, slots=True)
class Page:
    """The rows of one page with the addresses of its neighbours."""

    rows: list[Any]
    next: str | None
    previous: str | None


def paginate(queryset: QuerySet[Any], request: Request, *, keys: Sequence[Key], limit: int, cursor: str | None) -> Page:
    """One page of `queryset` in the order of `keys`, the last of which is unique. Costs one query."""
    order = ",".join(("-" if key.descending else "") + key.path for key in keys)
    here = _read_cursor(cursor, order, keys) if cursor else None
    reverse = here is not None and here.reverse
    if here is not None:
        queryset = queryset.filter(_after(keys, _values(keys, here.values), reverse=reverse))
    rows = list(queryset.order_by(*(key.order(reverse=reverse) for key in keys))[: limit + 1])
    more, rows = len(rows) > limit, rows[:limit]
    if reverse:
        rows.reverse()

    def link(row: Any, *, back: bool) -> str:
        return _address(request, Cursor(order, [_text(key, row) for key in keys], back).encode())

    return Page(
        rows=rows,
        next=link(rows[-1], back=False) if rows and (more or reverse) else None,
        previous=link(rows[0], back=True)
        if rows and ((more and reverse) or (here is not None and not reverse))
        else None,
    )


def _after(keys: Sequence[Key], values: Iterable[Any], *, reverse: bool) -> Q:
    """(a, b, c) beyond (x, y, z) as a > x or (a = x and (b > y or (b = y and c > z)))."""
    condition = Q()
    for key, value in reversed(list(zip(keys, values, strict=True))):
        beyond = key.beyond(value, reverse=reverse)
        condition = beyond | (key.same(value) & condition) if condition else beyond
    return condition


def _read_cursor(text: str, order: str, keys: Sequence[Key]) -> Cursor:
    cursor = Cursor.decode(text)
    if cursor.order != order or len(cursor.values) != len(keys):
        raise _bad_cursor()
    return cursor


def _values(keys: Sequence[Key], texts: Sequence[str | None]) -> list[Any]:
    if any(text is not None and "\x00" in text for text in texts):
        raise _bad_cursor()
    try:
        "".join(text or "" for text in texts).encode()
        return [None if text is None else key.field.to_python(text) for key, text in zip(keys, texts, strict=True)]
    except (ValidationError, ValueError, OverflowError):
        raise _bad_cursor() from None


def _text(key: Key, row: Model) -> str | None:
    value: Any = row
    for part in key.path.split("__"):
        value = getattr(value, part, None)
    if value is None:
        return None
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


def _address(request: Request, cursor: str) -> str:
    parameters = request.query_params.copy()
    parameters["cursor"] = cursor
    return request.build_absolute_uri(f"{request.path}?{parameters.urlencode()}")


def _bad_cursor() -> Malformed:
    return Malformed("bad_cursor", "This cursor does not belong to this list. Start again without it.", field="cursor")
