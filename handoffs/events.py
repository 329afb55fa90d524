"""The events of cases: taken into the log once, and read by the rules that open, answer and complete handoffs from
them. One event or thousands take the same way, one transaction for all of them.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime

from django.db import transaction

from handoffs import eventlog
from handoffs.eventlog import NewEvent
from handoffs.models import Rule
from handoffs.reading import hold_cases, read_cases, rules_touched
from handoffs.timers import SKEW
from opsportal.api.lines import Recorded
from opsportal.audit.engine import Actor
from opsportal.errors import Conflict, InvalidInput

__all__ = ["NewEvent", "Recorded", "record_event", "record_events"]

FUTURE = Recorded("invalid", None, "in_the_future", "timestamp")


def record_event(*, new: NewEvent, actor: Actor, now: datetime) -> Recorded:
    """Take one event into the log and let the rules read its case.

    Raises Conflict `event_id_conflict` when the same source and event_id said something else, InvalidInput
    `in_the_future` (field `timestamp`).
    """
    (recorded,) = record_events([new], actor=actor, now=now)
    if recorded is FUTURE:
        raise InvalidInput("in_the_future", "This lies in the future.", field="timestamp")
    if recorded.status == "conflict":
        text = f"The event “{new.event_id}” has already said something else here."
        raise Conflict("event_id_conflict", text, field="event_id")
    return recorded


@transaction.atomic
def record_events(events: Sequence[NewEvent], *, actor: Actor, now: datetime) -> list[Recorded]:
    """Take events into the log and let the rules read their cases, each once; one answer for each, in order.

    Nothing is raised for a single event: a repeat is a `duplicate`, other words under the same event_id a `conflict`,
    more than 300 seconds ahead `invalid`.
    """
    past = [one for one in events if one.occurred_at <= now + SKEW]
    touched = rules_touched(past)
    hold_cases(touched)
    appended = eventlog.append(past, now=now)
    if touched:
        read_cases(_with_news(touched, appended.new), actor=actor, now=now)
    if len(past) == len(events):
        return appended.answers
    answers = iter(appended.answers)
    return [next(answers) if one.occurred_at <= now + SKEW else FUTURE for one in events]


def _with_news(touched: Mapping[Rule, set[str]], new: Sequence[NewEvent]) -> dict[Rule, set[str]]:
    """Cases of which something is new: a repeat is no reason to read one again."""
    cases = {one.case_id for one in new}
    return {rule: found for rule, case_ids in touched.items() if (found := case_ids & cases)}
