"""The trail as NDJSON for the offline verifier: a header, the entries of each seal and the seal, an end."""

from collections.abc import Iterator
from datetime import datetime

from django.db.models import Max, Min

from opsportal.audit.chain import instant, sealed_records, unsealed_records
from opsportal.audit.models import Seal
from opsportal.audit.verifier import FORMAT, ZERO, Record, canonical


def export_records(now: datetime, *, first: int = 1, last: int | None = None, details: bool = True) -> Iterator[Record]:
    """Seals `first` to `last` with their entries; without `last` also what is not sealed yet.

    Without details the export holds no personal data and verifies all the same, commitments only.
    """
    before = Seal.objects.filter(number=first - 1).values_list("hash", flat=True).first()
    yield {
        "opsportal_audit": FORMAT,
        "made_at": instant(now),
        "first_seal": first,
        "previous": bytes(before).hex() if before is not None else ZERO,
        "details": details,
    }
    counts = {"entry": 0, "seal": 0}
    for records in (sealed_records(first, last, details=details), _rest(last, details=details)):
        for record in records:
            counts["entry" if "entry" in record else "seal"] += 1
            yield record
    yield {"end": {"entries": counts["entry"], "seals": counts["seal"]}}


def export_lines(now: datetime, *, first: int = 1, last: int | None = None, details: bool = True) -> Iterator[bytes]:
    """The same as lines of canonical JSON."""
    for record in export_records(now, first=first, last=last, details=details):
        yield canonical(record) + b"\n"


def seals_between(from_at: datetime, until: datetime) -> tuple[int, int] | None:
    """Numbers of the first and last seal made in `[from_at, until)`; None when there is none."""
    made = Seal.objects.filter(sealed_at__gte=from_at, sealed_at__lt=until)
    numbers = made.aggregate(first=Min("number"), last=Max("number"))
    return (numbers["first"], numbers["last"]) if numbers["first"] else None


def _rest(last: int | None, *, details: bool) -> Iterator[Record]:
    if last is None:
        yield from unsealed_records(details=details)
