"""Bringing a file in and taking it out again. Either all rows of a batch that are in order are written, or none."""

import hashlib
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction

from opsportal.audit import operations as audit
from opsportal.audit.engine import Actor, Draft, Subject
from opsportal.errors import Conflict, Forbidden
from opsportal.identity.actors import Principal
from opsportal.identity.queries import person_of
from opsportal.imports.checking import Plan, Row, order_of_dates, pack, read_rows, settle, unpack
from opsportal.imports.columns import guess
from opsportal.imports.files import Sheet, clean_name, read_sheet
from opsportal.imports.models import ImportBatch, ImportedRow
from opsportal.imports.registry import Kind, Options, Reader, Undoing, get_kind, may_go_live, mode_of
from opsportal.imports.states import RowState, State

ATTEMPTS = 3  # somebody else may write one of the records while we look
CHUNK = 2_000
DONE = "This file was imported or given up already."
SLICE = 500  # keys of one lookup


def upload_file(
    *, kind: Kind, file_name: str, raw: bytes, principal: Principal, options: Options, actor: Actor, now: datetime
) -> ImportBatch:
    """Keep a file for its preview, read as its headings suggest. Raises Unusable (an InvalidInput)."""
    sheet = read_sheet(raw)
    mapping = guess(sheet.headings, kind.fields)
    options = {**options, "dates": order_of_dates(sheet, mapping, kind)}
    return ImportBatch.objects.create(
        kind=kind.name,
        file_name=clean_name(file_name),
        sha256=hashlib.sha256(raw).digest(),
        size=len(raw),
        content=pack(raw),
        headings=sheet.headings,
        mapping=mapping,
        options=options,
        by=person_of(principal),
        by_label=actor.label[:150],
        uploaded_at=now,
    )


def set_reading(
    batch: ImportBatch, *, mapping: Sequence[str], options: Options, actor: Actor, now: datetime
) -> ImportBatch:
    """Read the file another way. Nothing is recorded: nothing has been imported. Raises Conflict `not_a_preview`."""
    with transaction.atomic():
        batch = _locked(batch, State.PREVIEW)
        batch.mapping, batch.options = list(mapping), dict(options)
        batch.save(update_fields=["mapping", "options"])
    return batch


def discard_batch(batch: ImportBatch, *, actor: Actor, now: datetime) -> None:
    """Forget a file that was not imported. Raises Conflict `not_a_preview`."""
    with transaction.atomic():
        _locked(batch, State.PREVIEW).delete()


def import_batch(
    batch: ImportBatch,
    *,
    principal: Principal | None,
    actor: Actor,
    now: datetime,
    expected: int | None = None,
    sheet: Sheet | None = None,
) -> tuple[ImportBatch, Plan]:
    """Write what is in order, all of it or nothing, and what became of every row.

    `expected` new records were shown to whoever confirmed: another number by now raises Conflict `changed_meanwhile`.
    Also raises Conflict `not_a_preview`, Forbidden, InvalidInput. A `principal` of None is the console.
    """
    kind = get_kind(batch.kind)
    if batch.state != State.PREVIEW:
        raise Conflict("not_a_preview", DONE)
    mode_of(kind, live=bool(batch.options.get("live")))
    if batch.options.get("live") and not may_go_live(kind, principal):
        raise Forbidden("live_needs_configure", "Only an ops lead imports live; bring it in as history.")
    reader = kind.reader(batch.options, principal, now)
    sheet = sheet or read_sheet(unpack(bytes(batch.content or b"")))
    plan = read_rows(sheet, batch.mapping, kind, reader)
    for attempt in range(1, ATTEMPTS + 1):
        try:
            with transaction.atomic():
                return _import(batch, kind, reader, plan, expected=expected, actor=actor, now=now), plan
        except IntegrityError:  # one of the records was opened elsewhere since we looked
            if attempt == ATTEMPTS:
                raise
    raise AssertionError  # not reached


