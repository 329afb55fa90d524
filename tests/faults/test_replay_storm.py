"""A short storm over the replay queue with every run of the tests; the long one is a command (see replay_storm.py)."""

import sys
import time
from pathlib import Path

import pytest

from tests.faults.replay_storm import ReplayStorm

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc to find whom to kill")

# What a lost or doubled payload would look like, and what the judge must say to it.
DAMAGE = {
    "DELETE FROM runbooks_delivered WHERE id = (SELECT min(id) FROM runbooks_delivered)": "without exactly one line",
    "DELETE FROM runbooks_attempt WHERE id % 2 = 0": "in the log",
    "UPDATE runbooks_replayplan SET state = 'aborted'": "did not end completed",
    "UPDATE runbooks_replayitem SET state = 'discarded' WHERE sequence = 1": "payloads lost",
    "UPDATE runbooks_replayitem SET sequence = -sequence": "keys out of order",
}


def test_killed_at_random_the_queue_loses_nothing_and_doubles_nothing(tmp_path: Path, request: pytest.FixtureRequest):
    if request.config.getoption("--db") != "postgres":
        pytest.skip("faults have a PostgreSQL of their own: they run once, with --db postgres")
    seed = int(time.time())
    print(f"seed {seed}")
    storm = ReplayStorm(seed=seed, payloads=200, keys=20, rate=1200, kills=4, folder=tmp_path)
    storm.afterwards = prove_the_judge
    storm.run()


def prove_the_judge(storm: ReplayStorm) -> None:
    """Nothing is wrong; and were something wrong, it would be found."""
    print(storm.report)
    assert storm.report.problems == [], str(storm.report)
    with storm.database.connect() as session:
        for statement in DAMAGE:
            assert session.execute(statement).rowcount > 0, statement
    storm.acting["sure"].effects.update(["unknown"])
    storm.acting["strict"].effects.update(list(storm.acting["strict"].effects)[:1])
    storm.acting["strict"].arrivals += [0.0] * 50
    storm.judge()
    found = "\n".join(storm.report.problems)
    expected = [*DAMAGE.values(), "the ledger and the target differ by 1", "1 doubled effects", "50 requests within"]
    expected += ["the report says 0 doubled ones", "payloads that arrived, the target"]
    assert [one for one in expected if one not in found] == []
