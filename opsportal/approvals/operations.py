"""Asking, deciding, using. Every change of state is a compare-and-swap on the row, with its audit entry beside it."""

from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import Q

from opsportal import trace
from opsportal.approvals import registry
from opsportal.approvals.engine import canonical, hash_of
from opsportal.approvals.models import Approval
from opsportal.approvals.queries import get_approval, outlook_of
from opsportal.approvals.states import LIFETIME, TRANSITIONS, Risk, State
from opsportal.audit.engine import Actor, Draft, Subject
from opsportal.audit.operations import record
from opsportal.errors import Conflict, DomainError, Forbidden, InvalidInput
from opsportal.identity.actors import actor_for
from opsportal.identity.models import Person, Team

CLOCKWORK = Actor.system("approvals")


def request_approval(
    *,
    kind: str,
    subject: Subject,
    title: str,
    consequence: str,
    content: dict[str, Any],
    risk: str,
    requested_by: Person,
    team: Team | None,
    now: datetime,
    expires_at: datetime | None = None,
    reason: str = "",
) -> Approval:
    """Ask a second person. The same content asked for again while it waits is the same request.

    `consequence` names what approving does, fit for a button ("Replay 14 payloads"). `content` is plain JSON, exactly
    what may be done. A dangerous one expires after four hours at the latest. Raises ValueError for an unknown kind.
    """
    if not registry.is_known(kind):
        raise ValueError(f"No room has registered approvals of the kind {kind}.")
    text = canonical(content)
    latest = now + LIFETIME[Risk(risk)]
    same = {"kind": kind, "subject_type": subject.type, "subject_id": subject.id, "content_hash": hash_of(text)}
    approval = Approval(
        **same,
        subject_label=subject.label[:200],
        team=team,
        title=title[:200],
        consequence=consequence[:240],
        content=text,
        risk=risk,
        reason=reason[:500],
        requested_by=requested_by,
        requested_at=now,
        expires_at=min(expires_at or latest, latest) if risk == Risk.DANGEROUS else expires_at or latest,
        trace_id=trace.current_trace_id(),
    )
    with transaction.atomic():
        return _waiting(same, now) or _add(approval, same, now)


def _waiting(same: dict[str, str], now: datetime) -> Approval | None:
    """The request that waits already. One whose time has passed is closed, so that it can be asked anew."""
    found = Approval.objects.select_for_update().filter(state=State.PENDING, **same).first()
    if found is not None and found.expires_at <= now:
        _close(found, State.EXPIRED, actor=CLOCKWORK, reason="", now=now)
        return None
    return found


def _add(approval: Approval, same: dict[str, str], now: datetime) -> Approval:
    try:
        with transaction.atomic():
            approval.save(force_insert=True)
    except IntegrityError:
        # Somebody asked for the very same at the very same time: the unique constraint let one of us through.
        return Approval.objects.get(state=State.PENDING, **same)
    _tell("requested", approval, actor=actor_for(approval.requested_by), reason=approval.reason, now=now)
    return approval


def approve(
    approval_id: UUID, *, person: Person, now: datetime, authenticated_at: datetime | None, reason: str = ""
) -> Approval:
    """Approve what somebody else asked for, and do what its kind does then.

    `authenticated_at` is when the person last entered their password in this session. A request that the record has
    outrun is voided instead: look at the `state` of the answer. Raises NotFound, Forbidden (own_request, not_decider,
    reauthentication_required), Conflict (not_pending, approval_expired).
    """
    with transaction.atomic():
        approval = _decidable(approval_id, person, now)
        if approval.needs_password(authenticated_at, now):
            raise Forbidden("reauthentication_required", "Enter your password again to approve this.", field="password")
        try:
            with transaction.atomic():
                _decide(approval, State.APPROVED, person=person, reason=reason, now=now)
                _follow(approval, actor_for(person), now)
        except registry.NoLongerHolds as outrun:
            approval = get_approval(approval_id, person, lock=True)
            _close(approval, State.VOIDED, actor=CLOCKWORK, reason=outrun.message, now=now)
    return approval


def _follow(approval: Approval, actor: Actor, now: datetime) -> None:
    if (follow := registry.get(approval.kind).on_approved) is not None:
        follow(approval, actor, now)
        approval.refresh_from_db(fields=["state", "closed_at", "closing_reason"])


