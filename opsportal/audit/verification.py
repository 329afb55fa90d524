"""Verifying the trail of this database: at once (the command), or a stretch at a time (the sweep)."""

import logging
import time
from collections.abc import Callable
from datetime import datetime, timedelta

from django.db import connection

from opsportal.audit import guard
from opsportal.audit.chain import history, sealed_records, unsealed_records
from opsportal.audit.models import Detail, Seal, Verification
from opsportal.audit.verifier import ERASED, ZERO, Problem, Report, Verifier

log = logging.getLogger("opsportal.audit")

ROUND_EVERY = timedelta(days=1)
STRETCH_SECONDS = 3.0


def verify(*, head: tuple[int, str] | None = None, on_seal: Callable[[Report], None] | None = None) -> Report:
    """Check every row, and that the database still refuses changes.

    `head` is one known from outside (number, hash in hex); `on_seal` is called after each seal, for progress.
    """
    verifier = Verifier()
    for record in sealed_records():
        verifier.feed(record)
        if on_seal is not None and "seal" in record:
            on_seal(verifier.report)
    if head is not None:
        verifier.expect_head(*head, found=_hash_of(head[0]))
    return _finish(verifier)


def save_verification(report: Report, *, started_at: datetime, now: datetime) -> Verification:
    """Keep the result of a command's run, for the page and the next reader."""
    return Verification.objects.create(
        via=Verification.Via.COMMAND,
        started_at=started_at,
        finished_at=now,
        reached=report.number,
        entry_count=report.entry_count,
        problem=first_problem(report),
    )


def verify_stretch(now: datetime, *, seconds: float = STRETCH_SECONDS) -> Verification:
    """Go on with the round of the day where the last stretch ended, for about `seconds`. Returns the round."""
    current = _current_round(now)
    if current.finished_at is not None:
        return current
    verifier = Verifier(
        number=current.reached,
        previous=_hash_of(current.reached) or ZERO,
        history=history(current.reached + 1),
    )
    until, is_through = time.monotonic() + seconds, True
    for record in sealed_records(current.reached + 1):
        verifier.feed(record)
        if "seal" in record and (time.monotonic() > until or not verifier.report.is_intact):
            is_through = False
            break
    report = _finish(verifier, rest=is_through)
    current.reached, current.problem = report.number, first_problem(report)
    current.entry_count += report.entry_count
    if is_through or current.problem:
        current.finished_at = now
        _tell(current)
    current.save()
    return current


def first_problem(report: Report) -> str:
    return report.problems[0].sentence[:500] if report.problems else ""


def _current_round(now: datetime) -> Verification:
    newest = Verification.objects.filter(via=Verification.Via.SWEEP).order_by("-id").first()
    if newest is None or (newest.finished_at and now - newest.started_at >= ROUND_EVERY):
        return Verification(via=Verification.Via.SWEEP, started_at=now)
    return newest


def _finish(verifier: Verifier, *, rest: bool = True) -> Report:
    """Judge what is not sealed (unless `rest` is still to come), the blank details and the guard."""
    if rest:
        for record in unsealed_records():
            verifier.feed(record)
    # Read last: an erasure that committed while we read is then known, and no blank detail is held against it.
    erasures = Detail.objects.filter(entry__action=ERASED)
    for body in erasures.values_list("body", flat=True).iterator():
        verifier.learn_erasures(body)
    report = verifier.finish()
    for name in guard.missing(connection):
        report.add(Problem("guard", 0, f"The database no longer refuses changes: {name} is missing or was changed."))
    return report


def _hash_of(number: int) -> str | None:
    found = Seal.objects.filter(number=number).values_list("hash", flat=True).first()
    return bytes(found).hex() if found is not None else None


def _tell(current: Verification) -> None:
    if current.problem:
        log.error("The audit trail does not verify: %s", current.problem)
    else:
        log.info("The audit trail verifies up to seal %s (%s entries).", current.reached, current.entry_count)
