"""Writing buckets: old ones of some stretches go, new ones come. On PostgreSQL rows travel by COPY."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

import msgspec
from django.db import connection

from slos.budgets import spans
from slos.budgets.engine import RunCounts
from slos.budgets.engine.tallies import COUNTED, Causes
from slos.budgets.spans import Stretch
from slos.models import RunBucket, SliBucket

MINE = "b.{owner} = k.owner AND b.width = k.width AND b.start >= k.since AND b.start < k.until"
FORGET = f"DELETE FROM {{table}} WHERE id IN (SELECT b.id {spans.rows_in('{table}', MINE)})"  # noqa: S608
RUN_COLUMNS = ("automation_id", "width", "start", *COUNTED, "cost", "durations", "errors", "versions")
SLI_COLUMNS = ("slo_id", "width", "start", "valid", "bad", "causes")

RunKey = tuple[int, int, datetime]  # automation, width, start
SliKey = tuple[int, int, datetime]  # SLO, width, start
Spent = tuple[int, int, Causes]  # valid, bad, causes


def replace_runs(stretches: Sequence[Stretch], rows: Iterable[tuple[RunKey, RunCounts]]) -> None:
    """Buckets of runs that begin in these stretches (of automations, by width) become these."""
    _forget(RunBucket, "automation_id", stretches)
    _insert(
        RunBucket,
        RUN_COLUMNS,
        (
            (*key, *(getattr(one, name) for name in COUNTED), one.cost, one.durations, one.errors, one.versions)
            for key, one in rows
        ),
    )


def replace_events(stretches: Sequence[Stretch], rows: Iterable[tuple[SliKey, Spent]]) -> None:
    """The same of SLIs (stretches of SLOs)."""
    _forget(SliBucket, "slo_id", stretches)
    _insert(SliBucket, SLI_COLUMNS, ((*key, *spent) for key, spent in rows))


def _forget(model: Any, owner: str, stretches: Sequence[Stretch]) -> None:
    statement = FORGET.replace("{table}", model._meta.db_table).replace("{owner}", owner)
    spans.execute(statement, stretches)


def _insert(model: Any, columns: Sequence[str], rows: Iterable[tuple[Any, ...]]) -> None:
    """Written without the ORM, which takes ten times as long for rows of so many columns."""
    table, names = model._meta.db_table, ", ".join(columns)
    with connection.cursor() as cursor:
        if connection.vendor != "postgresql":
            places = ", ".join(["%s"] * len(columns))
            cursor.executemany(
                f"INSERT INTO {table} ({names}) VALUES ({places})",  # noqa: S608
                [[_sqlite_value(one) for one in row] for row in rows],
            )
            return
        with cursor.copy(f"COPY {table} ({names}) FROM STDIN") as copy:
            for row in rows:
                copy.write_row([_json(one) if isinstance(one, dict) else one for one in row])


def _json(value: dict[str, Any]) -> str:
    return msgspec.json.encode(value).decode()


def _sqlite_value(value: Any) -> Any:
    if isinstance(value, dict):
        return _json(value)
    if isinstance(value, datetime):
        return spans.sqlite_text(value)
    return str(value) if isinstance(value, Decimal) else value
