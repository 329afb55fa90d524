"""Taking items in hand and writing down what became of them. Every move is fenced by the token of the lease."""

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connection, transaction
from django.db.models import Min

from runbooks.models import ReplayItem, ReplayPlan, ReplayTarget, TargetHealth
from runbooks.queue import statements
from runbooks.queue.engine import flow
from runbooks.queue.engine.flow import Breaker, Budget
from runbooks.queue.statements import Taken
from runbooks.states import PlanState

# A lease outlives the slot it waits for, the request and the writing down; it ends only when its holder has died.
LEASE_BEYOND_TIMEOUT = timedelta(seconds=30)
MOST_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Claim:
    """An item in hand, its attempt committed. It may leave at `slot`, not before and hardly later."""

    item_id: uuid.UUID
    target_id: int
    token: uuid.UUID
    number: int
    attempts: int
    is_probe: bool
    slot: datetime


def claim(target: ReplayTarget, *, limit: int, now: datetime) -> list[Claim]:
    """Lease up to `limit` items of a target: only heads of their lanes, no more than its rate, its breaker and its
    retry budget let through. Nothing while another dispatcher is claiming for the same target.
    """
    limit = min(limit, MOST_AT_ONCE)
    if limit <= 0:
        return []
    if connection.vendor == "postgresql":
        taken, slot = statements.claim_on_postgres(
            target.pk, limit=limit, rate_per_minute=target.pace, now=now, until=_until(target, now)
        )
        slots, _ = flow.book(slot, now, len(taken), target.pace)
        if taken or not _is_probe_due(target, now):
            return _claims(target, taken, slots)
    return _claim_in_steps(target, limit, now)


def _claim_in_steps(target: ReplayTarget, limit: int, now: datetime) -> list[Claim]:
    """The same behind a lock on the target's health: for SQLite, and for the probe of an open target."""
    with transaction.atomic():
        health = locked_health(target.pk)
        if health is None:
            return []
        breaker = breaker_of(health)
        if breaker.is_open:
            return _claim_probe(target, health, breaker, now) if breaker.lets_probe(now) else []
        room = min(limit, flow.free_slots(health.next_slot_at, now, target.pace))
        budget = Budget(health.retry_tokens, health.retry_tokens_at).refilled(now)
        taken = _take(target, room, min(room, budget.retries), now) if room > 0 else []
        if not taken:
            return []
        slots, health.next_slot_at = flow.book(health.next_slot_at, now, len(taken), target.pace)
        retries = sum(again for *_, again in taken)
        spent = budget.spent(firsts=len(taken) - retries, retries=retries)
        health.retry_tokens, health.retry_tokens_at = spent.tokens, spent.at
        health.save(update_fields=["next_slot_at", "retry_tokens", "retry_tokens_at"])
        return _claims(target, taken, slots)


def _claims(target: ReplayTarget, taken: list[Taken], slots: list[datetime]) -> list[Claim]:
    pairs = zip(taken, slots, strict=True)
    return [Claim(pk, target.pk, token, number, tried, False, slot) for (pk, token, number, tried, _), slot in pairs]


def _is_probe_due(target: ReplayTarget, now: datetime) -> bool:
    health = TargetHealth.objects.filter(pk=target.pk).first()
    return health is None or breaker_of(health).lets_probe(now)


def _claim_probe(target: ReplayTarget, health: TargetHealth, breaker: Breaker, now: datetime) -> list[Claim]:
    """One request finds out whether an open target works again; it costs the item no attempt."""
    taken = _take(target, 1, 1, now, probe=True)
    if not taken:
        return []
    (slot,), health.next_slot_at = flow.book(health.next_slot_at, now, 1, target.pace)
    write_breaker(health, breaker.probing(slot + lease_of(target)))
    health.save(update_fields=["next_slot_at"])
    pk, token, number, tried, _ = taken[0]
    return [Claim(pk, target.pk, token, number, tried, True, slot)]


def _take(target: ReplayTarget, limit: int, retries: int, now: datetime, *, probe: bool = False) -> list[Taken]:
    """(item, token, number, attempts, is a retry) of what was leased, in the order it was due."""
    return statements.take(target.pk, limit=limit, retries=retries, probe=probe, now=now, until=_until(target, now))


def _until(target: ReplayTarget, now: datetime) -> datetime:
    return now + flow.LOOK_AHEAD + lease_of(target)


def rebook(target_id: int, rate_per_minute: int, now: datetime) -> datetime:
    """Another slot, for a request that could not leave in its own."""
    with transaction.atomic():
        health = TargetHealth.objects.select_for_update().get(pk=target_id)
        (slot,), after = flow.book(health.next_slot_at, now, 1, rate_per_minute)
        TargetHealth.objects.filter(pk=target_id).update(next_slot_at=after)
    return slot


def lease_of(target: ReplayTarget) -> timedelta:
    return timedelta(seconds=target.timeout_seconds) + LEASE_BEYOND_TIMEOUT


def locked_health(target_id: int) -> TargetHealth | None:
    """The row, locked; None when somebody else holds it at this moment."""
    rows = TargetHealth.objects.select_for_update(skip_locked=True).filter(pk=target_id)
    if (found := rows.first()) is not None:
        return found
    if not TargetHealth.objects.filter(pk=target_id).exists():
        TargetHealth.objects.bulk_create([TargetHealth(target_id=target_id)], ignore_conflicts=True)
        return rows.first()
    return None


def breaker_of(health: TargetHealth) -> Breaker:
    return Breaker(health.failures, health.opened_at, health.probe_at)


def write_breaker(health: TargetHealth, breaker: Breaker) -> None:
    """Counts an opening where there was none before."""
    if breaker.is_open and health.opened_at is None:
        health.openings += 1
    health.failures, health.opened_at, health.probe_at = breaker.failures, breaker.opened_at, breaker.probe_at
    health.save(update_fields=["failures", "opened_at", "probe_at", "openings"])


def due_targets(now: datetime) -> list[ReplayTarget]:
    """Targets for which something may be sent now, or whose senders may have died. While a plan runs that is slower
    than its target, all that goes there goes at the plan's rate: retries and followers would make it faster else.
    """
    due = ReplayItem.objects.filter(due_at__lte=now).order_by().values("target")
    plans = ReplayPlan.objects.filter(target__in=due, state=PlanState.RUNNING, rate_per_minute__isnull=False).order_by()
    slowest = dict(plans.values_list("target").annotate(slowest=Min("rate_per_minute")))
    targets = list(ReplayTarget.objects.filter(pk__in=due, stopped_at=None).select_related("automation"))
    for target in targets:
        target.slowed_to = slowest.get(target.pk)
    return targets


def any_slot_before(target_ids: list[int], instant: datetime) -> bool:
    """Whether one of these targets has a slot, or its probe, by then."""
    rows = TargetHealth.objects.filter(pk__in=target_ids)
    shut = rows.filter(opened_at__isnull=False, probe_at__gt=instant)
    late = rows.filter(opened_at=None, next_slot_at__gt=instant)
    return len(target_ids) > shut.count() + late.count()
