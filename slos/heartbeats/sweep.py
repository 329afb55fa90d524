"""The sweep of heartbeats: what has fallen silent goes down, the portal's own blind time is granted, changes are told
upwards as facts.

Two index ranges (`down_at` of heartbeats, `deadline_at` of runs), in batches that other sweepers skip. A ping that
commits first has moved its row out of the range; one that comes later decides anew and brings it up again.
"""

import time
from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import F, Min

from opsportal.sweeps.models import BlindSpell
from opsportal.sweeps.registry import SweepResult
from slos.heartbeats import following, telling
from slos.models import Flip, Heartbeat, HeartbeatRun, Ping
from slos.states import HeartbeatStatus

BATCH = 500
LIMIT_SECONDS = 8.0
# How long after the portal woke up a blind spell is still looked at. What it grants, it grants once.
REMEMBERED = timedelta(days=1)
PINGS_KEPT = 1_000
PRUNE_BATCH = 5_000
EXPECTING = (HeartbeatStatus.NEW, HeartbeatStatus.UP, HeartbeatStatus.UNKNOWN)
COLUMNS = ("status", "down_at", "unknown_since", "version", "missed_count")


def sweep_heartbeats(now: datetime) -> SweepResult:
    """Everything that is due at `now`, for about eight seconds at most. Several sweepers may run at once.

    What an automation that is out of service stands down comes first: it is not silent.
    """
    until = time.monotonic() + LIMIT_SECONDS
    grant_blind_time(now)
    total = SweepResult()
    for part in PARTS:
        while time.monotonic() < until:
            result = part(now)
            total += result
            if not result.examined:
                break
    return total + telling.tell_runaways(now)


@transaction.atomic
def sweep_silent(now: datetime) -> SweepResult:
    """Heartbeats whose grace is over at `now` go down, as of the instant it was over."""
    rows = Heartbeat.objects.select_for_update(skip_locked=True, of=("self",))
    silent = list(rows.filter(down_at__lte=now).order_by("down_at")[:BATCH])
    flips = []
    for heartbeat in silent:
        since = heartbeat.due_at or heartbeat.down_at or now
        flips.append(_down(heartbeat, heartbeat.down_at or now, since, _why_silent(heartbeat)))
    return _write(silent, flips)


@transaction.atomic
def sweep_overdue_runs(now: datetime) -> SweepResult:
    """Runs that have not ended by their deadline take their heartbeat down; each run is told of once."""
    runs = HeartbeatRun.objects.select_for_update(skip_locked=True, of=("self",)).filter(deadline_at__lte=now)
    overdue = list(runs.order_by("deadline_at")[:BATCH])
    first = {run.heartbeat_id: run for run in reversed(overdue)}
    rows = Heartbeat.objects.select_for_update(skip_locked=True, of=("self",))
    reached = list(rows.filter(pk__in=first))
    flips, moved = [], []
    for heartbeat in reached:
        if heartbeat.status != HeartbeatStatus.DOWN:
            at = first[heartbeat.pk].deadline_at
            flips.append(_down(heartbeat, at, at, "overrun"))
            moved.append(heartbeat)
    held = {heartbeat.pk for heartbeat in reached}
    HeartbeatRun.objects.filter(pk__in=[run.pk for run in overdue if run.heartbeat_id in held]).delete()
    result = _write(moved, flips)
    return SweepResult(len(held), result.fired, result.range_from, result.range_until)


def _down(heartbeat: Heartbeat, at: datetime, since: datetime, reason: str) -> Flip:
    flip = Flip(
        heartbeat=heartbeat,
        at=at,
        since=min(since, at),
        from_status=heartbeat.status,
        to_status=HeartbeatStatus.DOWN,
        reason=reason,
    )
    heartbeat.status, heartbeat.down_at = HeartbeatStatus.DOWN, None
    heartbeat.version += 1
    return flip


