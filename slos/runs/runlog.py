"""The rows of runs: found and locked by what they are called, entered, changed. On PostgreSQL rows travel by COPY;
SQLite has one writer and executemany. What reports add up to is the engine's.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
from django.db import connection, transaction
from psycopg.errors import UniqueViolation

from slos.models import DirtyMinute, Run
from slos.runs.engine import RUNNING, Kept, NewRun, Step

SLICE = 400  # run ids of one lookup on SQLite
PIECE = 1_000  # rows handed to the driver at once
FEW = 20

Key = tuple[int, str]  # automation's id, run_id


class Row(msgspec.Struct, frozen=True, gc=False):
    """A run with its place in the table."""

    id: int
    automation_id: int
    kept: Kept


def reserve_ids(count: int) -> Sequence[int]:
    with connection.cursor() as cursor:
        table = Run._meta.db_table
        if connection.vendor == "postgresql":
            cursor.execute(_RESERVE, [table, count])
            found: list[int] = cursor.fetchone()[0] or []
            return found
        cursor.execute("SELECT coalesce((SELECT seq FROM sqlite_sequence WHERE name = %s), 0)", [table])
        newest = cursor.fetchone()[0]
    return range(newest + 1, newest + 1 + count)  # the transaction holds the only write lock


def lock(keys: Sequence[Key]) -> dict[Key, Row]:
    """The rows of these runs, locked in one order for everybody, so that two senders wait instead of locking up."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(_LOCK, [msgspec.json.encode(keys).decode()])
            return {(values[1], values[2]): _row(values) for values in cursor.fetchall()}
    found: dict[Key, Row] = {}
    for automation in {automation for automation, _ in keys}:
        run_ids = [run_id for each, run_id in keys if each == automation]
        for at in range(0, len(run_ids), SLICE):
            rows = Run.objects.filter(automation=automation, run_id__in=run_ids[at : at + SLICE])
            found |= {(automation, values[2]): _row(values) for values in rows.values_list(*KEPT, *SAID)}
    return found


def insert(rows: Sequence[Row], now: datetime) -> list[Row]:
    """Enter runs; answers those that somebody else has entered meanwhile, who is waited for."""
    if connection.vendor != "postgresql":
        Run.objects.bulk_create([_instance(row, now) for row in rows])
        return []
    rows = sorted(rows, key=lambda row: (row.automation_id, row.kept.run.run_id))
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            _copy(cursor, _TABLE, rows, now)
        return []
    except UniqueViolation:
        pass
    with connection.cursor() as cursor:
        _stage(cursor, rows, now)
        cursor.execute(_INSERT)
        entered = {found for (found,) in cursor.fetchall()}
    return [row for row in rows if row.id not in entered]


def update(rows: Sequence[Row], now: datetime) -> None:
    """Bring locked runs to what is known of them now."""
    if connection.vendor != "postgresql":
        for row in rows:
            instance = _instance(row, now)
            Run.objects.filter(pk=row.id).update(**{name: getattr(instance, name) for name in CHANGING})
        return
    with connection.cursor() as cursor:
        _stage(cursor, rows, now)
        cursor.execute(_UPDATE)


def mark_dirty(ended: Iterable[tuple[int, datetime]]) -> None:
    """Tell the rollups in which minutes something changed, once for each automation and minute."""
    minutes = sorted({(automation, at.replace(second=0, microsecond=0)) for automation, at in ended})
    if connection.vendor != "postgresql" or len(minutes) <= FEW:
        DirtyMinute.objects.bulk_create([DirtyMinute(automation_id=one, minute=minute) for one, minute in minutes])
        return
    with connection.cursor() as cursor, cursor.copy("COPY slos_dirtyminute (automation_id, minute) FROM STDIN") as copy:
        copy.write("".join([f"{automation}\t{minute.isoformat()}\n" for automation, minute in minutes]))


# --- what a row says ---


def _row(values: Sequence[Any]) -> Row:
    """A row from the columns KEPT and SAID. A final run without a duration did not say when it began."""
    pk, automation, run_id, status, started_at, finished_at, duration_ms, occurred_at, body_hash, said, *rest = values
    run = NewRun(
        automation="",
        run_id=run_id,
        status=status,
        started_at=_utc(started_at) if status == RUNNING or duration_ms is not None else None,
        finished_at=_utc(finished_at),
        occurred_at=_utc(occurred_at),
        tags=_read(rest.pop(), dict),
        steps=_read(rest.pop(), list[Step]),
        **dict(zip(SAID, rest, strict=False)),
    )
    return Row(pk, automation, Kept(run, said, bytes(body_hash)))


def _utc(instant: datetime | None) -> datetime | None:
    return instant and instant.astimezone(UTC)


def _read(value: Any, shape: Any) -> Any:
    """JSON of a row: PostgreSQL's driver hands it on as text."""
    return msgspec.json.decode(value, type=shape) if isinstance(value, str) else msgspec.convert(value, shape)


KEPT = (
    "id", "automation_id", "run_id", "status", "started_at", "finished_at", "duration_ms", "occurred_at", "body_hash",
    "said",
)  # fmt: skip
SAID = (
    "correlation_id", "request_id", "payload_bytes", "error_type", "error_message", "attempt", "retries", "compensated",
    "interventions", "version", "environment", "trigger", "cost", "items_out", "steps", "tags",
)  # fmt: skip
CHANGING = (
    *SAID, "status", "started_at", "finished_at", "occurred_at", "duration_ms", "body_hash", "said", "updated_at"
)  # fmt: skip


