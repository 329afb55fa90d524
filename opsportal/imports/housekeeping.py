"""Files that were never imported go after a day, the cells of refused rows after thirty: they hold personal data."""

from datetime import datetime, timedelta

from opsportal.imports.models import ImportBatch, ImportedRow
from opsportal.imports.states import RowState, State
from opsportal.sweeps.registry import SweepResult

EVERY = timedelta(hours=1)
PREVIEW_DAYS, REFUSED_DAYS = 1, 30
LIMIT = 200  # batches in one go


def sweep(now: datetime) -> SweepResult:
    old = ImportBatch.objects.filter(state=State.PREVIEW, uploaded_at__lt=now - timedelta(days=PREVIEW_DAYS))
    given_up = ImportBatch.objects.filter(pk__in=list(old.values_list("pk", flat=True)[:LIMIT])).delete()[0]
    done = ImportBatch.objects.filter(imported_at__lt=now - timedelta(days=REFUSED_DAYS))
    refused = ImportedRow.objects.filter(batch__in=done, state=RowState.REFUSED).exclude(cells=[])
    blanked = refused.update(cells=[])
    return SweepResult(given_up + blanked, given_up + blanked)
