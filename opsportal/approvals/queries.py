"""Reads of approvals: who sees which, and what waits for whom."""

from datetime import datetime
from uuid import UUID

from django.db.models import prefetch_related_objects

from opsportal.approvals import registry
from opsportal.approvals.models import Approval, ApprovalQuerySet
from opsportal.approvals.states import State
from opsportal.errors import NotFound
from opsportal.identity.actors import Principal
from opsportal.identity.models import Person

SHOWN = 200


def list_approvals(principal: Principal) -> ApprovalQuerySet:
    """What a principal may see, newest first, with its people and team."""
    return Approval.objects.visible_to(principal).select_related("requested_by", "decided_by", "team")


def get_approval(approval_id: UUID, principal: Principal, *, lock: bool = False) -> Approval:
    """One approval; raises NotFound, also for one that is another team's. `lock` holds the row until the commit."""
    approvals = list_approvals(principal).filter(pk=approval_id)
    if lock:
        approvals = approvals.select_for_update(of=("self",))
    approval = approvals.first()
    if approval is None:
        raise NotFound("unknown_approval", "There is no such request, or you may not see it.")
    return approval


def list_to_decide(person: Person, now: datetime) -> list[Approval]:
    """What waits for this person's decision, the most urgent first."""
    prefetch_related_objects([person], "groups")  # asked for every row; read once
    waiting = list_approvals(person).pending(now).exclude(requested_by=person).order_by("expires_at")
    return registry.decidable(person, list(waiting[:SHOWN]))


def count_to_decide(person: Person, now: datetime) -> int:
    return len(list_to_decide(person, now))


def list_requested(person: Person, now: datetime) -> list[Approval]:
    """This person's own requests that wait for a decision or, approved, for their use."""
    own = list_approvals(person).filter(requested_by=person, state__in=[State.PENDING, State.APPROVED])
    return list(own.filter(expires_at__gt=now).order_by("expires_at")[:SHOWN])


def list_waiting(subject_type: str, subject_id: str, now: datetime) -> list[Approval]:
    """What waits for a decision about one record, oldest first. Whoever may see the record may see it."""
    waiting = Approval.objects.pending(now).filter(subject_type=subject_type, subject_id=subject_id)
    return list(waiting.select_related("requested_by").order_by("requested_at"))


def outlook_of(approval: Approval, now: datetime) -> registry.Outlook | None:
    """How a waiting request stands now; None when it is decided or its kind has no more to say than the request."""
    look = registry.get(approval.kind).look
    return look(approval, now) if look is not None and approval.state_at(now) == State.PENDING else None


def list_deciders(approval: Approval) -> list[Person]:
    """Who may decide it now: active, not the requester, may see it, and its kind lets them."""
    people = Person.objects.filter(is_active=True).exclude(pk=approval.requested_by_id).prefetch_related("groups")
    may_decide = registry.get(approval.kind).may_decide
    return [person for person in people if may_decide(person, approval)]
