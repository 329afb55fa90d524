"""A file of comma separated values as rows, within limits. No database, no meaning: columns.py and the kinds give it.

Read are UTF-8 with or without a byte order mark, and comma, semicolon or tab, whichever makes most columns of the
first line. Everything else is refused by a sentence that says what to do.
"""

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass

from opsportal.errors import InvalidInput
from opsportal.web.csv import original

MAX_BYTES = 10 * 1024 * 1024
MAX_ROWS = 20_000
MAX_COLUMNS = 200
MAX_CELL = 10_000
SEPARATORS = {",": "comma", ";": "semicolon", "\t": "tab"}
# How files begin that are no text; people send them under any name.
PACKED = (
    (b"\x1f\x8b", "This file is packed with gzip. Unpack it first."),
    (b"PK\x03\x04", "This is a workbook or a zip archive. Open it and save the sheet as “CSV UTF-8”."),
    (b"\xd0\xcf\x11\xe0", "This is a workbook of an older Excel. Open it and save the sheet as “CSV UTF-8”."),
    (b"\xff\xfe", "This file is in UTF-16. Save it as “CSV UTF-8”."),
    (b"\xfe\xff", "This file is in UTF-16. Save it as “CSV UTF-8”."),
)


class Unusable(InvalidInput):
    """The file cannot be read at all; nothing of it is taken."""


@dataclass(frozen=True, slots=True)
class Line:
    """A row that says something: the number of its first line in the file, its cells as they were typed."""

    number: int
    cells: list[str]


@dataclass(frozen=True, slots=True)
class Sheet:
    headings: list[str]
    lines: list[Line]
    separator: str


def read_sheet(raw: bytes, *, max_rows: int = MAX_ROWS, max_bytes: int = MAX_BYTES) -> Sheet:
    """The rows of a file, empty ones left out. Raises Unusable."""
    text = _decode(raw, max_bytes)
    first, skipped = _after_hint(text)
    separator = _separator(first)
    rows = _rows(first, separator, skipped)
    headings = [cell.strip() for cell in next(rows, Line(1, [])).cells]
    if not any(headings):
        raise Unusable("empty", "The first line names no columns.", field="file")
    if len(headings) > MAX_COLUMNS:
        raise Unusable("too_many_columns", f"There are more than {MAX_COLUMNS} columns.", field="file")
    named = [heading[:120] or f"column {number}" for number, heading in enumerate(headings, start=1)]
    lines = []
    for line in rows:
        if any(cell.strip() for cell in line.cells):
            lines.append(line)
        if len(lines) > max_rows:
            text = f"There are more than {max_rows:,} rows. Import it in parts."
            raise Unusable("too_many_rows", text, field="file")
    if not lines:
        raise Unusable("empty", "There is a first line, and no row below it.", field="file")
    return Sheet(named, lines, separator)


def typed(cell: str) -> str:
    """What somebody meant by a cell: without the apostrophe that keeps a spreadsheet from running it."""
    return original(cell).strip()


def clean_name(name: str) -> str:
    """A file's name as it may stand in a database and on a page."""
    plain = "".join(one for one in name.encode("utf-8", "replace").decode() if one.isprintable())
    return plain.strip()[-200:] or "file.csv"


def _decode(raw: bytes, max_bytes: int) -> str:
    if len(raw) > max_bytes:
        raise Unusable("too_large", f"A file has at most {max_bytes // 2**20} MB.", field="file")
    for beginning, sentence in PACKED:
        if raw.startswith(beginning):
            raise Unusable("not_csv", sentence, field="file")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        text = f"Line {line:,} is not in UTF-8. Save the file as “CSV UTF-8”, so that no letter gets lost."
        raise Unusable("not_utf8", text, field="file") from None


def _after_hint(text: str) -> tuple[str, int]:
    """Without Excel's own first line `sep=;`, and how many lines that was."""
    head, _, rest = text.partition("\n")
    return (rest, 1) if head.strip().lower()[:4] == "sep=" and len(head.strip()) == 5 else (text, 0)


def _separator(text: str) -> str:
    """Whatever makes most columns of the first row; of equals the earlier one."""
    return max(SEPARATORS, key=lambda one: _width(text, one))


def _width(text: str, separator: str) -> int:
    try:
        return len(next(csv.reader(io.StringIO(text[:100_000], newline=""), delimiter=separator, strict=True), []))
    except csv.Error:
        return 0


def _rows(text: str, separator: str, skipped: int) -> Iterator[Line]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    while True:
        number = reader.line_num + 1 + skipped
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise Unusable("damaged", f"Line {number:,} cannot be read: {_said(error)}", field="file") from None
        yield Line(number, cells)


def _said(error: csv.Error) -> str:
    if "field limit" in str(error):
        return "a cell is far too long. Is a quotation mark missing?"
    if "unexpected end" in str(error):
        return "a quotation mark is opened and never closed."
    return "something stands between a closing quotation mark and the separator."
