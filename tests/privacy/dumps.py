"""Everything a database holds, column by column: no model is asked, so no column can be forgotten."""

import base64
import binascii
import re
import zlib
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from django.db import connection


def places_with(marker: str) -> set[str]:
    """The `table.column`s of which some value holds the marker, however it is packed."""
    wanted = marker.lower().encode()
    return {place for place, value in _values() if any(wanted in form.lower() for form in _forms(value))}


def _values() -> Iterator[tuple[str, Any]]:
    quote = connection.ops.quote_name
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            names = [column.name for column in connection.introspection.get_table_description(cursor, table)]
            cursor.execute(f"SELECT * FROM {quote(table)}")
            for row in cursor.fetchall():
                yield from ((f"{table}.{name}", value) for name, value in zip(names, row, strict=True))


def _forms(value: Any) -> list[bytes]:
    """A value as its bytes, and what they hold if they are deflated or in base64."""
    raw = bytes(value) if isinstance(value, (bytes, memoryview)) else str(value).encode("utf-8", "surrogatepass")
    forms = [raw, _unescaped(raw)]
    with suppress(zlib.error):
        forms.append(zlib.decompress(raw))
    with suppress(binascii.Error, ValueError):
        forms.append(base64.b64decode(raw, validate=True))
    return forms


def _unescaped(raw: bytes) -> bytes:
    """JSON on SQLite keeps letters beyond ASCII as escapes."""
    return re.sub(rb"\\u([0-9a-f]{4})", lambda found: chr(int(found[1], 16)).encode("utf-8", "replace"), raw)
