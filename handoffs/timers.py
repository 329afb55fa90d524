"""From rows to the engine's clock and back. Whoever changes a fact, a pause or a timer calls `settle` before saving."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from handoffs.engine import clock as engine
from handoffs.engine.clock import Clock, Deadline, Verdict
from handoffs.engine.ladder import Stage, effective_stages
from handoffs.models import Handoff, PastCycle, Pause, RuleVersion
from opsportal.calendars.queries import business_time

SKEW = timedelta(seconds=300)  # how far into the future a sender's clock may be wrong


def clock_of(handoff: Handoff, pauses: Iterable[Pause]) -> Clock:
    """The clock of the present cycle. `pauses` may hold those of earlier cycles too."""
    spans = sorted((one.from_at, one.until) for one in pauses if one.cycle == handoff.cycle)
    return Clock(
        hours=business_time(handoff.calendar_version_id),
        started_at=handoff.started_at,
        sla_seconds=handoff.sla_minutes * 60,
        pauses=tuple(spans),
        stopped_at=handoff.stopped_at,
        cancelled_at=handoff.cancelled_at,
        grace_seconds=handoff.grace_seconds,
    )


def settle(handoff: Handoff, pauses: Iterable[Pause], now: datetime) -> Verdict:
    """Write everything derived onto the record (not saved): due instants, the next one, the verdict, which is returned.

    A clock starts at the second it starts in, so that due minus start is the timer to the second.
    """
    handoff.started_at = handoff.started_at.replace(microsecond=0)
    clock = clock_of(handoff, pauses)
    _settle_plan(handoff, clock)
    verdict = engine.judge(clock, now)
    _settle_verdict(handoff, verdict, stopped=not handoff.is_running)
    return verdict


def stages_of(version: RuleVersion) -> tuple[Stage, ...]:
    return effective_stages(version.stages)


def grace_seconds(version: RuleVersion, source: str) -> int:
    """How long stages wait for a slow source: the source's own minutes where the rule names them."""
    minutes: int = version.grace_by_source.get(source, version.grace_minutes)
    return minutes * 60


def read_deadlines(raw: Iterable[dict[str, Any]]) -> list[Deadline]:
    return [Deadline(one["percent"], read_instant(one["at"])) for one in raw]


def write_deadlines(deadlines: Iterable[Deadline]) -> list[dict[str, Any]]:
    return [{"percent": one.percent, "at": spell_instant(one.at)} for one in deadlines]


def spell_instant(instant: datetime | None) -> str | None:
    """ISO 8601 in UTC with Z, as the API and the stored JSON write it."""
    return None if instant is None else instant.astimezone(UTC).isoformat().replace("+00:00", "Z")


def read_instant(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


def freeze(handoff: Handoff, closed_at: datetime) -> PastCycle:
    """The present cycle of a stopped record as a row of the past (not saved)."""
    names = [
        "cycle", "rule_version", "calendar_version", "owner", "first_owner", "stop_clock", "sla_minutes", "started_at",
        "assigned_at", "first_response_at", "completed_at", "missed_from", "elapsed_seconds", "missed", "breached",
        "business_hit", "absolute_hit", "within_business_hours", "breach_reason", "outcome",
    ]  # fmt: skip
    return PastCycle(handoff=handoff, closed_at=closed_at, **{name: getattr(handoff, name) for name in names})


def verdict_of(handoff: Handoff, pauses: Sequence[Pause], now: datetime) -> Verdict:
    """The verdict on the present cycle, of a running record as of `now`."""
    return engine.judge(clock_of(handoff, pauses), now)


def verdict_as_known(handoff: Handoff, pauses: Sequence[Pause], at: datetime) -> Verdict:
    """The verdict as it stood at `at`: what happened later is left out."""
    return engine.judge(engine.known_at(clock_of(handoff, pauses), at), at)


def _settle_plan(handoff: Handoff, clock: Clock) -> None:
    # A stopped clock keeps its due instants: pages and the hit rate go on showing what was promised.
    stages = stages_of(handoff.rule_version)
    plan = engine.plan(replace(clock, stopped_at=None, cancelled_at=None), [stage.percent for stage in stages])
    handoff.deadlines = write_deadlines(plan.deadlines)
    handoff.due_at, handoff.breach_at = plan.due_at, plan.breach_at
    handoff.missed_from, handoff.breached_from = plan.missed_from, plan.breached_from
    fires = handoff.is_running and not handoff.historical
    handoff.next_fire_at = engine.next_fire_at(plan.deadlines, handoff.fired_percent) if fires else None


def _settle_verdict(handoff: Handoff, verdict: Verdict, *, stopped: bool) -> None:
    handoff.business_hit, handoff.absolute_hit = (
        (verdict.business_hit, verdict.absolute_hit) if stopped else (None, None)
    )
    handoff.elapsed_seconds = verdict.elapsed_seconds if stopped else None
    handoff.missed = stopped and verdict.missed
    # While it runs, `breached` is written by the sweep; what is learnt later can only take it back.
    handoff.breached = verdict.breached if stopped else (handoff.breached and verdict.breached)
