"""Everything is killed at random while a plan of thousands of payloads runs: what was lost, what was doubled?

    python -m tests.faults.replay_storm --seed 1 --payloads 10000 --keys 500 --kills 60 --rate 3000

Two targets answer slowly, fail, and hang up after acting: one acts once per webhook-id, one every time it is asked, and
the plan for that one is slower than the target. People do it all over the portal's API (replay_people.py).
"""

import argparse
import bisect
import sys
import tempfile
import threading
import time
from collections import Counter, defaultdict
from contextlib import ExitStack
from pathlib import Path
from random import Random
from typing import Any

from tests.faults import harness
from tests.faults.raging import Raging
from tests.faults.replay_load import STRICT_EVERY
from tests.faults.replay_people import Person
from tests.receivers import DROP, Answer, HttpReceiver, Received

FAILS, HANGS_UP, SLOWEST_SECONDS = 0.03, 0.01, 0.03
STANDSTILL, JUST_NOW = 0.2, 0.1  # seconds
# As the log of attempts has it, in plain SQL: what never left, and what the target took or had.
NOT_REQUESTS = "'missed its slot', 'the worker ended before it was sent', 'not let go', 'refused by our own policy'"
ACCEPTED = "status BETWEEN 200 AND 299 OR outcome = 'already there'"


class Acting:
    """What a target does, and its own count of it: `effects` by webhook-id, in the order they came about."""

    def __init__(self, seed: int, *, once: bool) -> None:
        self._random, self._once, self._lock = Random(seed), once, threading.Lock()
        self.effects: Counter[str] = Counter()
        self.arrivals: list[float] = []
        self.accepted = 0

    def __call__(self, request: Received) -> Answer:
        if request.method == "GET":
            return Answer(200 if request.path.lstrip("/") in self.effects else 404)
        with self._lock:
            self.arrivals.append(time.monotonic())
            return self._act(request.headers["webhook-id"])

    def _act(self, webhook_id: str) -> Answer:
        chance = self._random.random()
        if chance < FAILS:
            return Answer(503)
        if self._once and webhook_id in self.effects:
            self.accepted += 1
            return Answer(headers={"Duplicate": "true"})
        self.effects[webhook_id] += 1
        if chance < FAILS + HANGS_UP:
            return DROP
        self.accepted += 1
        return Answer(delay=self._random.random() * SLOWEST_SECONDS)

    def most_within_a_second(self, except_after: list[float]) -> int:
        """Except in seconds in which the target itself went on after a standstill: all that waited comes in at once."""
        instants = sorted(self.arrivals)
        return max(
            bisect.bisect_left(instants, at + 1) - index
            for index, at in enumerate(instants)
            if not any(at - JUST_NOW <= end <= at + 1 for end in except_after)
        )


class Stopwatch:
    """Notices when this very process stood still, because the machine was stopped or far too busy."""

    def __init__(self) -> None:
        self.spells: list[tuple[float, float]] = []
        threading.Thread(target=self._watch, daemon=True).start()

    def _watch(self) -> None:
        last = time.monotonic()
        while True:
            time.sleep(0.02)
            now = time.monotonic()
            if now - last > STANDSTILL:
                self.spells.append((last, now))
            last = now


