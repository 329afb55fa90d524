"""What the demo calls: a CRM, a mail service, a warehouse, a restart of a zap, on one port of this machine.

The CRM is busy now and then, knows what it had before, and refuses a stage it has not got; the mail service sometimes
hangs up before it answers; the warehouse is closed. No database, nothing kept beyond the process.
"""

import json
import threading
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

PORT_VARIABLE = "OPSPORTAL_DEMO_RECEIVER"
LEADS, DEALS, MAILS, COMPANIES = "/crm/leads", "/crm/deals", "/mail/send", "/warehouse/companies"
INVITES = "/calendar/invites"
RESTART = "/zapier/restart/meeting-scheduler"
STAGES = ("Qualified", "Proposal", "Contract sent", "Closed won", "Closed lost")
HANGS_UP_AT = "webinar-reminder"


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer; status 0 is none: the line is cut after the request was read."""

    status: int
    said: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)


def reply(path: str, body: Mapping[str, Any], *, times: int) -> Reply:
    """What each service answers when a message comes for the `times`-th time. Pure."""
    if path == LEADS:
        return _lead(str(body.get("reference", "")), times)
    if path == DEALS:
        stage = str(body.get("stage", ""))
        if stage not in STAGES:
            return Reply(422, f"stage: “{stage}” is not a value of this pipeline")
        return _taken(times)
    if path == MAILS:
        return Reply(0) if body.get("template") == HANGS_UP_AT else Reply(202, "queued")
    if path == COMPANIES:
        return Reply(503, "The warehouse is closed while tables are moved")
    if path == RESTART:
        return Reply(200, "The zap starts again" if times == 1 else "It has been started again already")
    return _taken(times) if path == INVITES else Reply(404, "There is nothing here")


def _lead(reference: str, times: int) -> Reply:
    """One in four is asked to come later; one in seven was entered by hand meanwhile."""
    number = sum(reference.encode())
    if number % 7 == 0:
        return Reply(409, "A lead with this reference exists")
    if number % 4 == 0:
        return Reply(429, "REQUEST_LIMIT_EXCEEDED", {"Retry-After": "20"}) if times == 1 else _taken(times - 1)
    return _taken(times)


def _taken(times: int) -> Reply:
    return Reply(201, "created") if times == 1 else Reply(200, "as before", {"Duplicate": "true"})


class Receiver:
    """Listens from `with` on, in threads that end with the process. Raises OSError when the port is taken."""

    def __init__(self, port: int) -> None:
        self._server = ThreadingHTTPServer(("127.0.0.1", port), _Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, name="receiver", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()


def take_restart() -> bool:
    """Whether somebody had the silent workflow started again since this was last asked."""
    was_set = _Handler.restarted.is_set()
    _Handler.restarted.clear()
    return was_set


class _Handler(BaseHTTPRequestHandler):
    times: Counter[tuple[str, str]] = Counter()  # how often each message was taken, whoever handled it
    restarted = threading.Event()
    counting = threading.Lock()

    def do_POST(self) -> None:
        content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        message = self.path, self.headers.get("webhook-id", "")
        with self.counting:
            self.times[message] += 1
            times = self.times[message]
        if self.path == RESTART:
            self.restarted.set()
        body: Any = None
        with suppress(ValueError):
            body = json.loads(content)
        self._answer(reply(self.path, body if isinstance(body, dict) else {}, times=times))

    def _answer(self, answer: Reply) -> None:
        self.close_connection = True
        if not answer.status:
            return
        said = json.dumps({"message": answer.said}, ensure_ascii=False).encode()
        self.send_response(answer.status)
        for name, value in {
            "Content-Type": "application/json",
            "Content-Length": str(len(said)),
            **answer.headers,
        }.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(said)

    def log_message(self, format: str, *args: Any) -> None:
        """The attempts stand in the portal."""
