"""Reads about heartbeats: what is expected when, what is known, what came."""

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models import Prefetch, QuerySet

from opsportal.catalog.models import Automation
from opsportal.catalog.registry import is_read
from opsportal.errors import NotFound
from slos.heartbeats import engine
from slos.heartbeats.engine import Rhythm, Terms
from slos.models import Flip, Heartbeat, Ping
from slos.models.heartbeats import HeartbeatQuerySet
from slos.states import HeartbeatKind, HeartbeatStatus


def list_heartbeats(principal: Any) -> HeartbeatQuerySet:
    """The heartbeats a principal may see, each with `run_until`."""
    return (
        Heartbeat.objects.visible_to(principal).with_runs().select_related("automation__owner", "team", "integration")
    )


def get_heartbeat(slug: str, principal: Any) -> Heartbeat:
    """One heartbeat by its slug; NotFound also when it is hidden."""
    found = list_heartbeats(principal).filter(slug=slug).first() if "\x00" not in slug else None
    if found is None:
        raise NotFound("unknown_heartbeat", "There is no such heartbeat.")
    return found


def of_automation(automation: Automation) -> list[Heartbeat]:
    """The heartbeats of an automation: with one it has an expected rhythm."""
    if is_read(automation, "heartbeats"):
        return list(automation.heartbeats.all())
    return list(Heartbeat.objects.with_runs().filter(automation=automation))


def with_heartbeats(automations: QuerySet[Automation]) -> QuerySet[Automation]:
    """Read with their heartbeats, and with the workflow that one could be made of, for pages."""
    return automations.select_related("workflow").prefetch_related(
        Prefetch("heartbeats", Heartbeat.objects.with_runs())
    )


def with_heartbeat(automations: Collection[Automation]) -> set[int]:
    """The keys of those automations that have a heartbeat at work."""
    found = at_work().filter(automation__in=automations)
    return set(found.order_by().values_list("automation_id", flat=True).distinct())


def at_work() -> HeartbeatQuerySet:
    """Heartbeats that were pinged: one that nobody has wired up yet watches over nothing."""
    return Heartbeat.objects.filter(ping_count__gt=0)


def rhythm_of(heartbeat: Heartbeat) -> Rhythm:
    return Rhythm(heartbeat.kind, heartbeat.timeout_seconds, heartbeat.schedule, heartbeat.timezone)


def terms_of(heartbeat: Heartbeat) -> Terms:
    return Terms(
        rhythm_of(heartbeat),
        heartbeat.grace_seconds,
        heartbeat.max_runtime_seconds,
        heartbeat.start_deadline_seconds,
        heartbeat.min_items,
        heartbeat.max_pings_per_hour,
        bool(heartbeat.options.get("manual_resume")),
    )


def next_times(heartbeat: Heartbeat, at: datetime, n: int = 5) -> list[datetime]:
    """The next `n` instants at which a ping is expected after `at`, in UTC. A period counts from the last ping."""
    last = heartbeat.last_ping_at
    if heartbeat.kind == HeartbeatKind.SIMPLE and last is not None and last < at:
        period = timedelta(seconds=heartbeat.timeout_seconds)
        at = last + (at - last) // period * period
    return engine.next_times(rhythm_of(heartbeat), at, n)


def status_of(heartbeat: Heartbeat, at: datetime) -> HeartbeatStatus:
    """What is known at `at`. The heartbeat comes from `list_heartbeats`, `of_automation` or `with_runs`."""
    run_until = getattr(heartbeat, "run_until", None)
    return engine.status_at(heartbeat.status, heartbeat.due_at, heartbeat.down_at, run_until, at)


def is_started(heartbeat: Heartbeat) -> bool:
    """Whether a run has started and not ended."""
    return getattr(heartbeat, "run_until", None) is not None


def list_pings(heartbeat: Heartbeat) -> list[Ping]:
    """The last pings, newest first, without their bodies."""
    return list(Ping.objects.filter(heartbeat=heartbeat).defer("body").order_by("-n")[:100])


def list_flips(heartbeat: Heartbeat) -> list[Flip]:
    """The last changes, newest first."""
    return list(Flip.objects.filter(heartbeat=heartbeat)[:50])


def find_by_code(code: UUID) -> Heartbeat | None:
    return Heartbeat.objects.with_runs().filter(code=code).first()
