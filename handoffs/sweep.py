"""The sweep of the timers: whatever is due fires, once and in order, at the cost of what is due and not of what is
open.

One index range over `next_fire_at`, in batches that other sweepers skip; a batch is a handful of statements whatever
its size, and one transaction: stage, owner, trail, messages, webhooks and facts commit together or not at all. A
response or cancellation that committed first has emptied `next_fire_at`; one that comes later waits for the row.
"""

import logging
import time
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection, transaction

from handoffs import bulk
from handoffs.engine import clock as engine
from handoffs.engine.consequence import after, effect_of
from handoffs.engine.ladder import Stage
from handoffs.firing import Firing
from handoffs.models import Fact, Handoff, Pause, Rule, RuleVersion, StageFiring
from handoffs.people import Circle, circle_of
from handoffs.shapes import handoff_data
from handoffs.timers import read_deadlines, stages_of, verdict_of
from opsportal.audit import operations as audit
from opsportal.audit.engine import Draft
from opsportal.notify import operations as notify
from opsportal.notify.engine import Event, Notice
from opsportal.notify.models import Subscription
from opsportal.sweeps import queries as sweeps
from opsportal.sweeps.registry import SweepResult

BATCH = 1_000
LIMIT_SECONDS = 8.0
MOVED = ("owner_id", "held_by", "backup_missing", "fired_percent", "next_fire_at", "breached")

log = logging.getLogger("handoffs.sweep")


class SweepIncomplete(Exception):
    """Some records could not be swept; all others were. Makes the run count as failed, so that somebody looks."""


@dataclass(slots=True)
class Batch:
    """What one batch writes."""

    moved: list[Handoff] = field(default_factory=list)
    firings: list[StageFiring] = field(default_factory=list)
    drafts: list[Draft] = field(default_factory=list)
    notices: list[Notice] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    facts: list[Fact] = field(default_factory=list)


def sweep_handoffs(now: datetime) -> SweepResult:
    """Fire every stage that is due at `now`, for about eight seconds at most. Several sweepers may run at once."""
    until = time.monotonic() + LIMIT_SECONDS
    total, failed = SweepResult(), set[UUID]()
    connection.ensure_connection()
    session = connection.connection
    while time.monotonic() < until:
        try:
            result = sweep_batch(now, without=failed)
        except Exception:
            if connection.connection is not session:
                raise  # the database went away: no record is to blame, and the next round sweeps them together
            log.exception("A batch of due handoffs failed; its records are swept one by one.")
            result, stuck = _sweep_singly(now, without=failed)
            failed |= stuck
        total += result
        if result.examined < BATCH:
            break
    if failed:
        raise SweepIncomplete(f"{len(failed)} handoffs could not be swept, the first is {min(failed)}.")
    return total


@transaction.atomic
def sweep_batch(now: datetime, *, limit: int = BATCH, without: Collection[UUID] = ()) -> SweepResult:
    """Lock up to `limit` due records that no other sweeper holds, and fire their due stages."""
    handoffs = _claim_due(now, limit, without)
    if not handoffs:
        return SweepResult()
    dues = [one.next_fire_at for one in handoffs if one.next_fire_at]
    batch = Batch()
    circle, blind_since = circle_of(handoffs, now), sweeps.blind_since(now)
    describe = _describer(handoffs, now)
    for handoff in handoffs:
        for firing in _fire(handoff, circle, now, blind_since):
            _add(batch, firing, describe)
        batch.moved.append(handoff)
    _write(batch, now)
    return SweepResult(len(handoffs), len(batch.firings), min(dues), max(dues))