class ReplayStorm(Raging):
    """A plan for each of two targets, drawn up, approved and looked after by people who decide what is in doubt."""

    people_stay = True

    def __init__(self, *, seed: int, payloads: int, keys: int, rate: int, kills: int, folder: Path) -> None:
        seconds = payloads / rate * 60  # what it takes at least
        super().__init__(seed=seed, kills=kills, seconds=seconds, folder=folder)
        self.payloads, self.keys = payloads, keys
        self.rate = rate
        self.rates = {"sure": rate, "strict": max(rate // STRICT_EVERY, 60)}  # of their plans
        self.killed_at: list[float] = []
        self.stopwatch = Stopwatch()
        self.acting = {"sure": Acting(seed, once=True), "strict": Acting(seed + 1, once=False)}
        self.targets = {slug: HttpReceiver(acting) for slug, acting in self.acting.items()}
        self.receivers = list(self.targets.values())

    def load(self) -> None:
        sizes = [str(number) for number in (self.payloads, self.keys, self.rate)]
        self.run_module("tests.faults.replay_load", *sizes, *(self.targets[slug].url for slug in ("sure", "strict")))

    def accompany(self, stack: ExitStack) -> None:
        self.portal = stack.enter_context(harness.web(self.database, self.folder / "web.log", **self.outside))

    def people(self) -> tuple[str, ...]:
        return "tests.faults.replay_people", self.portal, str(self.rates["strict"]), self.targets["strict"].url

    def left(self) -> tuple[int, ...]:
        """Payloads that are not over, and plans; nothing of both is the end."""
        return (
            self.count("SELECT count(*) FROM runbooks_replayitem WHERE finished_at IS NULL"),
            self.count("SELECT count(*) FROM runbooks_replayplan WHERE finished_at IS NULL"),
        )

    def _kill(self, name: str, number: int) -> bool:
        killed = super()._kill(name, number)
        if killed:
            self.killed_at.append(time.time())
        return killed

    def judge(self) -> None:
        figures = self.report.figures
        figures["payloads, keys"] = self.payloads, self.count("SELECT count(*) FROM runbooks_lane")
        figures["requests"] = self.count("SELECT count(*) FROM runbooks_attempt")
        figures["cut off"] = self.count("SELECT count(*) FROM runbooks_attempt WHERE finished_at IS NULL")
        figures["delivered, as the ledger has it"] = dict(
            self._rows("SELECT how, count(*) FROM runbooks_delivered GROUP BY 1")
        )
        self.expect_none("payloads lost", "SELECT count(*) FROM runbooks_replayitem WHERE state <> 'delivered'")
        self.expect_none(
            "payloads without exactly one line in the ledger",
            """SELECT count(*) FROM runbooks_replayitem i WHERE
               (SELECT count(*) FROM runbooks_delivered d WHERE d.item_id = i.id) <> 1""",
        )
        reader = Person(self.portal, "analyst0")
        reader.sign_in()
        spells = list(self.stopwatch.spells)
        figures["the targets stood still: times, seconds in all"] = (
            len(spells), round(sum(end - start for start, end in spells), 1),
        )  # fmt: skip
        for slug in self.targets:
            self._judge_target(slug)
            self._judge_plans(slug, reader)

    def _judge_target(self, slug: str) -> None:
        acting, problems = self.acting[slug], self.report.problems
        rows = self._rows(
            f"""SELECT i.id::text, i.lane_id, i.sequence FROM runbooks_replayitem i
                JOIN runbooks_replaytarget t ON t.id = i.target_id WHERE t.slug = '{slug}'"""
        )
        places = {pk: (lane, sequence) for pk, lane, sequence in rows}
        most = acting.most_within_a_second([end for _, end in self.stopwatch.spells])
        limit = self.rates[slug] / 60
        self.report.figures[f"{slug}: payloads, effects, most requests in a second, limit"] = (
            len(places), acting.effects.total(), most, limit,
        )  # fmt: skip
        if set(acting.effects) != set(places):
            problems.append(f"{slug}: the ledger and the target differ by {len(set(acting.effects) ^ set(places))}")
        if twice := [pk for pk, count in acting.effects.items() if count > 1]:
            problems.append(f"{slug}: {len(twice)} doubled effects, the first of {min(twice)}")
        if most > limit + 1:
            problems.append(f"{slug}: {most} requests within a second, {limit} are allowed")
        seen: dict[int, list[int]] = defaultdict(list)
        for lane, sequence in (places[pk] for pk in acting.effects if pk in places):
            seen[lane].append(sequence)
        if mixed := [lane for lane, order in seen.items() if order != sorted(order)]:
            problems.append(f"{slug}: {len(mixed)} keys out of order, the first is lane {min(mixed)}")

    def _judge_plans(self, slug: str, reader: Person) -> None:
        """The plan of all payloads of a target says of itself what the target has counted."""
        acting, problems = self.acting[slug], self.report.problems
        *others, plan = reader.get(f"replay/plans/?target={slug}&limit=100")["results"]
        report = reader.get(f"replay/plans/{plan['id']}/report/")
        began, ended = (
            float(
                self.database.ask(
                    f"SELECT extract(epoch FROM {name}) FROM runbooks_replayplan WHERE id = %s", plan["id"]
                )
            )
            for name in ("started_at", "finished_at")
        )
        kills = sum(began <= at <= ended for at in self.killed_at)
        figures = {name: value for name, value in report.items() if isinstance(value, int)}
        self.report.figures[f"{slug}: the plan"] = (
            f"{plan['state']}, {kills} kills while it ran, {round(ended - began)} s"
        )
        self.report.figures[f"{slug}: its report"] = figures
        self.report.figures[f"{slug}: plans for the rest"] = [f"{one['count']} {one['state']}" for one in others]
        if wrong := [one["state"] for one in (plan, *others) if one["state"] != "completed"]:
            problems.append(f"{slug}: plans that did not end completed: {wrong}")
        cut_off = self._requests(slug, "AND finished_at IS NULL")
        arrived = report["delivered"] + report["already_delivered"] + report["by_person"]
        doubled = sum(count > 1 for count in acting.effects.values())
        for what, said, counted in (
            ("payloads", report["selected"], len(acting.effects)),
            ("payloads that arrived", arrived, len(acting.effects)),
            ("payloads left over", sum(report[one] for one in ("dead", "in_doubt", "discarded", "waiting")), 0),
            ("doubled ones", report["doubled"], doubled),
        ):
            if said != counted:
                problems.append(f"{slug}: the report says {said} {what}, the target {counted}")
        # Of an attempt that was cut off nobody knows whether it left; every other one is a request, and counted.
        for what, said, counted in (
            ("requests", self._requests(slug), len(acting.arrivals)),
            ("answers", self._requests(slug, f"AND ({ACCEPTED})") + cut_off, acting.accepted),
        ):
            if not 0 <= said - counted <= cut_off:
                problems.append(
                    f"{slug}: {said} {what} in the log, {cut_off} of them cut off; the target has {counted}"
                )
        if not others and slug == "sure" and report["attempts"] != self._requests(slug):
            problems.append(f"{slug}: the report says {report['attempts']} requests, the log {self._requests(slug)}")

    def _requests(self, slug: str, which: str = "") -> int:
        """Attempts that left the house, as far as anybody knows."""
        return self.count(
            f"""SELECT count(*) FROM runbooks_attempt WHERE outcome NOT IN ({NOT_REQUESTS}) AND item_id IN
                (SELECT i.id FROM runbooks_replayitem i JOIN runbooks_replaytarget t ON t.id = i.target_id
                 WHERE t.slug = '{slug}') {which}"""
        )

    def _rows(self, statement: str) -> list[Any]:
        with self.database.connect() as session:
            return session.execute(statement).fetchall()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--payloads", type=int, default=10_000)
    parser.add_argument("--keys", type=int, default=500)
    parser.add_argument("--rate", type=int, default=3000, help="a minute, at each target; a fifth by the second plan")
    parser.add_argument("--kills", type=int, default=60)
    options = vars(parser.parse_args())
    print(f"seed {options['seed']}", flush=True)
    with tempfile.TemporaryDirectory(prefix="opsportal-storm-") as folder:
        report = ReplayStorm(**options, folder=Path(folder)).run()
    print(report)
    return 1 if report.problems else 0


if __name__ == "__main__":
    sys.exit(main())