def undo_batch(
    batch: ImportBatch, *, principal: Principal | None, actor: Actor, now: datetime
) -> tuple[ImportBatch, Undoing]:
    """Take out again what nobody has touched since; the rest stays and is named.

    Raises Conflict `not_imported`, Forbidden: what came in live goes by those alone who may bring it in so.
    """
    kind = get_kind(batch.kind)
    if batch.live and not may_go_live(kind, principal):
        raise Forbidden("live_needs_configure", "This came in live: an ops lead may take it out again.")
    with transaction.atomic():
        batch = _locked(batch, State.IMPORTED)
        keys = list(batch.rows.filter(state=RowState.CREATED).values_list("key", flat=True))
        done = kind.remove(keys, batch.last_entry or 0, file_name=batch.file_name, actor=actor, now=now)
        _note_undone(batch, done)
        batch.state, batch.undone_at, batch.undone_by = State.UNDONE, now, actor.label[:150]
        batch.counts = {**batch.counts, RowState.REMOVED: len(done.removed), RowState.KEPT: len(done.kept)}
        batch.save()
        said = {"removed": f"{len(done.removed):,}", "kept": f"{len(done.kept):,}"}
        audit.record(_draft("import.undone", batch, kind, said, actor, now))
    return batch, done


def _import(
    batch: ImportBatch, kind: Kind, reader: Reader, plan: Plan, *, expected: int | None, actor: Actor, now: datetime
) -> ImportBatch:
    read, batch = batch, _locked(batch, State.PREVIEW)
    reader.hold()
    settle(plan, reader)
    counts = plan.counts
    same = (read.mapping, read.options) == (batch.mapping, batch.options)
    if not same or (expected is not None and counts[RowState.CREATED] != expected):
        text = "What is here has changed since you looked. Look again before you import."
        raise Conflict("changed_meanwhile", text)
    items = [row.item for row in plan.of(RowState.CREATED) if row.item]
    for at in range(0, len(items), CHUNK):
        reader.write(items[at : at + CHUNK], batch=batch.pk, actor=actor, now=now)
    ImportedRow.objects.bulk_create((_imported(batch, row) for row in plan.rows), batch_size=CHUNK)
    batch.state, batch.imported_at, batch.content = State.IMPORTED, now, None
    batch.about, batch.team, batch.live = reader.about, reader.team, bool(batch.options.get("live"))
    batch.counts = counts
    said = {name: f"{number:,}" for name, number in counts.items()}
    said |= {"mode": mode_of(kind, live=batch.live)}
    batch.last_entry = audit.record(_draft("import.imported", batch, kind, said, actor, now)).pk
    batch.save()
    return batch


def _locked(batch: ImportBatch, state: State) -> ImportBatch:
    found = ImportBatch.objects.select_for_update(of=("self",)).select_related("team").filter(pk=batch.pk).first()
    if found is None or found.state != state:
        if state == State.IMPORTED:
            raise Conflict("not_imported", "This file is not imported, or was taken out again already.")
        raise Conflict("not_a_preview", DONE)
    return found


def _imported(batch: ImportBatch, row: Row) -> ImportedRow:
    refused = row.state == RowState.REFUSED
    return ImportedRow(
        batch=batch,
        line=row.line,
        state=row.state,
        key="" if refused else row.key,
        label=row.label.replace("\x00", "\ufffd"),
        identity=row.item.identity if row.state == RowState.CREATED and row.item else None,
        problems=row.notes,
        cells=[cell.replace("\x00", "\ufffd") for cell in row.cells] if refused else [],
    )


def _note_undone(batch: ImportBatch, done: Undoing) -> None:
    rows = batch.rows.filter(state=RowState.CREATED)
    kept = []
    for at in range(0, len(done.kept), SLICE):
        kept += list(rows.filter(key__in=list(done.kept)[at : at + SLICE]))
    for row in kept:
        row.state, row.problems = RowState.KEPT, [{"column": "", "code": "touched", "message": done.kept[row.key]}]
    ImportedRow.objects.bulk_update(kept, ["state", "problems"], batch_size=SLICE)
    rows.update(state=RowState.REMOVED)


def _draft(action: str, batch: ImportBatch, kind: Kind, said: dict[str, Any], actor: Actor, now: datetime) -> Draft:
    return Draft(
        actor=actor,
        action=action,
        subject=Subject(f"{kind.name}_import", str(batch.pk), batch.file_name),
        at=now,
        rule=batch.about,
        team=batch.team.slug if batch.team else "",
        extra={"about": batch.about, "sha256": bytes(batch.sha256).hex(), **said},
    )
