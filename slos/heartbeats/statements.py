"""The statements of a ping: on PostgreSQL one that updates and inserts at once, prepared; on SQLite one by one."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any
from uuid import UUID

import psycopg
from django.db import connection

# What is no instant. A prepared statement has to know the types of its values.
TYPES = {
    **dict.fromkeys(("status", "kind", "scheme", "method", "user_agent", "trace_id"), "text"),
    **dict.fromkeys(("from_status", "to_status", "reason"), "text"),
    **dict.fromkeys(("n", "items", "duration_ms", "last_duration_ms", "minute_count", "hour_count"), "bigint"),
    **dict.fromkeys(("id", "version"), "bigint"),
    "exit_status": "smallint",
    "rid": "uuid",
    "remote_address": "inet",
    "body": "bytea",
}
UPDATED = (
    "status",
    "last_duration_ms",
    "last_ping_at",
    "last_start_at",
    "due_at",
    "down_at",
    "unknown_since",
    "minute_at",
    "minute_count",
    "hour_at",
    "hour_count",
    "runaway_since",
)


@dataclass(frozen=True, slots=True)
class Shape:
    """An insert of one row that belongs to the heartbeat; without columns, the deletion of its runs."""

    table: str
    columns: tuple[str, ...] = ()
    ending: str = ""


Rows = list[tuple[Shape, list[Any]]]

PING = Shape(
    "slos_ping",
    (
        "n",
        "kind",
        "at",
        "rid",
        "exit_status",
        "duration_ms",
        "items",
        "scheme",
        "method",
        "user_agent",
        "remote_address",
        "body",
        "trace_id",
    ),
)
FLIP = Shape("slos_flip", ("at", "since", "from_status", "to_status", "reason"))
RUN = Shape(
    "slos_heartbeatrun",
    ("rid", "started_at", "deadline_at"),
    " ON CONFLICT (heartbeat_id, rid) DO UPDATE"
    " SET started_at = excluded.started_at, deadline_at = excluded.deadline_at",
)
CLOSE_ALL = Shape("slos_heartbeatrun")
CLOSE_ONE = Shape("slos_heartbeatrun", (), " AND rid = %s")


def is_postgres() -> bool:
    return connection.vendor == "postgresql"


def ask(sql: str, values: Sequence[Any]) -> list[Any]:
    """One round trip. PostgreSQL plans each shape of statement once a connection (prepared), which is most of what one
    would cost; not where a pooler hands out connections by transaction.
    """
    if not is_postgres():
        with connection.cursor() as cursor:
            cursor.execute(sql, [plain(value) for value in values])
            return list(cursor.fetchall())
    connection.ensure_connection()
    connection.validate_no_broken_transaction()
    prepare = not connection.settings_dict.get("DISABLE_SERVER_SIDE_CURSORS")
    with connection.wrap_database_errors, psycopg.Cursor(connection.connection) as cursor:
        cursor.execute(sql, values, prepare=prepare)
        return cursor.fetchall()


@contextmanager
def counted_trips() -> Iterator[list[int]]:
    """How often the server was waited for within: one entry each. PostgreSQL; for tests and benchmarks."""
    connection.ensure_connection()
    session, trips = connection.connection, list[int]()
    wait = session.wait

    def counting(*args: Any, **kwargs: Any) -> Any:
        trips.append(1)
        return wait(*args, **kwargs)

    session.wait = counting
    try:
        yield trips
    finally:
        del session.wait


def write(pk: int, values: list[Any], rows: Rows) -> bool:
    """Update the heartbeat, if its version is still the one in `values`, and write the rows; False when it is not.

    `values` are those of UPDATED, then the key and the version. SQLite: call it within a transaction.
    """
    if is_postgres():
        sql = _at_once(tuple(shape for shape, _ in rows))
        return bool(ask(sql, [*values, *(value for _, given in rows for value in given)])[0][0])
    with connection.cursor() as cursor:
        cursor.execute(_update(typed=False), [plain(value) for value in values])
        if cursor.rowcount != 1:
            return False
        for shape, given in rows:
            cursor.execute(_sql(shape, str(pk), "", typed=False), [plain(value) for value in given])
    return True


@lru_cache(maxsize=64)
def _at_once(shapes: tuple[Shape, ...]) -> str:
    """The rows are written only beside the heartbeat that was updated."""
    named = [f"part{i} AS ({_sql(shape, 'moved.id', ' FROM moved', typed=True)})" for i, shape in enumerate(shapes)]
    parts = ", ".join([f"moved AS ({_update(typed=True)} RETURNING id)", *named])
    return f"WITH {parts} SELECT count(*) FROM moved"  # noqa: S608


def _update(*, typed: bool) -> str:
    assignments = ", ".join(f"{name} = {_mark(name, typed=typed)}" for name in UPDATED)
    counted = "version = version + 1, ping_count = ping_count + 1"
    where = f"id = {_mark('id', typed=typed)} AND version = {_mark('version', typed=typed)}"
    return f"UPDATE slos_heartbeat SET {counted}, {assignments} WHERE {where}"  # noqa: S608 (names of ours)


def _sql(shape: Shape, owner: str, source: str, *, typed: bool) -> str:
    if not shape.columns:
        return f"DELETE FROM {shape.table} WHERE heartbeat_id IN (SELECT {owner}{source}){shape.ending}"  # noqa: S608
    marks = ", ".join(_mark(name, typed=typed) for name in shape.columns)
    into = f"INSERT INTO {shape.table} (heartbeat_id, {', '.join(shape.columns)})"
    # `WHERE true` tells SQLite that ON CONFLICT belongs to the insert.
    return f"{into} SELECT {owner}, {marks}{source} WHERE true{shape.ending}"


def _mark(column: str, *, typed: bool) -> str:
    return f"%s::{TYPES.get(column, 'timestamptz')}" if typed else "%s"


def plain(value: Any) -> Any:
    """A value as SQLite keeps it."""
    if isinstance(value, datetime):
        return connection.ops.adapt_datetimefield_value(value)
    return value.hex if isinstance(value, UUID) else value
