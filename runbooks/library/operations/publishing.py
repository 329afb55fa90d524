"""From draft to published: asked for, sent back, published, retired. P0 needs a second person."""

from datetime import datetime

from django.db import transaction

from opsportal import trace
from opsportal.approvals import operations as approvals
from opsportal.approvals.models import Approval
from opsportal.approvals.states import Risk
from opsportal.audit.engine import Actor
from opsportal.errors import Conflict, InvalidInput
from opsportal.identity.models import Person
from opsportal.notify.operations import publish
from runbooks.library import naming, queries
from runbooks.library.engine import document
from runbooks.library.engine.document import Document
from runbooks.library.operations.trail import locked, note, set_staleness, subject_of, take_over
from runbooks.library.queries import Standing
from runbooks.models.library import Runbook, RunbookRevision, StepReport
from runbooks.states import REVISION_TRANSITIONS, RevisionState

PUBLISH = "runbooks.publish"


@transaction.atomic
def ask_review(
    revision: RunbookRevision, *, person: Person, actor: Actor, now: datetime, reason: str = ""
) -> tuple[RunbookRevision, Approval]:
    """Ask who may publish it to read a draft. Raises InvalidInput `not_ready`, Conflict `invalid_transition`."""
    revision = _locked(revision)
    found = document.read(revision.text)
    _check_ready(found)
    _move(revision, RevisionState.REVIEW)
    revision.review_asked_by, revision.review_asked_at, revision.returned_reason = person, now, ""
    revision.save(update_fields=["state", "review_asked_by", "review_asked_at", "returned_reason"])
    runbook, tier = revision.runbook, standing_for(revision, found).tier
    approval = approvals.request_approval(
        kind=PUBLISH,
        subject=subject_of(runbook),
        title=f"Revision {revision.number} of “{runbook.title}”"[:200],
        consequence=f"Publish revision {revision.number} of {runbook.title}"[:240],
        content={"runbook": runbook.slug, "number": revision.number, "sha256": revision.sha256, "tier": tier},
        risk=Risk.GUARDED,
        requested_by=person,
        team=runbook.team,
        now=now,
        expires_at=now + queries.REVIEW_WAITS,
        reason=reason or revision.note,
    )
    note(runbook, "review_asked", actor, now, reason=reason, extra={"number": revision.number})
    return revision, approval


@transaction.atomic
def return_revision(revision: RunbookRevision, *, reason: str, actor: Actor, now: datetime) -> RunbookRevision:
    """A draft again, to be worked on. Raises Conflict when it is not in review, InvalidInput without a reason."""
    if not reason.strip():
        raise InvalidInput("required", "Say what is missing, so that it can be done.", field="reason")
    revision = _locked(revision)
    _move(revision, RevisionState.DRAFT)
    revision.returned_reason = reason.strip()[:500]
    revision.save(update_fields=["state", "returned_reason"])
    note(revision.runbook, "returned", actor, now, reason=reason, extra={"number": revision.number})
    subject = subject_of(revision.runbook)
    approvals.void_approvals(subject=subject, actor=actor, reason=reason, now=now, kind=PUBLISH, wait=False)
    return revision


@transaction.atomic
def publish_revision(revision: RunbookRevision, *, person: Person, actor: Actor, now: datetime) -> RunbookRevision:
    """Make it the revision that counts. Raises InvalidInput `not_ready`, Forbidden (see queries.check_may_publish),
    Conflict `invalid_transition`.
    """
    revision = _locked(revision)
    runbook, found = revision.runbook, document.read(revision.text)
    _check_ready(found)
    about = standing_for(revision, found)
    queries.check_may_publish(person, revision, about)
    _move(revision, RevisionState.PUBLISHED)
    runbook.revisions.filter(state=RevisionState.PUBLISHED).update(state=RevisionState.SUPERSEDED)
    revision.published_by, revision.published_at, revision.tier = person, now, about.tier
    revision.save(update_fields=["state", "published_by", "published_at", "tier"])
    take_over(runbook, found)
    runbook.published_number, runbook.published_at, runbook.updated_at = revision.number, now, now
    set_staleness(runbook)
    runbook.save()
    subject = subject_of(runbook)
    approvals.void_approvals(subject=subject, actor=actor, reason="Published", now=now, kind=PUBLISH, wait=False)
    note(runbook, "published", actor, now, reason=revision.note or "no note", extra={"number": revision.number})
    _resolve_changed(revision, actor, now)
    _announce(revision, now)
    return revision


