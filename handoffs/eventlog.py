"""Writing the log of cases: who said what first, and the rows. What rules make of it stands in reading.py.

Identity is one row per (source, event_id) in the key table, claimed by one statement for a whole chunk, in the
transaction of the rows themselves. On PostgreSQL rows travel by COPY; SQLite has one writer and executemany.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from itertools import islice
from typing import Any

import msgspec
from django.db import connection

from handoffs.models import CaseEvent, EventKey
from opsportal import ids, trace

SCOPE = "event"
SLICE = 500  # parameters of one lookup on SQLite


class NewEvent(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a sender says happened. Without an event_id it is taken as new each time."""

    case_id: str
    event_name: str
    occurred_at: datetime  # in UTC
    lifecycle: str = ""
    actor_kind: str = "unknown"
    actor_id: str = ""
    channel: str = ""
    location: str = ""
    amount: Decimal | None = None
    reason_code: str = ""
    attributes: Mapping[str, Any] = {}
    source: str = ""
    event_id: str = ""
    trace_id: str = ""
    historical: bool = False

    @property
    def key(self) -> tuple[str, str]:
        return self.source, self.event_id


class Recorded(msgspec.Struct, frozen=True):
    """`status` is created, duplicate, conflict or invalid; `id` that of the row in the log, where there is one."""

    status: str
    id: str | None
    code: str | None = None
    field: str | None = None


CONFLICT = Recorded("conflict", None, "event_id_conflict", "event_id")


@dataclass(slots=True)
class Appended:
    """One answer for each event, in order, and which of them are new."""

    answers: list[Recorded]
    new: list[NewEvent] = field(default_factory=list)


def append(events: Sequence[NewEvent], *, now: datetime) -> Appended:
    """Write what is new into the log, in the caller's transaction. Ids ascend in the order given.

    Of several transactions that say the same at once the later ones wait, and find what the first has written.
    """
    hashes = [body_hash(one) if one.event_id else b"" for one in events]
    row_ids = _reserve_ids(len(events))
    first: dict[tuple[str, str], int] = {}
    for number, event in enumerate(events):
        if event.event_id:
            first.setdefault(event.key, number)
    known = _claim([(events[n], hashes[n], row_ids[n]) for n in first.values()], now)
    said = {key: known.get(key) or (hashes[n], str(row_ids[n])) for key, n in first.items()}
    appended = Appended([])
    rows: list[tuple[int, NewEvent]] = []
    for number, event in enumerate(events):
        if not event.event_id or (first[event.key] == number and event.key not in known):
            appended.answers.append(Recorded("created", str(row_ids[number])))
            appended.new.append(event)
            rows.append((row_ids[number], event))
        else:
            hash_of_first, result = said[event.key]
            appended.answers.append(Recorded("duplicate", result) if hash_of_first == hashes[number] else CONFLICT)
    _write(rows, now)
    return appended


def body_hash(event: NewEvent) -> bytes:
    """32 bytes of what the sender said: absent and empty values count alike, the trace id is the request's."""
    said = msgspec.structs.replace(event, trace_id="") if event.trace_id else event
    return hashlib.sha256(msgspec.json.encode(said, order="sorted")).digest()


# --- identity ---

Claim = tuple[NewEvent, bytes, int]
Known = dict[tuple[str, str], tuple[bytes, str]]


def _reserve_ids(count: int) -> Sequence[int]:
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            table = CaseEvent._meta.db_table
            cursor.execute(_RESERVE, [table, count])
            found: list[int] = cursor.fetchone()[0] or []
            return found
        cursor.execute(
            "SELECT coalesce((SELECT seq FROM sqlite_sequence WHERE name = %s), 0)", [CaseEvent._meta.db_table]
        )
        newest = cursor.fetchone()[0]
    return range(newest + 1, newest + 1 + count)  # the transaction holds the only write lock


def _claim(claims: Sequence[Claim], now: datetime) -> Known:
    """Make these keys ours; answers what stood behind those that were somebody's already."""
    if not claims:
        return {}
    # In one order for everybody, so that two importers of the same events wait for each other instead of locking up.
    claims = sorted(claims, key=lambda claim: claim[0].key)
    if connection.vendor != "postgresql":
        known = _find_keys([claim[0].key for claim in claims])
        EventKey.objects.bulk_create([_key(claim, now) for claim in claims if claim[0].key not in known])
        return known
    with connection.cursor() as cursor:
        cursor.execute(_STAGE)  # several statements: without parameters
        lines = (f"{_escaped(*event.key)}\t{said.hex()}\t{result}\n" for event, said, result in claims)
        _copy(cursor, "said_event", lines)
        cursor.execute(_CLAIM, [SCOPE, now])
        if cursor.rowcount == len(claims):
            return {}
    ours = {event.key: str(result) for event, _, result in claims}
    return {key: found for key, found in _find_keys(list(ours)).items() if found[1] != ours[key]}


