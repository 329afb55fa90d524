"""Everything is killed at random while thousands of timers run out: what was lost, what was doubled?

    python -m tests.faults.storm --seed 1 --handoffs 10000 --kills 60 --seconds 180

Two hosts work against one PostgreSQL that crashes too; people answer meanwhile; two receivers play Slack and the CRM.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from tests.faults.harness import ROOT, Database, Worker, tail, wait_for
from tests.faults.load import EVENTS
from tests.receivers import HttpReceiver, play_slack

TARGETS = {"worker": 30, "sentinel": 12, "cluster": 10, "monitor": 8, "pusher": 8, "supervisor": 14, "database": 18}
HOSTS = 2
STUCK_SECONDS = 150.0  # longer than a step of the ladder, a lease, a slow start


@dataclass
class Report:
    """What happened, and what is wrong. `problems` is empty when nothing was lost and nothing doubled."""

    seed: int
    kills: Counter[str] = field(default_factory=Counter)
    figures: dict[str, Any] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        kills = ", ".join(f"{name} {count}" for name, count in sorted(self.kills.items()))
        lines = [f"seed {self.seed}: {self.kills.total()} kills ({kills})"]
        lines += [f"  {name}: {value}" for name, value in self.figures.items()]
        lines += [f"  WRONG: {problem}" for problem in self.problems] or ["  nothing lost, nothing doubled"]
        return "\n".join(lines)


class Storm:
    """One run. Everything random comes from the seed; how the processes interleave does not."""

    def __init__(
        self, *, seed: int, handoffs: int, kills: int, seconds: float, folder: Path, head_start: float = 60
    ) -> None:
        self.handoffs, self.kills, self.seconds, self.folder = handoffs, kills, seconds, folder
        self.head_start = head_start
        self.random = Random(seed)
        self.report = Report(seed)
        self.database = Database()
        self.slack, self.crm = HttpReceiver(play_slack()), HttpReceiver()
        self.workers: list[Worker] = []
        self.afterwards: Callable[[Storm], None] = lambda storm: None

    def run(self) -> Report:
        began = time.monotonic()
        with self.slack, self.crm:
            try:
                self._prepare()
                people = self._start_people()
                try:
                    self._rage()
                finally:
                    people.kill()
                    people.wait()
                self._wait_until_quiet()
                self.judge()
                self.report.figures["seconds in all"] = round(time.monotonic() - began)
                self.afterwards(self)
            finally:
                for worker in self.workers:
                    worker.stop_somehow()
                self.database.stop()
        return self.report

    # --- before ---

    @property
    def _outside(self) -> dict[str, str]:
        return {
            "SLACK_BOT_TOKEN": "xoxb-storm",
            "SLACK_API_URL": f"{self.slack.url}api/",
            "OPSPORTAL_OUTBOUND_ALLOW": f"{self.slack.origin},{self.crm.origin}",
        }

    def _prepare(self) -> None:
        self.database.migrate()
        sizes = [str(number) for number in (self.handoffs, self.seconds, self.head_start)]
        self._python("tests.faults.load", *sizes, self.crm.url)
        self.workers = [self._start_worker(number) for number in range(HOSTS)]

    def _start_worker(self, number: int) -> Worker:
        return Worker(self.database, self.folder / f"work-{number}.log", **self._outside)

    def _start_people(self) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "tests.faults.people", str(self.report.seed), str(self._book)]
        environment = {**self.database.environment, **self._outside}
        return subprocess.Popen(command, env=environment, cwd=ROOT, stderr=subprocess.DEVNULL)

    def _python(self, module: str, *arguments: str) -> None:
        command = [sys.executable, "-m", module, *arguments]
        environment = {**self.database.environment, **self._outside}
        done = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr

    @property
    def _book(self) -> Path:
        return self.folder / "acknowledged.jsonl"

    # --- the storm ---

    def _rage(self) -> None:
        """Kill until the count is reached, spread over the time in which timers run out."""
        pause = self.seconds / self.kills
        while self.report.kills.total() < self.kills:
            time.sleep(self.random.uniform(0.3, 1.7) * pause)
            name = self.random.choices(list(TARGETS), weights=list(TARGETS.values()))[0]
            number = self.random.randrange(HOSTS)
            if self._kill(name, number):
                self.report.kills[name] += 1

    def _kill(self, name: str, number: int) -> bool:
        """Whether somebody of that kind was there to be killed."""
        if name == "database":
            self.database.crash_and_start()
            return True
        worker = self.workers[number]
        if name == "supervisor":
            worker.kill()
            self.workers[number] = self._start_worker(number)  # as the system's service manager does
            return True
        victim = self._victim(worker, name)
        if victim is None:
            return False
        with suppress(ProcessLookupError):
            os.kill(victim, signal.SIGKILL)
            return True
        return False

    def _victim(self, worker: Worker, name: str) -> int | None:
        if name == "cluster":
            return worker.cluster_pid()
        if name == "sentinel":
            return worker.sentinel_pid()
        members = worker.members()
        places: dict[str, list[int]] = {"worker": [0, 1], "monitor": [2], "pusher": [3]}
        place = self.random.choice(places[name])
        return members[place] if place < len(members) else None

    # --- after ---

    def _wait_until_quiet(self) -> None:
        """No stage due, no message waiting. Nobody helps; a slow machine may take long, but something has to move."""
        began = moved = time.monotonic()
        before = self._left()
        while before != (0, 0):
            time.sleep(1)
            left = self._left()
            moved = time.monotonic() if left != before else moved
            before = left
            logs = [tail(worker.log) for worker in self.workers]
            assert time.monotonic() - moved < STUCK_SECONDS, f"stages and messages left: {left}\n" + "\n".join(logs)
        self.report.figures["seconds until quiet"] = round(time.monotonic() - began, 1)

    def _left(self) -> tuple[int, int]:
        return (
            self._count("SELECT count(*) FROM handoffs_handoff WHERE next_fire_at IS NOT NULL"),
            self._count("SELECT count(*) FROM notify_delivery WHERE state IN ('pending', 'leased')"),
        )

    def judge(self) -> None:
        for check in (
            self._stages,
            self._trail,
            self._messages,
            self._events,
            self._sends,
            self._acknowledged,
            self._chain,
        ):
            check()

    def _count(self, statement: str) -> int:
        return int(self.database.ask(statement) or 0)

    def _expect_none(self, what: str, statement: str) -> None:
        if count := self._count(statement):
            self.report.problems.append(f"{count} {what}")

    def _stages(self) -> None:
        """I01, I02, I03: every stage of what nobody answered fired, once; none after the answer committed."""
        self.report.figures["handoffs"] = self._count("SELECT count(*) FROM handoffs_handoff")
        self.report.figures["stages fired"] = self._count("SELECT count(*) FROM handoffs_stagefiring")
        late = "SELECT max(extract(epoch FROM fired_at - scheduled_at)) FROM handoffs_stagefiring"
        self.report.figures["latest stage, seconds"] = round(float(self.database.ask(late) or 0), 1)
        self._expect_none(
            "unanswered handoffs without all three stages",
            """SELECT count(*) FROM handoffs_handoff h WHERE h.state = 'open' AND
               (SELECT count(*) FROM handoffs_stagefiring f WHERE f.handoff_id = h.id) <> 3""",
        )
        self._expect_none(
            "handoffs whose stages are not the first ones of the ladder",
            """SELECT count(*) FROM (SELECT handoff_id, array_agg(percent ORDER BY id) fired
               FROM handoffs_stagefiring GROUP BY 1) f
               WHERE fired <> (ARRAY[100, 200, 300]::smallint[])[1:cardinality(fired)]""",
        )
        self._expect_none(
            "breached handoffs that are not with their backup, or others that are",
            """SELECT count(*) FROM handoffs_handoff WHERE (owner_id = backup_owner_id) <>
               EXISTS (SELECT 1 FROM handoffs_stagefiring f
                       WHERE f.handoff_id = handoffs_handoff.id AND percent = 200)""",
        )

    def _trail(self) -> None:
        """I02, I03, I12: one entry for each thing that came about, and none after the end of the record."""
        for action, percent in (("alerted", 100), ("breached", 200), ("reassigned", 200), ("escalated", 300)):
            self._expect_none(
                f"stages at {percent}% without exactly one entry “{action}”",
                f"""SELECT count(*) FROM handoffs_stagefiring f WHERE percent = {percent} AND
                    (SELECT count(*) FROM audit_entry e WHERE e.subject_type = 'handoff'
                     AND e.subject_id = f.handoff_id::text AND e.action = 'handoff.{action}') <> 1""",
            )
        self._expect_none(
            "entries of the sweep after the answer or the cancellation",
            """SELECT count(*) FROM audit_entry ended JOIN audit_entry e USING (subject_type, subject_id)
               WHERE ended.action IN ('handoff.responded', 'handoff.cancelled')
               AND e.id > ended.id AND e.actor_kind = 'system' AND e.actor_id = 'sweep'
               AND e.action IN ('handoff.alerted', 'handoff.breached', 'handoff.reassigned', 'handoff.escalated')""",
        )

    def _messages(self) -> None:
        """I04, first half: whoever a stage tells has a message, and one delivery for it, delivered."""
        self.report.figures["messages"] = self._count("SELECT count(*) FROM notify_message")
        self._expect_none(
            "recipients of a stage without their message",
            """SELECT count(*) FROM handoffs_stagefiring f, jsonb_array_elements_text(f.recipients) who(username)
               JOIN identity_person p ON p.username = who.username
               WHERE NOT EXISTS (SELECT 1 FROM notify_message m WHERE m.recipient_id = p.id AND
               m.key = concat('handoff:', f.handoff_id, ':', f.cycle, ':', f.percent, ':', p.id))""",
        )
        self._expect_none(
            "messages without exactly one delivery",
            """SELECT count(*) FROM notify_message m WHERE
               (SELECT count(*) FROM notify_delivery d WHERE d.message_id = m.id) <> 1""",
        )
        self._expect_none(
            "deliveries that did not end delivered", "SELECT count(*) FROM notify_delivery WHERE state <> 'delivered'"
        )

    def _events(self) -> None:
        """The same for webhooks: what the CRM wants to hear of is one event with one delivery."""
        self.report.figures["events"] = self._count("SELECT count(*) FROM notify_publishedevent")
        wanted = ", ".join(f"'{event}'" for event in EVENTS)
        self._expect_none(
            "entries of the trail without exactly one event",
            f"""SELECT count(*) FROM audit_entry e WHERE e.action IN ({wanted}) AND
               (SELECT count(*) FROM notify_publishedevent p
                WHERE p.about = e.subject_id AND p.about <> '' AND p.type = e.action) <> 1""",
        )
        self._expect_none(
            "events without exactly one delivery",
            """SELECT count(*) FROM notify_publishedevent p WHERE
               (SELECT count(*) FROM notify_delivery d WHERE d.event_id = p.id) <> 1""",
        )

    def _sends(self) -> None:
        """I04, I05: what the portal calls delivered has arrived; what came twice came with the same key."""
        requests = [*self.slack.requests, *self.crm.requests]
        arrived = Counter(request.headers.get("Idempotency-Key", "") for request in requests)
        keys = self._column("SELECT key FROM notify_delivery WHERE channel = 'slack'")
        keys |= self._column("SELECT p.key FROM notify_delivery d JOIN notify_publishedevent p ON p.id = d.event_id")
        self.report.figures["requests received"] = arrived.total()
        self.report.figures["sent again with the same key"] = arrived.total() - len(arrived)
        if missing := keys - set(arrived):
            self.report.problems.append(f"{len(missing)} deliveries never arrived, the first is {min(missing)}")
        if unknown := set(arrived) - keys:
            self.report.problems.append(f"{len(unknown)} requests nobody knows of, the first is {min(unknown)}")

    def _acknowledged(self) -> None:
        """I06: what people were told is done, is done."""
        lines = self._book.read_text().splitlines() if self._book.exists() else []
        moves = [json.loads(line) for line in lines if line.endswith("}")]
        self.report.figures["answers and cancellations acknowledged"] = len(moves)
        done = {
            "respond": self._column("SELECT id::text FROM handoffs_handoff WHERE first_response_at IS NOT NULL"),
            "cancel": self._column("SELECT id::text FROM handoffs_handoff WHERE cancelled_at IS NOT NULL"),
        }
        if lost := [move["id"] for move in moves if move["id"] not in done[move["move"]]]:
            self.report.problems.append(f"{len(lost)} acknowledged moves are lost, the first of {min(lost)}")

    def _chain(self) -> None:
        """I11: the trail still verifies."""
        wait_for(lambda: self._count("SELECT count(*) FROM audit_seal") > 0, 180)
        done = self.database.manage("verify_audit")
        if done.returncode:
            self.report.problems.append(f"verify_audit: {done.stdout}{done.stderr}")

    def _column(self, statement: str) -> set[str]:
        with self.database.connect() as session:
            return {row[0] for row in session.execute(statement).fetchall()}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--handoffs", type=int, default=10_000)
    parser.add_argument("--kills", type=int, default=60)
    parser.add_argument("--seconds", type=float, default=180)
    options = vars(parser.parse_args())
    print(f"seed {options['seed']}", flush=True)
    with tempfile.TemporaryDirectory(prefix="opsportal-storm-") as folder:
        report = Storm(**options, folder=Path(folder)).run()
    print(report)
    return 1 if report.problems else 0


if __name__ == "__main__":
    sys.exit(main())
