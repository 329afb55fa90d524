"""Files as rows: what is read, within which limits, and what is refused with a sentence that helps."""

import contextlib
import gzip
from datetime import UTC

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsportal.errors import InvalidInput
from opsportal.imports import cells
from opsportal.imports.columns import Field, apply_said, check, guess
from opsportal.imports.files import MAX_COLUMNS, Unusable, clean_name, read_sheet, typed
from opsportal.web import csv

FIELDS = (
    Field("subject", "Subject", ("name", "title"), is_required=True),
    Field("started_at", "Started", ("created",)),
)


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_separators_line_ends_and_byte_order_marks(separator, mark, end):
    text = mark + end.join([f"a{separator}b", f'"x{separator}y"{separator}é', ""])
    sheet = read_sheet(text.encode())
    assert (sheet.headings, sheet.separator) == (["a", "b"], separator)
    assert [line.cells for line in sheet.lines] == [[f"x{separator}y", "é"]]


def test_lines_are_numbered_as_an_editor_shows_them():
    sheet = read_sheet(b'sep=;\na;b\n"x\ny";1\n\n;\nz;2\n')
    assert [(line.number, line.cells[0]) for line in sheet.lines] == [(3, "x\ny"), (7, "z")]


def test_columns_without_a_heading_get_a_number():
    assert read_sheet(b"a,,c\n1,2,3\n").headings == ["a", "column 2", "c"]


@pytest.mark.parametrize(
    ("raw", "code", "words"),
    [
        (b"", "empty", "names no columns"),
        (b",,\n1,2,3\n", "empty", "names no columns"),
        (b"a,b\n", "empty", "no row below"),
        ("a\nM\u00fcller\n".encode("latin-1"), "not_utf8", "Line 2 is not in UTF-8"),
        (b"a\n\xed\xa0\x80\n", "not_utf8", "Line 2"),
        ("a\nb\n".encode("utf-16"), "not_csv", "UTF-16"),
        (gzip.compress(b"a\nb\n"), "not_csv", "Unpack it"),
        (b"PK\x03\x04rest", "not_csv", "workbook"),
        (b'a,b\n"open,1\n2,3\n', "damaged", "never closed"),
        (b'a,b\n"x"y,1\n', "damaged", "Line 2"),
        (b"a\n" + b"x" * 200_000, "damaged", "far too long"),
        (b",".join([b"a"] * (MAX_COLUMNS + 1)) + b"\n1\n", "too_many_columns", "200"),
    ],
)
def test_what_cannot_be_read_says_why(raw, code, words):
    with pytest.raises(Unusable, match=words) as caught:
        read_sheet(raw)
    assert caught.value.code == code


def test_limits_of_rows_and_bytes():
    assert len(read_sheet(b"a\n" + b"x\n" * 3, max_rows=3).lines) == 3
    with pytest.raises(Unusable, match="more than 3 rows"):
        read_sheet(b"a\n" + b"x\n" * 4, max_rows=3)
    with pytest.raises(Unusable, match="at most"):
        read_sheet(b"a\n" + b"x" * 20, max_bytes=10)


@given(st.lists(st.lists(st.text(st.characters(exclude_categories=["Cs"])), min_size=2, max_size=2), min_size=1))
def test_what_our_csv_writes_comes_back_as_it_was_typed(rows):
    rows = [["x", *row] for row in rows]
    raw = "".join(csv.lines(["mark", "one", "two"], rows)).encode()
    read = [[typed(cell) for cell in line.cells] for line in read_sheet(raw).lines]
    assert read == [[cell.strip() for cell in row] for row in rows]


@given(st.binary(max_size=400))
def test_any_bytes_are_read_or_refused(raw):
    with contextlib.suppress(Unusable):
        read_sheet(raw)


@given(st.text(max_size=60))
def test_any_cell_is_a_value_or_refused(text):
    for read in (
        lambda: cells.instant(text, UTC, cells.DAY_FIRST),
        lambda: cells.amount(text),
        lambda: cells.whole(text, least=1, most=10),
    ):
        with contextlib.suppress(InvalidInput):
            read()


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("1200", "1200"), ("-5.5", "-5.5"), ("1,234.50", "1234.50"), ("1.234,50", "1234.50"), ("1 234,50", "1234.50"),
        ("$1,000", "1000"), ("1234,5 EUR", "1234.5"), ("CHF 1'234.50", "1234.50"), ("1.234.567", "1234567"),
    ],
)  # fmt: skip
def test_amounts_as_people_write_them(text, amount):
    assert str(cells.amount(text)) == amount


@pytest.mark.parametrize(
    ("text", "order", "instant"),
    [
        ("2026-11-21T15:05:00Z", "", "2026-11-21T15:05:00+00:00"),
        ("2026-11-21 15:05", "", "2026-11-21T15:05:00+00:00"),
        ("2026/11/21 15:05:09", "", "2026-11-21T15:05:09+00:00"),
        ("2026-11-21 15:05 UTC", "", "2026-11-21T15:05:00+00:00"),
        ("2026-11-21T15:05+01:00", "", "2026-11-21T14:05:00+00:00"),
        ("21.11.2026 15:05", "", "2026-11-21T15:05:00+00:00"),
        ("3/4/2026 3:05 PM", "month_first", "2026-03-04T15:05:00+00:00"),
        ("3/4/2026, 12:05 a.m.", "day_first", "2026-04-03T00:05:00+00:00"),
    ],
)
def test_times_as_people_write_them(text, order, instant):
    assert cells.instant(text, UTC, order).isoformat() == instant


@pytest.mark.parametrize("text", ["31/02/2026 10:00", "1/1/2026 13:00 pm", "2026-02-30 10:00", "soon", "46000"])
def test_times_that_are_none(text):
    with pytest.raises(InvalidInput):
        cells.instant(text, UTC, cells.DAY_FIRST)


def test_the_order_of_dates_is_told_by_those_that_can_only_be_read_one_way():
    assert cells.order_of(["03/04/2026 10:00", "21/04/2026 10:00"]) == cells.DAY_FIRST
    assert cells.order_of(["03/04/2026 10:00", "04/21/2026 10:00"]) == cells.MONTH_FIRST
    assert cells.order_of(["03/04/2026 10:00"]) == cells.NOT_SAID
    assert cells.order_of(["21/04/2026 10:00", "04/21/2026 10:00"]) == cells.NOT_SAID


def test_guesses_take_exact_names_first_and_no_field_twice():
    assert guess(["Title", "Subject", "CREATED", "Name"], FIELDS) == ["", "subject", "started_at", ""]


def test_what_is_said_takes_the_field_from_whoever_had_it():
    assert apply_said(["", "subject"], ["Title", "Subject"], {"Title": "subject"}) == ["subject", ""]
    with pytest.raises(InvalidInput, match="no column"):
        apply_said([""], ["Title"], {"Nothing": "subject"})


@pytest.mark.parametrize(
    ("mapping", "code"),
    [(["", ""], "field_missing"), (["subject", "subject"], "field_twice"), (["subject", "what"], "unknown_field")],
)
def test_mappings_that_cannot_be(mapping, code):
    with pytest.raises(InvalidInput) as caught:
        check(mapping, ["a", "b"], FIELDS, keeps_extras=True)
    assert caught.value.code == code


@pytest.mark.parametrize("name", ["a\x00b.csv", "\ud800.csv", "x" * 500, "", "<b>.csv"])
def test_names_of_files_can_be_kept(name):
    kept = clean_name(name)
    kept.encode()
    assert 0 < len(kept) <= 200
    assert kept.isprintable()
