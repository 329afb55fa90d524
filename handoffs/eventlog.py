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
from django.db import connection, transaction
from psycopg.errors import UniqueViolation

from handoffs.models import CaseEvent, EventKey
from opsportal import ids, trace
from opsportal.api.lines import Recorded

SCOPE = "event"
FEW = 100  # up to so many keys travel as parameters
SLICE = 500  # parameters of one lookup on SQLite

Key = tuple[str, str]  # source, event_id
Claim = tuple[Key, bytes, str]  # with the hash of what is said, and the row that says it
Known = dict[Key, tuple[bytes, str]]


class NewEvent(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
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
    row_ids = _reserve_ids(len(events))
    first: dict[Key, Claim] = {}  # of each key, the one that comes first
    claims: list[Claim | None] = []
    for event, row_id in zip(events, row_ids, strict=True):
        claim = ((event.source, event.event_id), body_hash(event), str(row_id)) if event.event_id else None
        claims.append(claim)
        if claim is not None:
            first.setdefault(claim[0], claim)
    known = _claim(list(first.values()), now)
    appended = Appended([])
    rows: list[tuple[int, NewEvent]] = []
    for event, claim, row_id in zip(events, claims, row_ids, strict=True):
        if claim is None or (first[claim[0]] is claim and claim[0] not in known):
            appended.answers.append(Recorded("created", str(row_id)))
            appended.new.append(event)
            rows.append((row_id, event))
        else:
            said, result = known.get(claim[0]) or first[claim[0]][1:]
            appended.answers.append(Recorded("duplicate", result) if said == claim[1] else CONFLICT)
    _write(rows, now)
    return appended


def body_hash(event: NewEvent) -> bytes:
    """32 bytes of what the sender said: absent and empty values count alike, the trace id is the request's."""
    said = msgspec.structs.replace(event, trace_id="") if event.trace_id else event
    return hashlib.sha256(msgspec.json.encode(said, order="sorted")).digest()


# --- identity ---


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


def _claim(claims: list[Claim], now: datetime) -> Known:
    """Make these keys ours; answers what stood behind those that were somebody's already."""
    if not claims:
        return {}
    # In one order for everybody, so that two importers of the same events wait for each other instead of locking up.
    claims.sort()
    if connection.vendor != "postgresql":
        known = _find_keys([key for key, _, _ in claims])
        EventKey.objects.bulk_create([_key(claim, now) for claim in claims if claim[0] not in known])
        return known
    if len(claims) > FEW and _take_at_once(claims, now):
        return {}
    with connection.cursor() as cursor:
        if len(claims) > FEW:
            cursor.execute(_STAGE)  # several statements: without parameters
            _copy(cursor, "said_event", (f"{_escaped(*key)}\t{said.hex()}\t{row}\n" for key, said, row in claims))
            cursor.execute(_CLAIM.format("said_event"), [SCOPE, now])
        else:
            columns = zip(*((*key, said.hex(), row) for key, said, row in claims), strict=True)
            cursor.execute(_CLAIM.format(_SAID), [SCOPE, now, *map(list, columns)])
        if cursor.rowcount == len(claims):
            return {}
    ours = {key: row for key, _, row in claims}
    return {key: found for key, found in _find_keys(list(ours)).items() if found[1] != ours[key]}


def _take_at_once(claims: Sequence[Claim], now: datetime) -> bool:
    """COPY the keys as if all were new, at half the cost; False, and nothing written, when one is somebody's already.

    Streams are mostly new or mostly repeated, so the ends of the chunk are asked first.
    """
    if _find_keys([claims[0][0], claims[-1][0]]):
        return False
    target, rest = f"handoffs_eventkey ({', '.join(KEY_COLUMNS)})", f"{SCOPE}\t{now.isoformat()}"
    lines = (f"{_escaped(*key)}\t{row}\t\\\\x{said.hex()}\t{rest}\n" for key, said, row in claims)
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            _copy(cursor, target, lines)
    except UniqueViolation:
        return False
    return True


KEY_COLUMNS = ("source", "event_id", "result_id", "body_hash", "scope", "row_at")
_RESERVE = """
SELECT array_agg(nextval(sequence)) FROM pg_get_serial_sequence(%s, 'id') AS sequence, generate_series(1, %s)
"""
# Made once for each connection; a transaction may hold several chunks. Emptied by TRUNCATE: what DELETE leaves dead in
# a temporary table no vacuum ever clears, and each chunk would read all of it again.
_STAGE = """
CREATE TEMP TABLE IF NOT EXISTS said_event (source text, event_id text, body_hash text, result_id text);
TRUNCATE said_event
"""
_CLAIM = """
INSERT INTO handoffs_eventkey (source, event_id, body_hash, result_id, scope, row_at)
SELECT source, event_id, decode(body_hash, 'hex'), result_id, %s, %s FROM {}
ON CONFLICT (source, event_id, scope) DO NOTHING
"""
_SAID = "unnest(%s::text[], %s::text[], %s::text[], %s::text[]) AS said (source, event_id, body_hash, result_id)"
_FIND = """
SELECT source, event_id, body_hash, result_id
FROM unnest(%s::text[], %s::text[]) AS said (source, event_id) JOIN handoffs_eventkey USING (source, event_id)
WHERE scope = %s
"""


def _key(claim: Claim, now: datetime) -> EventKey:
    (source, event_id), said, row = claim
    return EventKey(source=source, event_id=event_id, scope=SCOPE, body_hash=said, result_id=row, row_at=now)


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
ENCODER = msgspec.json.Encoder()
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
        said_at = now.isoformat()
        _copy(cursor, target, (_line(key, event, trace_id, now, said_at) for key, event in rows))


def _instance(key: int, event: NewEvent, trace_id: str, now: datetime) -> CaseEvent:
    said = msgspec.structs.asdict(event) | {"attributes": dict(event.attributes)}
    said["trace_id"] = event.trace_id or trace_id or ids.new_trace_id()
    return CaseEvent(id=key, ingested_at=now, clock_skew=event.occurred_at > now, **said)


def _line(key: int, event: NewEvent, trace_id: str, now: datetime, said_at: str) -> str:
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
        ENCODER.encode(event.attributes).decode() if event.attributes else "{}",
    )
    at, amount = event.occurred_at, r"\N" if event.amount is None else event.amount
    return f"{texts}\t{key}\t{_iso(at)}\t{said_at}\t{event.historical}\t{at > now}\t{amount}\n"


def _iso(instant: datetime) -> str:
    """An instant in UTC, said in a fifth of the time that isoformat() takes."""
    return ENCODER.encode(instant)[1:-1].decode()


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
