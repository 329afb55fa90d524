"""Reads for pages, alerts, policies, the exposition and the API. One calculator: whoever shows a figure asks here."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import accumulate, pairwise
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import msgspec
from django.db.models import TextField
from django.db.models.functions import Cast

from opsportal.errors import InvalidInput
from slos.budgets.composites import burn_of_parts, compose_budgets, parts_of
from slos.budgets.counting import count_runs, counts, counts_of_each
from slos.budgets.engine import (
    Budget,
    Burn,
    Cause,
    Day,
    Point,
    Tally,
    buckets,
    days_of,
    window_before,
    window_of,
)
from slos.budgets.engine.budgets import MIN_COVERAGE, burn_of, rounded
from slos.budgets.engine.windows import Window, day_window
from slos.budgets.gathering import EARLIER, Inputs, gather, gather_each, judged, unpacked
from slos.budgets.knowledge import know, watermark
from slos.budgets.readings import Asked, counted_time, coverage, read
from slos.models import Slo, SloPart, SloReading
from slos.states import SliKind, SliMethod

__all__ = [
    "Account",
    "Asked",
    "account",
    "budget",
    "budgets",
    "burn",
    "burndown",
    "burns",
    "count_runs",
    "counts",
    "days",
    "days_of_many",
    "spend_by_cause",
    "tallies",
    "tally",
    "watermark",
    "what_if",
    "what_if_before",
]

SKEW = timedelta(seconds=300)  # clocks of callers may be ahead by so much
POINTS = 120  # of a burn-down
COHORTS = 60  # of one of hit rates: whole days of UTC, which are added up already
STEPS = [buckets.QUARTER, *(hours * buckets.HOUR for hours in (1, 2, 3, 4, 6, 8, 12, 24))]  # seconds between two


class _Reading(NamedTuple):
    """A row of SloReading."""

    version: int
    at: datetime
    window_start: datetime
    window_end: datetime
    data: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Account:
    """A budget with how it was used up and because of what."""

    budget: Budget
    points: list[Point]
    causes: list[Cause]


def budget(slo: Slo, at: datetime) -> Budget:
    """The error budget of an SLO as of `at`, in the past, too."""
    return budgets([slo], at)[slo.pk]


def budgets(slos: Iterable[Slo], at: datetime) -> dict[int, Budget]:
    """By SLO. At the present, three queries however many SLOs; in the past a few more."""
    wanted = list(slos)
    return _budgets(wanted, parts_of(wanted), at)


def tally(slo: Slo, from_at: datetime, until: datetime) -> Tally:
    """What happened in [from_at, until), with its causes, as known now."""
    (one,) = tallies([Asked(slo, from_at, until)], causes=True)
    return one


def tallies(asked: Sequence[Asked], *, causes: bool = False) -> list[Tally]:
    """Of many stretches and SLOs, by a constant number of queries."""
    if not asked:
        return []
    slos = list({one.slo.pk: one.slo for one in asked}.values())
    known = know(slos, min(one.start for one in asked), max(one.end for one in asked))
    return read(asked, known, causes=causes)


def burn(slo: Slo, from_at: datetime, until: datetime) -> Burn:
    """How many times faster than allowed the budget was spent in [from_at, until): pooled counts."""
    return burns([Asked(slo, from_at, until)])[0]


def burns(asked: Sequence[Asked]) -> list[Burn]:
    """Of many stretches at once; a composite's is the weighted mean of its parts'."""
    parts = parts_of([one.slo for one in asked])
    plain = [one for one in asked if one.slo.kind != SliKind.COMPOSITE]
    of_parts = [replace(one, slo=part.part) for one in asked for part in parts if part.composite_id == one.slo.pk]
    both = [*plain, *of_parts]
    found = {id(one): burn_of(one.slo.target, tally) for one, tally in zip(both, tallies(both), strict=True)}
    return [
        found[id(one)]
        if one.slo.kind != SliKind.COMPOSITE
        else burn_of_parts(
            [(part.weight, found[id(piece)]) for part in parts for piece in of_parts if _is_piece(part, piece, one)]
        )
        for one in asked
    ]


def days(slo: Slo, first: date, until: date) -> list[Day]:
    """The days [first, until) in the SLO's zone."""
    return days_of_many([slo], first, until)[slo.pk]


def days_of_many(slos: Iterable[Slo], first: date, until: date) -> dict[int, list[Day]]:
    """The same of many SLOs, each in its own zone, by a constant number of queries."""
    wanted = list(slos)
    asked = [
        Asked(slo, window.start, window.end)
        for slo in wanted
        for window in (day_window(day, ZoneInfo(slo.timezone)) for day in days_of(first, until))
    ]
    found: dict[int, list[Day]] = {slo.pk: [] for slo in wanted}
    if not asked:
        return found
    known = know(wanted, min(one.start for one in asked), max(one.end for one in asked))
    rates = burns(asked) if any(slo.kind == SliKind.COMPOSITE for slo in wanted) else None
    for number, (one, spent) in enumerate(zip(asked, read(asked, known, causes=False), strict=True)):
        rate = rates[number].rate if rates else burn_of(one.slo.target, spent).rate
        is_over = known.watermark is not None and one.end <= known.watermark
        complete = is_over and coverage(one, known) >= MIN_COVERAGE
        day = one.start.astimezone(ZoneInfo(one.slo.timezone)).date()
        found[one.slo.pk].append(Day(day, spent, rate, complete))
    return found


