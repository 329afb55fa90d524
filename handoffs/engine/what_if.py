"""What other terms would have made of what has happened: each record judged again by engine.clock, nothing estimated.

Answers stand as they were given: how people would have acted under another timer is not guessed.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from handoffs.engine import clock as engine
from handoffs.engine.clock import Clock, Verdict
from handoffs.engine.ladder import Stage

ALERTS = frozenset({"alert_owner", "alert_backup", "notify_both", "notify_manager"})
REASSIGNS = "reassign_to_backup"
ESCALATES = "escalate"


@dataclass(frozen=True, slots=True)
class Case:
    """One cycle of a record under some terms. `can_move`: somebody is there to take over."""

    clock: Clock
    stages: tuple[Stage, ...]
    can_move: bool = True


@dataclass(slots=True)
class StageTally:
    """What became of one stage over all records: it fired, it was spared because the clock had stopped before (answered
    or cancelled), or its time has not come.
    """

    percent: int
    actions: tuple[str, ...]
    fired: int = 0
    answered_before: int = 0
    cancelled_before: int = 0
    not_yet: int = 0


@dataclass(slots=True)
class Outcome:
    """The sums over all records. A record counts once in each of them; `pending` and `cancelled` are in no rate."""

    n: int = 0
    alerted: int = 0
    reassigned: int = 0
    kept: int = 0
    escalated: int = 0
    breached: int = 0
    missed: int = 0
    pending: int = 0
    cancelled: int = 0
    business_hits: int = 0
    business_evaluated: int = 0
    absolute_hits: int = 0
    absolute_evaluated: int = 0
    stages: dict[int, StageTally] = field(default_factory=dict)

    def ladder(self) -> list[StageTally]:
        """The stages, the earliest first."""
        return [self.stages[percent] for percent in sorted(self.stages)]


@dataclass(slots=True)
class Comparison:
    """The same records under the terms they had and under others. `newly_hit` were missed and would not have been."""

    before: Outcome = field(default_factory=Outcome)
    after: Outcome = field(default_factory=Outcome)
    newly_hit: int = 0
    newly_missed: int = 0


def compare(pairs: Iterable[tuple[Case, Case]], now: datetime) -> Comparison:
    """Judge each record under both: (as it was, as it would have been)."""
    found = Comparison()
    for was, would in pairs:
        before, after = take(found.before, was, now), take(found.after, would, now)
        found.newly_hit += before.missed and not after.missed and was.clock.cancelled_at is None
        found.newly_missed += after.missed and not before.missed and was.clock.cancelled_at is None
    return found


def take(outcome: Outcome, case: Case, now: datetime) -> Verdict:
    """Add one record to the sums; answers its verdict."""
    verdict = engine.judge(case.clock, now)
    outcome.n += 1
    if case.clock.cancelled_at is not None:
        outcome.cancelled += 1
    else:
        _take_verdict(outcome, verdict)
    outcome.breached += verdict.breached
    _take_stages(outcome, case, now)
    return verdict


def fires(clock: Clock, percents: Sequence[int], now: datetime) -> list[bool]:
    """Which stages fire by `now`: those due before the clock stopped, or by now while it runs.

    A stage is due when A reaches its share, `grace` later on the wall; so it fires when A had reached it that much
    before the end. One look at A answers for the whole ladder.
    """
    spent = _spent_before_end(clock, now)
    return [spent >= engine.stage_seconds(clock.sla_seconds, percent) for percent in percents]


def _spent_before_end(clock: Clock, now: datetime) -> int:
    stop = clock.stopped_at or clock.cancelled_at
    running = replace(clock, stopped_at=None, cancelled_at=None)
    last = now if stop is None else _second_before(stop)  # a stage due at the very stop found it stopped
    return engine.elapsed(running, last - timedelta(seconds=clock.grace_seconds))


def _second_before(instant: datetime) -> datetime:
    """The last whole second that lies before it."""
    return instant.replace(microsecond=0) if instant.microsecond else instant - engine.SECOND


def _take_verdict(outcome: Outcome, verdict: Verdict) -> None:
    outcome.missed += verdict.missed
    if verdict.business_hit is None:
        outcome.pending += 1
    else:
        outcome.business_evaluated += 1
        outcome.business_hits += verdict.business_hit
    if verdict.absolute_hit is not None:
        outcome.absolute_evaluated += 1
        outcome.absolute_hits += verdict.absolute_hit


def _take_stages(outcome: Outcome, case: Case, now: datetime) -> None:
    clock = case.clock
    done: set[str] = set()
    for stage, fired in zip(case.stages, fires(clock, [stage.percent for stage in case.stages], now), strict=True):
        tally = outcome.stages.get(stage.percent)
        if tally is None:
            tally = outcome.stages[stage.percent] = StageTally(stage.percent, stage.actions)
        if fired:
            tally.fired += 1
            done.update(stage.actions)
        elif clock.stopped_at is not None:
            tally.answered_before += 1
        elif clock.cancelled_at is not None:
            tally.cancelled_before += 1
        else:
            tally.not_yet += 1
    outcome.alerted += bool(done & ALERTS)
    outcome.escalated += ESCALATES in done
    outcome.reassigned += REASSIGNS in done and case.can_move
    outcome.kept += REASSIGNS in done and not case.can_move
