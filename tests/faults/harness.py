"""A portal that really runs, to be broken on purpose: PostgreSQL, `manage.py work`, and the hands that kill them."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from socket import create_connection, socket
from typing import Any

import psycopg

from opsportal.workbench.postgres import USER, Cluster, PostgresMissing

ROOT = Path(__file__).resolve().parents[2]
# The times of production divided by about fifteen.
SHORT_TIMES = {
    "OPSPORTAL_BEAT_EVERY_SECONDS": "0.5",
    "OPSPORTAL_BEAT_LATE_SECONDS": "2",
    "OPSPORTAL_BEAT_STALE_SECONDS": "6",
}


class Database:
    """A PostgreSQL that loses nothing it acknowledged when it is crashed; asked by plain SQL, beside Django."""

    def __init__(self) -> None:
        self.cluster = Cluster(synchronous_commit="on")
        self.cluster.start()

    @property
    def environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("OPSPORTAL_")}
        return {
            **kept,
            "DATABASE_URL": self.cluster.url,
            "DJANGO_SETTINGS_MODULE": "tests.faults.settings",
            "PYTHONPATH": str(ROOT),
        }

    def manage(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, str(ROOT / "manage.py"), *arguments]
        return subprocess.run(
            command, env={**self.environment, **environment}, cwd=ROOT, capture_output=True, text=True, check=False
        )

    def migrate(self) -> None:
        done = self.manage("migrate", "--verbosity", "0")
        assert done.returncode == 0, done.stderr

    def ask(self, statement: str, *parameters: Any) -> Any:
        """The first column of the first row; None when there is none."""
        with self.connect() as session:
            row = session.execute(statement, parameters).fetchone()
        return row[0] if row else None

    def connect(self) -> psycopg.Connection[Any]:
        return psycopg.connect(host=str(self.cluster.directory), user=USER, dbname=USER, autocommit=True)

    def crash_and_start(self) -> None:
        """`pg_ctl -m immediate restart`."""
        self.cluster.crash()
        for _ in range(50):
            try:
                self.cluster.start_again()
            except PostgresMissing:  # a backend of before has not let go of the memory yet
                time.sleep(0.1)
            else:
                return
        raise AssertionError("PostgreSQL does not start again")

    def stop(self) -> None:
        self.cluster.stop()


class Worker:
    """One `manage.py work` and what it started."""

    def __init__(self, database: Database, log: Path, **environment: str) -> None:
        self.database, self.log = database, log
        with log.open("ab") as sink:
            self.supervisor = subprocess.Popen(
                [sys.executable, str(ROOT / "manage.py"), "work"],
                env={**database.environment, **SHORT_TIMES, **environment},
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=sink,
                start_new_session=True,
            )

    # --- what is there ---

    def cluster_pid(self) -> int | None:
        """The leader of the cluster's process group."""
        return next(iter(children_of(self.supervisor.pid)), None)

    def sentinel_pid(self) -> int | None:
        leader = self.cluster_pid()
        return next(iter(children_of(leader)), None) if leader else None

    def members(self) -> list[int]:
        """Workers, monitor and pusher, oldest first."""
        sentinel = self.sentinel_pid()
        return children_of(sentinel) if sentinel else []

    def idle_worker_pid(self) -> int | None:
        """The worker of a fresh cluster that does not run the tick: it waits, holding the queue's read lock."""
        holder = self.database.ask("SELECT holder FROM sweeps_sweep WHERE name = 'tick'") or "::"
        busy = int(holder.split(":")[1] or 0)
        workers = self.members()[:2]
        return next((pid for pid in workers if pid != busy), None)

    def beat_age(self) -> float:
        """Seconds since a beat came back through this worker's cluster, by the database's clock."""
        statement = "SELECT extract(epoch FROM clock_timestamp() - beat_at) FROM sweeps_workhost WHERE pid = %s"
        age = self.database.ask(statement, self.supervisor.pid)
        return float("inf") if age is None else float(age)

    def restart_count(self) -> int:
        return self.database.ask("SELECT restart_count FROM sweeps_workhost WHERE pid = %s", self.supervisor.pid) or 0

    # --- what is done to it ---

    def wait_until_beating(self, seconds: float = 90) -> None:
        """A whole cluster from which a beat has come back lately."""
        wait_for(lambda: len(self.members()) >= 4 and self.beat_age() < 2, seconds, lambda: tail(self.log))

    def stop(self, patience: float = 15) -> int:
        self.supervisor.send_signal(signal.SIGTERM)
        return self.supervisor.wait(timeout=patience)

    def stop_somehow(self) -> None:
        """Politely, then not."""
        if self.supervisor.poll() is None:
            self.supervisor.terminate()
            with suppress(subprocess.TimeoutExpired):
                self.supervisor.wait(timeout=15)
        self.kill()

    def kill(self) -> None:
        self.supervisor.kill()
        self.supervisor.wait(timeout=10)


@contextmanager
def worker(database: Database, log: Path, **environment: str) -> Iterator[Worker]:
    running = Worker(database, log, **environment)
    try:
        yield running
    finally:
        running.stop_somehow()


@contextmanager
def web(database: Database, log: Path, **environment: str) -> Iterator[str]:
    """The portal's pages and API, served as in production; answers the address."""
    with socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "granian", "--interface", "wsgi", "--no-ws", "--host", "127.0.0.1", "--port"]
    with log.open("ab") as sink:
        process = subprocess.Popen(
            [*command, str(port), "--workers", "1", "--blocking-threads", "2", "opsportal.wsgi:application"],
            env={**database.environment, **environment},
            cwd=ROOT,
            stdout=sink,
            stderr=sink,
        )
    try:
        wait_for(lambda: _answers(port), 90, lambda: tail(log))
        yield f"http://127.0.0.1:{port}/"
    finally:
        process.terminate()
        process.wait(timeout=15)


def _answers(port: int) -> bool:
    with suppress(OSError), create_connection(("127.0.0.1", port), timeout=5):
        return True
    return False


def sweep_age(database: Database, name: str = "policies") -> float:
    statement = "SELECT extract(epoch FROM clock_timestamp() - finished_at) FROM sweeps_sweep WHERE name = %s"
    age = database.ask(statement, name)
    return float("inf") if age is None else float(age)


def wait_for(condition: Callable[[], Any], seconds: float, explain: Callable[[], str] = lambda: "") -> float:
    """Seconds until the condition held; fails when it does not hold in time."""
    began = time.monotonic()
    while time.monotonic() - began < seconds:
        with suppress(psycopg.OperationalError):
            if condition():
                return time.monotonic() - began
        time.sleep(0.1)
    raise AssertionError(f"not within {seconds} s\n{explain()}")


def children_of(pid: int) -> list[int]:
    """Living children, oldest first."""
    try:
        text = " ".join(path.read_text() for path in Path(f"/proc/{pid}/task").glob("*/children"))
    except (FileNotFoundError, ProcessLookupError):
        return []
    return sorted(int(word) for word in text.split() if is_alive(int(word)))


def is_alive(pid: int) -> bool:
    """Whether a process runs; a zombie does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


def group_members(group: int) -> list[int]:
    """Living processes of a process group."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(FileNotFoundError, ProcessLookupError):
            fields = path.read_text().rsplit(")", 1)[1].split()
            if int(fields[2]) == group and fields[0] not in "ZX":
                found.append(int(path.parent.name))
    return found


def tail(path: Path, characters: int = 4000) -> str:
    return path.read_text(errors="replace")[-characters:]