def account(slo: Slo, at: datetime, *, causes: bool = True) -> Account:
    """The budget of the window that `at` lies in, its burn-down and its causes, from one reading of the buckets.

    Each point is 1 - (bad so far / what is allowed as of `at`), so the last one is the budget's own.
    """
    parts = parts_of([slo])
    known = _budgets([slo], parts, at)
    whole = known[slo.pk]
    members = [(Fraction(part.weight), part.part) for part in parts] or [(Fraction(1), slo)]
    members = [one for one in members if one[1] == slo or (one[1].pk in known and known[one[1].pk].is_judged)]
    of_days = any(one.kind == SliKind.HIT_RATE for _, one in members)
    ends = (_midnights if of_days else _steps)(whole.window, min(whole.watermark, at))
    cuts = [whole.window.start, *ends]
    asked = [Asked(one, start, end, at) for _, one in members for start, end in pairwise(cuts)]
    read = tallies(asked, causes=causes and not parts)
    spent = [
        (weight, known[one.pk], read[number * len(ends) : (number + 1) * len(ends)])
        for number, (weight, one) in enumerate(members)
    ]
    return Account(whole, _points(cuts, spent), [] if parts else _causes(read))


def burndown(slo: Slo, at: datetime) -> list[Point]:
    """How the budget was used up, to the last instant that was looked at."""
    return account(slo, at, causes=False).points


def spend_by_cause(slo: Slo, at: datetime) -> list[Cause]:
    """What was bad in the window by error class and by version; each kind sums to the spend."""
    return account(slo, at).causes


def what_if(slo: Slo, at: datetime, *, target: Decimal | None = None, threshold_ms: int | None = None) -> Budget:
    """The budget that another target, or for latencies another threshold, would have given on the same history.

    Another target is exact. A threshold is read from the histogram of durations: true to 1% of the threshold.
    Raises InvalidInput `not_applicable`.
    """
    if slo.kind == SliKind.COMPOSITE:
        raise InvalidInput("not_applicable", "A composite has the budgets of its parts: ask them.", field="target")
    return _asked_otherwise(slo, [(_inputs_of([slo], at)[slo.pk], at)], target, threshold_ms)[0]


def what_if_before(
    slo: Slo, at: datetime, *, target: Decimal | None = None, threshold_ms: int | None = None
) -> list[Budget]:
    """The same of the windows before, the newest first; those that can be judged."""
    window, ends = window_of(slo, at), []
    for _ in range(EARLIER):
        window = window_before(slo, window)
        ends.append(window.end if slo.window_kind == "rolling" else window.end - timedelta(seconds=1))
    windows = list(zip(gather_each([(slo, end) for end in ends]), ends, strict=True))
    return [one for one in _asked_otherwise(slo, windows, target, threshold_ms) if one.is_judged]


def _asked_otherwise(
    slo: Slo, windows: Sequence[tuple[Inputs, datetime]], target: Decimal | None, threshold_ms: int | None
) -> list[Budget]:
    read_anew = [inputs for inputs, _ in windows]
    if threshold_ms is not None:
        spent = _by_threshold(slo, read_anew, threshold_ms)
        read_anew = [replace(one, tally=tally, burn={}) for one, tally in zip(read_anew, spent, strict=True)]
    return [judged(slo, one, at, target=target) for one, (_, at) in zip(read_anew, windows, strict=True)]


def _by_threshold(slo: Slo, windows: Sequence[Inputs], threshold_ms: int) -> list[Tally]:
    """All of them by two queries."""
    if slo.kind != SliKind.LATENCY or slo.method != SliMethod.OCCURRENCES or slo.automation is None:
        wrong = "Another threshold can be asked of a latency that counts events."
        raise InvalidInput("not_applicable", wrong, field="threshold_seconds")
    asked = [Asked(slo, one.window.start, min(one.watermark, one.window.end), one.watermark) for one in windows]
    known = know([slo], min(one.start for one in asked), max(one.end for one in asked))
    runs = counts_of_each(slo.automation, [counted_time(one, known) for one in asked])
    found = []
    for inputs, one in zip(windows, runs, strict=True):
        valid = one.failed + one.succeeded
        found.append(replace(inputs.tally, valid=valid, bad=valid - one.within(threshold_ms)))
    return found


# --- the parts ---


