"""What a second person decides: SLOs proposed by analysts, and stretches that are left out after the fact."""

from datetime import datetime, timedelta
from typing import Any

from opsportal.approvals import operations as approvals
from opsportal.approvals.models import Approval
from opsportal.approvals.registry import NoLongerHolds, Outlook
from opsportal.approvals.states import Risk
from opsportal.audit.engine import Actor, Subject
from opsportal.catalog.models import Automation
from opsportal.errors import Conflict, DomainError, InvalidInput
from opsportal.identity.models import Person, Team
from slos.models import Exclusion, Slo
from slos.objectives import operations, queries, words
from slos.objectives.checking import check_definition
from slos.objectives.definition import Definition, definition_of
from slos.objectives.document import definition_document, from_document
from slos.objectives.easing import running_freeze
from slos.states import SloState

DEFINITION = "slos.definition"
WAITS = timedelta(days=7)


def propose_definition(
    *,
    slug: str,
    definition: Definition,
    requested_by: Person,
    now: datetime,
    slo: Slo | None = None,
    reason: str = "",
) -> Approval:
    """Ask for a new SLO, or for another definition of one. Raises InvalidInputs as writing it would, Conflict
    `slug_taken`, `retired`; InvalidInput `same_definition`.
    """
    check_definition(slug, definition)
    if slo is None and Slo.objects.filter(slug=slug).exists():
        raise Conflict("slug_taken", f"There is an SLO “{slug}” already.", field="slug")
    if slo is not None and slo.state == SloState.RETIRED:
        raise Conflict("retired", "This SLO is retired; propose a new one.")
    if slo is not None and definition_of(slo) == definition:
        raise InvalidInput("same_definition", "This is its definition already.", field="name")
    about = slo.name if slo else definition.name
    return approvals.request_approval(
        kind=DEFINITION,
        subject=Subject("slo", slug, about),
        title=f"Another definition of “{about}”" if slo else f"A new SLO “{about}”",
        consequence=f"{'Change' if slo else 'Put in force'}: {words.in_words(definition)}"[:240],
        content={
            "slug": slug,
            "present_version": slo.version if slo else None,
            "definition": definition_document(definition),
            "in_words": words.in_words(definition),
        },
        risk=Risk.GUARDED,
        requested_by=requested_by,
        team=_team(definition.automation, definition.team),
        now=now,
        expires_at=now + WAITS,
        reason=reason,
    )


def may_decide_definition(person: Person, approval: Approval) -> bool:
    """Whoever could write it themselves; while a freeze rests on it, an ops lead: an owner does not ease its own."""
    slo = Slo.objects.filter(slug=approval.shown["slug"]).first()
    if slo is not None and running_freeze(slo) is not None:
        return person.allows(queries.WRITE)
    slug = approval.shown["definition"]["automation"]
    automation = Automation.objects.filter(slug=slug).first() if slug else None
    return queries.may_write(person, *([automation] if automation else []))


def look_at_definition(approval: Approval, now: datetime) -> Outlook:
    """Whether the proposal still fits what it would change."""
    if sentence := _outrun(approval.shown):
        return Outlook(sentence, holds=False)
    return Outlook(approval.shown["in_words"])


def on_definition_approved(approval: Approval, actor: Actor, now: datetime) -> None:
    """Write it in the transaction of the decision, in the name of who decided; the proposal names who asked."""
    shown = approval.shown
    if sentence := _outrun(shown):
        raise NoLongerHolds(sentence)
    reason = f"Proposed by {approval.requested_by}. {approval.reason}".strip()
    who: dict[str, Any] = {"actor": actor, "now": now, "reason": reason}
    approvals.use_approval(approval, content=shown, now=now, actor=actor)
    try:
        definition = from_document(shown["definition"])
        slo = Slo.objects.filter(slug=shown["slug"]).first()
        if slo is None:
            operations.create_slo(slug=shown["slug"], definition=definition, state=SloState.ACTIVE, **who)
        else:
            operations.change_slo(slo, definition=definition, agreed=True, **who)
    except DomainError as error:
        raise NoLongerHolds(f"It does not fit any more: {error.message}") from error


def may_decide_exclusion(person: Person, approval: Approval) -> bool:
    """An ops lead: the owner of an automation does not clear its own record."""
    return person.allows(queries.WRITE)


def look_at_exclusion(approval: Approval, now: datetime) -> Outlook:
    exclusion = _asked(approval)
    if exclusion is None or exclusion.withdrawn_at is not None:
        return Outlook("It was taken back.", holds=False)
    return Outlook(f"{approval.shown['span']} would not count for “{approval.shown['about']}”.")


def on_exclusion_approved(approval: Approval, actor: Actor, now: datetime) -> None:
    """Put the stretch in force in the transaction of the decision."""
    exclusion = _asked(approval)
    if exclusion is None or approval.decided_by is None:
        raise NoLongerHolds("The stretch is gone.")
    approvals.use_approval(approval, content=approval.shown, now=now, actor=actor)
    try:
        operations.approve_exclusion(exclusion, person=approval.decided_by, actor=actor, now=now)
    except Conflict as outrun:
        raise NoLongerHolds(outrun.message) from outrun


def _asked(approval: Approval) -> Exclusion | None:
    return Exclusion.objects.filter(pk=approval.shown["exclusion"]).first()


def _outrun(shown: dict[str, Any]) -> str:
    """Why the proposal does not fit any more, or nothing."""
    slo = Slo.objects.filter(slug=shown["slug"]).first()
    if shown["present_version"] is None:
        return "An SLO of that slug was written meanwhile." if slo else ""
    if slo is None or slo.state == SloState.RETIRED:
        return "The SLO was retired meanwhile."
    changed = slo.version != shown["present_version"]
    return "Its definition was changed meanwhile. Propose again from there." if changed else ""


def _team(automation: Automation | None, team: Team | None) -> Team | None:
    return automation.team if automation else team
