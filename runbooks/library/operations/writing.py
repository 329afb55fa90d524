"""Writing: a new runbook, another revision, a runbook out of a playbook. A text once saved is never changed."""

import hashlib
from datetime import datetime

from django.db import IntegrityError, transaction

from opsportal.approvals import operations as approvals
from opsportal.audit.engine import Actor
from opsportal.catalog.models import SLUG
from opsportal.errors import Conflict, InvalidInput
from opsportal.identity.models import Person, Team
from runbooks.library import queries
from runbooks.library.engine import document, front_matter, markdown
from runbooks.library.engine.document import Action, Document
from runbooks.library.engine.identity import keys_for, said
from runbooks.library.operations.trail import locked, note, subject_of, take_over
from runbooks.models.library import Runbook, RunbookRevision, RunbookStep
from runbooks.states import OPEN_REVISIONS, RevisionState

# Words that stand for pages below /runbooks/.
RESERVED = frozenset({"new", "import", "export", "executions", "draws", "toil", "steps", "preview"})


@transaction.atomic
def create_runbook(
    *,
    slug: str,
    text: str,
    author: Person | None,
    actor: Actor,
    now: datetime,
    team: Team | None = None,
    path: str = "",
    note_text: str = "",
) -> Runbook:
    """A runbook with its first revision, a draft. Raises InvalidInput at slug or text, Conflict `slug_taken`."""
    if not SLUG.regex.match(slug) or len(slug) > 80 or slug in RESERVED:  # type: ignore[union-attr]
        raise InvalidInput("invalid", "Lower-case letters, digits, hyphens; some words are taken.", field="slug")
    check_text(text)
    found = document.read(text)
    runbook = Runbook(slug=slug, path=(path or f"{slug}.md")[:300], team=team, created_at=now, updated_at=now)
    runbook.title = (found.title or slug)[:120]
    try:
        with transaction.atomic():
            runbook.save(force_insert=True)
    except IntegrityError:
        raise Conflict("slug_taken", f"There is a runbook “{slug}” already.", field="slug") from None
    take_over(runbook, found)
    runbook.save()
    _add_revision(runbook, found, None, author=author, actor=actor, now=now, note_text=note_text)
    note(runbook, "created", actor, now, reason=note_text)
    return runbook


@transaction.atomic
def save_draft(
    runbook: Runbook,
    *,
    text: str,
    base: int,
    author: Person | None,
    actor: Actor,
    now: datetime,
    note_text: str = "",
) -> RunbookRevision:
    """Another revision, a draft. `base` is the number it was written from.

    Raises InvalidInput (`same_text`, at text), Conflict `outrun` when somebody saved meanwhile, `retired`.
    """
    check_text(text)
    runbook = locked(runbook)
    newest = queries.get_newest(runbook)
    if runbook.retired_at is not None:
        raise Conflict("retired", "This runbook is retired; take it back into use first.")
    if base != newest.number:
        message = f"Revision {newest.number} by {newest.written_by} was saved meanwhile. Look at it, and save again."
        raise Conflict("outrun", message, field="base")
    if newest.text == text:
        raise InvalidInput("same_text", "Nothing has changed.", field="text")
    found = document.read(text)
    runbook.revisions.filter(state__in=OPEN_REVISIONS).update(state=RevisionState.SUPERSEDED)
    reason = f"Revision {newest.number + 1} was saved."
    approvals.void_approvals(subject=subject_of(runbook), actor=actor, reason=reason, now=now, wait=False)
    if runbook.published_number is None:
        take_over(runbook, found)
    runbook.updated_at = now
    runbook.save()
    revision = _add_revision(runbook, found, newest, author=author, actor=actor, now=now, note_text=note_text)
    note(runbook, "saved", actor, now, reason=note_text or "no note", extra={"number": revision.number})
    return revision


def derive_runbook(
    playbook: Runbook, *, slug: str, title: str, author: Person | None, actor: Actor, now: datetime
) -> Runbook:
    """A runbook that begins with the text of a playbook and remembers which revision. Raises Conflict
    `not_published`, and as create_runbook() does.
    """
    source = queries.get_published(playbook)
    if source is None or playbook.kind != Runbook.Kind.PLAYBOOK:
        raise Conflict("not_published", "A runbook is derived from a published playbook.")
    changes = {"title": title.strip(), "kind": "runbook", "slug": None, "derived_from": playbook.slug}
    text = front_matter.with_values(source.text, changes)
    with transaction.atomic():
        remark = f"Derived from revision {source.number} of {playbook.title}"
        runbook = create_runbook(
            slug=slug, text=text, author=author, team=playbook.team, note_text=remark, actor=actor, now=now
        )
        runbook.derived_from, runbook.derived_from_number = playbook, source.number
        runbook.save(update_fields=["derived_from", "derived_from_number"])
    return runbook


def check_text(text: str) -> None:
    """Raises InvalidInput for what cannot be kept as it is."""
    if not text.strip():
        raise InvalidInput("blank", "There is no text.", field="text")
    if len(text) > markdown.MOST_CHARACTERS:
        raise InvalidInput("too_long", f"At most {markdown.MOST_CHARACTERS:,} characters.", field="text")
    if "\x00" in text or any("\ud800" <= char <= "\udfff" for char in text):
        raise InvalidInput("invalid", "It has characters that do not belong into text.", field="text")


def _add_revision(
    runbook: Runbook,
    found: Document,
    former: RunbookRevision | None,
    *,
    author: Person | None,
    actor: Actor,
    now: datetime,
    note_text: str,
) -> RunbookRevision:
    revision = RunbookRevision.objects.create(
        runbook=runbook,
        number=former.number + 1 if former else 1,
        text=found.text,
        sha256=hashlib.sha256(found.text.encode()).hexdigest(),
        author=author,
        author_label=actor.label[:150],
        note=note_text.strip()[:240],
        created_at=now,
    )
    _add_steps(revision, found, former)
    return revision


def _add_steps(revision: RunbookRevision, found: Document, former: RunbookRevision | None) -> None:
    known = queries.known_steps(former) if former else []
    keys = keys_for(found.steps, known, queries.used_keys(revision.runbook) if former else ())
    before = {step.key: step for step in former.steps.all()} if former else {}
    rows = []
    for position, (step, key) in enumerate(zip(found.steps, keys, strict=True), 1):
        old = before.get(key)
        same = old is not None and said(old.text) == said(step.text)
        rows.append(
            RunbookStep(
                revision=revision,
                position=position,
                key=key,
                section=step.section[:60],
                number=step.number,
                title=step.title or "(says nothing)",
                text=step.text,
                line=step.line,
                check_text=step.check,
                action=shown_action(step.action),
                changed_in=old.changed_in if old is not None and same else revision.number,
                changed_by=old.changed_by if old is not None and same else revision.author,
            )
        )
    RunbookStep.objects.bulk_create(rows)


def shown_action(action: Action | None) -> dict[str, object] | None:
    return None if action is None else {"do": action.kind, **action.parameters}
