"""A whole file read and checked before anything is written: what each row would become, and why not."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from zlib import compress, decompressobj

from opsportal.errors import InvalidInput, InvalidInputs
from opsportal.imports.cells import order_of
from opsportal.imports.columns import KEPT, LEFT_OUT, NAMED, check
from opsportal.imports.files import MAX_BYTES, MAX_CELL, Line, Sheet, typed
from opsportal.imports.registry import Item, Kind, Reader
from opsportal.imports.states import RowState
from opsportal.web.words import count


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a row stays out: at which column (its heading, or ""), a code, a sentence, and what stands there."""

    column: str
    code: str
    message: str
    cell: str = ""


@dataclass(slots=True)
class Row:
    """One row of the file. `key` is that of the record it makes or repeats; `twin` the line it repeats."""

    line: int
    cells: list[str]
    item: Item | None = None
    problems: list[Problem] = field(default_factory=list)
    state: RowState = RowState.CREATED
    key: str = ""
    twin: int = 0
    name: str = ""  # what it says at the kind's first field

    @property
    def label(self) -> str:
        first = next((typed(cell) for cell in self.cells if cell.strip()), "")
        return (self.item.label if self.item else self.name or first)[:200]

    @property
    def notes(self) -> list[dict[str, str]]:
        """Its problems as they are kept; a repeated row says what it repeats."""
        if self.state != RowState.DUPLICATE:
            return [asdict(one) for one in self.problems]
        message = f"It repeats line {self.twin:,}." if self.twin else "It is there already."
        return [asdict(Problem("", "duplicate", message))]


@dataclass(frozen=True, slots=True)
class Plan:
    """What importing the file would do. `counts`: created, duplicate, refused."""

    headings: list[str]
    rows: list[Row]

    @property
    def counts(self) -> dict[str, int]:
        found = Counter(row.state for row in self.rows)
        return {state: found[state] for state in (RowState.CREATED, RowState.DUPLICATE, RowState.REFUSED)}

    def of(self, state: RowState) -> Iterator[Row]:
        return (row for row in self.rows if row.state == state)

    def refused(self) -> Iterator[list[str]]:
        """What stays out, under `refused_header`."""
        for row in self.of(RowState.REFUSED):
            yield as_refused(self.headings, row.line, row.cells, map(asdict, row.problems))


def read_rows(sheet: Sheet, mapping: Sequence[str], kind: Kind, reader: Reader) -> Plan:
    """Every row by itself; none is known to be there already. Raises InvalidInput for a mapping that cannot be."""
    check(mapping, sheet.headings, kind.fields, keeps_extras=kind.keeps_extras)
    return Plan(
        sheet.headings, [_row(line, sheet.headings, mapping, reader, kind.fields[0].name) for line in sheet.lines]
    )


def settle(plan: Plan, reader: Reader) -> Plan:
    """The rows that stand there already, or repeat an earlier one of the file, are told apart from new ones."""
    good = [row for row in plan.rows if row.item is not None]
    standing = reader.standing([row.item for row in good if row.item])
    seen: dict[bytes | str, Row] = {}
    for at, row in enumerate(good):
        item = row.item
        assert item is not None  # noqa: S101 - for the type checker
        twin = seen.get(item.identity) or (seen.get(item.clash) if item.clash else None)
        found = standing.get(at) or ""
        if isinstance(conflict := _conflict(item, found, twin), InvalidInput):
            row.problems.append(Problem("", conflict.code, conflict.message))
            row.item, row.state = None, RowState.REFUSED
            continue
        row.twin = twin.line if twin else 0
        row.key = conflict or (twin.key if twin else item.key)
        row.state = RowState.CREATED if row.key == item.key else RowState.DUPLICATE
        seen.setdefault(item.identity, row)
        if item.clash:
            seen.setdefault(item.clash, row)
    return plan


def _conflict(item: Item, found: str | InvalidInput, twin: Row | None) -> str | InvalidInput:
    """`found`, unless what stands there, here or in the portal, says something else."""
    if isinstance(found, str) and twin is not None and twin.item is not None and twin.item.digest != item.digest:
        return InvalidInput("conflict", f"Line {twin.line:,} has the same id, and says something else.")
    return found


