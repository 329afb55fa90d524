"""For benchmarks: a web server of one's own, as in production, on the database at hand, and requests to it."""

import http.client
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from socket import socket

from django.conf import settings
from django.db import connection


@contextmanager
def server(application: str = "opsportal.wsgi:application", *, workers: int = 1) -> Iterator[int]:
    """Start granian; answers its port. Neither writes nor pings are limited there."""
    with socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    command = [sys.executable, "-m", "granian", "--interface", "wsgi", "--no-ws", "--host", "127.0.0.1"]
    command += ["--port", str(port), "--workers", str(workers), "--blocking-threads", "2", "--no-access-log"]
    process = subprocess.Popen(  # noqa: S603 - our own server
        [*command, application],
        cwd=settings.BASE_DIR,
        env={**os.environ, "OPSPORTAL_API_WRITES_PER_MINUTE": "1000000", "OPSPORTAL_PINGS_PER_MINUTE": "0"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _wait_until_up(port)
        yield port
    finally:
        process.terminate()
        process.wait(timeout=15)


def post_lines(port: int, token: str, path: str, body: bytes) -> bytes:
    """Send NDJSON; answers the body. Raises RuntimeError for anything but 200."""
    session = http.client.HTTPConnection("127.0.0.1", port, timeout=600)
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/x-ndjson"}
    session.request("POST", path, body, headers)
    answer = session.getresponse()
    text = answer.read()
    if answer.status != 200:
        raise RuntimeError(f"{answer.status}: {text[:500]!r}")
    return text


def timed(work: Callable[[], object]) -> float:
    """Seconds that `work` takes."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def timed_together(works: Sequence[Callable[[], object]]) -> float:
    """Seconds that all of it takes when it is done at the same time. What one of them raises is raised."""
    with ThreadPoolExecutor(len(works)) as pool:
        return timed(lambda: list(pool.map(_alone, works)))


def _alone(work: Callable[[], object]) -> None:
    try:
        work()
    finally:
        connection.close()  # a thread has a connection of its own


def _wait_until_up(port: int) -> None:
    until = time.monotonic() + 60
    while time.monotonic() < until:
        try:
            session = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
            session.request("GET", "/healthz/")
            session.getresponse()
            return
        except OSError:
            time.sleep(0.1)
    raise RuntimeError("The server does not come up.")