def _budgets(wanted: Sequence[Slo], parts: Sequence[SloPart], at: datetime) -> dict[int, Budget]:
    """Those of the parts, too."""
    plain = {one.pk: one for one in [*wanted, *(part.part for part in parts)] if one.kind != SliKind.COMPOSITE}
    inputs = _inputs_of(list(plain.values()), at)
    known = {pk: judged(plain[pk], one, at) for pk, one in inputs.items()}
    return {**known, **compose_budgets(wanted, parts, known, at)}


def _inputs_of(slos: Sequence[Slo], at: datetime) -> dict[int, Inputs]:
    """As read at the watermark by the sweep, where `at` is not before it and the definition is the same."""
    kept: dict[int, Inputs] = {}
    read = _readings(slos)
    for slo in slos:
        one = read.get(slo.pk)
        if one is None or one.version != slo.version or one.at > at:
            continue
        if slo.window_kind == "rolling" or one.window_start <= at < one.window_end:
            kept[slo.pk] = unpacked(one.data, Window(one.window_start, one.window_end), one.at)
    return {**kept, **gather([one for one in slos if one.pk not in kept], at)}


def _readings(slos: Sequence[Slo]) -> dict[int, _Reading]:
    """Those that were read with their SLO (`select_related("reading")`), the others by one query."""
    found = {one.pk: getattr(one, "reading", None) for one in slos if Slo.reading.is_cached(one)}
    known = {
        pk: _Reading(one.version, one.at, one.window_start, one.window_end, one.data)
        for pk, one in found.items()
        if one
    }
    rest = [one.pk for one in slos if one.pk not in found]
    if rest:
        columns = ("version", "at", "window_start", "window_end", Cast("data", TextField()))
        rows = SloReading.objects.filter(slo__in=rest).values_list("slo_id", *columns)
        known |= {
            pk: _Reading(version, at, start, end, msgspec.json.decode(data))
            for pk, version, at, start, end, data in rows
        }
    return known


def _midnights(window: Window, until: datetime) -> list[datetime]:
    """The midnights of UTC after the window's start, of long windows some of them; the last one `until`."""
    step = timedelta(days=max(1, (window.end - window.start).days // COHORTS))
    ends, end = [], buckets.floor(window.start, buckets.DAY) + step
    while end < until:
        ends.append(end)
        end += step
    return [*ends, until] if until > window.start else []


def _steps(window: Window, until: datetime) -> list[datetime]:
    """Up to so many instants after the window's start, the last one `until`. They are those at which wide buckets
    begin, so that few make up what lies between two of them.
    """
    length = -(-window.seconds // POINTS)
    step = next((one for one in STEPS if one >= length), -(-length // buckets.DAY) * buckets.DAY)
    ends, end = [], buckets.floor(window.start, step) + timedelta(seconds=step)
    while end < until:
        ends.append(end)
        end += timedelta(seconds=step)
    return [*ends, until] if until > window.start else []


def _points(cuts: Sequence[datetime], spent: Sequence[tuple[Fraction, Budget, Sequence[Tally]]]) -> list[Point]:
    """What remained at each cut, weighted over what has a verdict."""
    judged_ones = [one for one in spent if one[1].is_judged]
    if not judged_ones or len(cuts) < 2:
        return [Point(at, None) for at in cuts]
    weight = sum((one[0] for one in judged_ones), Fraction())
    shares = [_running_share(budget, pieces, part / weight) for part, budget, pieces in judged_ones]
    together = shares[0] if len(shares) == 1 else [sum(at_cut, Fraction()) for at_cut in zip(*shares, strict=True)]
    return [
        Point(cuts[0], Decimal(1)),
        *(Point(at, rounded(1 - share)) for at, share in zip(cuts[1:], together, strict=True)),
    ]


def _running_share(budget: Budget, pieces: Sequence[Tally], weight: Fraction) -> list[Fraction]:
    """The share of the budget spent up to the end of each piece, weighted. Most pieces spend nothing."""
    per_bad = weight * (budget.exact_consumed or Fraction()) / budget.bad if budget.bad else Fraction()
    spent = list(accumulate(one.bad for one in pieces))
    shares = {bad: bad * per_bad for bad in set(spent)}
    return [shares[bad] for bad in spent]


def _causes(pieces: Iterable[Tally]) -> list[Cause]:
    spent = Tally.sum(pieces)
    split = [(*key.partition("|")[::2], bad) for key, bad in spent.causes.items()]
    return [
        Cause(kind, value, bad, rounded(Fraction(bad, spent.bad)))
        for kind, value, bad in sorted(split, key=lambda one: (one[0], -one[2], one[1]))
    ]


def _is_piece(part: object, piece: Asked, whole: Asked) -> bool:
    return (
        getattr(part, "composite_id", None) == whole.slo.pk
        and getattr(part, "part_id", None) == piece.slo.pk
        and (piece.start, piece.end) == (whole.start, whole.end)
    )
