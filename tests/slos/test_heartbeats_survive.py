"""SIGKILL of the web process under load: every ping that was answered with 2xx is there."""

import http.client
import re
import threading
import time
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from tests.handoffs.test_events_survive import Web, running

KILLS, SENDERS = 2, 4
MAKE = """
from opsportal import clock
from opsportal.audit.engine import Actor
from slos.heartbeats.operations import create_heartbeat
for n in range(4):
    made = create_heartbeat(values={'name': f'job {n}'}, actor=Actor.system('test'), now=clock.now())
    print('code', made.code)
"""
READ = "from slos.models import Ping; print(*('rid ' + str(one) for one in Ping.objects.values_list('rid', flat=True)))"


class Sender(threading.Thread):
    """Pings a heartbeat of its own, each time with a run id of its own, and notes which were acknowledged."""

    def __init__(self, web: Web, code: str, stop: threading.Event) -> None:
        super().__init__(daemon=True)
        self.web, self.code, self.stopping = web, code, stop
        self.acknowledged: set[str] = set()

    def run(self) -> None:
        while not self.stopping.is_set():
            rid = str(uuid4())
            try:
                status, _ = self.web.ask("GET", f"/ping/{self.code}?rid={rid}")
            except (OSError, http.client.HTTPException):
                time.sleep(0.05)  # killed: nothing was promised
                continue
            if 200 <= status < 300:
                self.acknowledged.add(rid)


@pytest.mark.slow
def test_whatever_was_acknowledged_is_there_after_a_kill(
    empty_database: str, manage: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPSPORTAL_PINGS_PER_MINUTE", "0")
    manage("migrate", "--verbosity", "0", database=empty_database)
    made = manage("shell", "--no-imports", "-c", MAKE, database=empty_database).stdout
    web, stop = Web(empty_database, tmp_path), threading.Event()
    with running(web):
        senders = [Sender(web, code, stop) for code in re.findall(r"code (\S+)", made)]
        for sender in senders:
            sender.start()
        for number in range(KILLS):
            time.sleep(0.8 + number / 5)
            web.kill()
            web.start()
        stop.set()
        for sender in senders:
            sender.join(timeout=60)
    acknowledged = set().union(*(sender.acknowledged for sender in senders))
    kept = re.findall(r"rid (\S+)", manage("shell", "--no-imports", "-c", READ, database=empty_database).stdout)
    print(f"{len(acknowledged):,} pings acknowledged over {KILLS} kills, {len(kept):,} kept")
    assert len(senders) == SENDERS
    assert len(acknowledged) >= 4
    assert acknowledged - set(kept) == set()
    assert len(kept) == len(set(kept))
