"""`manage.py demo` as a person starts it: from nothing to a portal, stopped without a trace, started again."""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.cookiejar import CookieJar
from pathlib import Path
from typing import Any

import environ
import pytest

from opsportal.workbench.demo.home import Home
from tests.faults.harness import group_members, tail, wait_for

ROOT = Path(__file__).resolve().parents[2]
START_SECONDS, STOP_SECONDS = 240, 20  # a loaded machine


@pytest.fixture(autouse=True)
def _runs_once(request: pytest.FixtureRequest):
    if request.config.getoption("--db") != "sqlite":
        pytest.skip("the demo has a database of its own: it runs once, with --db sqlite")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Demo:
    def __init__(self, folder: Path, log: Path, *, port: int) -> None:
        self.folder, self.log, self.port = folder, log, port
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("OPSPORTAL_", "DATABASE"))}
        with log.open("ab") as sink:
            self.process = subprocess.Popen(
                [sys.executable, str(ROOT / "manage.py"), "demo", "--port", str(port), "--folder", str(folder)],
                env={**kept, "OPSPORTAL_DEMO_DAYS": "3", "DJANGO_SETTINGS_MODULE": "opsportal.settings"},
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=sink,
                start_new_session=True,
            )

    def get(self, path: str, **headers: str) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        connection.request("GET", path, headers=headers)
        response = connection.getresponse()
        return response.status, response.read()

    def is_ready(self) -> bool:
        assert self.process.poll() is None, tail(self.log)
        with suppress(OSError, http.client.HTTPException):
            return self.get("/readyz/")[0] == 200
        return False

    def wait_until_ready(self) -> None:
        wait_for(self.is_ready, START_SECONDS, lambda: tail(self.log))

    def access(self) -> dict[str, Any]:
        return json.loads((self.folder / "access.json").read_text())

    def api(self, path: str) -> Any:
        status, body = self.get(f"/api/v1/{path}", Authorization=f"Bearer {self.access()['token']}")
        assert status == 200, body
        return json.loads(body)

    def signs_in(self, username: str, password: str) -> bool:
        """Whether the sign-in page lets this person through to the cockpit."""
        opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(jar := CookieJar()))
        page = f"http://127.0.0.1:{self.port}/login/"
        opener.open(page, timeout=20)
        token = next(cookie.value for cookie in jar if cookie.name == "csrftoken")
        form = {"username": username, "password": password, "csrfmiddlewaretoken": token or ""}
        answer = opener.open(page, urllib.parse.urlencode(form).encode(), timeout=30)
        return answer.status == 200 and urllib.parse.urlsplit(answer.url).path == "/"

    def descendants(self) -> list[int]:
        """Every process of the demo, whatever group it is in."""
        marker = f"OPSPORTAL_DEMO_HOME={self.folder}".encode()
        found = []
        for path in Path("/proc").glob("[0-9]*/environ"):
            with suppress(OSError):
                if marker in path.read_bytes().split(b"\0"):
                    found.append(int(path.parent.name))
        return found


@contextmanager
def demo(folder: Path, log: Path, *, port: int) -> Iterator[Demo]:
    running = Demo(folder, log, port=port)
    try:
        yield running
    finally:
        if running.process.poll() is None:
            running.process.terminate()
            with suppress(subprocess.TimeoutExpired):
                running.process.wait(timeout=STOP_SECONDS)
            running.process.kill()


def test_from_nothing_to_a_portal_and_back_and_again(tmp_path: Path):
    folder, log, port = tmp_path / "demo", tmp_path / "demo.log", free_port()
    with demo(folder, log, port=port) as first:
        first.wait_until_ready()
        access = first.access()
        assert access["url"] == f"http://127.0.0.1:{port}"
        assert {login["role"] for login in access["logins"]} == {"viewer", "analyst", "responder", "ops_lead", "admin"}
        assert (folder / "access.json").stat().st_mode & 0o777 == 0o600
        status, checks = first.get("/api/v3/checks/", **{"X-Api-Key": access["healthchecks_api_key"]})
        assert status == 200
        assert {one["slug"] for one in json.loads(checks)["checks"]} >= {"lead-router", "deal-sync"}
        assert first.api("automations/lead-router/queue/")["depth"] >= 0
        assert all(first.signs_in(login["username"], login["password"]) for login in access["logins"])
        rules = {rule["slug"]: rule["mode"] for rule in first.api("handoff-rules/")["results"]}
        assert rules["speed-to-lead"] == "active"
        handoffs = first.api("handoffs/?limit=500")["results"]
        assert len(handoffs) > 10
        stored = first.api("replay/items/?limit=500")["results"]
        assert {"held", "dead", "in_doubt", "delivered", "failed"} <= {item["state"] for item in stored}
        wait_for(lambda: first.get("/livez/sweeps/")[0] == 200, 90, lambda: tail(log))
        wait_for(lambda: first.api("handoffs/?rule=live-chat&state=open")["results"], 60, lambda: tail(log))
        began = time.monotonic()
        first.process.send_signal(signal.SIGINT)
        assert first.process.wait(timeout=STOP_SECONDS) == 0
        assert time.monotonic() - began < STOP_SECONDS
        assert first.descendants() == []
    with demo(folder, log, port=port) as second:
        second.wait_until_ready()
        assert second.access() == access
        kept = {handoff["id"] for handoff in handoffs}
        assert kept <= {handoff["id"] for handoff in second.api("handoffs/?limit=500")["results"]}
        second.process.kill()  # not even a SIGKILL leaves anything behind
        second.process.wait(timeout=5)
        wait_for(lambda: second.descendants() == [], 10)


def test_a_busy_port_is_a_clear_error(tmp_path: Path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        log = tmp_path / "demo.log"
        with demo(tmp_path / "demo", log, port=port) as running:
            assert running.process.wait(timeout=60) == 1
            assert f"Port {port} cannot be used" in tail(log)
            assert f"make demo PORT={port + 1}" in tail(log)
            assert not (tmp_path / "demo" / "opsportal.sqlite3").exists()


def test_stopped_while_it_writes_history_it_begins_again(tmp_path: Path):
    folder, log = tmp_path / "demo", tmp_path / "demo.log"
    with demo(folder, log, port=free_port()) as running:
        wait_for(lambda: list(folder.glob("*.part")), 60, lambda: tail(log))
        running.process.terminate()
        running.process.wait(timeout=STOP_SECONDS)
        assert not (folder / "opsportal.sqlite3").exists()
        assert running.descendants() == []
        assert group_members(running.process.pid) == []


def test_its_mail_lands_in_its_own_folder(tmp_path):
    config = environ.Env.email_url_config(Home(tmp_path).environment(url="http://127.0.0.1:1")["EMAIL_URL"])
    assert config["EMAIL_FILE_PATH"] == str(tmp_path / "mail")
