"""An erasure asked for in pages and by the API: a second person decides, and what they say yes to is done at once."""

from collections.abc import Sequence
from datetime import datetime

from django.db import transaction

from opsportal.approvals.models import Approval
from opsportal.approvals.operations import request_approval, use_approval
from opsportal.approvals.registry import NoLongerHolds
from opsportal.approvals.states import Risk
from opsportal.audit.engine import Actor, Subject
from opsportal.identity.models import Person
from opsportal.privacy import erasing
from opsportal.privacy.models import Erasure

KIND = "erasure"
ENDED = ("refused", "voided", "expired")


@transaction.atomic
def request_erasure(*, keys: Sequence[str], reason: str, by: Person, now: datetime, keep_held: bool = False) -> Erasure:
    """Ask a second person. The request names nobody: whom it is about, both of them read on the erasure's page."""
    erasure = erasing.ask(keys=keys, reason=reason, by=by, keep_held=keep_held, now=now)
    seen = erasing.look(keys, by=by, now=now)
    count = len(erasure.subjects)
    erasure.approval = request_approval(
        kind=KIND,
        subject=Subject("erasure", str(erasure.pk), str(erasure)),
        title=f"Erase a person known by {count} key{'' if count == 1 else 's'}",
        consequence="Erase the person from every table, for good",
        content={
            "subjects": erasure.subjects,
            "what a legal hold keeps is left out": keep_held,
            "found": {name: {k: n for k, n in room.counts.items() if n} for name, room in seen.rooms.items()},
        },
        risk=Risk.DANGEROUS,
        requested_by=by,
        team=None,
        now=now,
        reason=reason,
    )
    erasure.save(update_fields=["approval"])
    return erasure


def may_decide(person: Person, approval: Approval) -> bool:
    """Another admin or an ops lead; that nobody decides their own request holds for every kind."""
    return erasing.may_take_part(person)


def on_approved(approval: Approval, actor: Actor, now: datetime) -> None:
    """Erase, in the transaction of the decision. What a legal hold keeps by now refuses it."""
    erasure = Erasure.objects.select_for_update().filter(pk=approval.subject_id).first()
    if erasure is None or erasure.closed_at is not None or approval.decided_by is None:
        raise NoLongerHolds("This erasure is over.")
    use_approval(approval, content=approval.shown, now=now, actor=actor)
    erasing.carry_out(Erasure.objects.get(pk=erasure.pk), second=approval.decided_by, approval=approval, now=now)


def forget(event: str, approval: Approval, actor: Actor, now: datetime) -> None:
    """What nobody said yes to: the keys go all the same."""
    if approval.kind == KIND and event in ENDED:
        for erasure in Erasure.objects.filter(pk=approval.subject_id, closed_at=None):
            erasing.forget_keys(erasure, now=now)
