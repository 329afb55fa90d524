"""What came of what facts proposed: how much of it was started, and whether what it was about was over in time.

A remediation is a proposal that a person started. It resolved when everything it was about was over within an hour of
the yes, what came back meanwhile included; else somebody had to go on. Too early to say, and facts that are gone, count
for neither.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from statistics import median

from opsportal.facts.models import Fact
from opsportal.identity.actors import Principal
from runbooks.models import ExecutionStep, Proposal, Runbook
from runbooks.remediation.matching import facts_of
from runbooks.remediation.queries import list_proposals
from runbooks.states import ProposalState, StepState

WITHIN = timedelta(hours=1)
DAYS = 90  # looked back, where nothing else is asked for
STARTED, JOINED = ProposalState.STARTED, ProposalState.JOINED


@dataclass(frozen=True, slots=True)
class Outcomes:
    """Of proposals made in a time. `over_before` were over before anybody said yes; `by_buttons` of `resolved` took no
    step by hand; `seconds` from when it happened until it was over, at the median.
    """

    runbook: Runbook | None  # None: all of them
    proposed: int
    started: int
    declined: int
    nobody: int
    over_before: int
    resolved: int
    went_on: int
    by_buttons: int
    seconds: float | None

    @property
    def ratio(self) -> Decimal | None:
        """Which share of the remediations whose end is known resolved."""
        known = self.resolved + self.went_on
        return (Decimal(self.resolved) / known).quantize(Decimal("0.0001")) if known else None


@dataclass(frozen=True, slots=True)
class _Ended:
    """How one remediation ended; `resolved` None: not known."""

    resolved: bool | None = None
    seconds: float | None = None
    by_buttons: bool = False


def outcomes_of(
    principal: Principal | None, *, since: datetime, until: datetime, now: datetime
) -> tuple[Outcomes, list[Outcomes]]:
    """Of proposals made in [since, until): all together, and by runbook, the most often started first."""
    rows = list(list_proposals(principal).filter(proposed_at__gte=since, proposed_at__lt=until).order_by("proposed_at"))
    ended = _ends(rows, now)
    own = [row for row in rows if row.state != JOINED]
    runbooks = {row.runbook_id: row.runbook for row in own}
    each = [_sum([row for row in own if row.runbook_id == pk], ended, runbooks[pk]) for pk in runbooks]
    return _sum(own, ended), sorted(each, key=lambda one: (-one.started, -one.proposed, str(one.runbook)))


def _sum(rows: Sequence[Proposal], ended: dict[object, _Ended], runbook: Runbook | None = None) -> Outcomes:
    ends = [ended[row.pk] for row in rows if row.pk in ended]
    closed = [row for row in rows if row.state == ProposalState.EXPIRED and row.decided_at is not None]
    over = sum(row.decided_at < row.expires_at for row in closed if row.decided_at is not None)
    seconds = [one.seconds for one in ends if one.resolved and one.seconds is not None]
    return Outcomes(
        runbook=runbook,
        proposed=len(rows),
        started=len(ends),
        declined=sum(row.state == ProposalState.DECLINED for row in rows),
        nobody=len(closed) - over,
        over_before=over,
        resolved=sum(one.resolved is True for one in ends),
        went_on=sum(one.resolved is False for one in ends),
        by_buttons=sum(one.by_buttons for one in ends),
        seconds=median(seconds) if seconds else None,
    )


def _ends(rows: Sequence[Proposal], now: datetime) -> dict[object, _Ended]:
    """Of each that was started how it ended, by its key."""
    started = [row for row in rows if row.state == STARTED and row.decided_at is not None]
    facts = facts_of(list(rows)) if started else {}
    by_hand, by_button = _acted(started)
    found: dict[object, _Ended] = {}
    for row in started:
        limit = (row.decided_at or now) + WITHIN
        several = [facts.get((one.source, one.fact_key)) for one in _about_the_same(row, rows, limit)]
        end = _end(row, several, limit, now)
        only = end.resolved is True and row.execution_id in by_button and row.execution_id not in by_hand
        found[row.pk] = _Ended(end.resolved, end.seconds, only)
    return found


def _end(row: Proposal, facts: Sequence[Fact | None], limit: datetime, now: datetime) -> _Ended:
    overs = [fact.over_at for fact in facts if fact is not None]
    known = [at for at in overs if at is not None and at <= now]
    if any(at > limit for at in known) or (len(known) < len(overs) and now >= limit):
        return _Ended(resolved=False)
    if len(known) < len(facts):
        return _Ended()
    return _Ended(resolved=True, seconds=max(0.0, (max(known) - row.occurred_at).total_seconds()))


def _about_the_same(row: Proposal, rows: Iterable[Proposal], limit: datetime) -> list[Proposal]:
    """Itself, and what joined it before an hour after the yes."""
    about = (row.runbook_id, row.about_type, row.about_id)
    return [
        one
        for one in rows
        if one.pk == row.pk
        or (
            one.state == JOINED
            and (one.runbook_id, one.about_type, one.about_id) == about
            and row.proposed_at <= one.proposed_at < limit
        )
    ]


def _acted(started: Sequence[Proposal]) -> tuple[set[object], set[object]]:
    """The executions in which somebody did a step by hand, and those in which a button did one."""
    done = ExecutionStep.objects.filter(
        execution__in=[row.execution_id for row in started], state__in=[StepState.DONE, StepState.FAILED]
    )
    rows = list(done.values_list("execution", "ran_at")) if started else []
    return {key for key, ran_at in rows if ran_at is None}, {key for key, ran_at in rows if ran_at is not None}
