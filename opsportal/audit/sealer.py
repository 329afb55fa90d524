"""The sealer: a Merkle tree over the entries since the last seal, chained to it (verifier.py says how it is hashed).

The race: ids are given before the commit, so with several writers an entry with a lower id may become visible after
one with a higher id, and a sealer that went by id would skip it for ever. On PostgreSQL it goes by (transaction, id)
instead, and only below the horizon: pg_snapshot_xmin, under which no transaction is running any more. A transaction
left open anywhere in the cluster holds the horizon back; entries then wait, none is lost.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from django.db import connection, transaction
from django.db.models import BigIntegerField, Func, Max, Min, Q, QuerySet

from opsportal.audit.chain import ENTRY_FIELDS, entry_record, seal_record
from opsportal.audit.models import Entry, Seal
from opsportal.audit.verifier import ZERO, canonical, leaf_hash, merkle_root, seal_hash, to_spans

BATCH = 5_000
# "audi" as a number: the advisory lock of sealers. Waiting would only make a second seal of nothing.
LOCK = 0x61756469


def seal_entries(now: datetime, *, batch: int = BATCH) -> Seal | None:
    """Make the next seal over up to `batch` entries, possibly none. None when another sealer is at work.

    Two sealers at once: on PostgreSQL the second leaves at once, on SQLite it waits for the first one's commit; and a
    seal's number is its key, so the chain never forks.
    """
    with transaction.atomic(), _alone() as is_alone:
        if not is_alone:
            return None
        last = Seal.objects.order_by("-number").first()
        place = _place_on_postgres if connection.vendor == "postgresql" else _place
        cluster, rows, ceiling = place(batch)
        seal = _seal(last, cluster, rows, now)
        seal.ceiling = ceiling
        record = seal_record(seal)
        seal.hash = bytes.fromhex(seal_hash(record))
        seal.save(force_insert=True)
    return seal


@contextmanager
def _alone() -> Iterator[bool]:
    """The lock goes with the transaction. On SQLite a writing transaction is alone anyway (IMMEDIATE)."""
    if connection.vendor != "postgresql":
        yield True
        return
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [LOCK])
        yield cursor.fetchone()[0]


def _seal(last: Seal | None, cluster: int, rows: list[tuple[Any, ...]], now: datetime) -> Seal:
    records = [entry_record(row) for row in rows]
    leaves = [leaf_hash(canonical(record)) for record in records]
    last_xid, last_id = (records[-1]["xid"], records[-1]["id"]) if records else _newest(cluster)
    return Seal(
        number=last.number + 1 if last else 1,
        sealed_at=now,
        cluster=cluster,
        last_xid=last_xid,
        last_id=last_id,
        max_id=max([last.max_id if last else 0, *(record["id"] for record in records)]),
        entry_count=len(records),
        spans=json.dumps(to_spans(record["id"] for record in records), separators=(",", ":")),
        leaves=b"".join(leaves),
        root=merkle_root(leaves),
        previous=bytes(last.hash) if last else bytes.fromhex(ZERO),
        hash=b"",
    )


def _newest(cluster: int) -> tuple[int, int]:
    """(xid, id) of the newest sealed entry of a cluster: everything up to there is sealed."""
    seals = Seal.objects.filter(cluster=cluster).order_by("-number")
    return seals.values_list("last_xid", "last_id").first() or (0, 0)


Place = tuple[int, list[tuple[Any, ...]], int]


def _place(batch: int) -> Place:
    """SQLite: one writer at a time, so ids are in the order of commits."""
    return 0, _fetch(_unsealed(0).order_by("id"), batch), 0


def _place_on_postgres(batch: int) -> Place:
    """(cluster, values of its next rows, ceiling). Rows of another cluster, from before a restore, come first."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT (pg_control_system()).system_identifier")
        here = cursor.fetchone()[0]
        for cluster in _clusters():
            # Whatever a restore brought has committed, and no more of it will come.
            if cluster != here and (rows := _fetch(_unsealed(cluster), batch)):
                highest = Entry.objects.filter(cluster=cluster).aggregate(Max("xid"))["xid__max"]
                return cluster, rows, highest + 1
        rows = _fetch(_unsealed(here).filter(xid__lt=Horizon()), batch)
        # Asked after the rows were read: above every transaction that could hold an id below theirs.
        cursor.execute("SELECT pg_current_xact_id()::text::bigint")
        return here, rows, cursor.fetchone()[0]


class Horizon(Func):
    """Every transaction below it has ended, as seen by the very statement that asks."""

    template = "(pg_snapshot_xmin(pg_current_snapshot())::text::bigint)"
    output_field = BigIntegerField()


def _unsealed(cluster: int) -> QuerySet[Entry]:
    xid, key = _newest(cluster)
    after = Q(xid__gt=xid) | Q(xid=xid, id__gt=key)
    return Entry.objects.filter(after, cluster=cluster, xid__gte=xid).order_by("xid", "id")


def _fetch(entries: QuerySet[Entry], batch: int) -> list[tuple[Any, ...]]:
    return list(entries.values_list(*ENTRY_FIELDS)[:batch])


def _clusters() -> Iterator[int]:
    """Distinct clusters by skipping along the index: one step each, however many rows."""
    entries = Entry.objects.all()
    while (cluster := entries.aggregate(Min("cluster"))["cluster__min"]) is not None:
        yield cluster
        entries = Entry.objects.filter(cluster__gt=cluster)
