"""CSV that spreadsheets open without running anything, and that comes back unchanged.

A text cell that a spreadsheet would take for a formula gets an apostrophe in front; `original` takes it away again.
Files start with a UTF-8 byte order mark, because Excel reads UTF-8 only with one; readers use the codec `utf-8-sig`.
"""

import csv
import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from decimal import Decimal

from django.http import StreamingHttpResponse

from opsportal.web import words

# Besides = + - @ tab CR: line feed and the full-width forms, which some spreadsheets fold to ASCII. Leading
# apostrophes are counted in, so that a cell which has one by nature is told apart from one we added.
RISKY = re.compile(r"'*[=+\-@\t\r\n＝＋－＠]")
MARKED = re.compile(r"'+[=+\-@\t\r\n＝＋－＠]")
BYTE_ORDER_MARK = "\ufeff"


class _Echo:
    """A file that hands each written line back, so that csv.writer can feed a stream."""

    def write(self, text: str) -> str:
        return text


def safe_cell(value: object) -> str:
    """A value as CSV text: times in UTC with Z, numbers as they are, text neutralised."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        return words.iso(value)
    if isinstance(value, int | float | Decimal):
        return str(value)
    text = str(value)
    return f"'{text}" if RISKY.match(text) else text


def original(cell: str) -> str:
    """What `safe_cell` was given, for text: `original(safe_cell(text)) == text`."""
    return cell[1:] if MARKED.match(cell) else cell


def lines(header: Sequence[str], rows: Iterable[Iterable[object]]) -> Iterator[str]:
    """The file line by line, byte order mark first."""
    writer = csv.writer(_Echo())
    yield BYTE_ORDER_MARK + writer.writerow([safe_cell(cell) for cell in header])
    for row in rows:
        yield writer.writerow([safe_cell(cell) for cell in row])


def stream(name: str, header: Sequence[str], rows: Iterable[Iterable[object]]) -> StreamingHttpResponse:
    """An answer that sends rows as they are read. `name` is the file name without `.csv`."""
    response = StreamingHttpResponse(lines(header, rows), content_type="text/csv; charset=utf-8")
    stem = re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-.") or "export"
    response.headers["Content-Disposition"] = f'attachment; filename="{stem}.csv"'
    return response
