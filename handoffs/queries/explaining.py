"""Why a deadline is when it is: the open time consumed, piece by piece, with the pauses between."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from handoffs import timers
from handoffs.engine import clock as engine
from handoffs.models import Handoff, Pause
from opsportal.calendars.engine.explanation import Explanation
from opsportal.calendars.queries import business_time


@dataclass(frozen=True, slots=True)
class ExplainedDeadline:
    """A stage of the timer. `parts` explain each running interval up to it, `pauses` lie between them.

    `at` is None while a pause hides it, or when the calendar never gets there; then `parts` reach to `now`.
    """

    percent: int
    seconds: int
    at: datetime | None
    grace: timedelta
    calendar: str
    parts: list[Explanation]
    pauses: list[Pause]


def explain_deadline(handoff: Handoff, *, now: datetime, percent: int = 100) -> ExplainedDeadline:
    """Explain when `percent` of the timer is up."""
    pauses = [pause for pause in handoff.pauses.all() if pause.cycle == handoff.cycle]
    clock = replace(timers.clock_of(handoff, pauses), stopped_at=None, cancelled_at=None)
    seconds = engine.stage_seconds(clock.sla_seconds, percent)
    reached = engine.reach(clock, seconds)
    hours, end = business_time(handoff.calendar_version_id), reached or now
    return ExplainedDeadline(
        percent=percent,
        seconds=seconds,
        at=reached + timedelta(seconds=clock.grace_seconds) if reached else None,
        grace=timedelta(seconds=clock.grace_seconds),
        calendar=str(handoff.calendar_version),
        parts=[hours.explain(begin, until) for begin, until in engine.running_intervals(clock, end)],
        pauses=[pause for pause in pauses if pause.from_at < end],
    )
