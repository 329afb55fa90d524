"""Log lines: one event a line, in UTC, with the trace id of the work in hand."""

import logging
import time

from opsportal import trace


class LineFormatter(logging.Formatter):
    """`2026-11-03T09:00:00Z INFO opsportal.audit [trace id] message`.

    Control characters are escaped: a newline or a terminal sequence in what is logged forges no line (but a
    traceback of ours keeps its lines).
    """

    converter = time.gmtime  # type: ignore[assignment]

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s%(trace)s %(message)s", "%Y-%m-%dT%H:%M:%SZ")

    def formatMessage(self, record: logging.LogRecord) -> str:
        trace_id = trace.current_trace_id()
        record.trace = f" [{trace_id}]" if trace_id else ""
        return "".join(each if each.isprintable() else ascii(each)[1:-1] for each in super().formatMessage(record))
