"""What a new version of a calendar would do to open deadlines. Registered with the calendars at start-up."""

from dataclasses import replace
from datetime import datetime

from handoffs.engine import clock as engine
from handoffs.models import Handoff, Pause
from handoffs.operations.terms import on_calendar
from handoffs.timers import clock_of, read_deadlines
from opsportal.calendars.engine import BusinessTime
from opsportal.calendars.models import Calendar
from opsportal.calendars.registry import MovedDeadline

EXAMINED = 2_000  # the soonest so many are looked at: a preview, not a report


def moved_deadlines(calendar: Calendar, business_time: BusinessTime, limit: int) -> list[MovedDeadline]:
    """The next deadlines of running handoffs that these hours would move, soonest first."""
    soonest = on_calendar(calendar.pk).exclude(next_fire_at=None).order_by("next_fire_at")[:EXAMINED]
    handoffs = list(soonest.prefetch_related("pauses"))
    found: list[MovedDeadline] = []
    for handoff in handoffs:
        before, after = _next_deadline(handoff, list(handoff.pauses.all()), business_time)
        if before != after:
            found.append(MovedDeadline(handoff.subject, handoff.get_absolute_url(), before, after))
        if len(found) == limit:
            break
    return found


def _next_deadline(
    handoff: Handoff, pauses: list[Pause], business_time: BusinessTime
) -> tuple[datetime, datetime | None]:
    """When the next stage is due now, and when it would be."""
    stage = min(
        (one for one in read_deadlines(handoff.deadlines) if one.at and one.percent > handoff.fired_percent),
        key=lambda one: one.percent,
    )
    clock = replace(clock_of(handoff, pauses), hours=business_time)
    after = engine.plan(clock, [stage.percent]).deadlines[0].at
    assert stage.at is not None  # noqa: S101 - chosen so above
    return stage.at, after
