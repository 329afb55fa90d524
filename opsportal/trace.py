"""The trace id and the source of the work in hand, carried beside the call (PEP 567 context variables).

Every row, log line, message and webhook that one request touched carries the same trace id.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from opsportal.ids import new_trace_id

SOURCES = ("web", "api", "task", "admin", "command")
TRACE_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:\-]{0,63}")
TRACEPARENT = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}")

_trace_id: ContextVar[str] = ContextVar("trace_id", default="")
_source: ContextVar[str] = ContextVar("source", default="command")


def current_trace_id() -> str:
    """The trace id of the work in hand; empty outside a scope."""
    return _trace_id.get()


def current_source() -> str:
    """Where the work in hand came from: web, api, task, admin or command."""
    return _source.get()


def is_valid(trace_id: str) -> bool:
    return TRACE_ID.fullmatch(trace_id) is not None


def from_headers(correlation_id: str, traceparent: str) -> str:
    """The caller's trace id: X-Correlation-ID first, then the trace-id of a W3C traceparent, else a new one."""
    if is_valid(correlation_id):
        return correlation_id
    match = TRACEPARENT.fullmatch(traceparent.strip().lower())
    if match and match[1] != "0" * 32:
        return match[1]
    return new_trace_id()


@contextmanager
def scope(*, trace_id: str = "", source: str) -> Iterator[str]:
    """Run a block under a trace id (a new one when none is given) and a source."""
    chosen = trace_id or new_trace_id()
    trace_token, source_token = _trace_id.set(chosen), _source.set(source)
    try:
        yield chosen
    finally:
        _trace_id.reset(trace_token)
        _source.reset(source_token)
