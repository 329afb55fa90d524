"""A real HTTP receiver on a local port: it keeps what it is sent and answers as it is told.

with HttpReceiver() as receiver:
    receiver.answer(Answer(503, headers={"Retry-After": "2"}), 200)   # these in turn, then the default
    ...
    assert receiver.effects("webhook-id") == {"msg_1": 1}
"""

import json
import socket
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple, Self

import pytest


class Received(NamedTuple):
    """One request as it came in; header names compare without regard to case."""

    method: str
    path: str
    headers: Message
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True)
class Answer:
    """What the receiver does with a request. Durations in seconds, sizes in bytes."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    delay: float = 0.0  # before the first byte
    drip: float = 0.0  # between two bytes of the body
    endless: bool = False  # the body repeats until the other side hangs up
    drop: bool = False  # the request is taken in, then the connection ends without a word


HANG = Answer(delay=3600.0)
DROP = Answer(drop=True)
HUGE = Answer(body=b"x" * 65_536, endless=True)
DRIP = Answer(body=b"x" * 3600, drip=1.0)

Behaviour = Callable[[Received], Answer]


def redirect(target: str, status: int = 302) -> Answer:
    return Answer(status, headers={"Location": target})


def json_answer(content: Any, status: int = 200, **headers: str) -> Answer:
    return Answer(status, json.dumps(content).encode(), {"Content-Type": "application/json", **headers})


def play_slack(refusals: dict[str, str] | None = None) -> Behaviour:
    """Answers like Slack's Web API; `refusals` maps a channel or user to the error it answers with."""

    def behaviour(request: Received) -> Answer:
        if not request.headers.get("Authorization", "").startswith("Bearer "):
            return json_answer({"ok": False, "error": "not_authed"})
        channel = request.json().get("channel", "")
        if error := (refusals or {}).get(channel):
            return json_answer({"ok": False, "error": error})
        return json_answer({"ok": True, "channel": f"D{channel}", "ts": f"{time.time():.6f}"})

    return behaviour


class HttpReceiver:
    """`url`, `origin` (host:port, the form OUTBOUND_ALLOW wants) and `requests`; safe to ask from any thread."""

    def __init__(self, behaviour: Behaviour | Answer | int = 200) -> None:
        self.requests: list[Received] = []
        self._default = behaviour
        self._next: deque[Behaviour | Answer | int] = deque()
        self._changed = threading.Condition()
        self._closing = threading.Event()
        self._server = _Server(("127.0.0.1", 0), _handler_of(self))
        self.origin = f"127.0.0.1:{self._server.server_port}"
        self.url = f"http://{self.origin}/"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(timeout=5)

    def answer(self, *answers: Behaviour | Answer | int) -> None:
        """These answers, one a request; a number is a bare status. Afterwards the default again."""
        with self._changed:
            self._next.extend(answers)

    def always(self, answer: Behaviour | Answer | int) -> None:
        with self._changed:
            self._default = answer

    def wait_for(self, count: int, timeout: float = 10.0) -> list[Received]:
        """The requests as soon as there are `count` of them; AssertionError after `timeout` seconds."""
        with self._changed:
            if not self._changed.wait_for(lambda: len(self.requests) >= count, timeout):
                raise AssertionError(f"{len(self.requests)} of {count} requests after {timeout} s: {self.requests}")
            return list(self.requests)

    def effects(self, header: str = "Idempotency-Key") -> Counter[str]:
        """How often each idempotency key came in: a receiver that deduplicates acts once per key."""
        with self._changed:
            return Counter(request.headers.get(header, "") for request in self.requests)

    def _take(self, request: Received) -> Answer:
        with self._changed:
            self.requests.append(request)
            chosen = self._next.popleft() if self._next else self._default
            self._changed.notify_all()
        if isinstance(chosen, int):
            return Answer(chosen)
        return chosen if isinstance(chosen, Answer) else chosen(request)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:
        """The other side hung up: what endless bodies are for."""


def _handler_of(receiver: HttpReceiver) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def __getattr__(self, name: str) -> Callable[[], None]:
            if name.startswith("do_"):
                return self._serve
            raise AttributeError(name)

        def log_message(self, format: str, *args: object) -> None:
            pass

        def _serve(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            self._perform(receiver._take(Received(self.command, self.path, self.headers, body)))

        def _perform(self, answer: Answer) -> None:
            if receiver._closing.wait(answer.delay) or answer.drop:
                self.close_connection = True
                self.connection.shutdown(socket.SHUT_RDWR)
                return
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            if answer.endless:
                self.close_connection = True
            else:
                self.send_header("Content-Length", str(len(answer.body)))
            self.end_headers()
            self._send_body(answer)

        def _send_body(self, answer: Answer) -> None:
            if answer.drip:
                for byte in answer.body:
                    self.wfile.write(bytes([byte]))
                    if receiver._closing.wait(answer.drip):
                        return
                return
            self.wfile.write(answer.body)
            while answer.endless and not receiver._closing.is_set():
                self.wfile.write(answer.body)

    return Handler


@pytest.fixture
def receiver(settings: Any) -> Iterator[HttpReceiver]:
    """A receiver that the portal is allowed to call."""
    with HttpReceiver() as running:
        settings.OUTBOUND_ALLOW = [*settings.OUTBOUND_ALLOW, running.origin]
        yield running


@pytest.fixture
def slack(settings: Any) -> Iterator[HttpReceiver]:
    """A receiver that plays Slack and is configured as such."""
    with HttpReceiver(play_slack()) as running:
        settings.OUTBOUND_ALLOW = [*settings.OUTBOUND_ALLOW, running.origin]
        settings.SLACK_API_URL = f"{running.url}api/"
        settings.SLACK_BOT_TOKEN = "xoxb-for-tests-only"
        yield running
