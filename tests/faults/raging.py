"""What storms have in common: two hosts work against one PostgreSQL, and everything is killed at random meanwhile."""

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from tests.faults.harness import ROOT, Database, Worker, tail
from tests.receivers import HttpReceiver

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


class Raging:
    """One run. Everything random comes from the seed; how the processes interleave does not.

    A storm says what is there before (`load`), who acts meanwhile (`people`; `people_stay` until nothing is left),
    what is left to do, and what is wrong.
    """

    people_stay = False

    def __init__(self, *, seed: int, kills: int, seconds: float, folder: Path) -> None:
        self.kills, self.seconds, self.folder = kills, seconds, folder
        self.random = Random(seed)
        self.report = Report(seed)
        self.database = Database()
        self.workers: list[Worker] = []
        self.receivers: list[HttpReceiver] = []
        self.afterwards: Callable[[Any], None] = lambda storm: None

    def load(self) -> None:
        raise NotImplementedError

    def people(self) -> tuple[str, ...]:
        """The module that acts meanwhile, and its arguments."""
        raise NotImplementedError

    def accompany(self, stack: ExitStack) -> None:
        """Start what runs beside the hosts and is not killed, until the stack is closed."""

    def left(self) -> tuple[int, ...]:
        """What is still to do; all of it zero when it is over."""
        raise NotImplementedError

    def judge(self) -> None:
        raise NotImplementedError

    @property
    def outside(self) -> dict[str, str]:
        return {"OPSPORTAL_OUTBOUND_ALLOW": ",".join(receiver.origin for receiver in self.receivers)}

    def run(self) -> Report:
        began = time.monotonic()
        with ExitStack() as stack:
            for receiver in self.receivers:
                stack.enter_context(receiver)
            try:
                self.database.migrate()
                self.load()
                self.accompany(stack)
                self.workers = [self._start_worker(number) for number in range(HOSTS)]
                people = self._start_people()
                try:
                    self._rage()
                    if self.people_stay:
                        self._wait_until_quiet()
                finally:
                    people.kill()
                    people.wait()
                if not self.people_stay:
                    self._wait_until_quiet()
                self.judge()
                self.report.figures["seconds in all"] = round(time.monotonic() - began)
                self.afterwards(self)
            finally:
                for worker in self.workers:
                    worker.stop_somehow()
                self.database.stop()
        return self.report

    # --- processes ---

    def run_module(self, module: str, *arguments: str) -> None:
        command = [sys.executable, "-m", module, *arguments]
        environment = {**self.database.environment, **self.outside}
        done = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr

    def _start_worker(self, number: int) -> Worker:
        return Worker(self.database, self.folder / f"work-{number}.log", **self.outside)

    def _start_people(self) -> subprocess.Popen[bytes]:
        module, *arguments = self.people()
        environment = {**self.database.environment, **self.outside}
        command = [sys.executable, "-m", module, *arguments]
        with (self.folder / "people.log").open("ab") as sink:
            return subprocess.Popen(command, env=environment, cwd=ROOT, stderr=sink)

    # --- the storm ---

    def _rage(self) -> None:
        """Kill until the count is reached, spread over the time in which things happen."""
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
        """Nothing left to do. Nobody helps; a slow machine may take long, but something has to move."""
        began = moved = time.monotonic()
        before = self.left()
        while any(before):
            time.sleep(1)
            left = self.left()
            moved = time.monotonic() if left != before else moved
            before = left
            logs = [tail(worker.log) for worker in self.workers]
            assert time.monotonic() - moved < STUCK_SECONDS, f"left to do: {left}\n" + "\n".join(logs)
        self.report.figures["seconds until quiet"] = round(time.monotonic() - began, 1)

    def count(self, statement: str) -> int:
        return int(self.database.ask(statement) or 0)

    def expect_none(self, what: str, statement: str) -> None:
        if count := self.count(statement):
            self.report.problems.append(f"{count} {what}")

    def column(self, statement: str) -> set[str]:
        with self.database.connect() as session:
            return {row[0] for row in session.execute(statement).fetchall()}
