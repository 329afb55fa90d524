"""XES (IEEE 1849) as a stream of events: each with its own attributes, and those of its case under `case:NAME`.

Only what logs are made of is read; a document type, and with it every entity of one's own, is refused before it can
do anything.
"""

from collections.abc import Iterable, Iterator
from typing import Any
from xml.parsers import expat  # no entities: see `_refuse_doctype`

from opsportal.errors import InvalidInput

PLAIN = frozenset({"string", "date", "int", "float", "boolean", "id"})
NESTED = PLAIN | {"list", "container"}
CASE_ID = "case:concept:name"
MAX_DEPTH = 64
Record = dict[str, Any]


def read_xes(pieces: Iterable[bytes]) -> Iterator[Record]:
    """The events in the order of the file. Raises InvalidInput where it is not XES."""
    reader = _Reader()
    try:
        for piece in pieces:
            reader.parser.Parse(piece, False)
            yield from reader.take()
        reader.parser.Parse(b"", True)
    except expat.ExpatError as error:
        raise InvalidInput("not_xml", f"this is not XML (line {error.lineno}).") from None
    yield from reader.take()
    if not reader.is_log:
        raise InvalidInput("not_xes", "this is XML, but no log.")


class _Reader:
    """Gathers events while the parser walks: attributes of the trace belong to all of its events, those that follow
    them too.
    """

    def __init__(self) -> None:
        self.parser = expat.ParserCreate()
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.StartDoctypeDeclHandler = _refuse_doctype
        self.is_log = False
        self.depth = 0
        self.trace: Record | None = None
        self.event: Record | None = None
        self.nested = 0  # how deep within an attribute: only the outermost is read
        self.waiting: list[Record] = []  # events of the trace that is being read
        self.done: list[Record] = []

    def take(self) -> list[Record]:
        done, self.done = self.done, []
        return done

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self.depth += 1
        name = name.rpartition(":")[2]
        if self.depth > MAX_DEPTH:
            raise InvalidInput("too_deep", f"this is nested deeper than {MAX_DEPTH}.")
        if self.depth == 1:
            self.is_log = name == "log"
        elif name in NESTED:
            self._attribute(name, attributes)
        elif name == "trace":
            self.trace = {}
        elif name == "event" and self.trace is not None:
            self.event = {}

    def _attribute(self, kind: str, attributes: dict[str, str]) -> None:
        self.nested += 1
        if self.nested > 1 or self.trace is None or kind not in PLAIN:
            return
        key, value = attributes.get("key", ""), attributes.get("value", "")
        if key and self.event is not None:
            self.event[key] = _typed(kind, value)
        elif key:
            self.trace[f"case:{key}"] = _typed(kind, value)

    def _end(self, name: str) -> None:
        self.depth -= 1
        name = name.rpartition(":")[2]
        if name in NESTED:
            self.nested -= 1
        elif name == "event" and self.event is not None:
            self.waiting.append(self.event)
            self.event = None
        elif name == "trace" and self.trace is not None:
            self.done += [{**self.trace, **event} for event in self.waiting]
            self.waiting, self.trace = [], None


def _typed(kind: str, value: str) -> Any:
    """Whole numbers, floats and truths as such where they are; anything else stays text."""
    if kind == "boolean":
        return value.strip().lower() == "true"
    if kind in ("int", "float"):
        try:
            return int(value) if kind == "int" and len(value) <= 18 else _finite(value)
        except ValueError:
            return value
    return value


def _finite(value: str) -> float | str:
    number = float(value)
    return number if abs(number) < float("inf") else value  # NaN compares false, too


def _refuse_doctype(*_: Any) -> None:
    raise InvalidInput("doctype", "it declares a document type, which no log needs.")
