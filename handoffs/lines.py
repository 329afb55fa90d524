"""Many events at once, line by line: in chunks, each of which is one transaction, with one answer for each line.

Whoever sends lines again after a broken connection gets `duplicate` for what was taken, so nothing is lost or doubled.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from typing import Any, NamedTuple, TypeVar

import msgspec

from handoffs.eventlog import NewEvent, Recorded
from handoffs.events import record_events
from handoffs.intake import MAX_LINE_BYTES
from opsportal.api.errors import TooLarge
from opsportal.audit.engine import Actor
from opsportal.errors import InvalidInput

STATUSES = ("created", "updated", "duplicate", "conflict", "invalid")
CHUNK = 5_000
MAX_LINES = 1_000_000

Raw = TypeVar("Raw")


class Answer(msgspec.Struct, frozen=True, gc=False):
    """What became of one line. `field` says where an invalid one is wrong."""

    line: int
    status: str
    id: str | None
    code: str | None = None
    field: str | None = None


class Numbered(NamedTuple):
    line: int
    raw: Any


@dataclass(slots=True)
class Intake:
    """Takes lines on behalf of somebody; `counts` says how many got which answer so far."""

    read: Callable[[Any], NewEvent]  # raises InvalidInput
    actor: Actor
    now: datetime
    counts: Counter[str] = field(default_factory=Counter)

    def take(self, lines: Iterable[Numbered], *, chunk: int = CHUNK) -> Iterator[list[Answer]]:
        """Take the lines chunk by chunk; each chunk is committed when its answers come.

        While the database writes one chunk the next is read, by one thread that touches nothing but the lines.
        """
        lines = iter(lines)
        with ThreadPoolExecutor(max_workers=1) as reader:
            ahead = reader.submit(self._read_chunk, islice(lines, chunk))
            while several := ahead.result():
                ahead = reader.submit(self._read_chunk, islice(lines, chunk))
                yield self._record(several)

    def take_chunk(self, lines: Iterable[Numbered]) -> list[Answer]:
        """The answers in the order of the lines. What cannot be read is refused alone."""
        return self._record(self._read_chunk(lines))

    def _read_chunk(self, lines: Iterable[Numbered]) -> list[tuple[int, NewEvent | InvalidInput]]:
        return [(line, self._read(raw)) for line, raw in lines]

    def _read(self, raw: Any) -> NewEvent | InvalidInput:
        try:
            return self.read(raw)
        except InvalidInput as error:
            return error

    def _record(self, several: list[tuple[int, NewEvent | InvalidInput]]) -> list[Answer]:
        good = [one for _, one in several if isinstance(one, NewEvent)]
        recorded = iter(record_events(good, actor=self.actor, now=self.now) if good else [])
        answers = [
            Answer(line, "invalid", None, one.code, one.field or None)
            if isinstance(one, InvalidInput)
            else _answer(line, next(recorded))
            for line, one in several
        ]
        self.counts.update(one.status for one in answers)
        return answers

    def tally(self) -> dict[str, int]:
        return {status: self.counts[status] for status in STATUSES}


def _answer(line: int, recorded: Recorded) -> Answer:
    return Answer(line, recorded.status, recorded.id, recorded.code, recorded.field)


def split_lines(pieces: Iterable[bytes]) -> Iterator[Numbered]:
    """The lines of a stream, numbered from 1; empty ones are passed over. Of a line that is too long only so much is
    kept as shows that it is. Raises TooLarge beyond a million lines.
    """
    number, rest = 0, b""
    for piece in pieces:
        *whole, rest = (rest + piece).split(b"\n")
        for raw in whole:
            number += 1
            if raw.strip():
                yield Numbered(number, raw)
        if number >= MAX_LINES:
            raise TooLarge(f"At most {MAX_LINES:,} lines are read at once.")
        rest = rest[: MAX_LINE_BYTES + 1]
    if rest.strip():
        yield Numbered(number + 1, rest)
