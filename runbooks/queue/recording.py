"""Writing down what became of requests: attempt, item, ledger, breaker and the next head, in one transaction each."""

import secrets
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import F

from runbooks.models import Attempt, Delivered, ReplayItem, ReplayTarget, TargetHealth
from runbooks.queue import lanes
from runbooks.queue.claims import Claim, breaker_of, write_breaker
from runbooks.queue.engine import outcomes
from runbooks.queue.engine.outcomes import LOST_LEASE, Kind, Outcome, Terms
from runbooks.states import FINAL, WAITING, ItemState

LAPSES_AT_ONCE = 200
HOW = {Kind.DELIVERED: "sent", Kind.ALREADY_THERE: "already_there"}


def record(target: ReplayTarget, results: Sequence[tuple[Claim, Outcome]], now: datetime) -> dict[str, int]:
    """Write the results of one target down; answers how many went into which state. A lost lease changes nothing."""
    counts: dict[str, int] = {}
    with transaction.atomic():
        rows = ReplayItem.objects.filter(pk__in=[claimed.item_id for claimed, _ in results])
        items = {item.pk: item for item in rows}
        ending = lanes.lock_of(rows.filter(pk__in=[one.item_id for one, outcome in results if outcome.kind in HOW]))
        for claimed, outcome in results:
            state = _settle(items[claimed.item_id], claimed, outcome, target, now)
            if state is not None:
                counts[state] = counts.get(state, 0) + 1
        lanes.promote(ending, now)
        _note_health(target, [outcome for _, outcome in results], now)
    return counts


def _settle(
    item: ReplayItem, claimed: Claim, outcome: Outcome, target: ReplayTarget, now: datetime
) -> ItemState | None:
    """Compare-and-swap on the lease; None when it has been taken over, and then only the log says so."""
    terms = Terms(target.idempotent, target.max_attempts, claimed.is_probe)
    move = outcomes.move(outcome, attempts=claimed.attempts, terms=terms, now=now, chance=chance())
    values: dict[str, Any] = {
        "state": move.state,
        "due_at": move.due_at,
        "finished_at": now if move.state in FINAL else None,
        "last_error": "" if outcome.kind in HOW else _error(outcome),
    }
    if not claimed.is_probe and not outcomes.burns(outcome, terms):
        values["attempts"] = F("attempts") - 1
    mine = _swap(item, claimed.token, values)
    _log(claimed, outcome, was_late=not mine, now=now)
    if not mine:
        return None
    if outcome.kind in HOW:
        enter(item, how=HOW[outcome.kind], now=now)
    return move.state


def _swap(item: ReplayItem, token: UUID | None, values: dict[str, Any]) -> bool:
    if values["state"] not in WAITING:
        values["authority"] = ""  # what has come to rest is let go anew, or not at all
    leased = ReplayItem.objects.filter(pk=item.pk, state=ItemState.LEASED, lease_token=token)
    return bool(leased.update(lease_token=None, lease_until=None, is_probe=False, **values))


def enter(item: ReplayItem, *, how: str, now: datetime) -> None:
    """The ledger's line; the schema lets a second one of the same webhook-id not in."""
    Delivered.objects.create(
        target_id=item.target_id,
        webhook_id=item.webhook_id,
        item=item,
        release_id=item.release_id,
        how=how,
        sha256=item.sha256,
        at=now,
    )


def _log(claimed: Claim, outcome: Outcome, *, was_late: bool, now: datetime) -> None:
    Attempt.objects.filter(item=claimed.item_id, number=claimed.number).update(
        finished_at=now,
        outcome=outcome.word[:60],
        status=outcome.status,
        answer=outcome.answer[:500],
        duration_ms=outcome.duration_ms,
        was_late=was_late,
    )


def _note_health(target: ReplayTarget, results: Sequence[Outcome], now: datetime) -> None:
    """What the answers say of the target, in the order they came. Our own doings say nothing."""
    told = [one for one in results if one.kind is not Kind.PUT_BACK and (one.target_failed or one.status is not None)]
    if not told:
        return
    health = TargetHealth.objects.select_for_update().get(pk=target.pk)
    breaker = breaker_of(health)
    for outcome in told:
        failed = outcomes.blames_target(outcome, health.last_success_at, now)
        breaker = breaker.failed(now) if failed else breaker.answered()
        if failed:
            health.last_failure_at, health.last_error = now, _error(outcome)
        elif not outcome.target_failed:
            health.last_success_at = now
    write_breaker(health, breaker)
    health.save(update_fields=["last_failure_at", "last_error", "last_success_at"])


def _error(outcome: Outcome) -> str:
    return f"{outcome.word}: {outcome.answer}".strip(": ")[:240]


def lapse(now: datetime) -> int:
    """Take back what somebody died with. Nobody knows whether it arrived: it goes on only where the target is declared
    idempotent, else a person decides. Answers how many there were.
    """
    with transaction.atomic():
        rows = ReplayItem.objects.select_for_update(skip_locked=True, of=("self",)).select_related("target")
        lost = list(rows.filter(lease_until__lte=now).order_by("lease_until")[:LAPSES_AT_ONCE])
        for item in lost:
            terms = Terms(item.target.idempotent, item.target.max_attempts, item.is_probe)
            move = outcomes.move(LOST_LEASE, attempts=item.attempts, terms=terms, now=now, chance=chance())
            values = {"state": move.state, "due_at": move.due_at, "last_error": _error(LOST_LEASE)}
            _swap(item, item.lease_token, values)
    return len(lost)


def chance() -> float:
    """Between 0 and 1, from the system's own randomness: several processes must not agree by accident."""
    return secrets.randbelow(1_000_000) / 1_000_000
