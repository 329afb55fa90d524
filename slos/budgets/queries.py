"""Reads for pages, alerts, policies, the exposition and the API. One calculator: whoever shows a figure asks here."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

from slos.budgets.composites import burn_of_parts, compose_budgets, parts_of
from slos.budgets.counting import count_runs, counts
from slos.budgets.engine import Budget, Burn, Cause, Day, Point, Tally, days_of
from slos.budgets.engine.budgets import MIN_COVERAGE, burn_of, rounded
from slos.budgets.engine.windows import Window, day_window, window_of
from slos.budgets.gathering import Inputs, gather, judged, unpacked
from slos.budgets.knowledge import know, watermark
from slos.budgets.readings import Asked, coverage, read
from slos.models import Slo, SloReading
from slos.states import SliKind

__all__ = [
    "Asked",
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
]

SKEW = timedelta(seconds=300)  # clocks of callers may be ahead by so much
POINTS = 120  # of a burn-down
STEP = timedelta(minutes=15)
NOT_READ: Any = (None, None, None, None, None, None)


def budget(slo: Slo, at: datetime) -> Budget:
    """The error budget of an SLO as of `at`, in the past, too."""
    return budgets([slo], at)[slo.pk]


def budgets(slos: Iterable[Slo], at: datetime) -> dict[int, Budget]:
    """By SLO. At the present, three queries however many SLOs; in the past a dozen."""
    wanted = list(slos)
    parts = parts_of(wanted)
    plain = {one.pk: one for one in [*wanted, *(part.part for part in parts)] if one.kind != SliKind.COMPOSITE}
    inputs = _inputs_of(list(plain.values()), at)
    known = {pk: judged(plain[pk], one, at) for pk, one in inputs.items()}
    return {**known, **compose_budgets(wanted, parts, known, at)}


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


def burndown(slo: Slo, at: datetime) -> list[Point]:
    """How the budget of the window that `at` lies in was used up, to the last instant that was looked at.

    Each point is 1 - (bad so far / what is allowed as of `at`), so the last one is the budget's own.
    """
    parts = parts_of([slo]) if slo.kind == SliKind.COMPOSITE else []
    whole = budget(slo, at)
    members = [(Fraction(part.weight), part.part, budget(part.part, at)) for part in parts] or [
        (Fraction(1), slo, whole)
    ]
    members = [one for one in members if one[2].is_judged]
    ends = _steps(whole.window, min(whole.watermark, at))
    if not members or not ends:
        return [Point(end, None) for end in (whole.window.start, *ends)]
    weight = sum((one[0] for one in members), Fraction())
    spent = [_spend(one, judged_as, [whole.window.start, *ends], at) for _, one, judged_as in members]
    shares = [
        sum((m[0] * s[number] for m, s in zip(members, spent, strict=True)), Fraction()) / weight
        for number in range(len(ends))
    ]
    return [
        Point(whole.window.start, Decimal(1)),
        *(Point(end, rounded(1 - share)) for end, share in zip(ends, shares, strict=True)),
    ]


def spend_by_cause(slo: Slo, at: datetime) -> list[Cause]:
    """What was bad in the window by error class and by version; each kind sums to the spend."""
    window, end = _window(slo, at)
    (spent,) = tallies([Asked(slo, window.start, end, at)], causes=True)
    split = [(*key.partition("|")[::2], bad) for key, bad in spent.causes.items()]
    return [
        Cause(kind, value, bad, rounded(Fraction(bad, spent.bad)))
        for kind, value, bad in sorted(split, key=lambda one: (one[0], -one[2], one[1]))
    ]


def what_if(slo: Slo, at: datetime, *, target: Decimal | None = None, threshold_ms: int | None = None) -> Budget:
    """The budget that another target, or for latencies another threshold, would have given on the same history.

    Another target is exact. A threshold is read from the histogram of durations: true to 1% of the threshold.
    """
    inputs = gather([slo], at)[slo.pk]
    if threshold_ms is not None and slo.automation is not None:
        end = min(inputs.watermark, inputs.window.end)
        runs = counts(slo.automation, inputs.window.start, end)
        bad = runs.failed + runs.succeeded - runs.within(threshold_ms)
        inputs = replace(inputs, tally=replace(inputs.tally, valid=runs.failed + runs.succeeded, bad=bad), burn={})
    return judged(slo, inputs, at, target=target)


# --- the parts ---


def _inputs_of(slos: Sequence[Slo], at: datetime) -> dict[int, Inputs]:
    """As read at the watermark by the sweep, where `at` is not before it and the definition is the same."""
    kept: dict[int, Inputs] = {}
    rows = SloReading.objects.filter(slo__in=[one.pk for one in slos], at__lte=at).order_by()
    read = {row[0]: row for row in rows.values_list("slo_id", "version", "at", "window_start", "window_end", "data")}
    for slo in slos:
        _, version, read_at, start, end, data = read.get(slo.pk, NOT_READ)
        if version == slo.version and (slo.window_kind == "rolling" or start <= at < end):
            kept[slo.pk] = unpacked(data, Window(start, end), read_at)
    return {**kept, **gather([one for one in slos if one.pk not in kept], at)}


def _window(slo: Slo, at: datetime) -> tuple[Window, datetime]:
    mark = watermark()
    end = min(at, mark.at) if mark else at
    return window_of(slo, end if slo.window_kind == "rolling" else at), end


def _steps(window: Window, until: datetime) -> list[datetime]:
    """Up to 120 instants after the window's start, at whole quarters of an hour, the last one `until`."""
    length = (window.end - window.start) / POINTS
    step = max(STEP, STEP * -(-length // STEP))
    ends, end = [], window.start + step
    while end < until:
        ends.append(end)
        end += step
    return [*ends, until] if until > window.start else []


def _spend(slo: Slo, judged_as: Budget, cuts: Sequence[datetime], at: datetime) -> list[Fraction]:
    """The share of the budget spent up to each cut but the first."""
    asked = [Asked(slo, start, end, at) for start, end in zip(cuts[:-1], cuts[1:], strict=True)]
    total, shares = 0, []
    per_bad = (judged_as.exact_consumed or Fraction()) / judged_as.bad if judged_as.bad else Fraction()
    for one in tallies(asked):
        total += one.bad
        shares.append(total * per_bad)
    return shares


def _is_piece(part: object, piece: Asked, whole: Asked) -> bool:
    return (
        getattr(part, "composite_id", None) == whole.slo.pk
        and getattr(part, "part_id", None) == piece.slo.pk
        and (piece.start, piece.end) == (whole.start, whole.end)
    )
