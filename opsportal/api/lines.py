"""Many records at once, line by line: in chunks, each of which is one transaction, with one answer for each line.

Whoever sends lines again after a broken connection gets `duplicate` for what was taken, so nothing is lost or doubled.
"""

import re
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Generic, NamedTuple, NoReturn, TypeVar

import msgspec

from opsportal.api import parsers
from opsportal.api.errors import Malformed, TooLarge
from opsportal.errors import InvalidInput

STATUSES = ("created", "updated", "duplicate", "conflict", "invalid")
CHUNK = 5_000
BATCH = 100  # lines read in one go
MAX_LINES = 1_000_000
MAX_LINE_BYTES = 256 * 1024

New = TypeVar("New")
Shape = TypeVar("Shape", bound=msgspec.Struct)


class Recorded(msgspec.Struct, frozen=True, gc=False):
    """What became of one record. `status` is one of STATUSES; `id` that of its row, where there is one."""

    status: str
    id: str | None
    code: str | None = None
    field: str | None = None


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
class Intake(Generic[New]):
    """Takes lines; `counts` says how many got which answer so far."""

    read: Callable[[Any], New]  # raises InvalidInput; touches nothing but the line
    record: Callable[[Sequence[New]], Sequence[Recorded]]  # one transaction; an answer for each, in order
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

    def _read_chunk(self, lines: Iterable[Numbered]) -> list[tuple[int, New | InvalidInput]]:
        """Steps aside now and then: whoever has something to write goes first, so that reading falls into the time in
        which the database works. Left alone the two take turns of 5 ms, and the database waits for both.
        """
        lines, found = iter(lines), []
        while several := list(islice(lines, BATCH)):
            found += [(line, self._read(raw)) for line, raw in several]
            time.sleep(0)
        return found

    def _read(self, raw: Any) -> New | InvalidInput:
        try:
            return self.read(raw)
        except InvalidInput as error:
            return error

    def _record(self, several: list[tuple[int, New | InvalidInput]]) -> list[Answer]:
        good = [one for _, one in several if not isinstance(one, InvalidInput)]
        recorded = iter(self.record(good) if good else [])
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


# --- reading JSON quickly, and as strictly as the parser of the API ---

# Refusals of the schema that name a field, in the words of the rest of the API.
NAMED = (
    (re.compile(r"unknown field `([^`]*)`"), "unknown_field", "There is no such field."),
    (re.compile(r"missing required field `([^`]*)`"), "required", "This field is required."),
)
# What its others are called outside. The messages are msgspec's.
CODES = (
    (re.compile(r"of length >="), "blank"),
    (re.compile(r"of length <="), "max_length"),
    (re.compile(r"^Expected `datetime` with"), "naive"),
    (re.compile(r"^Expected [^,]* [<>]=? "), "out_of_range"),
    (re.compile(r"^Expected "), "wrong_type"),
    (re.compile(r"^Invalid enum"), "invalid_choice"),
    (re.compile(r"out of range"), "number_too_large"),
)

WHITESPACE = b" \t\r\n"
ANY_DIGIT = bytes.maketrans(b"123456789", b"000000000")
LONG_NUMBER = b"0" * len(str(parsers.MAX_INTEGER))


def read_json(raw: bytes) -> Any:
    """The JSON value of a line. Raises InvalidInput with a code: NUL, lone surrogates, duplicate keys, nesting beyond
    64 and numbers beyond 64 bits are refused as everywhere in the API.

    msgspec sees neither duplicate keys nor NUL; where there may be any, the strict parser decides, and so it does
    about everything that msgspec refuses.
    """
    if len(raw) > MAX_LINE_BYTES:
        raise InvalidInput("too_long", f"A line has at most {MAX_LINE_BYTES} bytes.")
    value = _decoded(raw, ANYTHING)
    if value is not UNSURE:
        return value
    try:
        return parsers.loads(raw)
    except Malformed as error:
        raise InvalidInput(str(error.get_codes()), str(error.detail)) from None


def read_shape(raw: bytes, decoder: msgspec.json.Decoder[Shape]) -> Shape:
    """The line as its declared shape, at once where nothing is amiss. Raises InvalidInput as the two steps do.

    The shape leaves out what stands at its default (`omit_defaults`): a line that says so goes the longer way.
    """
    value = _decoded(raw, decoder) if len(raw) <= MAX_LINE_BYTES else UNSURE
    return value if value is not UNSURE else shaped(read_json(raw), decoder.type)


def shaped(raw: Any, shape: type[Shape]) -> Shape:
    """A value of strictly read JSON as its declared shape. Raises InvalidInput with a code, at the field."""
    try:
        return msgspec.convert(raw, shape)
    except msgspec.ValidationError as error:
        _refuse(error)


ANYTHING = msgspec.json.Decoder()
UNSURE: Any = object()


def _decoded(raw: bytes, decoder: msgspec.json.Decoder[Any]) -> Any:
    """What the line says, if it is certain that the strict parser would read the same; else UNSURE."""
    if b"\\" in raw and b"\\u" in raw:  # one byte is sooner found than two
        return UNSURE
    try:
        value = decoder.decode(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return UNSURE
    flat = raw.translate(ANY_DIGIT, WHITESPACE)
    if flat.count(b"{") + flat.count(b"[") > parsers.MAX_DEPTH or LONG_NUMBER in flat:
        return UNSURE
    # Each key is followed by `":`. More of these than in what was understood may mean that one stands twice.
    return value if flat.count(b'":') == msgspec.json.encode(value).count(b'":') else UNSURE


def _refuse(error: msgspec.ValidationError) -> NoReturn:
    """The schema's refusal with a code of ours, at the field it names."""
    message, _, place = str(error).partition(" - at `")
    path = "" if place.startswith("key") else place.strip("`").removeprefix("$").strip(".")
    for pattern, code, sentence in NAMED:
        if found := pattern.search(message):
            raise InvalidInput(code, sentence, field=".".join(filter(None, (path, found[1])))) from None
    code = next((code for pattern, code in CODES if pattern.search(message)), "invalid")
    raise InvalidInput(code, f"{message}.", field=path) from None
