"""Reads: batches, and what the file of one that is not imported yet would do."""

from collections.abc import Iterator
from datetime import datetime

from django.db.models import QuerySet

from opsportal.errors import NotFound
from opsportal.identity.actors import Principal
from opsportal.imports.checking import Plan, as_refused, read_rows, settle, unpack
from opsportal.imports.files import Sheet, read_sheet
from opsportal.imports.models import ImportBatch
from opsportal.imports.registry import Kind, Reader, Undoing, get_kind
from opsportal.imports.states import RowState, State


def list_batches(kind: Kind, principal: Principal | None) -> QuerySet[ImportBatch]:
    """What was imported, newest first, and one's own previews."""
    return ImportBatch.objects.visible_to(principal).filter(kind=kind.name).defer("content")


def get_batch(kind: Kind, principal: Principal | None, pk: int) -> ImportBatch:
    """Raises NotFound."""
    batch = ImportBatch.objects.visible_to(principal).select_related("team").filter(kind=kind.name, pk=pk).first()
    if batch is None:
        raise NotFound("unknown_import", "There is no such import.")
    return batch


def sheet_of(batch: ImportBatch) -> Sheet:
    """The file of a preview."""
    return read_sheet(unpack(bytes(batch.content or b"")))


def plan_of(batch: ImportBatch, sheet: Sheet, principal: Principal, now: datetime) -> tuple[Plan, Reader]:
    """The whole file checked as importing would read it. Raises InvalidInput at an option or for the mapping."""
    kind = get_kind(batch.kind)
    reader = kind.reader(batch.options, principal, now)
    return settle(read_rows(sheet, batch.mapping, kind, reader), reader), reader


def imported_before(batch: ImportBatch, principal: Principal) -> ImportBatch | None:
    """The newest import of the very same file that still stands."""
    same = ImportBatch.objects.visible_to(principal).filter(kind=batch.kind, sha256=batch.sha256, state=State.IMPORTED)
    return same.exclude(pk=batch.pk).defer("content").first()


def look_back(batch: ImportBatch) -> Undoing:
    """What undoing the batch would take out and what it would keep."""
    keys = list(batch.rows.filter(state=RowState.CREATED).values_list("key", flat=True))
    return get_kind(batch.kind).look_back(keys, batch.last_entry or 0)


def refused_rows(batch: ImportBatch, plan: Plan | None) -> Iterator[list[str]]:
    """The refused rows as they were typed, each with its line and its reason; of a preview by its plan."""
    if plan is not None:
        yield from plan.refused()
        return
    for row in batch.rows.filter(state=RowState.REFUSED).iterator(chunk_size=1_000):
        yield as_refused(batch.headings, row.line, row.cells, row.problems)
