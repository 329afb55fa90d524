"""Wider buckets from narrower ones: 15 minutes from minutes, hours from those, days from hours. A bucket is added up
once it is over, and again whenever something in it changes later.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from slos.budgets import keeping, spans, terms
from slos.budgets.adding import Events
from slos.budgets.counting import JOIN, NAMES, counts_of, decoded
from slos.budgets.engine import RunCounts
from slos.budgets.engine.buckets import WIDTHS, chain_of, floor
from slos.budgets.engine.tallies import add_into
from slos.budgets.readings import OF_SLOS
from slos.budgets.spans import Stretch
from slos.models import OpenBucket, Slo

Bucket = tuple[int, datetime]  # automation, start

MINUTES = f"SELECT k.mark, {NAMES}, b.cost, b.durations, b.errors, b.versions {JOIN}"
EVENTS = f"SELECT k.mark, b.valid, b.bad, b.causes {OF_SLOS}"


def note_wider(changed: Iterable[Bucket], width: int) -> None:
    """Say that the buckets of `width` that these lie in are to be added up."""
    wanted = {(automation, floor(start, width)) for automation, start in changed}
    length = timedelta(seconds=width)
    OpenBucket.objects.bulk_create(
        [OpenBucket(automation_id=one, width=width, start=at, due_at=at + length) for one, at in sorted(wanted)],
        ignore_conflicts=True,
        batch_size=1_000,
    )


def widen(width: int, buckets: Sequence[Bucket], slos: Mapping[int, Sequence[Slo]]) -> None:
    """Replace these buckets of `width` by the sums of narrower ones, of the automations and of their SLOs."""
    length = timedelta(seconds=width)
    narrower = max(one for one in WIDTHS if one < width)
    runs = [(n, automation, narrower, at, at + length) for n, (automation, at) in enumerate(buckets)]
    _replace_runs(width, buckets, runs)
    mine: list[Stretch] = []
    keys: list[tuple[int, datetime]] = []
    for automation, at in buckets:
        for slo in slos.get(automation, ()):
            lower = _lower_of(slo, width)
            if lower is not None:
                mine.append((len(keys), slo.pk, lower, at, at + length))
                keys.append((slo.pk, at))
    _replace_events(width, keys, mine)


def _replace_runs(width: int, buckets: Sequence[Bucket], stretches: Sequence[Stretch]) -> None:
    sums: dict[int, RunCounts] = defaultdict(RunCounts)
    for number, *values in spans.fetch(MINUTES, stretches):
        sums[number].take(counts_of(values))
    rows = [((buckets[number][0], width, buckets[number][1]), one) for number, one in sums.items()]
    keeping.replace_runs([(n, owner, width, since, until) for n, owner, _, since, until in stretches], rows)


def _replace_events(width: int, keys: Sequence[tuple[int, datetime]], stretches: Sequence[Stretch]) -> None:
    sums: dict[int, Events] = defaultdict(Events)
    for number, valid, bad, causes in spans.fetch(EVENTS, stretches):
        one = sums[number]
        one.valid += valid
        one.bad += bad
        add_into(one.causes, decoded(causes))
    rows = [
        ((keys[number][0], width, keys[number][1]), (one.valid, one.bad, one.causes)) for number, one in sums.items()
    ]
    keeping.replace_events([(n, owner, width, since, until) for n, owner, _, since, until in stretches], rows)


def _lower_of(slo: Slo, width: int) -> int | None:
    """The width that an SLO's buckets of `width` are added up from; None where it keeps none."""
    if not terms.has_buckets(slo):
        return None
    chain = chain_of(terms.base_width(slo))
    return chain[chain.index(width) - 1] if width in chain[1:] else None
