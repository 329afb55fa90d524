"""`manage.py benchmark runs`: runs through the front door, beside a bare COPY of the very same rows.

A server of its own (granian with two workers, as docs/operating.md starts it) on the same PostgreSQL takes NDJSON at
`runs/bulk/`: parsing, checks, identity, rows, marks for the rollups, answers. The other side is psycopg writing the
finished rows into the same indexed table and nothing else. Then two senders, half the rows each, at the same time.
Turn by turn; the medians count.
"""

from datetime import timedelta
from functools import partial
from statistics import median
from typing import Any, TextIO

import msgspec
from django.db import connection
from psycopg.types.json import Jsonb

from opsportal import clock
from opsportal.api.frontdoor import post_lines, server, timed, timed_together
from opsportal.audit.engine import Actor
from opsportal.catalog.operations import create_automation
from opsportal.identity.operations import create_token
from slos.models import Run

NAME = "runs"
ROWS, ROUNDS, AUTOMATIONS = 100_000, 5, 20
COLUMNS = tuple(str(one.column) for one in Run._meta.concrete_fields)
STEPS = [{"name": "fetch", "duration": 1.2}, {"name": "enrich", "duration": 4.1}, {"name": "assign", "duration": 0.4}]


def run(out: TextIO) -> None:
    """Print rows per second of both, the ratio, and rows per second of two senders at once."""
    if connection.vendor != "postgresql":
        out.write("This benchmark needs PostgreSQL.\n")
        return
    token = _prepared()
    taken, copied, shared, body = [], [], [], b""
    with server(workers=2) as port:
        for number in range(4):
            _post(port, token, _lines(f"warm-{number}", 5_000), "created")
        for number in range(ROUNDS):
            body = _lines(f"round-{number}", ROWS)
            taken.append(timed(partial(_post, port, token, body, "created")))
            copied.append(timed(partial(_copy, _rows_of(f"round-{number}"))))
            halves = [_lines(f"half-{number}-{sender}", ROWS // 2) for sender in range(2)]
            shared.append(timed_together([partial(_post, port, token, half, "created") for half in halves]))
        repeated = timed(partial(_post, port, token, body, "duplicate"))
        _post(port, token, _lines("story", ROWS, running=True), "created")
        ended = timed(partial(_post, port, token, _lines("story", ROWS), "updated"))
    out.write(
        f"{ROWS:,} runs of {len(body) // ROWS} bytes, {ROUNDS} rounds:\n"
        f"  over HTTP   {_rate(taken)}\n"
        f"  bare COPY   {_rate(copied)}\n"
        f"  ratio       {median(copied) / median(taken):>9.2f}\n"
        f"  two senders {_rate(shared)}\n"
        f"  repeated    {ROWS / repeated:>9,.0f} lines a second answer “duplicate”\n"
        f"  ends        {ROWS / ended:>9,.0f} lines a second end a run that was reported when it began\n"
    )


def _rate(seconds: list[float]) -> str:
    return f"{ROWS / median(seconds):>9,.0f} rows a second ({', '.join(f'{one:.2f}' for one in seconds)} s)"


# --- the front door ---


def _prepared() -> str:
    now, actor = clock.now(), Actor.system("benchmark")
    for number in range(AUTOMATIONS):
        create_automation(slug=f"automation-{number}", name=f"Automation {number}", actor=actor, now=now)
    return create_token(name="benchmark", scopes=["runs:write"], days=1, actor=actor, now=now)[1]


def _post(port: int, token: str, body: bytes, expected: str) -> None:
    counts = msgspec.json.decode(post_lines(port, token, "/api/v1/runs/bulk/", body))["counts"]
    if counts[expected] != (lines := body.count(b"\n")):
        raise RuntimeError(f"{counts} for {lines} lines")


def _lines(stem: str, count: int, *, running: bool = False) -> bytes:
    """Runs as an orchestrator would tell them; one in fifty failed."""
    start = clock.now() - timedelta(days=30)
    encode = msgspec.json.encode
    return b"".join(encode(_line(stem, number, start, running)) + b"\n" for number in range(count))


def _line(stem: str, number: int, start: Any, running: bool) -> dict[str, Any]:
    began = start + timedelta(seconds=number)
    line = {
        "automation": f"automation-{number % AUTOMATIONS}",
        "run_id": f"{stem}-{number:07}",
        "status": "running",
        "started_at": began,
        "correlation_id": f"{stem}-lead-{number:07}",
        "version": "v12",
        "environment": "production",
        "trigger": "event",
    }
    if running:
        return line
    end = {"status": "succeeded", "duration": 5.7 + number % 60, "payload_bytes": 2_048, "items_out": 1, "steps": STEPS}
    failed = {"status": "failed", "error_type": "RateLimit", "error_message": "429 Too Many Requests", "retries": 2}
    return line | end | (failed if number % 50 == 0 else {})


# --- the bare COPY ---


def _rows_of(stem: str) -> list[tuple[Any, ...]]:
    """What the round has written, under run ids of its own so that the indexes grow alike."""
    found = Run.objects.filter(run_id__startswith=f"{stem}-").order_by("id")
    return [
        tuple(_prefixed(name, value) for name, value in zip(COLUMNS[1:], row[1:], strict=True))
        for row in found.values_list(*COLUMNS)
    ]


def _prefixed(name: str, value: Any) -> Any:
    if name in ("tags", "steps"):
        return Jsonb(value)
    return f"copy-{value}" if name == "run_id" else value


def _copy(rows: list[tuple[Any, ...]]) -> None:
    names = ", ".join(COLUMNS[1:])
    with connection.cursor() as cursor, cursor.copy(f"COPY slos_run ({names}) FROM STDIN") as copy:
        for row in rows:
            copy.write_row(row)
