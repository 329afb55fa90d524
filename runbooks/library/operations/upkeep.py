"""What people found out: a step that is wrong, a runbook that holds; and the one drawn each month to be read aloud."""

import hashlib
from datetime import datetime

from django.db import IntegrityError, transaction

from opsportal import trace
from opsportal.audit.engine import Actor
from opsportal.errors import Conflict, InvalidInput
from opsportal.identity.models import Person
from opsportal.notify.engine import Notice
from opsportal.notify.operations import tell_many
from runbooks.library import queries
from runbooks.library.operations.trail import locked, note, set_staleness
from runbooks.models.library import Runbook, RunbookDraw, RunbookRevision, RunbookValidation, StepReport

# So many of the months before keep a runbook out of the draw, as long as others are left.
REMEMBERED = 12


@transaction.atomic
def report_step(
    revision: RunbookRevision, *, key: str, words: str, person: Person | None, actor: Actor, now: datetime
) -> StepReport:
    """Say that a step is wrong; whoever owns its automations, and who published it, is told. Raises
    InvalidInput at words, and at a key that no step has.
    """
    words = words.strip()
    if not words or len(words) > 1000:
        raise InvalidInput("required", "Say what is wrong with it, in at most 1,000 characters.", field="words")
    step, runbook = revision.steps.filter(key=key).first(), revision.runbook
    if step is None:
        raise InvalidInput("unknown_step", "There is no such step in this revision.", field="key")
    report = StepReport.objects.create(
        runbook=runbook,
        revision=revision,
        key=step.key,
        title=step.title,
        words=words,
        reported_by=person,
        reported_label=actor.label[:150],
        reported_at=now,
    )
    note(runbook, "step_reported", actor, now, reason=words, extra={"step": f"{step.label}, {step.title}"})
    tell_many(
        [
            Notice(
                person=pk,
                topic="runbook.step_reported",
                title=f"A step of {runbook.title} is said to be wrong",
                body=f"{step.label}: {step.title}\n{actor.label}: {words}",
                url=f"{runbook.get_absolute_url()}#step-{step.key}",
                key=f"runbook.step:{report.pk}:{pk}",
                trace_id=trace.current_trace_id(),
                team=runbook.team.slug if runbook.team else "",
            )
            for pk in sorted(_keepers(revision) - ({person.pk} if person else set()))
        ],
        now,
    )
    return report


@transaction.atomic
def resolve_report(report: StepReport, *, resolution: str, actor: Actor, now: datetime) -> StepReport:
    """Answer it. Raises InvalidInput without an answer, Conflict `resolved`."""
    if not resolution.strip():
        raise InvalidInput("required", "Say what came of it; who reported it reads this.", field="resolution")
    fresh = (
        StepReport.objects.select_for_update(of=("self",)).select_related("runbook", "reported_by").get(pk=report.pk)
    )
    if fresh.resolved_at is not None:
        raise Conflict("resolved", "This was answered already.")
    fresh.resolved_at, fresh.resolved_label = now, actor.label[:150]
    fresh.resolution = resolution.strip()[:500]
    fresh.save(update_fields=["resolved_at", "resolved_label", "resolution"])
    note(fresh.runbook, "report_resolved", actor, now, reason=fresh.resolution, extra={"step": fresh.title})
    return fresh


