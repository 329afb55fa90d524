"""Erasing a data subject from imported files: rows that made their records, refused ones, files not imported."""

from datetime import datetime

from opsportal.audit.engine import Actor
from opsportal.audit.erasers import Erased, Sought
from opsportal.imports.checking import unpack
from opsportal.imports.models import ImportBatch, ImportedRow
from opsportal.imports.states import State

BATCH = 500


def erase_subject(sought: Sought, *, is_look: bool, actor: Actor, now: datetime) -> Erased:
    """A file that waits and names them is given up whole: whoever brought it can bring it again without the row."""
    waiting = ImportBatch.objects.filter(state=State.PREVIEW).exclude(content=None).iterator(chunk_size=1)
    files = [one.pk for one in waiting if sought.mentions.stand_in(unpack(bytes(one.content or b"")))]
    made = _made(sought.all_ids())
    refused = [row.pk for row in ImportedRow.objects.exclude(cells=[]).iterator() if _names(sought, row)]
    rows = sorted({*made, *refused})
    if not is_look:
        ImportBatch.objects.filter(pk__in=files).delete()
        for start in range(0, len(rows), BATCH):
            ImportedRow.objects.filter(pk__in=rows[start : start + BATCH]).update(
                label="", identity=None, problems=[], cells=[]
            )
    return Erased({"files_given_up": len(files), "rows": len(rows)})


def _made(ids: list[str]) -> list[int]:
    chunks = (ids[start : start + BATCH] for start in range(0, len(ids), BATCH))
    return [pk for chunk in chunks for pk in ImportedRow.objects.filter(key__in=chunk).values_list("pk", flat=True)]


def _names(sought: Sought, row: ImportedRow) -> bool:
    return sought.mentions.stand_in([row.label, row.cells, row.problems])
