"""What a sweep tells upwards: a heartbeat that went down is an outage, one that was pinged again ends it."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Exists, F, OuterRef

from opsportal.sweeps.registry import SweepResult
from slos import facts
from slos.facts import News
from slos.heartbeats import engine, words
from slos.heartbeats.queries import rhythm_of
from slos.models import Fact, Flip, Heartbeat
from slos.states import OUTAGES, FactKind, HeartbeatStatus

BATCH = 500


@transaction.atomic
def tell_changes(now: datetime) -> SweepResult:
    """Turn changes into facts, those of one heartbeat in their order: of each only the earliest untold one is taken, so
    that another sweeper cannot end an outage before it has begun.
    """
    earlier = Flip.objects.filter(heartbeat=OuterRef("heartbeat"), reported_at=None, pk__lt=OuterRef("pk"))
    untold = Flip.objects.filter(~Exists(earlier), reported_at=None).select_for_update(skip_locked=True, of=("self",))
    flips = list(untold.order_by("pk")[:BATCH])
    holders = Heartbeat.objects.select_related("automation__team", "team").in_bulk(
        {flip.heartbeat_id for flip in flips}
    )
    began = [flip for flip in flips if flip.to_status == HeartbeatStatus.DOWN]
    over = [flip for flip in flips if flip.to_status in words.OVER]
    facts.raise_facts([_outage(flip, holders[flip.heartbeat_id]) for flip in began], now=now)
    ended = _end_outages(over, holders)
    Flip.objects.filter(pk__in=[flip.pk for flip in flips]).update(reported_at=now)
    return SweepResult(len(flips), len(began) + ended)


def _outage(flip: Flip, heartbeat: Heartbeat) -> News:
    return News(
        key=f"heartbeat:{heartbeat.pk}:{flip.pk}",
        kind=FactKind.SILENCE if flip.reason == "never" else FactKind.HEARTBEAT_DOWN,
        episode=f"heartbeat:{heartbeat.pk}",
        sentence=words.outage(heartbeat, flip),
        occurred_at=flip.since,
        automation=heartbeat.automation,
        heartbeat=heartbeat,
        data={"cause": flip.reason, "heartbeat": heartbeat.slug, "down_at": flip.at.isoformat()},
    )


def _end_outages(flips: Iterable[Flip], holders: dict[int, Heartbeat]) -> int:
    """The outages these changes end, each with how many expected pings it cost."""
    ends = {flip.heartbeat_id: flip for flip in flips}
    count = 0
    for fact in Fact.objects.going_on().filter(kind__in=OUTAGES, heartbeat__in=list(ends)):
        flip, heartbeat = ends[fact.heartbeat_id or 0], holders[fact.heartbeat_id or 0]
        # The instant of a ping; of a pause since when nothing was expected, which a sweep may see later. A ping that
        # raced the sweep may carry an earlier instant than the outage it ends.
        over_at = max(min(flip.since, flip.at), fact.occurred_at)
        missed = _missed(heartbeat, fact, over_at)
        Heartbeat.objects.filter(pk=heartbeat.pk).update(missed_count=missed)
        data: dict[str, Any] = {**fact.data, "missed": missed, "ended_by": flip.reason}
        Fact.objects.filter(pk=fact.pk).update(data=data)
        count += facts.end_facts([fact.key], at=over_at)
    return count


def _missed(heartbeat: Heartbeat, fact: Fact, until: datetime) -> int:
    rhythm, since = rhythm_of(heartbeat), fact.occurred_at
    if fact.data.get("cause") not in ("missed", "not_started", "never"):
        due = engine.next_due(rhythm, since)
        return engine.count_missed(rhythm, due, until) if due else 0
    return engine.count_missed(rhythm, since, until)


# --- too many pings ---


@transaction.atomic
def tell_runaways(now: datetime) -> SweepResult:
    """Heartbeats that were pinged more often in an hour than they may, and those that are calm again."""
    rows = Heartbeat.objects.select_related("automation__team", "team").filter(runaway_since__isnull=False)
    wild = list(rows.order_by("runaway_since")[:BATCH])
    raised = facts.raise_facts([_runaway(heartbeat) for heartbeat in wild], now=now)
    for heartbeat in wild:
        if (calm_at := _calm_at(heartbeat, now)) is not None:
            same = Heartbeat.objects.filter(pk=heartbeat.pk, runaway_since=heartbeat.runaway_since)
            same.update(runaway_since=None, version=F("version") + 1)
            facts.end_episodes([f"runaway:{heartbeat.pk}"], at=calm_at)
    return SweepResult(0, raised)


def _runaway(heartbeat: Heartbeat) -> News:
    since = heartbeat.runaway_since or heartbeat.updated_at
    most = heartbeat.max_pings_per_hour or 0
    return News(
        key=f"runaway:{heartbeat.pk}:{since.isoformat()}",
        kind=FactKind.RUNAWAY_LOOP,
        episode=f"runaway:{heartbeat.pk}",
        sentence=f"{heartbeat} pings more often than it may: more than {most} times within an hour.",
        occurred_at=since,
        automation=heartbeat.automation,
        heartbeat=heartbeat,
        data={"heartbeat": heartbeat.slug, "count": heartbeat.hour_count, "most": most},
    )


def _calm_at(heartbeat: Heartbeat, now: datetime) -> datetime | None:
    """When it was calm again: the window with too many pings has ended, or it may send that many now."""
    most, since = heartbeat.max_pings_per_hour, heartbeat.runaway_since or now
    if most is None or heartbeat.hour_at is None:
        return now
    ends = heartbeat.hour_at + timedelta(hours=1)
    if now >= ends:
        return max(ends, since)
    return max(heartbeat.hour_at, since) if heartbeat.hour_count <= most else None
