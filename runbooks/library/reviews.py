"""The review of a revision as an approval: who may decide, what follows, and what an answer other than yes means."""

from datetime import datetime

from opsportal.approvals import operations as approvals
from opsportal.approvals.models import Approval
from opsportal.approvals.registry import NoLongerHolds, Outlook
from opsportal.audit.engine import Actor
from opsportal.errors import DomainError
from opsportal.identity.models import Person
from runbooks.library import operations, queries
from runbooks.library.operations.publishing import PUBLISH, standing_for
from runbooks.models.library import RunbookRevision
from runbooks.states import RevisionState

OUTRUN = "The revision has changed or was decided meanwhile."


def may_decide(person: Person, approval: Approval) -> bool:
    revision = asked(approval)
    return revision is not None and queries.may_publish(person, revision, standing_for(revision))


def look(approval: Approval, now: datetime) -> Outlook:
    revision = asked(approval)
    if revision is None:
        return Outlook(OUTRUN, holds=False)
    tier = f", for a {approval.shown['tier']} automation" if approval.shown["tier"] else ""
    return Outlook(f"Revision {revision.number} by {revision.written_by} would be what people follow{tier}.")


def on_approved(approval: Approval, actor: Actor, now: datetime) -> None:
    """Publish in the transaction of the decision."""
    revision = asked(approval)
    if revision is None or approval.decided_by is None:
        raise NoLongerHolds(OUTRUN)
    approvals.use_approval(approval, content=approval.shown, now=now, actor=actor)
    try:
        operations.publish_revision(revision, person=approval.decided_by, actor=actor, now=now)
    except DomainError as error:
        raise NoLongerHolds(error.message) from error


def observe(event: str, approval: Approval, actor: Actor, now: datetime) -> None:
    """Refused, taken back or out of time: a draft again."""
    if approval.kind != PUBLISH or event not in ("refused", "voided", "expired"):
        return
    revision = asked(approval)
    if revision is not None:
        reason = approval.decision_reason or approval.closing_reason or "Nobody decided in time."
        operations.return_revision(revision, reason=reason, actor=actor, now=now)


def asked(approval: Approval) -> RunbookRevision | None:
    """The revision it is about, while it is in review with these very words."""
    shown = approval.shown
    rows = RunbookRevision.objects.filter(runbook__slug=shown["runbook"], number=shown["number"])
    rows = rows.filter(sha256=shown["sha256"], state=RevisionState.REVIEW, runbook__retired_at=None)
    return rows.select_related("runbook", "author", "review_asked_by").first()