def _claim_due(now: datetime, limit: int, without: Collection[UUID]) -> list[Handoff]:
    """The rows alone are read and locked: joins would tempt the planner away from the index. Rules are few."""
    due = Handoff.objects.due(now).select_for_update(skip_locked=True)
    handoffs = list((due.exclude(pk__in=without) if without else due)[:limit])
    versions = RuleVersion.objects.in_bulk({one.rule_version_id for one in handoffs})
    rules = Rule.objects.select_related("team").in_bulk({one.rule_id for one in handoffs})
    for handoff in handoffs:
        handoff.rule, handoff.rule_version = rules[handoff.rule_id], versions[handoff.rule_version_id]
    return handoffs


def _fire(handoff: Handoff, circle: Circle, now: datetime, blind_since: datetime | None) -> Iterator[Firing]:
    """Every due stage in order, each on the record as the one before left it."""
    deadlines = read_deadlines(handoff.deadlines)
    ladder = {stage.percent: stage for stage in stages_of(handoff.rule_version)}
    for deadline in engine.due_stages(deadlines, handoff.fired_percent, now):
        stage = ladder.get(deadline.percent, Stage(deadline.percent, ()))
        firing = _fire_stage(handoff, stage, deadline.at or now, circle, now)
        yield replace(firing, blind_since=blind_since)
    handoff.next_fire_at = engine.next_fire_at(deadlines, handoff.fired_percent)


def _fire_stage(handoff: Handoff, stage: Stage, scheduled_at: datetime, circle: Circle, now: datetime) -> Firing:
    standing = circle.standing(handoff)
    effect = effect_of(stage, standing)
    handoff.fired_percent = stage.percent
    handoff.breached = handoff.breached or effect.breached
    if not handoff.shadow and effect.new_owner is not None:
        handoff.owner = circle.people[effect.new_owner]
        handoff.held_by = list(after(standing, effect).held_by)
        handoff.backup_missing = handoff.backup_owner_id in (None, effect.new_owner)
    return Firing(handoff, stage, effect, standing.owner, scheduled_at, now, circle)


def _add(batch: Batch, firing: Firing, describe: Any) -> None:
    drafts = firing.drafts()
    batch.firings.append(firing.row())
    batch.drafts += drafts
    batch.notices += firing.notices()
    batch.facts += firing.facts()
    if describe is not None:
        batch.events += firing.events(drafts, describe(firing.handoff))


def _describer(handoffs: Collection[Handoff], now: datetime) -> Any:
    """How to describe a record to subscribers; nothing is described while nobody has subscribed."""
    if not Subscription.objects.filter(disabled_at=None).exists():
        return None
    pauses: dict[UUID, list[Pause]] = {}
    for pause in Pause.objects.filter(handoff__in=[one.pk for one in handoffs]):
        pauses.setdefault(pause.handoff_id, []).append(pause)

    def describe(handoff: Handoff) -> dict[str, Any]:
        return handoff_data(handoff, verdict_of(handoff, pauses.get(handoff.pk, []), now))

    return describe


def _write(batch: Batch, now: datetime) -> None:
    bulk.insert(StageFiring, batch.firings)
    bulk.update(Handoff, batch.moved, MOVED)
    bulk.insert(Fact, batch.facts)
    audit.record_many(batch.drafts)
    notify.tell_many(batch.notices, now)
    if batch.events:
        notify.publish_many(batch.events, now)


def _sweep_singly(now: datetime, *, without: Collection[UUID]) -> tuple[SweepResult, set[UUID]]:
    """One record a transaction: whichever cannot be swept is left out, loudly, and stops none of the others."""
    until = time.monotonic() + LIMIT_SECONDS
    total, failed = SweepResult(), set[UUID]()
    while time.monotonic() < until and total.examined < BATCH:
        try:
            result = sweep_batch(now, limit=1, without={*without, *failed})
        except Exception:
            stuck = Handoff.objects.due(now).exclude(pk__in={*without, *failed}).values_list("pk", flat=True).first()
            if stuck is None:
                break
            log.exception("The handoff %s could not be swept.", stuck)
            failed.add(stuck)
            continue
        if not result.examined:
            break
        total += result
    return total, failed
