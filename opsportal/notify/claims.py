"""Taking deliveries from the outbox and writing down what became of them. Every move is fenced by the lease's token."""

import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import F, OuterRef, Q, QuerySet, Subquery

from opsportal.notify.models import Attempt, Delivery, Destination
from opsportal.notify.retry import (
    MOST_LEASES,
    OPEN_AFTER_FAILURES,
    Kind,
    Outcome,
    cool_down,
    is_hopeless,
    pause_after,
)
from opsportal.notify.states import DeliveryState

# Far above the ten seconds a send may take, so that a lease ends only when its relay has died.
LEASE = timedelta(seconds=60)
SEEN_EVERY = timedelta(seconds=10)


@dataclass(frozen=True, slots=True)
class Claim:
    """A delivery in hand. Its attempt is committed: whatever happens now, the log knows that it was tried."""

    delivery: Delivery
    lease: uuid.UUID
    probe: bool = False


def due_hosts(now: datetime, *, held: bool) -> list[str]:
    """The hosts for which something is due, in a fair order: the one that has waited longest first."""
    return list(_due(now, held=held).order_by().values_list("host", flat=True).distinct())


def claim(host: str, *, limit: int, now: datetime, held: bool) -> list[Claim]:
    """Lease up to `limit` due deliveries of one host: urgent ones first, and of each lane only the head.

    An open breaker lets nothing through but one probe when its time has come.
    """
    destination = Destination.objects.filter(pk=host).first()
    probe = destination is not None and destination.opened_at is not None
    if probe and not _take_probe(host, now):
        return []
    with transaction.atomic():
        rows = _take_heads(host, limit, now, held=held)
        hopeless = [row for row in rows if not probe and row.attempts >= MOST_LEASES]
        for row in hopeless:
            _finish(row, DeliveryState.DEAD, "every relay that tried it ended without a result", now)
        taken = [row for row in rows if row not in hopeless][: 1 if probe else limit]
        return [_lease(row, probe, now) for row in taken]


def record(results: Iterable[tuple[Claim, Outcome]], now: datetime) -> list[Delivery]:
    """Write results down; answers the deliveries that were given up. A lost lease changes nothing but the log."""
    dead = []
    with transaction.atomic():
        for claimed, outcome in results:
            _log(claimed, outcome, now)
            _note_host(claimed, outcome, now)
            state = _move(claimed, outcome, now)
            if state is DeliveryState.DEAD:
                dead.append(claimed.delivery)
    return dead


def _due(now: datetime, *, held: bool) -> QuerySet[Delivery]:
    due = Delivery.objects.filter(finished_at=None, next_attempt_at__lte=now)
    return due.filter(Q(message=None) | Q(urgent=True)) if held else due


def _take_heads(host: str, limit: int, now: datetime, *, held: bool) -> list[Delivery]:
    """Lock up to `limit` due deliveries that nothing in their lane comes before, urgent ones first.

    The head is asked for by a correlated subquery and the order is the index's own, so that the cost follows what is
    taken, not what waits; an anti-join over the backlog would sort it whole. SQLite ignores the lock: its immediate
    transaction has the whole file to itself.
    """
    lane = Delivery.objects.filter(lane=OuterRef("lane"), finished_at=None).order_by("place")
    heads = _due(now, held=held).filter(host=host, place=Subquery(lane.values("place")[:1]))
    taken = heads.order_by("place").select_for_update(skip_locked=True)[:limit].values_list("pk", flat=True)
    rows = Delivery.objects.select_related("message", "event", "subscription")
    return list(rows.filter(pk__in=list(taken)).order_by("place"))


def _lease(row: Delivery, probe: bool, now: datetime) -> Claim:
    lease = uuid.uuid4()
    row.attempts += 0 if probe else 1
    row.tries_since = row.tries_since or now
    Delivery.objects.filter(pk=row.pk).update(
        state=DeliveryState.LEASED,
        lease=lease,
        attempts=row.attempts,
        tries_since=row.tries_since,
        next_attempt_at=now + LEASE,
    )
    Attempt.objects.create(delivery=row, lease=lease, probe=probe, started_at=now)
    return Claim(row, lease, probe)


