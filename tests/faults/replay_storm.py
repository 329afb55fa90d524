"""Everything is killed at random while thousands of payloads are sent again: what was lost, what was doubled?

    python -m tests.faults.replay_storm --seed 1 --payloads 10000 --keys 500 --kills 60 --rate 3000

Two targets answer slowly, fail, and hang up after acting: one acts once per webhook-id, one every time it is asked.
"""

import argparse
import bisect
import sys
import tempfile
import threading
import time
from collections import Counter, defaultdict
from pathlib import Path
from random import Random
from typing import Any

from tests.faults.raging import Raging
from tests.faults.replay_load import STRICT_EVERY
from tests.receivers import DROP, Answer, HttpReceiver, Received

FAILS, HANGS_UP, SLOWEST_SECONDS = 0.03, 0.01, 0.03


class Acting:
    """What a target does, and its own count of it: `effects` by webhook-id, in the order they came about."""

    def __init__(self, seed: int, *, once: bool) -> None:
        self._random, self._once, self._lock = Random(seed), once, threading.Lock()
        self.effects: Counter[str] = Counter()
        self.arrivals: list[float] = []

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
            return Answer(headers={"Duplicate": "true"})
        self.effects[webhook_id] += 1
        return DROP if chance < FAILS + HANGS_UP else Answer(delay=self._random.random() * SLOWEST_SECONDS)

    def most_within_a_second(self) -> int:
        instants = sorted(self.arrivals)
        return max(bisect.bisect_left(instants, at + 1) - index for index, at in enumerate(instants))


class ReplayStorm(Raging):
    """Payloads of many keys on their way to two targets, from which a person decides what is in doubt."""

    people_stay = True

    def __init__(self, *, seed: int, payloads: int, keys: int, rate: int, kills: int, folder: Path) -> None:
        seconds = payloads / rate * 60  # what it takes at least
        super().__init__(seed=seed, kills=kills, seconds=seconds, folder=folder)
        self.payloads, self.keys = payloads, keys
        self.rates = {"sure": rate, "strict": max(rate // STRICT_EVERY, 60)}
        self.acting = {"sure": Acting(seed, once=True), "strict": Acting(seed + 1, once=False)}
        self.targets = {slug: HttpReceiver(acting) for slug, acting in self.acting.items()}
        self.receivers = list(self.targets.values())

    def load(self) -> None:
        sizes = [str(number) for number in (self.payloads, self.keys, self.rates["sure"])]
        self.run_module("tests.faults.replay_load", *sizes, *(self.targets[slug].url for slug in ("sure", "strict")))

    def people(self) -> tuple[str, ...]:
        return "tests.faults.replay_people", self.targets["strict"].url

    def left(self) -> tuple[int, ...]:
        return (self.count("SELECT count(*) FROM runbooks_replayitem WHERE finished_at IS NULL"),)

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
        for slug in self.targets:
            self._judge_target(slug)

    def _judge_target(self, slug: str) -> None:
        acting, problems = self.acting[slug], self.report.problems
        rows = self._rows(
            f"""SELECT i.id::text, i.lane_id, i.sequence FROM runbooks_replayitem i
                JOIN runbooks_replaytarget t ON t.id = i.target_id WHERE t.slug = '{slug}'"""
        )
        places = {pk: (lane, sequence) for pk, lane, sequence in rows}
        most, limit = acting.most_within_a_second(), self.rates[slug] / 60
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

    def _rows(self, statement: str) -> list[Any]:
        with self.database.connect() as session:
            return session.execute(statement).fetchall()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--payloads", type=int, default=10_000)
    parser.add_argument("--keys", type=int, default=500)
    parser.add_argument("--rate", type=int, default=3000, help="a minute, at the first target; a fifth at the second")
    parser.add_argument("--kills", type=int, default=60)
    options = vars(parser.parse_args())
    print(f"seed {options['seed']}", flush=True)
    with tempfile.TemporaryDirectory(prefix="opsportal-storm-") as folder:
        report = ReplayStorm(**options, folder=Path(folder)).run()
    print(report)
    return 1 if report.problems else 0


if __name__ == "__main__":
    sys.exit(main())