@transaction.atomic
def retire_runbook(runbook: Runbook, *, reason: str, actor: Actor, now: datetime) -> Runbook:
    """Out of use; its text and its history stay. Raises Conflict `retired`, InvalidInput without a reason."""
    if not reason.strip():
        raise InvalidInput("required", "Say why.", field="reason")
    runbook = locked(runbook)
    if runbook.retired_at is not None:
        raise Conflict("retired", "This runbook is retired already.")
    runbook.retired_at = runbook.updated_at = now
    runbook.save(update_fields=["retired_at", "updated_at"])
    note(runbook, "retired", actor, now, reason=reason)
    return runbook


@transaction.atomic
def restore_runbook(runbook: Runbook, *, reason: str = "", actor: Actor, now: datetime) -> Runbook:
    """Back in use. Raises Conflict `not_retired`."""
    runbook = locked(runbook)
    if runbook.retired_at is None:
        raise Conflict("not_retired", "This runbook is in use.")
    runbook.retired_at, runbook.updated_at = None, now
    runbook.save(update_fields=["retired_at", "updated_at"])
    note(runbook, "restored", actor, now, reason=reason)
    return runbook


def standing_for(
    revision: RunbookRevision, found: Document | None = None, published: RunbookRevision | None = None
) -> Standing:
    """What publishing decides about: the automations of this text and of the published one. Taking a link out of the
    text does not take its tier away.
    """
    found = found or document.read(revision.text)
    published = published or queries.get_published(revision.runbook)
    before = naming.named_automations(document.read(published.text)) if published else []
    return queries.standing_about(revision.runbook, [*naming.named_automations(found), *before])


def _check_ready(found: Document) -> None:
    wrong = naming.errors(found)
    if wrong:
        first = wrong[0]
        more = f" and {len(wrong) - 1} more" if len(wrong) > 1 else ""
        raise InvalidInput("not_ready", f"Line {first.line}: {first.message}{more}", field="text")


def _locked(revision: RunbookRevision) -> RunbookRevision:
    runbook = locked(revision.runbook)
    rows = RunbookRevision.objects.select_for_update(of=("self",)).select_related("author", "review_asked_by")
    fresh = rows.get(pk=revision.pk)
    fresh.runbook = runbook
    if runbook.retired_at is not None:
        raise Conflict("retired", "This runbook is retired; take it back into use first.")
    return fresh


def _move(revision: RunbookRevision, state: RevisionState) -> None:
    before = RevisionState(revision.state)
    if state not in REVISION_TRANSITIONS[before]:
        raise Conflict("invalid_transition", f"Revision {revision.number} is {before}; it cannot become {state}.")
    revision.state = state


def _resolve_changed(revision: RunbookRevision, actor: Actor, now: datetime) -> None:
    """What was reported about steps whose words are others now, or that are gone, is answered."""
    words = dict(revision.steps.values_list("key", "changed_in"))
    reports = StepReport.objects.filter(runbook=revision.runbook, resolved_at=None).select_related("revision")
    for report in reports:
        if words.get(report.key, revision.number) > report.revision.number:
            report.resolved_at, report.resolved_label = now, actor.label[:150]
            report.resolution = f"Its words changed with revision {revision.number}."
            report.save(update_fields=["resolved_at", "resolved_label", "resolution"])
            extra = {"step": report.title}
            note(revision.runbook, "report_resolved", actor, now, reason=report.resolution, extra=extra)


def _announce(revision: RunbookRevision, now: datetime) -> None:
    runbook = revision.runbook
    data = {"id": runbook.slug, "name": runbook.title, "number": revision.number, "page": runbook.get_absolute_url()}
    publish(
        event_type="runbook.published",
        data=data,
        team=runbook.team.slug if runbook.team else "",
        trace_id=trace.current_trace_id(),
        key=f"runbook.published:{runbook.slug}:{revision.number}",
        now=now,
    )