def consequence(counts: dict[str, int], nouns: tuple[str, str]) -> str:
    """What the button does: `Import 412 handoffs; 3 rows stay out`."""
    stays = counts[RowState.REFUSED]
    out = f"; {count(stays, 'row')} {'stays' if stays == 1 else 'stay'} out" if stays else ""
    return f"Import {count(counts[RowState.CREATED], *nouns)}{out}"


def reason(problems: Iterable[Mapping[str, str]]) -> str:
    """Everything that is wrong with a row in one cell: `Started: This is no time.`"""
    return " ".join(f"{one['column']}: {one['message']}" if one["column"] else one["message"] for one in problems)


def order_of_dates(sheet: Sheet, mapping: Sequence[str], kind: Kind) -> str:
    """How the file's dates are written, as far as one of them tells (cells.order_of)."""
    instants = {field.name for field in kind.fields if field.is_instant}
    places = [at for at, name in enumerate(mapping) if name in instants]
    return order_of([typed(line.cells[at]) for line in sheet.lines for at in places if at < len(line.cells)])


def refused_header(headings: Sequence[str]) -> list[str]:
    return [*headings, "line", "reason"]


def as_refused(
    headings: Sequence[str], line: int, cells: Sequence[str], problems: Iterable[Mapping[str, str]]
) -> list[str]:
    """A refused row as it was typed, with its line and its reason, under `refused_header`."""
    width = len(headings)
    padded = [typed(cell) for cell in cells[:width]] + [""] * (width - len(cells))
    return [*padded, str(line), reason(problems)]


def pack(raw: bytes) -> bytes:
    return compress(raw, 6)


def unpack(packed: bytes) -> bytes:
    """What `pack` was given, and never more than a file may hold."""
    return decompressobj().decompress(packed, MAX_BYTES + 1)


def _row(line: Line, headings: Sequence[str], mapping: Sequence[str], reader: Reader, first: str) -> Row:
    row = Row(line.number, line.cells)
    said, extras, places = {}, {}, {}
    for at, name in enumerate(mapping):
        text = typed(line.cells[at]) if at < len(line.cells) else ""
        if name == LEFT_OUT or not text:
            continue
        if fault := _fault(text):
            row.problems.append(Problem(headings[at], *fault, _shown(text)))
        elif name == KEPT or name.startswith(NAMED):
            extras[headings[at] if name == KEPT else name.removeprefix(NAMED)] = text
        else:
            said[name], places[name] = text, headings[at]
    if any(cell.strip() for cell in line.cells[len(headings) :]):
        row.problems.append(Problem("", "too_many_cells", "The row has more cells than the first line has columns."))
    row.name = said.get(first, "")
    try:
        row.item = reader.read(said, extras)
    except InvalidInput as error:
        row.problems += [_problem(each, places, mapping, headings, said) for each in _each(error)]
    if row.problems:
        row.item, row.state = None, RowState.REFUSED
    return row


def _each(error: InvalidInput) -> list[InvalidInput]:
    return error.errors if isinstance(error, InvalidInputs) else [error]


def _problem(
    error: InvalidInput, places: dict[str, str], mapping: Sequence[str], headings: Sequence[str], said: dict[str, str]
) -> Problem:
    """A refusal at the column that says the field; an empty cell has one, too."""
    place = places.get(error.field) or next(
        (heading for heading, name in zip(headings, mapping, strict=True) if name and name == error.field), ""
    )
    return Problem(place, error.code, error.message, _shown(said.get(error.field, "")))


def _fault(text: str) -> tuple[str, str] | None:
    if "\x00" in text:
        return "nul_character", "This cell holds the character NUL."
    if len(text) > MAX_CELL:
        return "max_length", f"A cell has at most {MAX_CELL:,} characters."
    return None


def _shown(text: str) -> str:
    text = text.replace("\x00", "\ufffd")
    return text if len(text) <= 60 else f"{text[:59]}…"
