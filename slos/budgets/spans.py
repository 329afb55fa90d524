"""Joining many stretches of time with a table in one statement, whichever the database: the stretches travel as one
JSON parameter, so that no limit of parameters bounds them and the index of the table is used for each.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
from django.db import connection

# A row of the parameter: what it answers to, whose it is, the width of its buckets, [since, until).
Stretch = tuple[int, int, int, datetime, datetime]

POSTGRES = (
    "json_to_recordset(%s::json) AS k(mark bigint, owner bigint, width integer, since timestamptz, until timestamptz)"
)
SQLITE = (
    "(SELECT json_extract(value, '$.mark') AS mark, json_extract(value, '$.owner') AS owner, "
    "json_extract(value, '$.width') AS width, json_extract(value, '$.since') AS since, "
    "json_extract(value, '$.until') AS until FROM json_each(%s)) AS k"
)


def source() -> str:
    """The FROM item `k` (mark, owner, width, since, until)."""
    return POSTGRES if connection.vendor == "postgresql" else SQLITE


def parameter(stretches: Iterable[Stretch]) -> str:
    say = _postgres_text if connection.vendor == "postgresql" else sqlite_text
    rows = [
        {"mark": mark, "owner": owner, "width": width, "since": say(since), "until": say(until)}
        for mark, owner, width, since, until in stretches
    ]
    return msgspec.json.encode(rows).decode()


def fetch(statement: str, stretches: Sequence[Stretch]) -> list[tuple[Any, ...]]:
    """Run a SELECT with `{spans}` in it. Instants come as the database's driver gives them: see `instant`."""
    if not stretches:
        return []
    with connection.cursor() as cursor:
        cursor.execute(statement.replace("{spans}", source()), [parameter(stretches)])
        rows: list[tuple[Any, ...]] = cursor.fetchall()
        return rows


def execute(statement: str, stretches: Sequence[Stretch]) -> None:
    if stretches:
        with connection.cursor() as cursor:
            cursor.execute(statement.replace("{spans}", source()), [parameter(stretches)])


def instant(value: Any) -> Any:
    """A column of instants as read without the ORM: SQLite keeps text, and answers a declared column without zone."""
    if isinstance(value, str):
        value = datetime.fromisoformat(value)
    if isinstance(value, datetime) and value.tzinfo is None:
        return value.replace(tzinfo=UTC)
    return value


def _postgres_text(at: datetime) -> str:
    return at.isoformat()


def sqlite_text(at: datetime) -> str:
    """As Django writes it there; compared as text."""
    return str(at.astimezone(UTC).replace(tzinfo=None))
