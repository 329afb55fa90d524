"""Telling people about approvals: whoever may decide one hears that it waits, whoever asked hears what became of it."""

from datetime import datetime

from opsportal.approvals.models import Approval
from opsportal.approvals.queries import list_deciders, outlook_of
from opsportal.approvals.states import Risk
from opsportal.audit.engine import Actor
from opsportal.identity.models import Person
from opsportal.notify.engine import Notice
from opsportal.notify.operations import tell_many


def tell_about(event: str, approval: Approval, actor: Actor, now: datetime) -> None:
    """Tell each person once, in the transaction of the event. That an approval was used its user knows already."""
    if event == "requested":
        title, body = f"{approval.requested_by} asks for your decision: {approval.title}", _request(approval, now)
        tell_many([_notice(event, approval, person, title, body) for person in list_deciders(approval)], now)
    elif event != "used" and not _is_requester(actor, approval):
        title, body = _outcome(event, approval)
        tell_many([_notice(event, approval, approval.requested_by, title, body)], now)


def _request(approval: Approval, now: datetime) -> str:
    outlook = outlook_of(approval, now)
    parts = [f"{approval.consequence}.", outlook.sentence if outlook else ""]
    return " ".join(filter(None, [*parts, f"Why: {approval.reason}" if approval.reason else ""]))


def _outcome(event: str, approval: Approval) -> tuple[str, str]:
    """What the requester reads: one line, and what stands under it."""
    match event:
        case "approved":
            return f"{approval.decided_by} approved: {approval.title}", approval.decision_reason
        case "refused":
            return f"{approval.decided_by} refused: {approval.title}", approval.decision_reason
        case "voided":
            return f"No longer holds: {approval.title}", approval.closing_reason
    missed = "The approval was not used in time" if approval.decided_by else "Nobody decided in time"
    return f"{missed}: {approval.title}", "It can be asked for again."


def _notice(event: str, approval: Approval, person: Person, title: str, body: str) -> Notice:
    return Notice(
        person=person,
        topic="approval",
        title=title,
        body=body,
        url=f"/approvals/{approval.pk}/",
        key=f"approval:{approval.pk}:{event}:{person.pk}",
        trace_id=approval.trace_id,
        urgent=event == "requested" and approval.risk == Risk.DANGEROUS,
        team=approval.team.slug if approval.team else "",
        about=approval.subject_id,
    )


def _is_requester(actor: Actor, approval: Approval) -> bool:
    return actor.kind == "human" and actor.id == str(approval.requested_by_id)
