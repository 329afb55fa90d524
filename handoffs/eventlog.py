"""Writing the log of cases: who said what first, and the rows. What rules make of it stands in reading.py.

Identity is one row per (source, event_id) in the key table, claimed by one statement for a whole chunk, in the
transaction of the rows themselves. On PostgreSQL rows travel by COPY; SQLite has one writer and executemany.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

import msgspec
from django.db import connection
from psycopg.types.json import Jsonb

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


@dataclass(frozen=True, slots=True)
class Recorded:
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
    appended, rows = Appended([]), []
    for number, event in enumerate(events):
        if not event.event_id or (first[event.key] == number and event.key not in known):
            appended.answers.append(Recorded("created", str(row_ids[number])))
            appended.new.append(event)
            rows.append(_row(row_ids[number], event, now))
        else:
            hash_of_first, result = said[event.key]
            appended.answers.append(Recorded("duplicate", result) if hash_of_first == hashes[number] else CONFLICT)
    _write(rows)
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
            cursor.execute(
                "SELECT nextval(pg_get_serial_sequence(%s, 'id')) FROM generate_series(1, %s)", [table, count]
            )
            return [key for (key,) in cursor.fetchall()]
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
    columns = (
        [event.source for event, _, _ in claims],
        [event.event_id for event, _, _ in claims],
        [said for _, said, _ in claims],
        [str(result) for _, _, result in claims],
    )
    with connection.cursor() as cursor:
        cursor.execute(_CLAIM, [SCOPE, now, *columns])
        if cursor.rowcount == len(claims):
            return {}
    ours = {event.key: str(result) for event, _, result in claims}
    return {key: found for key, found in _find_keys(list(ours)).items() if found[1] != ours[key]}


_CLAIM = """
INSERT INTO handoffs_eventkey (source, event_id, body_hash, result_id, scope, row_at)
SELECT said.*, %s, %s FROM unnest(%s::text[], %s::text[], %s::bytea[], %s::text[]) AS said
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

COLUMNS = tuple(str(one.column) for one in CaseEvent._meta.concrete_fields)


def _row(key: int, event: NewEvent, now: datetime) -> tuple[Any, ...]:
    """The values of COLUMNS."""
    return (
        key,
        event.case_id,
        event.event_name,
        event.lifecycle,
        event.occurred_at,
        event.actor_kind,
        event.actor_id,
        event.channel,
        event.location,
        event.amount,
        event.reason_code,
        event.attributes,
        event.source,
        event.event_id,
        event.trace_id or trace.current_trace_id() or ids.new_trace_id(),
        now,
        event.historical,
        event.occurred_at > now,
    )


def _write(rows: Sequence[tuple[Any, ...]]) -> None:
    if not rows:
        return
    if connection.vendor != "postgresql":
        CaseEvent.objects.bulk_create([CaseEvent(**dict(zip(COLUMNS, row, strict=True))) for row in rows])
        return
    names = ", ".join(COLUMNS)
    statement = f"COPY handoffs_caseevent ({names}) FROM STDIN"
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        for row in rows:
            copy.write_row((*row[:11], Jsonb(row[11]), *row[12:]))
