"""What the audit chain is, and how it is checked: one file, standard library only.

    python -I verifier.py TRAIL.ndjson [--head NUMBER:HASH]

checks an export (`manage.py export_audit`) without the portal, its database or any key. Exit 0 intact, 1 not, 2 cannot
tell. The portal seals and verifies with the same functions.

Every hash is SHA-256. JSON is canonical: sorted keys, no spaces, UTF-8.
  entry   leaf = H(00 || JSON of the entry); the entry holds commitment = H(salt || detail), so a detail can be erased
  batch   root = Merkle tree hash of RFC 6962 (leaf prefix 00, node prefix 01) over the leaves in the order of `spans`
  seal    hash = H(02 || JSON of the seal without `hash` and `leaves`); `previous` is the hash of the seal before it
"""

import hashlib
import json
import sys
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, TextIO

FORMAT = 1
ZERO = "00" * 32
ERASED = "audit.erased"
SHOWN = 20

Record = dict[str, Any]
Spans = list[list[int]]


class Unreadable(Exception):
    """The records cannot be judged at all: not an export, cut off, or of another format."""


# --- Hashes ---


# Made once: json.dumps would build an encoder for every entry.
_encode = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode


def canonical(value: Any) -> bytes:
    return _encode(value).encode()


def leaf_hash(data: bytes) -> bytes:
    return hashlib.sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