_RESERVE = """
SELECT array_agg(nextval(sequence)) FROM pg_get_serial_sequence(%s, 'id') AS sequence, generate_series(1, %s)
"""
# Made once for each connection; a transaction may hold several chunks.
_STAGE = """
CREATE TEMP TABLE IF NOT EXISTS said_event (source text, event_id text, body_hash text, result_id text);
DELETE FROM said_event
"""
_CLAIM = """
INSERT INTO handoffs_eventkey (source, event_id, body_hash, result_id, scope, row_at)
SELECT source, event_id, decode(body_hash, 'hex'), result_id, %s, %s FROM said_event
ON CONFLICT (source, event_id, scope) DO NOTHING
"""
_FIND = """
SELECT source, event_id, body_hash, result_id
FROM unnest(%s::text[], %s::text[]) AS said (source, event_id) JOIN handoffs_eventkey USING (source, event_id)
WHERE scope = %s
"""


def _key(claim: Claim, now: datetime) -> EventKey:
    event, said, result = claim
    return EventKey(
        source=event.source, event_id=event.event_id, scope=SCOPE, body_hash=said, result_id=str(result), row_at=now
    )


def _find_keys(keys: Sequence[tuple[str, str]]) -> Known:
    if connection.vendor != "postgresql":
        return {(one, two): (said, result) for one, two, said, result in _find_slowly(keys)}
    with connection.cursor() as cursor:
        cursor.execute(_FIND, [[source for source, _ in keys], [event_id for _, event_id in keys], SCOPE])
        return {(source, event_id): (bytes(said), result) for source, event_id, said, result in cursor.fetchall()}


def _find_slowly(keys: Sequence[tuple[str, str]]) -> Iterator[tuple[str, str, bytes, str]]:
    for source in {source for source, _ in keys}:
        event_ids = [event_id for each, event_id in keys if each == source]
        for at in range(0, len(event_ids), SLICE):
            rows = EventKey.objects.filter(scope=SCOPE, source=source, event_id__in=event_ids[at : at + SLICE])
            for event_id, said, result in rows.values_list("event_id", "body_hash", "result_id"):
                yield source, event_id, bytes(said), result


# --- rows ---

# Texts first: what a sender wrote may hold what COPY gives a meaning to; what follows cannot.
TEXTS = (
    "case_id", "event_name", "lifecycle", "actor_kind", "actor_id", "channel", "location", "reason_code", "source",
    "event_id", "trace_id", "attributes",
)  # fmt: skip
PLAIN = ("id", "occurred_at", "ingested_at", "historical", "clock_skew", "amount")
PIECE = 500  # rows handed to the driver at once
ESCAPES = str.maketrans({"\\": r"\\", "\t": r"\t", "\n": r"\n", "\r": r"\r"})


def _write(rows: Sequence[tuple[int, NewEvent]], now: datetime) -> None:
    if not rows:
        return
    trace_id = trace.current_trace_id()
    if connection.vendor != "postgresql":
        CaseEvent.objects.bulk_create([_instance(key, event, trace_id, now) for key, event in rows])
        return
    with connection.cursor() as cursor:
        target = f"handoffs_caseevent ({', '.join((*TEXTS, *PLAIN))})"
        _copy(cursor, target, (_line(key, event, trace_id, now) for key, event in rows))


def _instance(key: int, event: NewEvent, trace_id: str, now: datetime) -> CaseEvent:
    said = msgspec.structs.asdict(event) | {"attributes": dict(event.attributes)}
    said["trace_id"] = event.trace_id or trace_id or ids.new_trace_id()
    return CaseEvent(id=key, ingested_at=now, clock_skew=event.occurred_at > now, **said)


def _line(key: int, event: NewEvent, trace_id: str, now: datetime) -> str:
    """The values of TEXTS and PLAIN as COPY reads them."""
    texts = _escaped(
        event.case_id,
        event.event_name,
        event.lifecycle,
        event.actor_kind,
        event.actor_id,
        event.channel,
        event.location,
        event.reason_code,
        event.source,
        event.event_id,
        event.trace_id or trace_id or ids.new_trace_id(),
        msgspec.json.encode(event.attributes).decode() if event.attributes else "{}",
    )
    at, amount = event.occurred_at, r"\N" if event.amount is None else event.amount
    return f"{texts}\t{key}\t{at.isoformat()}\t{now.isoformat()}\t{event.historical}\t{at > now}\t{amount}\n"


def _escaped(*texts: str) -> str:
    """Texts side by side; hardly any needs escaping. No text holds NUL."""
    line = "\t".join(texts)
    if "\\" in line or "\n" in line or "\r" in line or line.count("\t") != len(texts) - 1:
        return "\t".join([one.translate(ESCAPES) for one in texts])
    return line


def _copy(cursor: Any, target: str, lines: Iterable[str]) -> None:
    """COPY finished lines; the driver's own way would find out the type of each value anew."""
    with cursor.copy(f"COPY {target} FROM STDIN") as copy:
        lines = iter(lines)
        while piece := list(islice(lines, PIECE)):
            copy.write("".join(piece))
