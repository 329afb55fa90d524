"""Joining many stretches of time with a table in one statement, whichever the database: the stretches travel as one
JSON parameter, so that no limit of parameters bounds them and the index of the table is used for each.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from functools import cache
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


# PostgreSQL takes every stretch for itself, by an index. Left to choose it guesses a hundred stretches, whatever there
# are, and reads a table from end to end that the next month makes twice as long.
POSTGRES_EACH = {"{spans}": POSTGRES, "{each}": "CROSS JOIN LATERAL (SELECT * FROM", "{where}": "WHERE",
                 "{end}": "OFFSET 0) AS b"}  # fmt: skip
SQLITE_EACH = {"{spans}": SQLITE, "{each}": "CROSS JOIN", "{where}": "ON", "{end}": ""}


def rows_in(table: str, condition: str) -> str:
    """FROM the stretches `k` (mark, owner, width, since, until) and the rows `b` of a table that fit each of them."""
    return f"FROM {{spans}} {{each}} {table} b {{where}} {condition} {{end}}"


def _written(statement: str) -> str:
    for name, text in (POSTGRES_EACH if connection.vendor == "postgresql" else SQLITE_EACH).items():
        statement = statement.replace(name, text)
    return statement


def parameter(stretches: Iterable[Stretch]) -> str:
    say = cache(_postgres_text if connection.vendor == "postgresql" else sqlite_text)  # many stretches begin alike
    rows = [
        {"mark": mark, "owner": owner, "width": width, "since": say(since), "until": say(until)}
        for mark, owner, width, since, until in stretches
    ]
    return msgspec.json.encode(rows).decode()


def fetch(statement: str, stretches: Sequence[Stretch], *more: Any) -> list[tuple[Any, ...]]:
    """Run a SELECT with `rows_in` in it; `more` are parameters behind the stretches. Instants come as the database's
    driver gives them: see `instant`.
    """
    if not stretches:
        return []
    with connection.cursor() as cursor:
        cursor.execute(_written(statement), [parameter(stretches), *more])
        rows: list[tuple[Any, ...]] = cursor.fetchall()
        return rows


def execute(statement: str, stretches: Sequence[Stretch]) -> None:
    if stretches:
        with connection.cursor() as cursor:
            cursor.execute(_written(statement), [parameter(stretches)])


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
