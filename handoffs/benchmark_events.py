"""`manage.py benchmark events`: events through the front door, beside a bare COPY of the very same rows.

A server of its own (granian, as in production) on the same PostgreSQL takes NDJSON at `events/bulk/`: parsing, checks,
identity, rows, answers. The other side is psycopg writing the finished rows into the same indexed table and nothing
else. Turn by turn; the medians count.
"""

from datetime import timedelta
from statistics import median
from typing import Any, TextIO

import msgspec
from django.db import connection
from psycopg.types.json import Jsonb

from handoffs.models import CaseEvent
from opsportal import clock
from opsportal.api.frontdoor import post_lines, server, timed
from opsportal.audit.engine import Actor
from opsportal.identity.operations import create_token

NAME = "events"
ROWS, ROUNDS = 100_000, 5
COLUMNS = tuple(str(one.column) for one in CaseEvent._meta.concrete_fields)
ATTRIBUTES = {"campaign": "autumn", "score": 71, "qualified": True}


def run(out: TextIO) -> None:
    """Print rows per second of both, and the ratio."""
    if connection.vendor != "postgresql":
        out.write("This benchmark needs PostgreSQL.\n")
        return
    token = _token()
    taken, copied, repeated = [], [], []
    with server() as port:
        body = _lines("warm", 5_000)
        _post(port, token, body)
        for number in range(ROUNDS):
            body = _lines(f"round-{number}", ROWS)
            taken.append(timed(lambda: _post(port, token, body)))  # noqa: B023 - called at once
            rows = _rows_of(f"round-{number}")
            copied.append(timed(lambda: _copy(rows)))  # noqa: B023
            if number == 0:
                repeated.append(timed(lambda: _post(port, token, body, "duplicate")))  # noqa: B023
    here, bare = ROWS / median(taken), ROWS / median(copied)
    out.write(
        f"{ROWS:,} events of {len(body) // ROWS} bytes in one request, {ROUNDS} rounds, one connection:\n"
        f"  over HTTP   {here:>9,.0f} rows a second ({', '.join(f'{one:.2f}' for one in taken)} s)\n"
        f"  bare COPY   {bare:>9,.0f} rows a second ({', '.join(f'{one:.2f}' for one in copied)} s)\n"
        f"  ratio       {here / bare:>9.2f}\n"
        f"  repeated    {ROWS / repeated[0]:>9,.0f} lines a second answer “duplicate”\n"
    )


# --- the front door ---


def _post(port: int, token: str, body: bytes, expected: str = "created") -> None:
    text = post_lines(port, token, "/api/v1/events/bulk/", body)
    counts = msgspec.json.decode(text, type=_Answer).counts
    if counts[expected] != body.count(b"\n"):
        raise RuntimeError(f"{counts}, where all should be {expected}")


class _Answer(msgspec.Struct):
    """The part of the answer that is looked at: reading the rest would be counted as the server's time."""

    counts: dict[str, int]


def _token() -> str:
    now, actor = clock.now(), Actor.system("benchmark")
    return create_token(name="benchmark", scopes=["events:write"], days=1, actor=actor, now=now)[1]


def _lines(stem: str, count: int) -> bytes:
    """Three events a case, as a CRM would tell them."""
    start = clock.now() - timedelta(days=30)
    return b"".join(
        msgspec.json.encode(
            {
                "source": "crm",
                "event_id": f"{stem}-{number:07}",
                "case_id": f"{stem}-lead-{number // 3:06}",
                "event_name": ("Lead created", "Lead called", "Lead qualified")[number % 3],
                "lifecycle": "complete",
                "timestamp": start + timedelta(seconds=number),
                "actor": {"kind": "human", "id": f"rep{number % 20}"},
                "channel": "web",
                "amount": "1200.50",
                "attributes": ATTRIBUTES,
            }
        )
        + b"\n"
        for number in range(count)
    )


# --- the bare COPY ---


def _rows_of(stem: str) -> list[tuple[Any, ...]]:
    """What the round has written, under cases of its own so that the index grows alike."""
    found = CaseEvent.objects.filter(case_id__startswith=f"{stem}-lead").order_by("id")
    return [
        tuple(Jsonb(value) if name == "attributes" else value for name, value in zip(COLUMNS[1:], row[1:], strict=True))
        for row in found.values_list(*COLUMNS)
    ]


def _copy(rows: list[tuple[Any, ...]]) -> None:
    names = ", ".join(COLUMNS[1:])
    with connection.cursor() as cursor, cursor.copy(f"COPY handoffs_caseevent ({names}) FROM STDIN") as copy:
        for row in rows:
            copy.write_row(row)