def _why_silent(heartbeat: Heartbeat) -> str:
    """Whether it never came at all, or whether it is the start that is missing, where starts have a deadline."""
    if heartbeat.status == HeartbeatStatus.NEW:
        return "never"
    if heartbeat.start_deadline_seconds is None:
        return "missed"
    last, start = heartbeat.last_ping_at, heartbeat.last_start_at
    return "missed" if start is not None and last is not None and start > last else "not_started"


def _write(heartbeats: Sequence[Heartbeat], flips: Sequence[Flip]) -> SweepResult:
    Heartbeat.objects.bulk_update(heartbeats, COLUMNS)
    Flip.objects.bulk_create(flips)
    ats = [flip.at for flip in flips]
    return SweepResult(len(heartbeats), len(flips), min(ats, default=None), max(ats, default=None))


PARTS = (
    following.stand_down,
    following.stand_up,
    following.expect_first_pings,
    sweep_silent,
    sweep_overdue_runs,
    telling.tell_changes,
)


# --- the portal's own blind time ---


def grant_blind_time(now: datetime) -> int:
    """What fell due while nobody was looking is unknown since then, never up and not yet down: it gets the blind time
    in addition. Each spell is granted once.
    """
    spells = BlindSpell.objects.filter(until__gt=now - REMEMBERED, until__lte=now).order_by("until")
    return sum(_grant(spell) for spell in spells)


@transaction.atomic
def _grant(spell: BlindSpell) -> int:
    rows = Heartbeat.objects.select_for_update(skip_locked=True, of=("self",)).filter(
        status__in=EXPECTING, due_at__lte=spell.until, down_at__gt=spell.from_at
    )
    # What was granted once is unknown since this spell or a later one.
    granted = list(rows.exclude(unknown_since__gte=spell.from_at))
    flips = []
    for heartbeat in granted:
        since = max(spell.from_at, heartbeat.last_ping_at or spell.from_at)
        if heartbeat.status == HeartbeatStatus.UP:
            flips.append(_unknown(heartbeat, since, spell))
        heartbeat.unknown_since = since
        heartbeat.down_at = (heartbeat.down_at or spell.until) + (spell.until - since)
        heartbeat.version += 1
    _write(granted, flips)
    runs = HeartbeatRun.objects.filter(
        started_at__lt=spell.from_at, deadline_at__gt=spell.from_at, deadline_at__lte=spell.until
    )
    return len(granted) + runs.update(deadline_at=F("deadline_at") + (spell.until - spell.from_at))


def _unknown(heartbeat: Heartbeat, since: datetime, spell: BlindSpell) -> Flip:
    heartbeat.status = HeartbeatStatus.UNKNOWN
    return Flip(
        heartbeat=heartbeat,
        at=since,
        since=since,
        from_status=HeartbeatStatus.UP,
        to_status=HeartbeatStatus.UNKNOWN,
        reason="blind",
        reported_at=spell.until,
    )


# --- what is kept ---


def prune_pings(now: datetime) -> SweepResult:
    """Keep the last thousand pings of each heartbeat; one bounded batch."""
    examined = fired = 0
    oldest = Ping.objects.order_by().values("heartbeat").annotate(first=Min("n"))
    rows = Heartbeat.objects.filter(ping_count__gt=PINGS_KEPT).values_list("pk", "ping_count")
    firsts = dict(oldest.filter(heartbeat__in=[pk for pk, _ in rows]).values_list("heartbeat", "first"))
    for pk, count in rows:
        examined += 1
        if firsts.get(pk, count) <= count - PINGS_KEPT and fired < PRUNE_BATCH:
            old = Ping.objects.filter(heartbeat=pk, n__lte=count - PINGS_KEPT).order_by("n")
            keys = list(old.values_list("pk", flat=True)[: PRUNE_BATCH - fired])
            fired += Ping.objects.filter(pk__in=keys).delete()[0]
    return SweepResult(examined, fired)
