"""Writing buckets: old ones of some stretches go, new ones come. On PostgreSQL rows travel by COPY."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

import msgspec
from django.db import connection

from slos.budgets import spans
from slos.budgets.engine import RunCounts
from slos.budgets.engine.tallies import COUNTED, Causes
from slos.budgets.spans import Stretch
from slos.models import RunBucket, SliBucket

FORGET = (
    "DELETE FROM {table} WHERE id IN (SELECT b.id FROM {spans} JOIN {table} b "
    "ON b.{owner} = k.owner AND b.width = k.width AND b.start >= k.since AND b.start < k.until)"
)
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
    if connection.vendor != "postgresql":
        model.objects.bulk_create([model(**dict(zip(columns, row, strict=True))) for row in rows], batch_size=500)
        return
    with (
        connection.cursor() as cursor,
        cursor.copy(f"COPY {model._meta.db_table} ({', '.join(columns)}) FROM STDIN") as copy,
    ):
        for row in rows:
            copy.write_row([msgspec.json.encode(one).decode() if isinstance(one, dict) else one for one in row])
