"""SIGKILL of the web process under load: every run that was answered with 2xx is there, and none twice."""

import http.client
import json
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from tests.handoffs.test_events_survive import Web, running

KILLS, SENDERS, BULK_LINES = 4, 4, 300
AUTOMATION = "from opsportal.catalog.models import Automation as A; from opsportal import clock; "
AUTOMATION += "A.objects.create(slug='load', name='Load', created_at=clock.now(), updated_at=clock.now())"


class Sender(threading.Thread):
    """Sends runs until told to stop: their start, then their end; notes which ends were acknowledged."""

    def __init__(self, web: Web, token: str, number: int, stop: threading.Event) -> None:
        super().__init__(daemon=True)
        self.web, self.bearer, self.number, self.stopping = web, f"Bearer {token}", number, stop
        self.acknowledged: set[str] = set()
        self.sent = 0

    def run(self) -> None:
        ways = [self.send_one, self.send_list, self.send_stream]
        while not self.stopping.is_set():
            try:
                ways[self.sent % 3]()
            except (OSError, http.client.HTTPException, ValueError):
                time.sleep(0.05)  # killed: nothing was promised
            self.sent += 1

    def ends(self, count: int) -> list[dict[str, Any]]:
        fixed = {"automation": "load", "status": "succeeded", "started_at": "2026-01-05T09:00:00Z", "duration": 3}
        return [{"run_id": f"{self.number}-{self.sent}-{n}", **fixed} for n in range(count)]

    def send_one(self) -> None:
        (line,) = self.ends(1)
        begun = {**line, "status": "running"}
        del begun["duration"]
        self.post("/api/v1/runs/", json.dumps(begun).encode(), "application/json")
        status, _ = self.post("/api/v1/runs/", json.dumps(line).encode(), "application/json")
        if status in (200, 201):
            self.acknowledged.add(line["run_id"])

    def send_list(self) -> None:
        lines = self.ends(40)
        self.note(lines, *self.post("/api/v1/runs/", json.dumps(lines).encode(), "application/json"))

    def send_stream(self) -> None:
        lines = self.ends(BULK_LINES)
        body = b"".join(json.dumps(line).encode() + b"\n" for line in lines)
        self.note(lines, *self.post("/api/v1/runs/bulk/", body, "application/x-ndjson"))

    def note(self, lines: list[dict[str, Any]], status: int, body: bytes) -> None:
        if status == 200:
            answers = json.loads(body)["results"]
            self.acknowledged |= {lines[one["line"] - 1]["run_id"] for one in answers if one["status"] == "created"}

    def post(self, path: str, body: bytes, kind: str) -> tuple[int, bytes]:
        return self.web.ask("POST", path, body, Authorization=self.bearer, Content_Type=kind)


@pytest.mark.slow
def test_whatever_was_acknowledged_is_there_after_a_kill(empty_database: str, manage: Any, tmp_path: Path):
    manage("migrate", "--verbosity", "0", database=empty_database)
    manage("shell", "--no-imports", "-c", AUTOMATION, database=empty_database)
    made = manage("create_token", "load", "--scopes", "runs:write", "--days", "1", database=empty_database)
    token = made.stdout.split()[-1]
    web, stop = Web(empty_database, tmp_path), threading.Event()
    with running(web):
        senders = [Sender(web, token, number, stop) for number in range(SENDERS)]
        for sender in senders:
            sender.start()
        for number in range(KILLS):
            time.sleep(0.8 + number / 4)
            web.kill()
            web.start()
        time.sleep(0.5)
        stop.set()
        for sender in senders:
            sender.join(timeout=60)
    acknowledged = set().union(*(sender.acknowledged for sender in senders))
    ended, dirty = kept(manage, empty_database)
    print(f"{len(acknowledged):,} ends of runs acknowledged over {KILLS} kills, {len(ended):,} kept")
    assert len(acknowledged) > 100
    assert acknowledged - set(ended) == set()
    assert len(ended) == len(set(ended))
    assert dirty > 0


def kept(manage: Any, database: str) -> tuple[list[str], int]:
    """The run ids that ended, and how many marks the rollups find."""
    code = (
        "from slos.models import Run, DirtyMinute; print(DirtyMinute.objects.count());"
        "print('\\n'.join(Run.objects.filter(status='succeeded', duration_ms=3000).values_list('run_id', flat=True)))"
    )
    dirty, *ended = manage("shell", "--no-imports", "-c", code, database=database).stdout.split()
    return ended, int(dirty)
