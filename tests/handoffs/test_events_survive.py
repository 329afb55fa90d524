"""SIGKILL of the web process under load: every event that was answered with 2xx is there, and none twice."""

import http.client
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from socket import socket
from typing import Any

import pytest

from tests.conftest import ROOT

KILLS, SENDERS, BULK_LINES = 6, 4, 300


class Web:
    """The server as the demo runs it, in a process group of its own."""

    def __init__(self, database: str, folder: Path) -> None:
        self.database, self.log = database, folder / "web.log"
        with socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = [sys.executable, "-m", "granian", "--interface", "wsgi", "--no-ws", "--host", "127.0.0.1"]
        command += ["--port", str(self.port), "--workers", "2", "--blocking-threads", "4", "--no-access-log"]
        limit = {"OPSPORTAL_API_WRITES_PER_MINUTE": "1000000", "DATABASE_URL": self.database}
        with self.log.open("ab") as sink:
            self.process = subprocess.Popen(
                [*command, "opsportal.wsgi:application"],
                env=os.environ | limit,
                cwd=ROOT,
                stdout=sink,
                stderr=sink,
                start_new_session=True,
            )
        until = time.monotonic() + 60
        while time.monotonic() < until:
            with suppress(OSError, http.client.HTTPException):
                if self.ask("GET", "/healthz/")[0] == 200:
                    return
            time.sleep(0.1)
        raise AssertionError(self.log.read_text(errors="replace")[-2000:])

    def kill(self) -> None:
        """SIGKILL to the server and its workers at once."""
        if self.process is not None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()

    def ask(self, method: str, path: str, body: bytes = b"", **headers: str) -> tuple[int, bytes]:
        session = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        try:
            session.request(method, path, body or None, named)
            answer = session.getresponse()
            return answer.status, answer.read()
        finally:
            session.close()


class Sender(threading.Thread):
    """Sends events until told to stop, and notes which of them were acknowledged."""

    def __init__(self, web: Web, token: str, number: int, stop: threading.Event) -> None:
        super().__init__(daemon=True)
        self.web, self.bearer, self.number, self.stopping = web, f"Bearer {token}", number, stop
        self.acknowledged: set[str] = set()
        self.sent = 0

    def run(self) -> None:
        ways: list[Callable[[], None]] = [self.send_one, self.send_list, self.send_stream]
        while not self.stopping.is_set():
            try:
                ways[self.sent % 3]()
            except (OSError, http.client.HTTPException, ValueError):
                time.sleep(0.05)  # killed: nothing was promised
            self.sent += 1

    def lines(self, count: int) -> list[dict[str, str]]:
        stem = f"{self.number}-{self.sent}"
        fixed = {"event_name": "Lead created", "timestamp": "2026-01-05T09:00:00Z", "source": "load"}
        return [{"case_id": f"{stem}-{n}", "event_id": f"{stem}-{n}", **fixed} for n in range(count)]

    def send_one(self) -> None:
        (line,) = self.lines(1)
        status, _ = self.post("/api/v1/events/", json.dumps(line).encode(), "application/json")
        if status in (200, 201):
            self.acknowledged.add(line["event_id"])

    def send_list(self) -> None:
        lines = self.lines(40)
        self.note(lines, *self.post("/api/v1/events/", json.dumps(lines).encode(), "application/json"))

    def send_stream(self) -> None:
        lines = self.lines(BULK_LINES)
        body = b"".join(json.dumps(line).encode() + b"\n" for line in lines)
        self.note(lines, *self.post("/api/v1/events/bulk/", body, "application/x-ndjson"))

    def note(self, lines: list[dict[str, str]], status: int, body: bytes) -> None:
        if status == 200:
            answers = json.loads(body)["results"]
            self.acknowledged |= {lines[one["line"] - 1]["event_id"] for one in answers if one["status"] == "created"}

    def post(self, path: str, body: bytes, kind: str) -> tuple[int, bytes]:
        return self.web.ask("POST", path, body, Authorization=self.bearer, Content_Type=kind)


@contextmanager
def running(web: Web) -> Iterator[None]:
    web.start()
    try:
        yield
    finally:
        web.kill()


@pytest.mark.slow
def test_whatever_was_acknowledged_is_there_after_a_kill(empty_database: str, manage: Any, tmp_path: Path):
    manage("migrate", "--verbosity", "0", database=empty_database)
    made = manage("create_token", "load", "--scopes", "events:write", "--days", "1", database=empty_database)
    token = made.stdout.split()[-1]
    web, stop = Web(empty_database, tmp_path), threading.Event()
    with running(web):
        senders = [Sender(web, token, number, stop) for number in range(SENDERS)]
        for sender in senders:
            sender.start()
        for number in range(KILLS):
            time.sleep(0.8 + number / 5)
            web.kill()
            web.start()
        stop.set()
        for sender in senders:
            sender.join(timeout=60)
    acknowledged = set().union(*(sender.acknowledged for sender in senders))
    kept = stored(manage, empty_database)
    print(f"{len(acknowledged):,} events acknowledged over {KILLS} kills, {len(kept):,} kept")
    assert len(acknowledged) > 500
    assert acknowledged - set(kept) == set()
    assert len(kept) == len(set(kept))


def stored(manage: Any, database: str) -> list[str]:
    code = (
        "from handoffs.models import CaseEvent; print('\\n'.join(CaseEvent.objects.values_list('event_id', flat=True)))"
    )
    return manage("shell", "--no-imports", "-c", code, database=database).stdout.split()