@transaction.atomic
def validate_runbook(
    runbook: Runbook,
    *,
    how: str,
    holds: bool,
    person: Person | None,
    actor: Actor,
    now: datetime,
    note_text: str = "",
) -> RunbookValidation:
    """Somebody went through the published revision. What holds is fresh again; what does not says what is wrong.

    Raises Conflict `not_published`, InvalidInput at note.
    """
    if not holds and not note_text.strip():
        raise InvalidInput("required", "Say what does not hold.", field="note")
    if how not in RunbookValidation.How.values:
        raise InvalidInput("invalid", f"One of {', '.join(RunbookValidation.How.values)}.", field="how")
    runbook = locked(runbook)
    revision = queries.get_published(runbook)
    if revision is None:
        raise Conflict("not_published", "Nothing is published yet.")
    validation = RunbookValidation.objects.create(
        runbook=runbook,
        revision=revision,
        how=how,
        holds=holds,
        note=note_text.strip()[:500],
        person=person,
        person_label=actor.label[:150],
        at=now,
    )
    if holds:
        runbook.validated_at = now
        set_staleness(runbook)
        runbook.save(update_fields=["validated_at", "stale_at"])
    else:
        runbook.stale_at = now
        runbook.save(update_fields=["stale_at"])
    if how == RunbookValidation.How.READ_ALOUD:
        open_draws = RunbookDraw.objects.filter(runbook=runbook, month=month_of(now), validation=None)
        open_draws.update(validation=validation)
    verdict = "holds" if holds else "does not hold"
    extra = {"how": validation.get_how_display().lower(), "verdict": verdict}
    note(runbook, "validated", actor, now, reason=validation.note or "no remark", extra=extra)
    return validation


@transaction.atomic
def draw_month(*, month: str, actor: Actor, now: datetime) -> RunbookDraw | None:
    """The runbook of a month (`2026-11`): the same for the same month and candidates, whoever draws and how often.

    None where nothing is published. Its keepers are told.
    """
    if (drawn := RunbookDraw.objects.filter(month=month).select_related("runbook").first()) is not None:
        return drawn
    chosen, candidates = draw(month, _candidates(month))
    if not chosen:
        return None
    runbook = Runbook.objects.select_related("team").get(slug=chosen)
    try:
        with transaction.atomic():
            drawn = RunbookDraw.objects.create(
                month=month, runbook=runbook, seed=seed_of(month), candidates=candidates, drawn_at=now
            )
    except IntegrityError:
        return RunbookDraw.objects.select_related("runbook").get(month=month)
    note(runbook, "drawn", actor, now, extra={"month": month, "count": len(candidates)})
    _tell_drawn(drawn, now)
    return drawn


def month_of(now: datetime) -> str:
    return f"{now:%Y-%m}"


def seed_of(month: str) -> str:
    return f"runbook of {month}"


def draw(month: str, slugs: list[str]) -> tuple[str, list[str]]:
    """The slug whose hash with the month's seed is least, and what was drawn from; anybody can draw it again."""
    candidates = sorted(slugs)
    seed = seed_of(month)
    return min(candidates, key=lambda slug: hashlib.sha256(f"{seed}\n{slug}".encode()).digest(), default=""), candidates


def _candidates(month: str) -> list[str]:
    """Published runbooks that were not drawn of late."""
    slugs = set(Runbook.objects.in_use().values_list("slug", flat=True))
    late = RunbookDraw.objects.filter(month__lt=month).order_by("-month").values_list("runbook__slug", flat=True)
    for slug in late[: min(REMEMBERED, max(len(slugs) - 1, 0))]:
        slugs.discard(slug)
    return sorted(slugs)


def _tell_drawn(drawn: RunbookDraw, now: datetime) -> None:
    revision = queries.get_published(drawn.runbook)
    keepers = _keepers(revision) if revision else set()
    tell_many(
        [
            Notice(
                person=pk,
                topic="runbook.drawn",
                title=f"{drawn.runbook.title} is to be read aloud this month",
                body="Thirty minutes: read every step and say whether it is current.",
                url=drawn.runbook.get_absolute_url(),
                key=f"runbook.drawn:{drawn.month}:{pk}",
                trace_id=trace.current_trace_id(),
            )
            for pk in sorted(keepers)
        ],
        now,
    )


def _keepers(revision: RunbookRevision) -> set[int]:
    """Who looks after it: owners of its automations, and who published it, as far as they are still here."""
    about = queries.standing_of(queries.automation_slugs(revision.runbook)).automations
    found = {one.owner_id for one in about} | {revision.published_by_id or revision.author_id}
    active = Person.objects.filter(pk__in=[pk for pk in found if pk is not None], is_active=True)
    return set(active.values_list("pk", flat=True))
