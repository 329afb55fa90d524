"""The review of a revision as an approval: who may decide, what follows, and what an answer other than yes means."""

from collections.abc import Sequence
from datetime import datetime

from opsportal.approvals import operations as approvals
from opsportal.approvals.models import Approval
from opsportal.approvals.registry import NoLongerHolds, Outlook
from opsportal.audit.engine import Actor
from opsportal.errors import DomainError
from opsportal.identity.models import Person
from opsportal.identity.roles import Role
from runbooks.library import naming, operations, queries
from runbooks.library.engine import document
from runbooks.library.operations.publishing import PUBLISH
from runbooks.models.library import RunbookRevision
from runbooks.states import RevisionState

OUTRUN = "The revision has changed or was decided meanwhile."


def may_decide(person: Person, approval: Approval) -> bool:
    return bool(which(person, [approval]))


def which(person: Person, approvals: Sequence[Approval]) -> list[Approval]:
    """Those of these that `person` may decide: with the same few statements for one and for many."""
    if Role.OPS_LEAD not in person.roles and not queries.owns_any(person):
        return []
    revisions = _asked(approvals)
    known, wrote = _standings(revisions), queries.authors_of_each(revisions.values())
    return [
        one
        for one in approvals
        if (revision := revisions.get(one.shown["runbook"])) is not None
        and _is_asked(revision, one)
        and queries.may_publish(person, revision, known[revision.pk], wrote[revision.runbook_id])
    ]


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
    revision = _asked([approval]).get(approval.shown["runbook"])
    return revision if revision is not None and _is_asked(revision, approval) else None


def _is_asked(revision: RunbookRevision, approval: Approval) -> bool:
    return (revision.number, revision.sha256) == (approval.shown["number"], approval.shown["sha256"])


def _asked(approvals: Sequence[Approval]) -> dict[str, RunbookRevision]:
    """What is in review of the runbooks they are about, by slug: of each runbook one at most."""
    slugs = [one.shown["runbook"] for one in approvals]
    rows = RunbookRevision.objects.filter(runbook__slug__in=slugs, runbook__retired_at=None)
    rows = rows.filter(state=RevisionState.REVIEW).select_related("runbook", "author", "review_asked_by")
    return {one.runbook.slug: one for one in rows}


def _standings(revisions: dict[str, RunbookRevision]) -> dict[int, queries.Standing]:
    """What publishing each would decide about, as publishing itself reads it, by the revision's key."""
    published = RunbookRevision.objects.filter(state=RevisionState.PUBLISHED, runbook__slug__in=revisions)
    before = dict(published.values_list("runbook", "text"))
    several = list(revisions.values())
    texts = [document.read(text) for one in several for text in (one.text, before.get(one.runbook_id, ""))]
    named = naming.named_by_each(texts)
    slugs = {one.pk: {*named[2 * place], *named[2 * place + 1]} for place, one in enumerate(several)}
    known = queries.standing_of({slug for each in slugs.values() for slug in each}).automations
    return {key: queries.Standing(tuple(a for a in known if a.slug in mine)) for key, mine in slugs.items()}
