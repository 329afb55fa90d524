"""What is expected of a heartbeat follows its automation: a first ping once it is in service, nothing while it is not.

Both parts of the sweep look at rows, not at events, so whatever moved the automation is followed within one round.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import F, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce

from opsportal.catalog.states import AutomationState
from opsportal.sweeps.registry import SweepResult
from slos.heartbeats import engine
from slos.heartbeats.queries import terms_of
from slos.models import Flip, Heartbeat, HeartbeatRun
from slos.states import HeartbeatStatus

BATCH = 500
OUT_OF_SERVICE = (AutomationState.PAUSED, AutomationState.RETIRED)
STOPPED, BACK = "out_of_service", "back_in_service"
COLUMNS = ("status", "last_ping_at", "due_at", "down_at", "unknown_since", "version")


@transaction.atomic
def stand_down(now: datetime) -> SweepResult:
    """Heartbeats of automations that are paused or retired expect nothing from the pause on; an outage ends with it.

    One that is pinged all the same stays up until it would fall silent.
    """
    stopped = Coalesce("automation__paused_at", "automation__updated_at")
    rows = Heartbeat.objects.filter(automation__state__in=OUT_OF_SERVICE).annotate(stopped_at=stopped)
    waiting = Q(status=HeartbeatStatus.NEW, due_at__isnull=False) | Q(
        Q(last_ping_at__lt=F("stopped_at")) | Q(down_at__lte=now),
        status__in=(HeartbeatStatus.UP, HeartbeatStatus.UNKNOWN),
    )
    found = _held(rows.filter(waiting | Q(status=HeartbeatStatus.DOWN)))
    HeartbeatRun.objects.filter(heartbeat__in=found).delete()
    for heartbeat in found:
        heartbeat.due_at = heartbeat.down_at = heartbeat.unknown_since = None
    return _move(found, HeartbeatStatus.PAUSED, STOPPED, now, since=lambda one: _stood_down_at(one, now))


def _stood_down_at(heartbeat: Any, now: datetime) -> datetime:
    """From the pause on nothing is expected, however late it is seen; from the last ping where one came after it."""
    stopped: datetime = heartbeat.stopped_at
    return min(max(stopped, heartbeat.last_ping_at or stopped), now)


@transaction.atomic
def stand_up(now: datetime) -> SweepResult:
    """What stood down waits for a first ping again once its automation is back; what somebody paused stays so."""
    last = Flip.objects.filter(heartbeat=OuterRef("pk")).order_by("-id").values("reason")[:1]
    paused = Heartbeat.objects.filter(status=HeartbeatStatus.PAUSED).annotate(why=Subquery(last))
    found = _held(paused.filter(why=STOPPED).exclude(automation__state__in=OUT_OF_SERVICE))
    for heartbeat in found:
        heartbeat.last_ping_at = None
    return _move(found, HeartbeatStatus.NEW, BACK, now)


@transaction.atomic
def expect_first_pings(now: datetime) -> SweepResult:
    """Silence is never success: from when an automation is in service on, its rhythm holds for the first ping, too."""
    new = Heartbeat.objects.filter(status=HeartbeatStatus.NEW, due_at=None, automation__state=AutomationState.ACTIVE)
    found = _held(new)
    runs = HeartbeatRun.objects.filter(heartbeat__in=found).order_by("deadline_at")
    running_until = dict(runs.values_list("heartbeat", "deadline_at"))
    for heartbeat in found:
        expected = engine.expectation(terms_of(heartbeat), now, running_until.get(heartbeat.pk))
        heartbeat.due_at, heartbeat.down_at = expected
        heartbeat.version += 1
    expecting = [one for one in found if one.due_at is not None]  # a schedule may have come to its end
    Heartbeat.objects.bulk_update(expecting, COLUMNS)
    return SweepResult(len(expecting))


def _held(rows: QuerySet[Heartbeat]) -> list[Heartbeat]:
    """A batch of them, each ours until the transaction ends."""
    return list(rows.order_by("pk").select_for_update(skip_locked=True, of=("self",))[:BATCH])


def _move(
    heartbeats: Sequence[Heartbeat],
    status: HeartbeatStatus,
    reason: str,
    now: datetime,
    *,
    since: Callable[[Heartbeat], datetime] | None = None,
) -> SweepResult:
    flips = []
    for heartbeat in heartbeats:
        flips.append(
            Flip(
                heartbeat=heartbeat,
                at=now,
                since=since(heartbeat) if since else now,
                from_status=heartbeat.status,
                to_status=status,
                reason=reason,
            )
        )
        heartbeat.status = status
        heartbeat.version += 1
    Heartbeat.objects.bulk_update(heartbeats, COLUMNS)
    Flip.objects.bulk_create(flips)
    return SweepResult(len(flips), len(flips))