def merkle_root(leaves: Sequence[bytes]) -> bytes:
    """RFC 6962, 2.1. Pairing level by level and carrying an odd node up gives the tree the RFC splits from the top."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    level = list(leaves)
    while len(level) > 1:
        carried = level[-1:] if len(level) % 2 else []
        level = [node_hash(level[i], level[i + 1]) for i in range(0, len(level) - 1, 2)] + carried
    return level[0]


def seal_hash(seal: Record) -> str:
    hashed = {name: value for name, value in seal.items() if name not in ("hash", "leaves")}
    return hashlib.sha256(b"\x02" + canonical(hashed)).hexdigest()


def commitment(salt: bytes, body: str) -> str:
    return hashlib.sha256(salt + body.encode()).hexdigest()


# --- Spans: ids in leaf order, neighbours joined ---


def to_spans(ids: Iterable[int]) -> Spans:
    spans: Spans = []
    for key in ids:
        if spans and spans[-1][1] + 1 == key:
            spans[-1][1] = key
        else:
            spans.append([key, key])
    return spans


def from_spans(spans: Spans) -> Iterator[int]:
    for first, last in spans:
        yield from range(first, last + 1)


# --- Checking ---


@dataclass(frozen=True, slots=True)
class Problem:
    """`kind` is changed, deleted, inserted, detail, seal, head or guard; `place` an entry's id or a seal's number."""

    kind: str
    place: int
    sentence: str


@dataclass(slots=True)
class Report:
    """`problems` holds the first SHOWN of `problem_count`, in the order of the chain."""

    entry_count: int = 0
    seal_count: int = 0
    unsealed_count: int = 0
    erased_count: int = 0
    number: int = 0
    hash: str = ZERO
    problem_count: int = 0
    problems: list[Problem] = field(default_factory=list)

    @property
    def is_intact(self) -> bool:
        return not self.problem_count

    def add(self, problem: Problem) -> None:
        self.problem_count += 1
        if len(self.problems) < SHOWN:
            self.problems.append(problem)

    def __str__(self) -> str:
        counts = f"{self.entry_count} entries, {self.seal_count} seals, {self.unsealed_count} entries not sealed yet"
        if self.is_intact:
            return f"The trail is intact: {counts}. Head: {self.number}:{self.hash}"
        more = self.problem_count - len(self.problems)
        lines = [f"The trail is NOT intact ({counts})."] + [f"- {each.sentence}" for each in self.problems]
        return "\n".join([*lines, f"- and {more} more"] if more else lines)


@dataclass(frozen=True, slots=True)
class _Written:
    id: int
    cluster: int
    xid: int
    leaf: bytes


class Verifier:
    """Feed it the chain: the entries of a seal, then the seal, and so on; last, entries that are not sealed yet.

    Starting in the middle needs the `number` and `hash` of the seal before, and the seals up to there as `history`.
    """

    def __init__(self, *, number: int = 0, previous: str = ZERO, history: Iterable[Record] = ()) -> None:
        self.report = Report(number=number, hash=previous)
        self._waiting: dict[int, _Written] = {}
        self._maxima: list[int] = []
        self._horizons: list[Record] = []
        self._newest: dict[int, tuple[int, int]] = {}
        self._blank: list[int] = []
        self._erased: Spans = []
        for seal in history:
            self._remember(seal)

    def feed(self, record: Record) -> None:
        if "entry" in record:
            self._entry(record["entry"], record.get("detail"), has_detail="detail" in record)
        elif "seal" in record:
            self._seal(record["seal"])
        else:
            raise Unreadable("A record is neither an entry nor a seal.")

    def finish(self) -> Report:
        """Judge what no seal has claimed, and whether each blanked detail was erased on record."""
        for entry in self._waiting.values():
            newest = self._newest.get(entry.cluster)
            if newest is not None and (entry.xid, entry.id) <= newest:
                self._inserted(entry)
            else:
                self._check_order(entry)
        self.report.unsealed_count = len(self._waiting)
        for key in self._blank:
            if not any(first <= key <= last for first, last in self._erased):
                self._problem("detail", key, f"Entry {key}: its detail was blanked, and no entry tells of an erasure.")
        return self.report

    def learn_erasures(self, detail_body: str) -> None:
        """Take the ids that the detail of an erasure entry names as rightly blank."""
        self._erased += json.loads(detail_body)["extra"]["spans"]

    def expect_head(self, number: int, digest: str, found: str | None) -> None:
        """Compare with a head that left the system earlier: a chain written anew fits itself, but not that."""
        if found is None:
            self._problem("head", number, f"Seal {number} was known outside, and is missing here.")
        elif found != digest.lower():
            self._problem("head", number, f"Seal {number} is not the one known outside: the chain was written anew.")

    def _entry(self, entry: Record, detail: Record | None, *, has_detail: bool) -> None:
        self.report.entry_count += 1
        key = int(entry["id"])
        if key in self._waiting:
            self._problem("inserted", key, f"Entry {key} is there twice.")
        leaf = leaf_hash(canonical(entry))
        self._waiting[key] = _Written(key, _number(entry["cluster"]), _number(entry["xid"]), leaf)
        if has_detail:
            self._detail(entry, detail)

    def _detail(self, entry: Record, detail: Record | None) -> None:
        key = int(entry["id"])
        if detail is None:
            self._problem("detail", key, f"Entry {key}: its detail is missing.")
        elif detail["erased_at"] is not None:
            self.report.erased_count += 1
            self._blank.append(key)
            if detail["salt"] or detail["body"]:
                self._problem("detail", key, f"Entry {key}: its detail is marked as erased, and is not empty.")
        elif commitment(bytes.fromhex(detail["salt"]), detail["body"]) != entry["commitment"]:
            self._problem("detail", key, f"Entry {key}: its detail was changed.")
        elif entry["action"] == ERASED:
            self.learn_erasures(detail["body"])

    def _seal(self, seal: Record) -> None:
        number, report = int(seal["number"]), self.report
        if number != report.number + 1:
            self._problem("seal", report.number + 1, f"Seal {report.number + 1} is missing.")
        elif seal["previous"] != report.hash:
            self._problem("seal", number, f"Seal {number} does not follow from the seal before it.")
        if seal_hash(seal) != seal["hash"]:
            self._problem("seal", number, f"Seal {number} was changed.")
        leaves = bytes.fromhex(seal["leaves"])
        hashes = [leaves[at : at + 32] for at in range(0, len(leaves), 32)]
        if merkle_root(hashes).hex() != seal["root"]:
            self._problem("seal", number, f"Seal {number}: the hashes of its entries were changed.")
        if sum(last - first + 1 for first, last in seal["spans"]) != len(hashes):
            self._problem("seal", number, f"Seal {number}: its list of entries was changed.")
        self._check_members(number, from_spans(seal["spans"]), hashes)
        self._remember(seal)
        report.seal_count += 1
        report.number, report.hash = number, seal["hash"]

    def _check_members(self, number: int, ids: Iterator[int], hashes: list[bytes]) -> None:
        for leaf, key in zip(hashes, ids, strict=False):
            entry = self._waiting.pop(key, None)
            if entry is None:
                self._problem("deleted", key, f"Entry {key} was deleted: seal {number} holds it, and it is gone.")
            elif entry.leaf != leaf:
                self._problem("changed", key, f"Entry {key} was changed after seal {number} was made.")
            else:
                self._check_order(entry)

    def _check_order(self, entry: _Written) -> None:
        """An id below one that was sealed earlier is honest only if its transaction was already running then.

        A transaction gets its id before it takes ids for entries, and `ceiling` is above every transaction of the
        moment of sealing. On SQLite, with one writer at a time, no such entry is honest.
        """
        position = bisect_right(self._maxima, entry.id)
        if position < len(self._horizons):
            earlier = self._horizons[position]
            if entry.cluster != earlier["cluster"] or entry.xid >= earlier["ceiling"]:
                self._inserted(entry)

    def _remember(self, seal: Record) -> None:
        if not self._maxima or seal["max_id"] > self._maxima[-1]:
            self._maxima.append(seal["max_id"])
            self._horizons.append({name: seal[name] for name in ("cluster", "ceiling")})
        self._newest[seal["cluster"]] = (seal["last_xid"], seal["last_id"])

    def _inserted(self, entry: _Written) -> None:
        self._problem("inserted", entry.id, f"Entry {entry.id} was inserted behind what was sealed before.")

    def _problem(self, kind: str, place: int, sentence: str) -> None:
        self.report.add(Problem(kind, place, sentence))


def _number(value: Any) -> int:
    """SQLite keeps any text in a column of numbers; its hash tells that it was changed."""
    return value if isinstance(value, int) else 0


# --- Exports ---


def verify_export(lines: Iterable[str], head: tuple[int, str] | None = None) -> Report:
    """Check an export read line by line. Raises Unreadable when it cannot be judged."""
    try:
        return _verify_lines(lines, head)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise Unreadable(f"A record has another shape than an export's: {error!r}") from error


def _verify_lines(lines: Iterable[str], head: tuple[int, str] | None) -> Report:
    records = (json.loads(line) for line in lines)
    header: Record = next(records, {})
    if header.get("opsportal_audit") != FORMAT:
        raise Unreadable("This is not an export of the audit trail, or one of another format.")
    verifier = Verifier(number=header["first_seal"] - 1, previous=header["previous"])
    if head is not None and head[0] < verifier.report.number:
        raise Unreadable("The export begins after the head that was named.")
    seen, end = {verifier.report.number: verifier.report.hash}, None
    for record in records:
        if end is not None:
            raise Unreadable("Something follows the end of the export.")
        if "end" in record:
            end = record["end"]
            continue
        verifier.feed(record)
        seen[verifier.report.number] = verifier.report.hash
    if end is None:
        raise Unreadable("The export is cut off: its last line is missing.")
    if head is not None:
        verifier.expect_head(*head, found=seen.get(head[0]))
    return verifier.finish()


def parse_head(text: str) -> tuple[int, str]:
    """`NUMBER:HASH`, as logged and printed. Raises ValueError."""
    number, _, digest = text.partition(":")
    if len(bytes.fromhex(digest)) != 32:
        raise ValueError("A head is written NUMBER:HASH.")
    return int(number), digest


def main(arguments: list[str], output: TextIO) -> int:
    """The command line. Exit 0 intact, 1 not intact, 2 cannot tell."""
    try:
        head = parse_head(arguments[2]) if arguments[1:2] == ["--head"] and len(arguments) == 3 else None
        if len(arguments) not in (1, 3) or (len(arguments) == 3 and head is None):
            raise Unreadable("Usage: python -I verifier.py TRAIL.ndjson [--head NUMBER:HASH]")
        with open(arguments[0], encoding="utf-8") as lines:  # noqa: PTH123 - nothing but the plainest here
            report = verify_export(lines, head)
    except (Unreadable, OSError, ValueError) as error:
        output.write(f"Cannot tell: {error}\n")
        return 2
    output.write(f"{report}\n")
    return 0 if report.is_intact else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], sys.stdout))