def refuse(approval_id: UUID, *, person: Person, now: datetime, reason: str) -> Approval:
    """Refuse, with a reason the requester reads. Raises as approve() does, and InvalidInput without a reason."""
    with transaction.atomic():
        approval = _decidable(approval_id, person, now)
        if not reason.strip():
            raise InvalidInput("required", "Say why, so that it can be done better.", field="reason")
        _decide(approval, State.REFUSED, person=person, reason=reason, now=now)
    return approval


def withdraw(approval_id: UUID, *, person: Person, now: datetime, reason: str = "") -> Approval:
    """Take one's own request back, decided or not, as long as it was not used."""
    with transaction.atomic():
        approval = get_approval(approval_id, person, lock=True)
        if approval.requested_by_id != person.pk:
            raise Forbidden("not_requester", "Only who asked can take the request back.")
        if approval.state_at(now) not in (State.PENDING, State.APPROVED):
            raise _not_open(approval, now)
        _close(approval, State.VOIDED, actor=actor_for(person), reason=reason or "Taken back", now=now)
    return approval


def void_approvals(
    *,
    subject: Subject,
    actor: Actor,
    reason: str,
    now: datetime,
    kind: str = "",
    keep: dict[str, Any] | None = None,
    wait: bool = True,
) -> int:
    """Void what was asked or approved for a subject that has changed, in the transaction of the change.

    `keep` is the content that still holds. A kind whose decision locks the subject passes over what is being decided
    at this moment (`wait=False`): that decision waits for this change, finds it, and voids the request itself. Returns
    how many were voided.
    """
    locked = Approval.objects.select_for_update(of=("self",), skip_locked=not wait)
    stale = locked.select_related("requested_by", "decided_by", "team").filter(
        subject_type=subject.type, subject_id=subject.id, state__in=[State.PENDING, State.APPROVED]
    )
    stale = stale.filter(kind=kind) if kind else stale
    stale = stale.exclude(content_hash=hash_of(canonical(keep))) if keep is not None else stale
    with transaction.atomic():
        return sum(_close(each, State.VOIDED, actor=actor, reason=reason, now=now) for each in stale)


def use_approval(approval: Approval, *, content: dict[str, Any], now: datetime, actor: Actor | None = None) -> Approval:
    """Use an approval, once, for exactly what was approved.

    Raises Conflict: approval_pending, approval_refused, approval_expired, approval_voided, approval_used,
    approval_changed (other content than approved), approver_removed. The last two void it, unless the caller's own
    transaction undoes that.
    """
    with transaction.atomic():
        people = Approval.objects.select_for_update(of=("self",)).select_related("decided_by", "requested_by")
        fresh = people.get(pk=approval.pk)
        if fresh.state_at(now) != State.APPROVED:
            raise _not_usable(fresh, now)
        broken = _broken(fresh, content)
        if broken is not None:
            _close(fresh, State.VOIDED, actor=CLOCKWORK, reason=broken.message, now=now)
        else:
            _close(fresh, State.USED, actor=actor or actor_for(fresh.requested_by), reason="", now=now)
    if broken is not None:
        raise broken
    return fresh


def close_overdue(now: datetime, *, limit: int = 200) -> int:
    """Write down what has expired; void what lost a person it needs or its ground. Returns how many were closed."""
    closed = 0
    overdue = Approval.objects.overdue(now).select_related("requested_by", "decided_by").order_by("expires_at")
    for approval in overdue[:limit]:
        with transaction.atomic():
            closed += _close(approval, State.EXPIRED, actor=CLOCKWORK, reason="", now=now)
    orphans = Approval.objects.filter(
        Q(state=State.PENDING, requested_by__is_active=False) | Q(state=State.APPROVED), expires_at__gt=now
    ).select_related("requested_by", "decided_by")
    for approval in orphans[:limit]:
        if sentence := _lost_person(approval):
            with transaction.atomic():
                closed += _close(approval, State.VOIDED, actor=CLOCKWORK, reason=sentence, now=now)
    return closed + _void_outrun(now, limit)


def _void_outrun(now: datetime, limit: int) -> int:
    """Void what waits for a decision about a record that has moved on by itself."""
    closed = 0
    waiting = Approval.objects.pending(now).filter(kind__in=registry.names_with_a_look())
    for approval in waiting.select_related("requested_by", "decided_by", "team").order_by("expires_at")[:limit]:
        outlook = outlook_of(approval, now)
        if outlook is not None and not outlook.holds:
            with transaction.atomic():
                closed += _close(approval, State.VOIDED, actor=CLOCKWORK, reason=outlook.sentence, now=now)
    return closed


