"""An idle worker is killed again and again; each time the cluster has to be cured without a person (I14).

    python -m tests.faults.idle --kills 50

It may die holding the queue's read lock: then no process looks dead, and only the beat tells.
"""

import argparse
import os
import signal
import sys
import tempfile
import time
from pathlib import Path

from tests.faults.harness import Database, Worker, tail, wait_for, worker

CURED_SECONDS = 120  # stale after 6; a start that took too long is given 12 the next time, then 24


def kill_idle_worker(running: Worker) -> float:
    """Kill the worker that waits for a task; answers the seconds until a later beat came through a whole cluster."""
    running.wait_until_beating()
    victim = running.idle_worker_pid()
    assert victim, "there is no idle worker"
    os.kill(victim, signal.SIGKILL)
    killed = time.monotonic()

    def cured() -> bool:
        since = time.monotonic() - killed
        return since > 1 and running.beat_age() < since - 0.5 and len(running.members()) >= 4

    return wait_for(cured, CURED_SECONDS, lambda: tail(running.log))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=50)
    kills = parser.parse_args().kills
    database = Database()
    try:
        database.migrate()
        with tempfile.TemporaryDirectory() as folder, worker(database, Path(folder) / "work.log") as running:
            took = [kill_idle_worker(running) for _ in range(kills)]
            hung = running.restart_count()
    finally:
        database.stop()
    print(f"{len(took)} of {kills} cured, {hung} by a new cluster; slowest {max(took):.1f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
