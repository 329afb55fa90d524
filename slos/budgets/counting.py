"""What the runs of automations came to in a stretch of time, from their buckets."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

import msgspec

from opsportal.catalog.models import Automation
from slos.budgets import spans
from slos.budgets.engine import RunCounts, Span
from slos.budgets.engine.buckets import cover
from slos.budgets.engine.tallies import COUNTED
from slos.models import Watermark

JOIN = spans.rows_in(
    "slos_runbucket", "b.automation_id = k.owner AND b.width = k.width AND b.start >= k.since AND b.start < k.until"
)
NAMES = ", ".join(f"b.{name}" for name in COUNTED)
SUMS = f"SELECT k.owner, {', '.join(f'SUM(b.{name})' for name in COUNTED)}, SUM(b.cost) {JOIN} GROUP BY k.owner"
ROWS = f"SELECT k.owner, {NAMES}, b.cost, b.durations, b.errors, b.versions {JOIN}"
MARKED = f"SELECT k.mark, {NAMES}, b.cost, b.durations, b.errors, b.versions {JOIN}"


def counts(automation: Automation, from_at: datetime, until: datetime) -> RunCounts:
    """Runs that ended in [from_at, until), with the histogram of durations, errors and versions."""
    return count_runs([automation], from_at, until, details=True)[automation.pk]


def count_runs(
    automations: Iterable[Automation],
    from_at: datetime,
    until: datetime,
    *,
    details: bool = False,
    mark: Watermark | None = None,
) -> dict[int, RunCounts]:
    """By automation, in two queries, in one where the watermark is at hand. Durations, errors and versions only with
    `details`: they cost a row per bucket.

    Minutes count that begin in the stretch, so its ends are brought up to whole minutes; none after the watermark.
    """
    found = {one.pk: RunCounts() for one in automations}
    mark = mark or Watermark.objects.filter(pk=1).first()
    pieces = cover(from_at, min(until, mark.at)) if mark else []
    stretches = [(0, owner, piece.width, piece.start, piece.end) for owner in found for piece in pieces]
    for owner, *values in spans.fetch(ROWS if details else SUMS, stretches):
        found[owner].take(counts_of(values))
    return found


def counts_of_each(automation: Automation, wanted: Sequence[Sequence[Span]]) -> list[RunCounts]:
    """Of each of these sets of stretches, with the histogram of durations, in one query. None after the watermark."""
    found = [RunCounts() for _ in wanted]
    stretches = [
        (number, automation.pk, piece.width, piece.start, piece.end)
        for number, one in enumerate(wanted)
        for since, until in one
        for piece in cover(since, until)
    ]
    for number, *values in spans.fetch(MARKED, stretches):
        found[number].take(counts_of(values))
    return found


def counts_of(values: list[Any]) -> RunCounts:
    plain, cost, details = values[: len(COUNTED)], values[len(COUNTED)], values[len(COUNTED) + 1 :]
    row = RunCounts()
    for name, value in zip(COUNTED, plain, strict=True):
        setattr(row, name, int(value or 0))
    row.cost = Decimal(str(cost or 0))
    if details:
        row.durations, row.errors, row.versions = (decoded(value) for value in details)
    return row


def decoded(value: Any) -> Any:
    """A JSON column as read without the ORM: drivers differ in who decodes it."""
    return msgspec.json.decode(value) if isinstance(value, str | bytes) else value
