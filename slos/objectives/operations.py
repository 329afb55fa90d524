"""Writing SLOs: create, change, put in force, retire; and the time that does not count. Each writes a version or a
stretch, one audit entry, and has budgets count again what is counted otherwise now."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Q

from opsportal.approvals import operations as approvals
from opsportal.approvals.states import Risk
from opsportal.audit import operations as audit
from opsportal.audit.engine import Actor, Draft, Subject
from opsportal.catalog.models import Automation
from opsportal.errors import Conflict, Forbidden, InvalidInput, InvalidInputs
from opsportal.identity.models import Person
from slos.models import Exclusion, Slo, SloPart, SloVersion
from slos.objectives import words
from slos.objectives.checking import check_definition
from slos.objectives.counting import count_again, read_again
from slos.objectives.definition import Definition, definition_of
from slos.objectives.document import definition_document
from slos.objectives.easing import check_easing, check_no_part, check_retiring
from slos.states import SLO_TRANSITIONS, SliKind, SloState

MAX_REASON = 240
EXCLUSION = "slos.exclusion"
EXCLUSION_WAITS = timedelta(days=7)


@transaction.atomic
def create_slo(
    *,
    slug: str,
    definition: Definition,
    actor: Actor,
    now: datetime,
    state: str = SloState.DRAFT,
    reason: str = "",
) -> Slo:
    """An SLO with its first version, as a draft or in force at once. Raises InvalidInputs, Conflict `slug_taken`."""
    if state not in (SloState.DRAFT, SloState.ACTIVE):
        raise InvalidInput("invalid", "A new SLO is a draft or active.", field="state")
    check_definition(slug, definition)
    try:
        with transaction.atomic():
            slo = Slo.objects.create(
                slug=slug, **definition.columns(), state=str(state), created_at=now, updated_at=now
            )
    except IntegrityError:
        raise Conflict("slug_taken", f"There is an SLO “{slug}” already.", field="slug") from None
    _write_parts(slo, definition)
    _write_version(slo, definition, actor=actor, now=now, reason=reason)
    after, extra = {**definition_document(definition), "state": slo.state}, {"in_words": words.in_words(definition)}
    _record(slo, "created", actor=actor, now=now, reason=reason, after=after, extra=extra)
    count_again(slo, now=now)
    return slo


@transaction.atomic
def change_slo(
    slo: Slo, *, definition: Definition, actor: Actor, now: datetime, reason: str = "", agreed: bool = False
) -> Slo:
    """Another definition from now on: a new version where it differs. `agreed`: two people want it. Raises
    InvalidInputs, Conflict `retired`, `agreement_needed`.
    """
    slo = _lock(slo)
    if slo.state == SloState.RETIRED:
        raise Conflict("retired", "This SLO is retired; write a new one.")
    if definition.openslo is None:  # who changes it by page or API says nothing about the document it came from
        definition = replace(definition, openslo=slo.openslo)
    check_definition(slo.slug, definition)
    before = definition_of(slo)
    _check_composites(slo, definition)
    if not agreed:
        check_easing(slo, definition)
    if before == definition:
        return slo
    for name, value in definition.columns().items():
        setattr(slo, name, value)
    slo.version, slo.updated_at = slo.version + 1, now
    slo.save()
    _write_parts(slo, definition)
    _write_version(slo, definition, actor=actor, now=now, reason=reason)
    old, new = definition_document(before), definition_document(definition)
    changed = [name for name in new if old[name] != new[name]]
    shown = {"before": {name: old[name] for name in changed}, "after": {name: new[name] for name in changed}}
    _record(slo, "changed", actor=actor, now=now, reason=reason or ", ".join(changed), **shown)
    if not before.measures_as(definition):
        count_again(slo, now=now)
    return slo


def activate_slo(slo: Slo, *, actor: Actor, now: datetime, reason: str = "") -> Slo:
    """Put a draft in force: it alerts, and policies act on it. Raises Conflict `invalid_transition`."""
    return _move(slo, SloState.ACTIVE, "activated", actor=actor, now=now, reason=reason)


@transaction.atomic
def retire_slo(slo: Slo, *, actor: Actor, now: datetime, reason: str = "", agreed: bool = False) -> Slo:
    """Nothing is promised any more; the history stays. `agreed`: two people want it. Raises Conflict
    `invalid_transition`, `part_of`, `agreement_needed`.
    """
    check_no_part(slo)
    if not agreed:
        check_retiring(_lock(slo))
    return _move(slo, SloState.RETIRED, "retired", actor=actor, now=now, reason=reason)


@transaction.atomic
def exclude(
    *,
    from_at: datetime,
    until: datetime,
    reason: str,
    author: Person | None,
    actor: Actor,
    now: datetime,
    slo: Slo | None = None,
    automation: Automation | None = None,
) -> Exclusion:
    """Leave a stretch out of one SLO, or of every SLO of an automation. Planned ones are in force at once; one that
    begins in the past waits for a second person, so it needs a first one. Raises InvalidInputs, Forbidden
    `needs_a_person`.
    """
    _check_stretch(slo, automation, from_at, until, reason)
    is_planned = from_at >= now
    if author is None and not is_planned:
        text = "Time that has passed is left out by two people: somebody has to answer for this token, or sign in."
        raise Forbidden("needs_a_person", text)
    exclusion = Exclusion.objects.create(
        slo=slo,
        automation=automation,
        from_at=from_at,
        until=until,
        reason=reason.strip(),
        author=author,
        author_label="" if author else actor.label[:120],
        approved_at=now if is_planned else None,
        created_at=now,
    )
    action = "excluded" if is_planned else "exclusion_asked"
    _record_exclusion(exclusion, action, actor=actor, now=now, reason=exclusion.reason)
    if is_planned:
        _read_stretch_again(exclusion)
    else:
        _ask_for(exclusion, now)
    return exclusion


@transaction.atomic
def approve_exclusion(exclusion: Exclusion, *, person: Person, actor: Actor, now: datetime) -> Exclusion:
    """A second person agrees to a retroactive one. Raises Conflict `invalid_transition`, `own_request`."""
    exclusion = _lock_exclusion(exclusion)
    if exclusion.approved_at is not None or exclusion.withdrawn_at is not None:
        raise Conflict("invalid_transition", "This stretch has been decided or withdrawn.")
    if exclusion.author is not None and exclusion.author.pk == person.pk:
        raise Conflict("own_request", "A second person decides this.")
    exclusion.approved_at, exclusion.approved_by = now, person
    exclusion.save(update_fields=["approved_at", "approved_by"])
    _record_exclusion(exclusion, "exclusion_approved", actor=actor, now=now, reason=exclusion.reason)
    _read_stretch_again(exclusion)
    return exclusion


@transaction.atomic
def withdraw_exclusion(exclusion: Exclusion, *, actor: Actor, now: datetime, reason: str = "") -> Exclusion:
    """Count the stretch again, or take the request back. Raises Conflict `invalid_transition`."""
    exclusion = _lock_exclusion(exclusion)
    if exclusion.withdrawn_at is not None:
        raise Conflict("invalid_transition", "This stretch counts again already.")
    exclusion.withdrawn_at = now
    exclusion.save(update_fields=["withdrawn_at"])
    approvals.void_approvals(subject=_subject(exclusion), actor=actor, reason="Taken back", now=now, wait=False)
    _record_exclusion(exclusion, "exclusion_withdrawn", actor=actor, now=now, reason=reason or "taken back")
    if exclusion.approved_at is not None:
        _read_stretch_again(exclusion)
    return exclusion


@transaction.atomic
def _move(slo: Slo, state: SloState, action: str, *, actor: Actor, now: datetime, reason: str) -> Slo:
    slo = _lock(slo)
    before = SloState(slo.state)
    if state not in SLO_TRANSITIONS[before]:
        raise Conflict("invalid_transition", f"This SLO is {before}, so it cannot become {state}.", field="state")
    slo.state, slo.updated_at = state.value, now
    slo.save(update_fields=["state", "updated_at"])
    shown = {"before": {"state": before.value}, "after": {"state": state.value}}
    _record(slo, action, actor=actor, now=now, reason=reason, **shown)
    return slo


def _lock(slo: Slo) -> Slo:
    rows = Slo.objects.select_for_update(of=("self",))
    return rows.select_related("automation__team", "automation__owner", "team", "heartbeat", "rule").get(pk=slo.pk)


def _lock_exclusion(exclusion: Exclusion) -> Exclusion:
    rows = Exclusion.objects.select_for_update(of=("self",))
    return rows.select_related("slo__automation__team", "automation__team", "author").get(pk=exclusion.pk)


def _check_composites(slo: Slo, definition: Definition) -> None:
    """A part cannot turn into a composite: composites do not nest."""
    if definition.kind == SliKind.COMPOSITE and SloPart.objects.filter(part=slo).exists():
        raise InvalidInput("nested", "It is a part of a composite, so it cannot become one.", field="kind")


def _write_parts(slo: Slo, definition: Definition) -> None:
    slo.parts.all().delete()
    rows = [SloPart(composite=slo, part=part.slo, weight=part.weight) for part in definition.parts]
    SloPart.objects.bulk_create(rows)


def _write_version(slo: Slo, definition: Definition, *, actor: Actor, now: datetime, reason: str) -> None:
    author = int(actor.id) if actor.kind == "human" and actor.id.isdecimal() else None
    SloVersion.objects.create(
        slo=slo,
        number=slo.version,
        definition=definition_document(definition),
        from_at=now,
        author_id=author,
        reason=reason[:MAX_REASON],
    )


def _check_stretch(
    slo: Slo | None, automation: Automation | None, from_at: datetime, until: datetime, reason: str
) -> None:
    if (slo is None) == (automation is None):
        raise ValueError("An exclusion is of an SLO or of an automation.")
    errors = []
    if until <= from_at:
        errors.append(InvalidInput("ends_before_start", "It ends before it starts.", field="until"))
    if not reason.strip():
        errors.append(InvalidInput("blank", "Say why this time does not count.", field="reason"))
    elif len(reason.strip()) > MAX_REASON:
        errors.append(InvalidInput("too_long", f"At most {MAX_REASON} characters.", field="reason"))
    if slo is not None and slo.state == SloState.RETIRED:
        errors.append(InvalidInput("retired", "This SLO is retired.", field="slo"))
    if errors:
        raise InvalidInputs(errors)


def _ask_for(exclusion: Exclusion, now: datetime) -> None:
    """Have a second person decide about a stretch that begins in the past."""
    assert exclusion.author is not None  # noqa: S101 - checked by the caller
    about = exclusion.slo or exclusion.automation
    span = words.span(exclusion.from_at, exclusion.until)
    approvals.request_approval(
        kind=EXCLUSION,
        subject=_subject(exclusion),
        title=f"Leave {span} out of “{about}”",
        consequence=f"Leave {span} out of the error budget",
        content={"exclusion": exclusion.pk, "about": str(about), "span": span, "reason": exclusion.reason},
        risk=Risk.GUARDED,
        requested_by=exclusion.author,
        team=words.team_of(exclusion),
        now=now,
        expires_at=now + EXCLUSION_WAITS,
        reason=exclusion.reason,
    )


def _subject(exclusion: Exclusion) -> Subject:
    return Subject("exclusion", str(exclusion.pk), exclusion.reason)


def _read_stretch_again(exclusion: Exclusion) -> None:
    """Everything the stretch touches: the SLO, or each one of the automation; and the composites made of them."""
    mine = Q(pk=exclusion.slo_id) if exclusion.slo_id else Q(automation=exclusion.automation_id)
    keys = list(Slo.objects.filter(mine).values_list("pk", flat=True))
    read_again(Slo.objects.filter(Q(pk__in=keys) | Q(parts__part__in=keys)).distinct())


def _record(slo: Slo, action: str, *, actor: Actor, now: datetime, **detail: Any) -> None:
    team = slo.automation.team if slo.automation else slo.team
    subject = Subject("slo", slo.slug, slo.name)
    audit.record(
        Draft(actor=actor, action=f"slo.{action}", subject=subject, at=now, team=team.slug if team else "", **detail)
    )


def _record_exclusion(exclusion: Exclusion, action: str, *, actor: Actor, now: datetime, reason: str) -> None:
    about = exclusion.slo or exclusion.automation
    assert about is not None  # noqa: S101 - a constraint of the table
    kind = "slo" if exclusion.slo else "automation"
    team = words.team_of(exclusion)
    audit.record(
        Draft(
            actor=actor,
            action=f"slo.{action}",
            subject=Subject(kind, about.slug, about.name),
            at=now,
            team=team.slug if team else "",
            reason=reason,
            extra={"span": words.span(exclusion.from_at, exclusion.until), "exclusion": exclusion.pk},
        )
    )
