"""Handoffs as somebody may see them, and the verdict on one: the same calculator for pages, API, webhooks and
exports.
"""

from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import QuerySet

from handoffs import timers
from handoffs.engine.clock import Verdict
from handoffs.models import CaseEvent, Handoff, HandoffQuerySet, StageFiring
from opsportal.errors import NotFound
from opsportal.identity.actors import Principal


def list_handoffs(principal: Principal | None) -> HandoffQuerySet:
    """The handoffs somebody may see, newest start first, with names and pauses: showing n of them costs two queries."""
    return Handoff.objects.visible_to(principal).with_names().prefetch_related("pauses")


def get_handoff(principal: Principal | None, handoff_id: Any) -> Handoff:
    """One handoff; raises NotFound for another team's and for what is no id."""
    handoff = list_handoffs(principal).filter(pk=key).first() if (key := _key(handoff_id)) else None
    if handoff is None:
        raise NotFound("unknown_handoff", "There is no such handoff, or you may not see it.")
    return handoff


def verdict_of(handoff: Handoff, now: datetime) -> Verdict:
    """The verdict on the present cycle; of a clock that still runs, as of `now`. Reads `pauses`, prefetched or not."""
    return timers.verdict_of(handoff, list(handoff.pauses.all()), now)


def verdict_as_known(handoff: Handoff, at: datetime) -> Verdict:
    """The verdict as it stood at `at`: what happened later is left out."""
    return timers.verdict_as_known(handoff, list(handoff.pauses.all()), at)


def list_firings(handoff: Handoff) -> QuerySet[StageFiring]:
    """The stages that fired on a handoff, in order, earlier cycles first."""
    return handoff.firings.select_related("rule_version").order_by("cycle", "percent")


def list_events_of(handoff: Handoff) -> QuerySet[CaseEvent]:
    """The events of its case, in the order of the log: (occurred_at, arrival)."""
    events = CaseEvent.objects.order_by("occurred_at", "id")
    return events.filter(case_id=handoff.external_ref) if handoff.external_ref else events.none()


def find_handoffs_with_trace(principal: Principal | None, trace_id: str) -> HandoffQuerySet:
    return list_handoffs(principal).filter(trace_id=trace_id)


def _key(value: Any) -> UUID | None:
    try:
        return value if isinstance(value, UUID) else UUID(str(value))
    except ValueError:
        return None
