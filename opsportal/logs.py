"""Log lines, in UTC and with the trace id of the work in hand: readable ones, or one JSON object a line (Loki).

OPSPORTAL_LOG_FORMAT=json chooses the second, and adds a line for each request. No payload, no query string, no person
and no secret of an address is ever logged by these.
"""

import json
import logging
import re
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from django.conf import settings
from django.core.exceptions import MiddlewareNotUsed
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from opsportal import trace
from opsportal.ids import new_trace_id

Handler = Callable[[HttpRequest], HttpResponseBase]
access = logging.getLogger("opsportal.access")

# What a line of the access log may carry beside the message; anything else stays out of JSON lines.
EXTRAS = (
    "request_id",
    "correlation_id",
    "method",
    "path",
    "route",
    "status",
    "outcome",
    "payload_bytes",
    "response_bytes",
    "duration_ms",
)
LONGEST_MESSAGE, LONGEST_PATH = 8_000, 300
HIDDEN = "***"
# Behind these, every part is a key until proven a plain word: ping codes, inbound keys, shared pages, feeds, resets.
SECRET_ROOTS = frozenset({"ping", "integrations", "badge", "badges", "share", "shared", "oncall", "reset", "kits"})
# Names of parts of an address that hold a credential or a person.
SECRET_PARTS = frozenset(
    {"key", "code", "ping_key", "secret", "token", "signature", "uidb64", "username", "badge_key", "share_key", "email"}
)
PLAIN_WORD = re.compile(r"[a-z][a-z_-]{0,19}|[a-z][a-z0-9]{0,5}|[0-9]{1,3}")
LIKE_A_SECRET = re.compile(r"(?=[^/]*[0-9])[A-Za-z0-9_.~-]{20,}|ops_[A-Za-z0-9_]*|[^/]*(?:@|%40)[^/]*")
RECORD_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


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


class JsonFormatter(logging.Formatter):
    """One JSON object a line, in ASCII: whatever is logged, it is one line without control characters."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": _instant(record.created),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": _message(record)[:LONGEST_MESSAGE],
        }
        if trace_id := trace.current_trace_id():
            line["correlation_id"] = trace_id
        line |= {name: getattr(record, name) for name in EXTRAS if getattr(record, name, None) is not None}
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)[-LONGEST_MESSAGE:]
        return json.dumps(line, ensure_ascii=True, default=str)


class AccessMiddleware:
    """Writes a line for each request where logs are JSON; stands first, to see what every other one answers."""

    def __init__(self, get_response: Handler) -> None:
        if getattr(settings, "LOG_FORMAT", "line") != "json":
            raise MiddlewareNotUsed
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        began = time.perf_counter()
        response = self.get_response(request)
        access.info("request", extra=described(request, response, time.perf_counter() - began))
        return response


def described(request: HttpRequest, response: HttpResponseBase, seconds: float) -> dict[str, Any]:
    """What is told of a request: ids, sizes, outcome, how long; nobody's name, nothing that was sent."""
    match = request.resolver_match
    given = request.headers.get("X-Request-ID", "")
    declared = request.META.get("CONTENT_LENGTH") or ""
    size = response.headers.get("Content-Length") or (len(response.content) if hasattr(response, "content") else None)
    return {
        "request_id": given if trace.is_valid(given) else new_trace_id(),
        "correlation_id": response.headers.get("X-Correlation-ID"),
        "method": (request.method or "")[:10],
        "path": masked_path(request.path_info, match.kwargs if match else {}),
        "route": match.route if match else None,
        "status": response.status_code,
        "outcome": outcome_of(response.status_code),
        "payload_bytes": int(declared[:18]) if declared.isdecimal() else 0,
        "response_bytes": int(size) if size is not None else None,
        "duration_ms": round(seconds * 1000, 3),
    }


def outcome_of(status: int) -> str:
    """ok, refused (the caller's doing) or failed (ours)."""
    return "ok" if status < 400 else "refused" if status < 500 else "failed"


def masked_path(path: str, named: dict[str, Any]) -> str:
    """An address without what would open it: the parts a route names as keys, and whatever looks like one."""
    hidden = {str(value) for name, value in named.items() if name in SECRET_PARTS}
    parts = path.split("/")
    behind_secret = False
    for index, part in enumerate(parts):
        if part in hidden or (behind_secret and part and not PLAIN_WORD.fullmatch(part)) or _is_secret(part):
            parts[index] = HIDDEN
        behind_secret = behind_secret or (index <= 1 and part in SECRET_ROOTS)
    return "/".join(parts)[:LONGEST_PATH]


def _is_secret(part: str) -> bool:
    return LIKE_A_SECRET.fullmatch(part) is not None and RECORD_ID.fullmatch(part) is None


def _message(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except (TypeError, ValueError):  # a placeholder too many must not cost the line
        return str(record.msg)


def _instant(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