def _decidable(approval_id: UUID, person: Person, now: datetime) -> Approval:
    approval = get_approval(approval_id, person, lock=True)
    if approval.requested_by_id == person.pk:
        raise Forbidden("own_request", "A second person decides this: you asked for it yourself.")
    if not person.is_active or not registry.get(approval.kind).may_decide(person, approval):
        raise Forbidden("not_decider", "You may see this request, but not decide it.")
    if approval.state_at(now) != State.PENDING:
        raise _not_open(approval, now)
    return approval


def _decide(approval: Approval, state: State, *, person: Person, reason: str, now: datetime) -> None:
    approval.decided_by, approval.decided_at, approval.decision_reason = person, now, reason.strip()[:500]
    decided = {"decided_by": person, "decided_at": now, "decision_reason": approval.decision_reason}
    if not _swap(approval, state, now, **decided):
        raise _not_open(approval, now)
    _tell(str(state), approval, actor=actor_for(person), reason=approval.decision_reason, now=now)


def _close(approval: Approval, state: State, *, actor: Actor, reason: str, now: datetime) -> bool:
    """Close as expired, voided or used; False when somebody else was first."""
    approval.closing_reason = reason[:500]
    if not _swap(approval, state, now, closing_reason=approval.closing_reason):
        return False
    _tell(str(state), approval, actor=actor, reason=reason, now=now)
    return True


def _swap(approval: Approval, state: State, now: datetime, **values: Any) -> bool:
    """Compare-and-swap: only from the state this object was read in, and only along TRANSITIONS."""
    if state not in TRANSITIONS[State(approval.state)]:
        return False
    closed_at = None if state == State.APPROVED else now
    swapped = Approval.objects.filter(pk=approval.pk, state=approval.state).update(
        state=state, closed_at=closed_at, **values
    )
    if swapped:
        approval.state, approval.closed_at = state, closed_at
    return swapped == 1


def _tell(event: str, approval: Approval, *, actor: Actor, reason: str, now: datetime) -> None:
    decided_by = str(approval.decided_by) if approval.decided_by else None
    record(
        Draft(
            actor,
            f"approval.{event}",
            Subject("approval", str(approval.pk), approval.title),
            now,
            trace_id=trace.current_trace_id() or approval.trace_id,
            team=approval.team.slug if approval.team else "",
            reason=reason,
            after={"state": approval.state},
            extra={
                "kind": approval.kind,
                "risk": approval.risk,
                "content_hash": approval.content_hash,
                "about": f"{approval.subject_type} {approval.subject_id}",
                "requested_by": str(approval.requested_by),
                "decided_by": decided_by,
            },
        )
    )
    registry.notify(event, approval, actor, now)


def _broken(approval: Approval, content: dict[str, Any]) -> Conflict | None:
    """Why an approval that was given does not hold for this content any more."""
    if hash_of(canonical(content)) != approval.content_hash or hash_of(approval.content) != approval.content_hash:
        return Conflict("approval_changed", "This is not what was approved. Ask again with what is to be done now.")
    if sentence := _lost_person(approval):
        return Conflict("approver_removed", sentence)
    return None


def _lost_person(approval: Approval) -> str:
    """The sentence when who asked or who approved has gone, or may not decide this any more."""
    if not approval.requested_by.is_active:
        return "Who asked for this is no longer here."
    approver = approval.decided_by
    if approver is None:
        return ""
    if not approver.is_active or not registry.get(approval.kind).may_decide(approver, approval):
        return "Who approved this may no longer decide it."
    return ""


def _not_open(approval: Approval, now: datetime) -> DomainError:
    state = approval.state_at(now)
    if state == State.EXPIRED:
        return Conflict("approval_expired", "The time for this decision has passed. It can be asked for again.")
    return Conflict("not_pending", f"This was decided already: {state}.")


NOT_USABLE = {
    State.PENDING: "This waits for a second person's approval.",
    State.REFUSED: "This was refused.",
    State.EXPIRED: "The approval was given for a limited time, which has passed. Ask again.",
    State.VOIDED: "The approval no longer holds. Ask again.",
    State.USED: "The approval was used already; it counts once.",
}


def _not_usable(approval: Approval, now: datetime) -> Conflict:
    state = approval.state_at(now)
    return Conflict(f"approval_{state}", NOT_USABLE[state])
