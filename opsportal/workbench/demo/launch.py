"""Starting and stopping the demo: seed once, then web, worker and life as process groups of their own.

Stops everything it started on Ctrl-C and SIGTERM; were it killed outright, its processes die with it.
"""

import fcntl
import http.client
import os
import signal
import socket
import sys
import time
from contextlib import suppress
from types import FrameType
from typing import IO

from opsportal.sweeps import processes
from opsportal.sweeps.processes import Group
from opsportal.workbench.demo.home import Home

READY_SECONDS = 90.0
STOP_SECONDS = 10.0
RESTART_SECONDS = 2.0


class Unstartable(Exception):
    """Why there is no demo, as a sentence for the person who asked for it."""


class Launcher:
    """One demo on one port. `run` returns when it was told to stop."""

    def __init__(self, home: Home, *, port: int, manage: str, out: IO[str]) -> None:
        self.home, self.port, self.manage, self.out = home, port, manage, out
        self.url = os.environ.get("OPSPORTAL_BASE_URL") or f"http://127.0.0.1:{port}"
        self.groups: dict[str, Group] = {}
        self._stopping = False
        self._lock: IO[str] | None = None

    def run(self) -> None:
        """Raises Unstartable; everything that was started is stopped whatever happens."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_signal)
        self.home.create()
        self._take_lock()
        self._check_port()
        self.home.give_way()
        try:
            self._seed()
            for name in self._commands():
                self._start(name)
            self._wait_until_ready()
            self._watch()
        finally:
            self._stop()

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        self._stopping = True

    def _take_lock(self) -> None:
        self._lock = self.home.lock_file.open("w")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Unstartable(f"The demo in {self.home.folder} is running already.") from None

    def _check_port(self) -> None:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", self.port))
            except OSError as error:
                raise Unstartable(
                    f"Port {self.port} cannot be used ({error.strerror}). Another one: make demo PORT={self.port + 1}"
                ) from error

    # --- processes ---

    def _commands(self) -> dict[str, list[str]]:
        python = sys.executable
        return {
            "web": [python, "-m", "opsportal.workbench.demo.web", str(self.port)],
            "worker": [python, self.manage, "work", "--verbosity", "0"],
            "life": [python, "-m", "opsportal.workbench.demo.live"],
        }

    def _start(self, name: str) -> None:
        environment = processes.bound_to_me(self.home.environment(url=self.url))
        self.groups[name] = Group(self._commands()[name], environment)

    def _seed(self) -> None:
        """Migrate and fill what is not there yet. History tells nobody anything outside: inboxes only."""
        quiet = {"SLACK_BOT_TOKEN": "", "EMAIL_URL": "consolemail://"}
        environment = processes.bound_to_me({**self.home.environment(url=self.url), **quiet})
        seed = self.groups["seed"] = Group([sys.executable, "-m", "opsportal.workbench.demo.seed"], environment)
        while not seed.has_exited() and not self._stopping:
            time.sleep(0.1)
        if self._stopping:
            raise Unstartable("Stopped before the history was complete; the next start begins it again.")
        if seed.kill() != 0:
            raise Unstartable("The history could not be written; the reason stands above.")
        del self.groups["seed"]

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + READY_SECONDS
        while not self._stopping and not self._is_ready():
            if self.groups["web"].has_exited() or time.monotonic() > deadline:
                raise Unstartable("The web server does not come up; the reason stands above.")
            time.sleep(0.2)
        if not self._stopping:
            self._tell_access()

    def _is_ready(self) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        with suppress(OSError, http.client.HTTPException):
            connection.request("GET", "/readyz/")
            return connection.getresponse().status == 200
        return False

    def _watch(self) -> None:
        """Until told to stop: whatever ends by itself is started again."""
        while not self._stopping:
            for name, group in list(self.groups.items()):
                if group.has_exited():
                    self._say(f"{name.capitalize()} ended with {group.kill()} and is started again.")
                    time.sleep(RESTART_SECONDS)
                    self._start(name)
            time.sleep(0.2)

    def _stop(self) -> None:
        """All at once, so that the slowest decides how long it takes."""
        for group in self.groups.values():
            group.ask_to_stop()
        deadline = time.monotonic() + STOP_SECONDS
        for group in self.groups.values():
            group.stop(patience=max(0.0, deadline - time.monotonic()))
        if self._stopping:
            self._say("The demo has stopped; its data stays.")

    # --- words ---

    def _tell_access(self) -> None:
        access = self.home.read_access()
        self._say(f"\nopsportal is running at {self.url}/\n")
        for login in access.get("logins", []):
            self._say(f"  {login['role']:<10} {login['username']:<10} {login['password']}")
        self._say(f"\n  token      {access.get('token', '')}")
        self._say(f"\nThis stands in {self.home.access_file} as well. Ctrl-C stops everything.\n")

    def _say(self, sentence: str) -> None:
        self.out.write(sentence + "\n")
        self.out.flush()
