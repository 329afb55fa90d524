"""The trail as records of the verifier: read from the database for sealing, verifying and exporting."""

import json
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from django.db.models import Q, QuerySet

from opsportal.audit.models import Detail, Entry, Seal
from opsportal.audit.verifier import Record, Spans, from_spans, to_spans

CHUNK = 5_000
SPANS_A_QUERY = 200

ENTRY_FIELDS = (
    *("id", "at", "actor_kind", "actor_id", "action", "subject_type", "subject_id"),
    *("team", "rule", "source", "trace_id", "commitment", "cluster", "xid"),
)
SEAL_FIELDS = ("number", "sealed_at", "cluster", "last_xid", "last_id", "ceiling", "max_id", "entry_count")
DIGESTS = ("root", "previous", "hash")


def instant(at: datetime | None) -> str:
    """An instant as it is hashed: UTC, always with microseconds. Empty for what somebody turned into no instant."""
    if at is None:
        return ""
    return at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def digest(value: Any) -> str:
    """Bytes in hex; also what somebody wrote into their column by hand, so that it is told as a change."""
    return (value.encode() if isinstance(value, str) else bytes(value or b"")).hex()


def entry_record(values: Iterable[Any]) -> Record:
    """The entry as it is hashed, from the values of ENTRY_FIELDS."""
    record = dict(zip(ENTRY_FIELDS, values, strict=True))
    record["at"] = instant(record["at"])
    record["commitment"] = digest(record["commitment"])
    return record


def seal_record(seal: Seal) -> Record:
    """The seal as it is hashed, with its `hash` and `leaves`."""
    record: Record = {name: getattr(seal, name) for name in SEAL_FIELDS}
    record |= {name: digest(getattr(seal, name)) for name in (*DIGESTS, "leaves")}
    return record | {"sealed_at": instant(seal.sealed_at), "spans": _spans(seal)}


def _spans(seal: Seal) -> Spans:
    """Nothing where somebody wrote nonsense: the seal's hash then tells that it was changed."""
    try:
        return [[int(first), int(last)] for first, last in json.loads(seal.spans)]
    except (ValueError, TypeError):
        return []


def _members(seal: Seal) -> Spans:
    """The spans, or nothing when they cannot be what the leaves were made of (a span of a billion would never end)."""
    spans = _spans(seal)
    return spans if sum(last - first + 1 for first, last in spans) == len(seal.leaves) // 32 else []


def history(before: int) -> Iterator[Record]:
    """What a verifier that starts at seal `before` must know of the seals up to there."""
    names = ("number", "cluster", "last_xid", "last_id", "ceiling", "max_id")
    yield from Seal.objects.filter(number__lt=before).order_by("number").values(*names).iterator()


def sealed_records(first: int = 1, last: int | None = None, *, details: bool = True) -> Iterator[Record]:
    """Each seal's entries, in leaf order, then the seal. Entries that are gone are simply not there."""
    seals = Seal.objects.filter(number__gte=first).order_by("number")
    if last is not None:
        seals = seals.filter(number__lte=last)
    for group in _groups(seals):
        spans = {seal.number: _members(seal) for seal in group}
        found = _entries_in([span for each in spans.values() for span in each], details=details)
        for seal in group:
            yield from (found[key] for key in from_spans(spans[seal.number]) if key in found)
            yield {"seal": seal_record(seal)}


def unsealed_records(*, details: bool = True) -> Iterator[Record]:
    """Entries that no seal holds: new ones, and any that were put in by other means."""
    ids = _unsealed_ids()
    while chunk := list(islice(ids, CHUNK)):
        yield from _entries_in(to_spans(chunk), details=details).values()


def _groups(seals: QuerySet[Seal]) -> Iterator[list[Seal]]:
    """Consecutive seals with about CHUNK entries together: one query serves many small seals."""
    group: list[Seal] = []
    for seal in seals.iterator(chunk_size=100):
        group.append(seal)
        if sum(each.entry_count for each in group) >= CHUNK or len(group) >= CHUNK:
            yield group
            group = []
    if group:
        yield group


def _entries_in(spans: Spans, *, details: bool) -> dict[int, Record]:
    records: dict[int, Record] = {}
    joined = _merge(spans)
    for at in range(0, len(joined), SPANS_A_QUERY):
        wanted = joined[at : at + SPANS_A_QUERY]
        rows = Entry.objects.filter(_within("id", wanted)).order_by("id").values_list(*ENTRY_FIELDS)
        for values in rows:
            records[values[0]] = {"entry": entry_record(values)}
        if details:
            _add_details(records, wanted)
    return records


def _add_details(records: dict[int, Record], spans: Spans) -> None:
    rows = Detail.objects.filter(_within("entry_id", spans)).values_list("entry_id", "salt", "body", "erased_at")
    for key, salt, body, erased_at in rows:
        if key in records:
            erased = instant(erased_at) if erased_at else None
            records[key]["detail"] = {"salt": digest(salt), "body": body, "erased_at": erased}
    for first, last in spans:
        for key in range(first, last + 1):
            if key in records:
                records[key].setdefault("detail", None)


def _within(name: str, spans: Spans) -> Q:
    condition = Q(pk__in=[])
    for first, last in spans:
        condition |= Q(**{f"{name}__gte": first, f"{name}__lte": last})
    return condition


def _unsealed_ids() -> Iterator[int]:
    seals = Seal.objects.only("number", "spans").order_by("number").iterator()
    sealed = _merge([span for seal in seals for span in _spans(seal)])
    firsts = [first for first, _ in sealed]
    for key in Entry.objects.order_by("id").values_list("id", flat=True).iterator(chunk_size=50_000):
        position = bisect_right(firsts, key) - 1
        if position < 0 or sealed[position][1] < key:
            yield key


def _merge(spans: Spans) -> Spans:
    merged: Spans = []
    for first, last in sorted(spans):
        if merged and first <= merged[-1][1] + 1:
            merged[-1][1] = max(merged[-1][1], last)
        else:
            merged.append([first, last])
    return merged
