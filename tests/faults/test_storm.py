"""A short storm with every run of the tests; the long one is a command (see storm.py)."""

import sys
import time
from pathlib import Path

import pytest

from tests.faults.storm import Storm

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc to find whom to kill")

OPEN = "(SELECT id FROM handoffs_handoff WHERE state = 'open' ORDER BY id {order} LIMIT 1)"
# What a lost, doubled or half-written effect would look like in the database, and what the judge must say to it.
DAMAGE = {
    f"DELETE FROM handoffs_stagefiring WHERE percent = 300 AND handoff_id = {OPEN.format(order='')}": (
        "unanswered handoffs without all three stages"
    ),
    "DELETE FROM audit_entry WHERE id = (SELECT min(id) FROM audit_entry WHERE action = 'handoff.reassigned')": (
        "without exactly one entry “reassigned”"
    ),
    "DELETE FROM notify_message WHERE key = (SELECT min(key) FROM notify_message WHERE key LIKE '%:200:%')": (
        "recipients of a stage without their message"
    ),
    "DELETE FROM notify_publishedevent WHERE key = (SELECT min(key) FROM notify_publishedevent)": (
        "entries of the trail without exactly one event"
    ),
    "UPDATE notify_delivery SET key = key || ':other' WHERE id ="
    " (SELECT min(id) FROM notify_delivery WHERE channel = 'slack')": "deliveries never arrived",
    f"UPDATE handoffs_handoff SET owner_id = first_owner_id WHERE id = {OPEN.format(order='DESC')}": (
        "breached handoffs that are not with their backup"
    ),
    "UPDATE handoffs_handoff SET first_response_at = NULL": "acknowledged moves are lost",
}


def test_killed_at_random_it_loses_nothing_and_doubles_nothing(tmp_path: Path, request: pytest.FixtureRequest):
    if request.config.getoption("--db") != "postgres":
        pytest.skip("faults have a PostgreSQL of their own: they run once, with --db postgres")
    seed = int(time.time())
    print(f"seed {seed}")
    storm = Storm(seed=seed, handoffs=250, kills=12, seconds=25, head_start=180, folder=tmp_path)
    storm.afterwards = prove_the_judge
    storm.run()


def prove_the_judge(storm: Storm) -> None:
    """Nothing is wrong; and were something wrong, it would be found."""
    print(storm.report)
    assert storm.report.problems == [], str(storm.report)
    with storm.database.connect() as session:
        session.execute("ALTER TABLE audit_entry DISABLE TRIGGER ALL")
        session.execute("SET session_replication_role = replica")
        for statement in DAMAGE:
            assert session.execute(statement).rowcount > 0, statement
    storm.judge()
    found = "\n".join(storm.report.problems)
    assert [expected for expected in DAMAGE.values() if expected not in found] == []