def _instance(row: Row, now: datetime) -> Run:
    run = row.kept.run
    return Run(
        id=row.id,
        automation_id=row.automation_id,
        run_id=run.run_id,
        status=run.status,
        started_at=run.started_at or run.finished_at,  # type: ignore[misc]
        finished_at=run.finished_at,
        occurred_at=run.occurred_at,
        duration_ms=run.duration_ms,
        body_hash=row.kept.body_hash,
        said=row.kept.said,
        received_at=now,
        updated_at=now,
        **{name: getattr(run, name) for name in SAID}
        | {"tags": dict(run.tags), "steps": msgspec.to_builtins(run.steps)},
    )


# --- PostgreSQL ---

# What a row of COPY holds; `_values` gives it in this order.
COPIED = (
    "id", "automation_id", "run_id", "status", "started_at", "finished_at", "duration_ms", "body_hash",
    "received_at", "updated_at", "said", "occurred_at", *SAID,
)  # fmt: skip
COLUMNS = ", ".join(COPIED)
_TABLE = f"slos_run ({COLUMNS})"
_RESERVE = """
SELECT array_agg(nextval(sequence)) FROM pg_get_serial_sequence(%s, 'id') AS sequence, generate_series(1, %s)
"""
_LOCK = f"""
SELECT {", ".join(f"run.{name}" for name in (*KEPT, *SAID))}
FROM json_array_elements(%s::json) AS known (key)
JOIN slos_run AS run ON run.automation_id = (key->>0)::bigint AND run.run_id = key->>1
ORDER BY run.automation_id, run.run_id FOR UPDATE OF run
"""  # noqa: S608 - names of our own
# Made once for each connection; a transaction may hold several chunks. Emptied by TRUNCATE: what DELETE leaves dead in
# a temporary table no vacuum ever clears, and each chunk would read all of it again.
_STAGE = "CREATE TEMP TABLE IF NOT EXISTS said_run (LIKE slos_run); TRUNCATE said_run"
_INSERT = f"""
INSERT INTO slos_run ({COLUMNS}) SELECT {COLUMNS} FROM said_run ORDER BY automation_id, run_id
ON CONFLICT (automation_id, run_id) DO NOTHING RETURNING id
"""  # noqa: S608 - names of our own
_UPDATE = f"""
UPDATE slos_run AS run SET {", ".join(f"{name} = said_run.{name}" for name in CHANGING)}
FROM said_run WHERE run.id = said_run.id
"""  # noqa: S608 - names of our own
# A JSON array without its brackets is a line of CSV, once the escape character is JSON's; a module in C writes it.
_CSV = r"(FORMAT csv, NULL 'null', ESCAPE '\')"
# JSON escapes control characters as well; CSV takes them as they are. Most of them hardly anybody writes.
CONTROLS = [(msgspec.json.encode(one)[1:-1], one.encode()) for one in "\n\t\r\b\f"]
RARE = [(b"\\u%04x" % one, bytes([one])) for one in range(1, 32)]
ENCODER = msgspec.json.Encoder()


def _stage(cursor: Any, rows: Sequence[Row], now: datetime) -> None:
    cursor.execute(_STAGE)
    _copy(cursor, f"said_run ({COLUMNS})", rows, now)


def _copy(cursor: Any, target: str, rows: Sequence[Row], now: datetime) -> None:
    """COPY finished lines; the driver's own way would find out the type of each value anew."""
    now = now.astimezone(UTC)
    with cursor.copy(f"COPY {target} FROM STDIN {_CSV}") as copy:
        for at in range(0, len(rows), PIECE):
            copy.write(_lines([_values(row, now) for row in rows[at : at + PIECE]]))


def _values(row: Row, now: datetime) -> tuple[Any, ...]:
    """The values of COPIED. JSON stands in them as text."""
    run = row.kept.run
    return (
        row.id,
        row.automation_id,
        run.run_id,
        run.status,
        run.started_at or run.finished_at,
        run.finished_at,
        run.duration_ms,
        "\\x" + row.kept.body_hash.hex(),
        now,
        now,
        row.kept.said,
        run.occurred_at,
        run.correlation_id,
        run.request_id,
        run.payload_bytes,
        run.error_type,
        run.error_message,
        run.attempt,
        run.retries,
        run.compensated,
        run.interventions,
        run.version,
        run.environment,
        run.trigger,
        run.cost,
        run.items_out,
        ENCODER.encode(run.steps).decode() if run.steps else "[]",
        ENCODER.encode(run.tags).decode() if run.tags else "{}",
    )


def _lines(rows: Sequence[tuple[Any, ...]]) -> bytes:
    """Rows as lines of CSV, by way of JSON: inside its texts no newline stands as such."""
    lines = ENCODER.encode_lines(rows)[1:-2].replace(b"]\n[", b"\n") + b"\n"
    lines = lines.replace(rb"\\", b"\0")  # no text holds NUL; what a backslash stands before now is an escape
    for escape, character in CONTROLS + (RARE if rb"\u00" in lines else []):
        lines = lines.replace(escape, character)
    return lines.replace(b"\0", rb"\\")
