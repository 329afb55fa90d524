"""Many rows in one statement. On PostgreSQL they travel as one JSON parameter, which no limit of parameters bounds and
which costs a fraction of the ORM's own bulk writing; SQLite writes the ORM's way."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import msgspec
from django.db import connection, models
from django.db.models import Field, Model


def insert(model: type[Model], rows: Sequence[Model]) -> None:
    """INSERT the rows; their keys, where the database makes them, are not read back. Raises IntegrityError."""
    if not rows:
        return
    if connection.vendor != "postgresql":
        model._default_manager.bulk_create(rows)
        return
    columns = _columns(model, None)
    names = ", ".join(f'"{column}"' for column, _, _ in columns)
    statement = f'INSERT INTO "{model._meta.db_table}" ({names}) SELECT {names} FROM {_recordset(columns)}'  # noqa: S608
    _execute(statement, columns, rows)


def update(model: type[Model], rows: Sequence[Model], names: Sequence[str]) -> None:
    """UPDATE these attributes (`owner_id`, not `owner`) of rows that stand locked; the key is `pk`."""
    if not rows:
        return
    if connection.vendor != "postgresql":
        fields = [field.name for field in model._meta.concrete_fields if field.attname in names]
        model._default_manager.bulk_update(rows, fields, batch_size=200)
        return
    columns = _columns(model, ("id", *names))
    setting = ", ".join(f'"{column}" = new."{column}"' for column, _, _ in columns if column != "id")
    table = model._meta.db_table
    statement = f'UPDATE "{table}" SET {setting} FROM {_recordset(columns)} WHERE "{table}"."id" = new."id"'  # noqa: S608
    _execute(statement, columns, rows)


Column = tuple[str, str, str]  # column, attribute, type


@lru_cache(maxsize=32)
def _columns(model: type[Model], names: tuple[str, ...] | None) -> list[Column]:
    fields: list[Field[Any, Any]] = [
        one
        for one in model._meta.concrete_fields
        if (names is None and not isinstance(one, models.AutoField)) or (names is not None and one.attname in names)
    ]
    return [(str(one.column), one.attname, one.db_type(connection) or "") for one in fields]


def _recordset(columns: Sequence[Column]) -> str:
    typed = ", ".join(f'"{column}" {kind}' for column, _, kind in columns)
    return f"json_to_recordset(%s::json) AS new ({typed})"


def _execute(statement: str, columns: Sequence[Column], rows: Sequence[Model]) -> None:
    body = [{column: getattr(row, name) for column, name, _ in columns} for row in rows]
    with connection.cursor() as cursor:
        cursor.execute(statement, [msgspec.json.encode(body).decode()])
