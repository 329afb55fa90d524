"""Drives a demo portal from outside, as its users' programs do: HTTP and processes, nothing of Django."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email.message import Message
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Answer:
    """`headers` by lower-case name: servers spell them as they like."""

    status: int
    headers: dict[str, str]
    body: Any


@dataclass(frozen=True)
class Portal:
    """A running demo: its address, its token, its people."""

    url: str
    token: str
    logins: list[dict[str, str]]
    process: subprocess.Popen[bytes]

    def call(self, method: str, path: str, body: object = None, **headers: str) -> Answer:
        """One API call with the demo's token. `path` is below /api/v1/."""
        request = urllib.request.Request(
            f"{self.url}/api/v1/{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={
                "Authorization": f"Bearer {self.token}",
                "Content-Type": "application/json",
                **headers,
            },
        )
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return Answer(
                    answer.status,
                    _lower(answer.headers),
                    json.loads(answer.read() or b"null"),
                )
        except urllib.error.HTTPError as error:
            return Answer(error.code, _lower(error.headers), json.loads(error.read() or b"null"))

    def get(self, path: str) -> Any:
        answer = self.call("GET", path)
        assert answer.status == 200, answer
        return answer.body

    def post(self, path: str, body: object, expected: int = 201) -> Any:
        answer = self.call("POST", path, body)
        assert answer.status == expected, answer
        return answer.body


def _lower(headers: Message) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def wait_for(what: str, probe: Callable[[], Any], *, seconds: float, pause: float = 0.5) -> Any:
    """Ask `probe` until it answers something true; its last answer is returned."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = probe()
        if found:
            return found
        time.sleep(pause)
    raise AssertionError(f"{what}: not within {seconds} s")


@contextmanager
def running_demo(directory: Path, **environment: str) -> Iterator[Portal]:
    """`manage.py demo` in its own process group, stopped the way Ctrl-C stops it."""
    port = free_port()
    clean = {key: value for key, value in os.environ.items() if not key.startswith(("DATABASE", "DJANGO"))}
    process = subprocess.Popen(
        [
            sys.executable,
            str(ROOT / "manage.py"),
            "demo",
            "--port",
            str(port),
            "--folder",
            str(directory),
        ],
        cwd=ROOT,
        env={**clean, **environment},
        start_new_session=True,
    )
    try:
        yield _ready_portal(process, directory / "access.json", f"http://127.0.0.1:{port}")
    finally:
        os.killpg(process.pid, signal.SIGINT)
        process.wait(timeout=30)


def _ready_portal(process: subprocess.Popen[bytes], access_file: Path, url: str) -> Portal:
    def ready() -> bool:
        assert process.poll() is None, "the demo ended by itself"
        try:
            with urllib.request.urlopen(f"{url}/readyz/", timeout=5) as answer:
                return bool(answer.status == 200) and access_file.exists()
        except OSError:
            return False

    wait_for("the demo is ready", ready, seconds=180)
    access = json.loads(access_file.read_text())
    return Portal(access["url"], access["token"], access["logins"], process)
