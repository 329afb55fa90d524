"""The part of the sweep `facts` that takes facts to runbooks, and closes what nobody took up."""

from datetime import datetime

from opsportal.sweeps.registry import SweepResult
from runbooks.remediation import operations
from runbooks.remediation.matching import find_matches

BATCH = 200


def sweep_proposals(now: datetime) -> SweepResult:
    """Several sweepers may run at once: the schema keeps a fact from proposing a runbook twice."""
    closed = operations.close_overdue(now)
    matches = find_matches(now, limit=BATCH)
    made = [operations.propose_execution(one.runbook, one.fact, actor=operations.CLOCKWORK, now=now) for one in matches]
    return SweepResult(examined=len(matches) + closed, fired=closed + sum(one is not None for one in made))
