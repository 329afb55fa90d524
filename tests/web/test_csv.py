"""CSV runs nothing in a spreadsheet and comes back unchanged."""

import csv as standard_csv
import io
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from opsportal.web import csv

STARTS_A_FORMULA = tuple("=+-@\t\r\n＝＋－＠")
texts = st.text(alphabet=st.one_of(st.sampled_from("'=+-@\t\r\n\", a＝"), st.characters(codec="utf-8")))


@given(texts)
@example("'=1")
@example("''-x")
@example("\t=1")
def test_a_text_comes_back_unchanged(text):
    assert csv.original(csv.safe_cell(text)) == text


@given(texts)
def test_no_cell_starts_a_formula(text):
    assert not csv.safe_cell(text).startswith(STARTS_A_FORMULA)


@given(st.lists(st.lists(texts, min_size=2, max_size=2), max_size=5))
def test_a_whole_file_comes_back_unchanged(rows):
    text = "".join(csv.lines(["a", "b"], rows)).encode().decode("utf-8-sig")
    header, *read = standard_csv.reader(io.StringIO(text, newline=""))
    assert header == ["a", "b"]
    assert [[csv.original(cell) for cell in row] for row in read] == rows


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        (None, ""),
        (True, "yes"),
        (-5, "-5"),
        (Decimal("-1.50"), "-1.50"),
        (datetime(2026, 11, 3, 8, 15, tzinfo=UTC), "2026-11-03T08:15:00Z"),
        ("-5", "'-5"),
        ("=cmd|'/c calc'!A1", "'=cmd|'/c calc'!A1"),
    ],
)
def test_numbers_and_times_stay_themselves_while_text_is_neutralised(value, cell):
    assert csv.safe_cell(value) == cell


def test_the_file_streams_with_a_byte_order_mark_and_a_harmless_name():
    response = csv.stream('late"\r\nX: y/../handoffs', ["Lead"], iter([["Ünïcode"]]))
    assert response.streaming
    assert response.getvalue().startswith(b"\xef\xbb\xbfLead\r\n")
    assert response.headers["Content-Disposition"] == 'attachment; filename="late-X-y-..-handoffs.csv"'
