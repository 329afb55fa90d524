"""The hit rate, one record after the other in plain Python: what the grouped statements and the days added up are held
against.
"""

from dataclasses import replace
from datetime import UTC, timedelta

from handoffs.engine import clock as engine
from handoffs.engine.clock import Clock
from handoffs.engine.rates import Counts
from handoffs.models import Handoff, PastCycle, Pause
from handoffs.queries.rates import Question
from handoffs.states import StopClock
from opsportal.calendars.queries import business_time


def cycles(question: Question):
    """(handoff, the row of its cycle, its clock) of every cycle in the cohort."""
    for handoff in Handoff.objects.filter(rule__in=question.rule_ids):
        rows: list[Handoff | PastCycle] = [handoff, *PastCycle.objects.filter(handoff=handoff)]
        for row in rows:
            until = question.until
            if (question.since and row.started_at < question.since) or row.started_at >= until:
                continue
            if question.instant.is_past and row.started_at > question.instant.at:
                continue
            yield handoff, row, _clock(handoff, row)


def count(question: Question, cell=lambda handoff, row: ()):
    """{cell: counts} and {cell: {reason: how many were cancelled for it}}."""
    found: dict[tuple, Counts] = {}
    reasons: dict[tuple, dict[str, int]] = {}
    for handoff, row, clock in cycles(question):
        at = question.instant.at
        known = engine.known_at(clock, at) if question.instant.is_past else clock
        counts = found.setdefault(cell(handoff, row), Counts())
        counts.add(_judged(handoff, row, known, at))
        if known.cancelled_at is not None:
            by_reason = reasons.setdefault(cell(handoff, row), {})
            by_reason[handoff.cancel_reason] = by_reason.get(handoff.cancel_reason, 0) + 1
    return found, reasons


def monday_of(row):
    day = row.started_at.astimezone(UTC).date()
    return day - timedelta(days=day.weekday())


def _clock(handoff, row):
    pauses = Pause.objects.filter(handoff=handoff, cycle=row.cycle)
    if row.stop_clock == StopClock.COMPLETION:
        stop = row.completed_at
    else:
        stop = min(filter(None, (row.first_response_at, row.completed_at)), default=None)
    return Clock(
        hours=business_time(row.calendar_version_id),
        started_at=row.started_at,
        sla_seconds=row.sla_minutes * 60,
        pauses=tuple(sorted((pause.from_at, pause.until) for pause in pauses)),
        stopped_at=stop,
        cancelled_at=handoff.cancelled_at if row is handoff else None,
    )


def _judged(handoff, row, clock, at):
    verdict = engine.judge(clock, at)
    if clock.cancelled_at is not None:
        return Counts(n=1, excluded=1, strict_misses=int(verdict.missed))
    counts = Counts(n=1)
    if verdict.business_hit is not None:
        counts.business_evaluated, counts.business_hits = 1, int(verdict.business_hit)
    if verdict.absolute_hit is not None:
        counts.absolute_evaluated, counts.absolute_hits = 1, int(verdict.absolute_hit)
        if row.within_business_hours:
            counts.in_hours_evaluated, counts.in_hours_hits = 1, int(verdict.absolute_hit)
    stop = clock.stopped_at
    history = row is handoff and handoff.historical
    if stop is None or history or stop <= handoff.ingested_at or stop < row.started_at:
        return counts
    got = max(handoff.ingested_at, row.started_at)
    given = min(max(row.assigned_at or stop, got), stop)
    lags = {"ingest": got - row.started_at, "routing": given - got, "human": stop - given}
    return replace(counts, measured=1, **lags)