def _log(claimed: Claim, outcome: Outcome, now: datetime) -> None:
    Attempt.objects.filter(lease=claimed.lease, finished_at=None).update(
        finished_at=now, outcome=outcome.word[:60], status=outcome.status, answer=outcome.answer[:500]
    )


def _move(claimed: Claim, outcome: Outcome, now: datetime) -> DeliveryState | None:
    """Compare-and-swap on the lease; None when another relay has it by now."""
    row = claimed.delivery
    mine = Delivery.objects.filter(pk=row.pk, state=DeliveryState.LEASED, lease=claimed.lease)
    state = _state_after(claimed, outcome, now)
    values: dict[str, object] = {"state": state, "lease": None, "last_error": _error(outcome)}
    if state is DeliveryState.PENDING:
        failures = _failures_after(claimed)
        values |= {"failures": failures, "next_attempt_at": now + pause_after(failures, outcome)}
    else:
        values["finished_at"] = now
    return state if mine.update(**values) else None


def _state_after(claimed: Claim, outcome: Outcome, now: datetime) -> DeliveryState:
    ends = {
        Kind.DELIVERED: DeliveryState.DELIVERED,
        Kind.NEVER: DeliveryState.DEAD,
        Kind.SWITCHED_OFF: DeliveryState.SUPPRESSED,
    }
    if outcome.kind in ends:
        return ends[outcome.kind]
    since = claimed.delivery.tries_since or now
    return DeliveryState.DEAD if is_hopeless(_failures_after(claimed), since, now) else DeliveryState.PENDING


def _failures_after(claimed: Claim) -> int:
    """How often it has failed with this one; a probe of an open host says nothing about the delivery."""
    return claimed.delivery.failures + (0 if claimed.probe else 1)


def _error(outcome: Outcome) -> str:
    if outcome.kind in (Kind.DELIVERED, Kind.SWITCHED_OFF):
        return ""
    return f"{outcome.word}: {outcome.answer}".strip(": ")[:240]


def _finish(row: Delivery, state: DeliveryState, error: str, now: datetime) -> None:
    Delivery.objects.filter(pk=row.pk).update(state=state, lease=None, finished_at=now, last_error=error)


# --- the breaker of each host ---


def _take_probe(host: str, now: datetime) -> bool:
    """One relay wins the right to try an open host; for the time of a lease nobody else does."""
    open_and_due = Destination.objects.filter(pk=host, opened_at__isnull=False, probe_at__lte=now)
    return open_and_due.update(probe_at=now + LEASE) == 1


def _note_host(claimed: Claim, outcome: Outcome, now: datetime) -> None:
    host = claimed.delivery.host
    if outcome.kind is Kind.SWITCHED_OFF:
        return
    if outcome.host_failed:
        _note_failure(host, _error(outcome), now)
    else:
        _note_success(host, now)


def _note_success(host: str, now: datetime) -> None:
    """It answered, whatever it said. Written at most every ten seconds while all is well."""
    stale = Q(failures__gt=0) | Q(last_success_at=None) | Q(last_success_at__lt=now - SEEN_EVERY)
    known = Destination.objects.filter(pk=host)
    changed = known.filter(stale).update(failures=0, opened_at=None, probe_at=None, last_success_at=now)
    if not changed and not known.exists():
        Destination.objects.bulk_create([Destination(host=host, last_success_at=now)], ignore_conflicts=True)


def _note_failure(host: str, error: str, now: datetime) -> None:
    Destination.objects.bulk_create([Destination(host=host)], ignore_conflicts=True)
    Destination.objects.filter(pk=host).update(failures=F("failures") + 1, last_error=error)
    destination = Destination.objects.get(pk=host)
    if destination.failures < OPEN_AFTER_FAILURES:
        return
    if destination.opened_at is None:
        destination.opened_at, destination.openings = now, destination.openings + 1
    destination.probe_at = now + cool_down(destination.failures)
    destination.save(update_fields=["opened_at", "openings", "probe_at"])
