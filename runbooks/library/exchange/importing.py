"""Files become runbooks: new ones, another revision, or nothing where the text is the same. All of it is told first."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from django.db import transaction

from opsportal.audit.engine import Actor
from opsportal.errors import DomainError, Forbidden, InvalidInput
from opsportal.identity.actors import Principal
from opsportal.identity.models import Person
from opsportal.identity.queries import team_for
from runbooks.library import naming, operations, queries
from runbooks.library.engine import document
from runbooks.library.engine.document import Document
from runbooks.library.exchange.files import File, safe_path
from runbooks.library.exchange.notion import slug_of
from runbooks.library.operations.writing import check_text
from runbooks.models.library import Runbook


@dataclass(frozen=True, slots=True)
class Row:
    """What becomes of one file. `outcome`: new, changed, same, refused. `findings` keep it from being published."""

    path: str
    slug: str
    outcome: str
    message: str = ""
    findings: int = 0


@dataclass(frozen=True, slots=True)
class Hand:
    """Who brings the files in. Without a principal (the command line) everything may be named."""

    actor: Actor
    principal: Principal | None = None
    author: Person | None = None
    publisher: Person | None = None


def look_at(files: Sequence[File], *, principal: Principal | None) -> list[Row]:
    """What bringing them in would do. Writes nothing."""
    taken: set[str] = set()
    rows = []
    for one in files:
        row = _look(one, principal)
        if row.slug in taken and row.outcome != "refused":
            row = replace(row, outcome="refused", message=f"Another file is the runbook “{row.slug}” already.")
        taken.add(row.slug)
        rows.append(row)
    return rows


def bring_in(files: Sequence[File], *, hand: Hand, now: datetime, note_text: str = "") -> list[Row]:
    """Write each file that is new or changed as a draft, and publish it where a publisher is named and may.

    One file that is refused keeps no other back. Answers what became of each.
    """
    rows = look_at(files, principal=hand.principal)
    return [_bring(one, row, hand, now, note_text) for one, row in zip(files, rows, strict=True)]


def _look(one: File, principal: Principal | None) -> Row:
    found = document.read(one.text)
    slug = slug_for(one, found)
    if one.problem or not slug:
        return Row(one.path, slug, "refused", one.problem or "Its name gives no slug; write “slug:” in front.")
    try:
        check_text(one.text)
    except InvalidInput as error:
        return Row(one.path, slug, "refused", error.message)
    findings = len(naming.errors(found, principal))
    there = Runbook.objects.filter(slug=slug).first()
    if there is None:
        return Row(one.path, slug, "new", found.title, findings)
    if principal is not None and not queries.list_runbooks(principal).filter(pk=there.pk).exists():
        return Row(one.path, slug, "refused", "This slug is taken.")
    if there.retired_at is not None:
        return Row(one.path, slug, "refused", "This runbook is retired.")
    outcome = "same" if queries.get_newest(there).text == one.text else "changed"
    return Row(one.path, slug, outcome, found.title, findings)


def slug_for(one: File, found: Document) -> str:
    """The slug its head names, else the one its file's name gives."""
    named = found.slugs("slug")
    return named[0][:80] if named else slug_of(one.path)


def _bring(one: File, row: Row, hand: Hand, now: datetime, note_text: str) -> Row:
    if row.outcome == "refused":
        return row
    try:
        with transaction.atomic():
            runbook = _write(one, row, hand, now, note_text)
    except DomainError as error:
        return replace(row, outcome="refused", message=error.message)
    if hand.publisher is None or row.findings or runbook is None:
        return row
    return _publish(runbook, row, hand.publisher, hand.actor, now)


def _write(one: File, row: Row, hand: Hand, now: datetime, note_text: str) -> Runbook | None:
    who = {"author": hand.author, "actor": hand.actor, "now": now, "note_text": note_text}
    path = safe_path(one.path, row.slug)
    if row.outcome == "new":
        team = team_for(hand.principal, _team(one)) if hand.principal is not None else None
        return operations.create_runbook(slug=row.slug, text=one.text, path=path, team=team, **who)  # type: ignore[arg-type]
    runbook = Runbook.objects.get(slug=row.slug)
    if hand.principal is not None and not queries.may_write(hand.principal, runbook):
        raise Forbidden("not_yours", "You may not write this runbook.")
    if runbook.path != path:
        Runbook.objects.filter(pk=runbook.pk).update(path=path)
    if row.outcome == "changed":
        base = queries.get_newest(runbook).number
        operations.save_draft(runbook, text=one.text, base=base, **who)  # type: ignore[arg-type]
    return runbook


def _team(one: File) -> str | None:
    return next(iter(document.read(one.text).slugs("team")), None)


def _publish(runbook: Runbook, row: Row, publisher: Person, actor: Actor, now: datetime) -> Row:
    revision = queries.get_open(runbook)
    if revision is None:
        return row
    try:
        operations.publish_revision(revision, person=publisher, actor=actor, now=now)
    except DomainError as error:
        return replace(row, message=f"A draft: {error.message}")
    return replace(row, message=f"{row.message} (published)")
