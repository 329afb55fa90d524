"""Files of events, opened as a stream of records: CSV, NDJSON and XES, each plain or packed with gzip. Memory stays
flat whatever their size.
"""

import csv
import gzip
import hashlib
import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from handoffs.importing.xes import read_xes
from opsportal.api.lines import MAX_LINE_BYTES
from opsportal.errors import InvalidInput

BLOCK = 256 * 1024
Record = dict[str, Any]


class Unusable(Exception):
    """The file cannot be read as what it claims to be; the sentence says why."""


@dataclass(frozen=True, slots=True)
class LogFile:
    """A file of events: `kind` is csv, ndjson or xes."""

    path: Path
    kind: str

    @classmethod
    def open(cls, path: Path) -> "LogFile":
        """Raises Unusable for a file that is not there or of no known kind."""
        kinds = {".csv": "csv", ".ndjson": "ndjson", ".jsonl": "ndjson", ".xes": "xes"}
        suffixes = [one.lower() for one in path.suffixes]
        last = suffixes[-2:-1] if suffixes[-1:] == [".gz"] else suffixes[-1:]
        if not last or last[0] not in kinds:
            raise Unusable(f"{path.name}: a log is a .csv, .ndjson, .jsonl or .xes file, or one of these with .gz.")
        if not path.is_file():
            raise Unusable(f"{path}: there is no such file.")
        return cls(path, kinds[last[0]])

    def fingerprint(self) -> bytes:
        """SHA-256 of the file's bytes."""
        with self.path.open("rb") as source:
            return hashlib.file_digest(source, "sha256").digest()

    def records(self, progress: Callable[[float], None] = lambda _: None) -> Iterator[Record | bytes]:
        """What the file says, record by record: names and values; of NDJSON the raw line.

        `progress` hears how much of the file has been read, 0 to 1. Raises Unusable where reading cannot go on.
        """
        with self.path.open("rb") as packed:
            size = max(1, self.path.stat().st_size)
            watched = _Watched(packed, lambda at: progress(at / size))
            unpacked = gzip.GzipFile(fileobj=watched) if self.path.suffix.lower() == ".gz" else watched
            try:
                yield from READERS[self.kind](unpacked)
            except (EOFError, gzip.BadGzipFile, OSError) as error:
                raise Unusable(f"{self.path.name} is damaged: {error}.") from error
            except UnicodeDecodeError as error:
                raise Unusable(f"{self.path.name} is not UTF-8 (byte {error.start} of a piece).") from error
            except (csv.Error, InvalidInput) as error:
                raise Unusable(f"{self.path.name}: {error}") from error


class _Watched(io.RawIOBase):
    """Tells how far a file has been read."""

    def __init__(self, source: IO[bytes], tell: Callable[[int], None]) -> None:
        self.source, self.tell_progress = source, tell

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        read = self.source.readinto(buffer)  # type: ignore[attr-defined]
        self.tell_progress(self.source.tell())
        return int(read)


def _read_csv(source: Any) -> Iterator[Record]:
    """Rows by the names of the first line; cells that are missing or empty are left out."""
    text = io.TextIOWrapper(io.BufferedReader(source, BLOCK), encoding="utf-8-sig", newline="")
    head = text.readline()
    if not head.strip():
        raise InvalidInput("empty", "the first line names no columns.")
    rows = csv.reader(_joined(head, text), delimiter=_delimiter(head))
    names = [name.strip() for name in next(rows)]
    if len({name for name in names if name}) != len([name for name in names if name]):
        raise InvalidInput("duplicate_column", "a column stands twice.")
    for row in rows:
        if row:
            yield {name: cell for name, cell in zip(names, row, strict=False) if name and cell != ""}


def _joined(head: str, rest: Any) -> Iterator[str]:
    yield head
    yield from rest


def _delimiter(head: str) -> str:
    """What separates most columns of the first line."""
    return max(",;\t|", key=head.count)


def _read_ndjson(source: Any) -> Iterator[bytes]:
    reader = io.BufferedReader(source, BLOCK)
    while line := reader.readline(MAX_LINE_BYTES + 2):
        whole = line.endswith(b"\n")
        if line.strip():
            yield line.rstrip(b"\r\n")
        while not whole and (rest := reader.readline(BLOCK)):  # too long: refused as such, then passed over
            whole = rest.endswith(b"\n")


def _read_xes(source: Any) -> Iterator[Record]:
    return read_xes(iter(lambda: source.read(BLOCK), b""))


READERS: dict[str, Callable[[Any], Iterator[Record | bytes]]] = {
    "csv": _read_csv,
    "ndjson": _read_ndjson,
    "xes": _read_xes,
}
