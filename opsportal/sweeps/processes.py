"""Processes that must not outlive the one that started them, and the cluster's process group that ends as one.

No database and no Django here: this is what has to work when everything else does not.
"""

import ctypes
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from contextlib import suppress

PR_SET_PDEATHSIG = 1
# Whoever starts one of our processes and wants it gone with itself puts its own id here.
PARENT_VARIABLE = "OPSPORTAL_PARENT_PID"


def bound_to_me(environment: Mapping[str, str] | None = None) -> dict[str, str]:
    """`environment` with the wish that the process dies with this one."""
    return {**(environment or {}), PARENT_VARIABLE: str(os.getpid())}


def die_as_asked() -> None:
    """Follow the wish of whoever started this process, if there is one. Call it early."""
    if parent := os.environ.get(PARENT_VARIABLE):
        die_with_parent(int(parent))


def die_with_parent(parent: int) -> None:
    """Kill this process as soon as `parent` is gone; whatever is forked from here gets the same bond to its parent.

    So a SIGKILL of the supervisor, or of any process in between, takes everything below it along: orphans of a killed
    cluster would go on draining the queue. Linux does it in the kernel; elsewhere a thread looks once a second.
    """
    _bind(parent)
    os.register_at_fork(before=_remember_parent, after_in_child=lambda: _bind(_forking))


_forking = 0


def _remember_parent() -> None:
    global _forking
    _forking = os.getpid()


def _bind(parent: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    else:
        threading.Thread(target=_watch, args=[parent], daemon=True).start()
    if os.getppid() != parent:  # it died before the bond was made
        os.kill(os.getpid(), signal.SIGKILL)


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(1)
    os.kill(os.getpid(), signal.SIGKILL)


class Group:
    """A child process that leads its own process group, and everything it starts."""

    def __init__(self, command: list[str], environment: Mapping[str, str]) -> None:
        self._child = subprocess.Popen(  # noqa: S603  (our own interpreter and module)
            command, env={**os.environ, **environment}, stdin=subprocess.DEVNULL, process_group=0
        )
        self.pid = self._child.pid
        self.started = time.monotonic()

    @property
    def age(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self.started

    def has_exited(self) -> bool:
        """Whether the leader is gone. It stays unreaped until `kill`, so its id cannot be given to another process."""
        if self._child.returncode is not None:
            return True
        return os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None

    def stop(self, *, patience: float) -> None:
        """Ask the leader for a graceful end, wait `patience` seconds for it, then kill what is left."""
        self.ask_to_stop()
        deadline = time.monotonic() + patience
        while time.monotonic() < deadline and not self.has_exited():
            time.sleep(0.05)
        self.kill()

    def ask_to_stop(self) -> None:
        if self._child.returncode is None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGTERM)

    def kill(self) -> int | None:
        """SIGKILL for the whole group, then reap it. Returns the leader's exit code (negative: the signal)."""
        if self._child.returncode is None:
            self.signal_all(signal.SIGKILL)
            self._child.wait()
            self._reap_members()
        return self._child.returncode

    def signal_all(self, number: int) -> None:
        with suppress(ProcessLookupError, PermissionError):  # macOS answers EPERM for a group of zombies
            os.killpg(self.pid, number)

    def _reap_members(self) -> None:
        """Members become our children when we run as process 1 of a container; nobody else would reap them."""
        with suppress(ChildProcessError):
            while os.waitpid(-self.pid, os.WNOHANG)[0]:
                pass
