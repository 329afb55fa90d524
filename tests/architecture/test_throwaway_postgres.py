"""The throw-away PostgreSQL goes with whoever started it, however that ends."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from tests.architecture.layers import ROOT

pytestmark = pytest.mark.skipif("TEST_DATABASE_URL" in os.environ, reason="a given server is used, none is started")

STARTER = [sys.executable, "-m", "opsportal.workbench.postgres"]
SAY_AND_WAIT = ["sh", "-c", "echo $DATABASE_URL; exec sleep 60"]


def _start() -> tuple[subprocess.Popen[str], Path]:
    """The running starter and the directory of its cluster."""
    started = subprocess.Popen([*STARTER, *SAY_AND_WAIT], cwd=ROOT, stdout=subprocess.PIPE, text=True, process_group=0)
    assert started.stdout is not None
    return started, Path("/" + started.stdout.readline().partition("@/")[2].strip()).parent.resolve()


def _servers_in(directory: Path) -> list[str]:
    """Command lines of the processes that serve a cluster there (Linux)."""
    found = []
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):  # gone meanwhile
            found.append(file.read_bytes().decode(errors="replace").split("\0"))
    return [" ".join(words) for words in found if str(directory) in words and words[0].endswith("postgres")]


def _until(condition: Callable[[], bool], seconds: float = 10) -> bool:
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.05)
    return condition()


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_no_server_outlives_its_starter(end: signal.Signals) -> None:
    started, directory = _start()
    assert len(_servers_in(directory)) == 1
    os.killpg(started.pid, end)
    started.communicate(timeout=15)
    assert _until(lambda: not _servers_in(directory))
    if end == signal.SIGKILL:
        assert directory.exists()  # nobody was left to remove it …
        subprocess.run([*STARTER, "true"], cwd=ROOT, check=True, timeout=60)
    assert not directory.exists()  # … so the next one does


def test_what_it_runs_answers_with_its_own_status() -> None:
    assert subprocess.run([*STARTER, "sh", "-c", "exit 3"], cwd=ROOT, timeout=60, check=False).returncode == 3
