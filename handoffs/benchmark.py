"""`manage.py benchmark sweep`: the sweep on PostgreSQL with a million open handoffs of which five thousand are due.

Printed are the plan of the claim, what the sweep handles a second, and the ratio to an executemany that writes the very
same values into the same tables. Both are measured in transactions that are rolled back, turn by turn.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median
from typing import Any, TextIO

from django.db import connection, transaction
from psycopg.types.json import Jsonb

from handoffs import operations, sweep
from handoffs.models import Handoff, Rule
from handoffs.operations import NewHandoff, Terms
from opsportal import clock, ids
from opsportal.audit.engine import Actor
from opsportal.calendars.models import Calendar
from opsportal.identity.models import Person
from opsportal.identity.operations import create_person

NAME = "sweep"
OPEN, DUE, ROUNDS, SLA = 1_000_000, 5_000, 3, 30
BENCHMARK = Actor.system("benchmark")
# What the sweep writes, parents first, and the column that tells rows written since.
TABLES = {
    "handoffs_stagefiring": "id",
    "handoffs_fact": "id",
    "audit_entry": "id",
    "audit_detail": "entry_id",
    "notify_message": "created_at",
    "notify_delivery": "id",
}


@dataclass(slots=True)
class Cast:
    """Whom and what the records of the benchmark name."""

    rule: Rule
    owner: Person
    backup: Person


@dataclass(slots=True)
class Table:
    """The rows one sweep wrote into one table."""

    name: str
    columns: list[str]
    rows: list[tuple[Any, ...]]


def run(out: TextIO) -> None:
    """Print the plan, then two stages: alerting the owners of 5,000 records, and moving 5,000 to their backups."""
    if connection.vendor != "postgresql":
        out.write("This benchmark needs PostgreSQL.\n")
        return
    now = clock.database_now().replace(microsecond=0)
    cast = _make_cast(now)
    seconds = _time_of(lambda: _copy(_template(cast, now, 100), OPEN, apart="1 second"))
    out.write(f"{OPEN:,} open handoffs were written in {seconds:.0f} s.\n")
    for percent, what in ((100, "alert the owner"), (200, "mark as breached, reassign, tell both")):
        with _rolled_back():
            _copy(_template(cast, now, percent), DUE, apart="0 seconds")
            _ask("ANALYZE handoffs_handoff")
            if percent == 100:
                out.write(f"\n{_plan_of_claim(now)}\n")
            out.write(f"\nAt {percent}% ({what}): {_measure(now)}\n")


def _measure(now: datetime) -> str:
    tables, moved = _what_a_sweep_writes(now)
    rounds = [
        (_timed_apart(lambda: _sweep(now)), _timed_apart(lambda: _executemany(tables, moved))) for _ in range(ROUNDS)
    ]
    swept, written = median(one for one, _ in rounds), median(two for _, two in rounds)
    row_count = sum(len(table.rows) for table in tables)
    return (
        f"{DUE:,} due handoffs are swept in {swept:.2f} s, {DUE / swept:,.0f} a second, as {row_count:,} new rows and "
        f"{len(moved):,} updates. An executemany of the same values takes {written:.2f} s; ratio {swept / written:.2f}."
    )


def _sweep(now: datetime) -> None:
    fired = sum(sweep.sweep_batch(now).fired for _ in range(DUE // sweep.BATCH))
    if fired != DUE:
        raise RuntimeError(f"{fired} of {DUE} stages fired.")


# --- what is there before ---


def _make_cast(now: datetime) -> Cast:
    stem = f"bench-{ids.new_id().hex[-8:]}"

    def person(role: str, **fields: Any) -> Person:
        name = f"{stem}-{role}"
        return create_person(
            username=name, name=role.title(), email=f"{name}@example.org", actor=BENCHMARK, now=now, **fields
        )

    manager = person("manager")
    said: Any = dict.fromkeys(("trigger", "target", "timer", "trace", "consequence"), "For the benchmark.")
    terms = Terms(calendar=Calendar.objects.get(slug="24x7"), sla_minutes=SLA, **said)
    rule = operations.create_rule(slug=stem, name="Benchmark", terms=terms, actor=BENCHMARK, now=now)
    rule = operations.activate_rule(rule, acknowledge=True, reason="benchmark", actor=BENCHMARK, now=now)
    return Cast(rule, person("owner", manager=manager), person("backup", manager=manager))


def _template(cast: Cast, now: datetime, percent: int) -> Handoff:
    """A handoff that has just reached `percent` of its timer, with everything before that fired."""
    started_at = now - timedelta(minutes=SLA * percent // 100)
    new = NewHandoff(
        rule=cast.rule,
        subject="Lead of the benchmark",
        external_ref=ids.new_id().hex,
        owner=cast.owner,
        backup_owner=cast.backup,
        started_at=started_at,
        channel="web",
    )
    handoff = operations.create_handoff(new=new, actor=BENCHMARK, now=started_at).handoff
    Handoff.objects.filter(pk=handoff.pk).update(fired_percent=percent - 100, next_fire_at=now)
    return handoff


def _copy(template: Handoff, count: int, *, apart: str) -> None:
    """`count` rows like the template, due `apart` from each other; the template itself is due no more."""
    special = {
        "id": "gen_random_uuid()",
        "external_ref": "external_ref || '-' || n",
        "next_fire_at": f"next_fire_at + n * interval '{apart}'",
    }
    columns = [str(one.column) for one in Handoff._meta.concrete_fields]
    values = ", ".join(special.get(column, column) for column in columns)
    source = "handoffs_handoff, generate_series(1, %s) AS n WHERE id = %s"
    _ask("SET statement_timeout = 0")
    _ask(f"INSERT INTO handoffs_handoff ({', '.join(columns)}) SELECT {values} FROM {source}", count, template.pk)  # noqa: S608
    Handoff.objects.filter(pk=template.pk).update(next_fire_at=None)


def _plan_of_claim(now: datetime) -> str:
    due = Handoff.objects.due(now).select_for_update(skip_locked=True)[: sweep.BATCH]
    statement, parameters = due.query.sql_with_params()
    lines = _ask(f"EXPLAIN (ANALYZE, BUFFERS, TIMING OFF, SUMMARY OFF) {statement}", *parameters)
    return "\n".join(line for (line,) in lines)


# --- the same values again ---


def _what_a_sweep_writes(now: datetime) -> tuple[list[Table], list[tuple[Any, ...]]]:
    """The new rows of each table and the moved columns of each handoff, read back from a sweep that is taken back."""
    marks = {name: _ask(f"SELECT max({key}) FROM {name}")[0][0] for name, key in TABLES.items()}  # noqa: S608
    with _rolled_back():
        _sweep(now)
        tables = [_rows_since(name, key, marks[name]) for name, key in TABLES.items()]
        moved = Handoff.objects.filter(firings__fired_at=now).values_list(*sweep.MOVED, "pk")
        return tables, [tuple(_adapted(value) for value in row) for row in moved]


def _rows_since(name: str, key: str, mark: Any) -> Table:
    condition, parameters = (f"WHERE {key} > %s", [mark]) if mark is not None else ("", [])
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT * FROM {name} {condition} ORDER BY {key}", parameters)  # noqa: S608
        columns = [column.name for column in cursor.description]
        return Table(name, columns, [tuple(_adapted(value) for value in row) for row in cursor.fetchall()])


def _adapted(value: Any) -> Any:
    return Jsonb(value) if isinstance(value, dict | list) else value


def _executemany(tables: list[Table], moved: list[tuple[Any, ...]]) -> None:
    with connection.cursor() as cursor:
        for table in tables:
            places = ", ".join(["%s"] * len(table.columns))
            names = ", ".join(table.columns)
            statement = f"INSERT INTO {table.name} ({names}) OVERRIDING SYSTEM VALUE VALUES ({places})"  # noqa: S608
            cursor.executemany(statement, table.rows)
        setting = ", ".join(f"{name} = %s" for name in sweep.MOVED)
        cursor.executemany(f"UPDATE handoffs_handoff SET {setting} WHERE id = %s", moved)  # noqa: S608


# --- measuring ---


@contextmanager
def _rolled_back() -> Iterator[None]:
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


def _timed_apart(work: Callable[[], None]) -> float:
    with _rolled_back():
        return _time_of(work)


def _time_of(work: Callable[[], None]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _ask(statement: str, *parameters: Any) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters or None)
        return cursor.fetchall() if cursor.description else []
