"""The set-up of docs/operating.md on a database of its own: an owner who migrates, a runtime role that owns nothing."""

import os
import secrets
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import psycopg
import pytest
import urllib3

from tests.architecture.layers import ROOT
from tests.architecture.test_settings import PRODUCTION
from tests.postgres import connect

HTTPS = {"X-Forwarded-Proto": "https", "Host": "ops.example.com"}
Manage = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(autouse=True)
def _only_where_there_are_roles(request: pytest.FixtureRequest) -> None:
    if request.config.getoption("--db") == "sqlite":
        pytest.skip("SQLite has no roles; production runs on PostgreSQL")


def _as(url: str, role: str, password: str) -> str:
    scheme, _, rest = url.partition("://")
    return f"{scheme}://{role}:{password}@{rest.rpartition('@')[2]}"


@pytest.fixture
def roles(empty_database: str) -> Iterator[dict[str, str]]:
    """The environment of the portal: production settings, both database URLs."""
    mark, password = secrets.token_hex(4), secrets.token_hex(8)
    owner, runtime = f"owner_{mark}", f"runtime_{mark}"
    name = empty_database.rpartition("/")[2]
    with connect(empty_database, autocommit=True) as session:
        for role in (owner, runtime):
            session.execute(f"CREATE ROLE {role} LOGIN PASSWORD '{password}'")
        session.execute(f"ALTER DATABASE {name} OWNER TO {owner}")
        session.execute(f"ALTER SCHEMA public OWNER TO {owner}")
    urls = {"DATABASE_URL": _as(empty_database, runtime, password)}
    urls["MIGRATION_DATABASE_URL"] = _as(empty_database, owner, password)
    yield PRODUCTION | urls
    with connect(os.environ["DATABASE_URL"], autocommit=True) as session:
        session.execute(f"DROP DATABASE {name} WITH (FORCE)")
        session.execute(f"CREATE DATABASE {name}")  # the fixture that made it drops it
        session.execute(f"DROP ROLE {owner}, {runtime}")


def _manage(manage: Manage, environment: dict[str, str], *arguments: str) -> str:
    rest = {name: value for name, value in environment.items() if name != "DATABASE_URL"}
    done = manage(*arguments, database=environment["DATABASE_URL"], **rest)
    return done.stdout + done.stderr


def _serve(environment: dict[str, str]) -> tuple[subprocess.Popen[bytes], str]:
    with closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = ["--interface", "wsgi", "--workers", "1", "--blocking-threads", "2", "--no-ws", "--port", str(port)]
    command = [sys.executable, "-m", "granian", *options, "opsportal.wsgi:application"]
    server = subprocess.Popen(command, cwd=ROOT, env=os.environ | environment)
    return server, f"http://127.0.0.1:{port}"


def _get(url: str, headers: dict[str, str], seconds: float = 20) -> Any:
    """The answer, as soon as somebody listens."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            return urllib3.request("GET", url, headers=headers, retries=False, redirect=False, timeout=5)
        except urllib3.exceptions.HTTPError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)


def test_the_runtime_role_does_the_portals_work_and_cannot_touch_its_tables(
    roles: dict[str, str], manage: Manage
) -> None:
    _manage(manage, roles, "migrate", "--verbosity", "0")
    _manage(manage, roles, "check", "--deploy", "--fail-level", "WARNING", "--database", "default")
    assert "handoffs: examined 0" in _manage(manage, roles, "sweep", "--once")
    assert _manage(manage, roles, "create_token", "probe", "--scopes", "handoffs:read", "--days", "1").strip()
    with connect(roles["DATABASE_URL"]) as session:
        for statement in (
            "DELETE FROM audit_entry",
            "UPDATE audit_entry SET action = ''",
            "TRUNCATE audit_entry",
            "ALTER TABLE audit_entry DISABLE TRIGGER ALL",
            "DROP TABLE handoffs_handoff",
            "CREATE TABLE public.stray (id int)",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                session.execute(statement)
            session.rollback()


def test_the_server_answers_over_https_and_refuses_plain_http(roles: dict[str, str], manage: Manage) -> None:
    _manage(manage, roles, "migrate", "--verbosity", "0")
    server, url = _serve(roles)
    try:
        ready = _get(f"{url}/readyz/", HTTPS)
        assert (ready.status, ready.json()) == (200, {"status": "ready"})
        login = _get(f"{url}/login/", HTTPS)
        assert login.status == 200
        cookies = login.headers.get("Set-Cookie", "")
        assert "__Host-csrftoken" in cookies
        assert "Secure" in cookies
        assert "max-age=31536000" in login.headers["Strict-Transport-Security"]
        assert _get(f"{url}/api/v1/handoffs/", HTTPS).status == 401
        assert _get(f"{url}/api/v1/handoffs/", {"Host": "ops.example.com"}).status in {400, 403, 421, 426}
        assert _get(f"{url}/readyz/", HTTPS | {"Host": "evil.example"}).status == 400
    finally:
        server.terminate()
        server.wait(timeout=20)
