import logging

import pytest

from opsportal import trace
from opsportal.logs import LineFormatter


def line(message: str, *args: object) -> str:
    record = logging.LogRecord("opsportal.audit", logging.INFO, "x.py", 1, message, args, None)
    record.created = 1_793_696_400.0
    return LineFormatter().format(record)


def test_a_line_says_when_where_and_what():
    assert line("Audit head %s", "3:ab") == "2026-11-03T09:00:00Z INFO opsportal.audit Audit head 3:ab"


def test_the_trace_id_of_the_work_in_hand_is_in_it():
    with trace.scope(trace_id="abc", source="task"):
        assert line("hello") == "2026-11-03T09:00:00Z INFO opsportal.audit [abc] hello"


@pytest.mark.parametrize("text", ["a\nERROR forged", "a\r\nb", "\x1b[31mred", "\x00", "a\u2028b", "\x9b31m"])
def test_what_is_logged_forges_no_line(text):
    formatted = line("said %s", text)
    assert formatted.isprintable()
    assert len(formatted.splitlines()) == 1


def test_other_alphabets_stay_readable():
    assert line("Zoë 東京").endswith("Zoë 東京")
