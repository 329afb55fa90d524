"""Reading tallies: many stretches of many SLOs by a constant number of queries. Events and slices come from buckets,
downtime from its stretches, hit rates from the days of their rule.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from fractions import Fraction

from handoffs.cohort import Instant
from slos.budgets import spans, terms
from slos.budgets.counting import decoded
from slos.budgets.engine import Span, Tally, Window, cut, merge, seconds, without
from slos.budgets.engine.buckets import ceil, cover, floor
from slos.budgets.engine.violations import HEARTBEAT, MISSED, add_up
from slos.budgets.hit_rates import Cohorts, tallies_of
from slos.budgets.knowledge import Known
from slos.budgets.spans import Stretch
from slos.models import Slo
from slos.states import SliKind

OF_SLOS = spans.rows_in(
    "slos_slibucket", "b.slo_id = k.owner AND b.width = k.width AND b.start >= k.since AND b.start < k.until"
)
SUMS = f"SELECT k.mark, SUM(b.valid), SUM(b.bad), COUNT(*), NULL {OF_SLOS} GROUP BY k.mark"
ROWS = f"SELECT k.mark, b.valid, b.bad, 1, CASE WHEN b.bad > 0 THEN b.causes END {OF_SLOS}"


@dataclass(frozen=True, slots=True)
class Asked:
    """A stretch [start, end) of an SLO, as known at `at`; None: at the watermark."""

    slo: Slo
    start: datetime
    end: datetime
    at: datetime | None = None


def read(asked: Sequence[Asked], known: Known, *, causes: bool = False) -> list[Tally]:
    """The tallies in order, by one statement. With `causes` the spend is told apart, which reads bucket by bucket."""
    times = [_time_of(one, known) for one in asked]
    tallies = [Tally(excluded=time.excluded, unmeasured=time.unmeasured) for time in times]
    for number, (one, time) in enumerate(zip(asked, times, strict=True)):
        if terms.counts_downtime(one.slo):
            tallies[number] = _downtime(one, time, known, tallies[number])
    _add_hit_rates(tallies, asked, times, known)
    _add_buckets(tallies, asked, times, known, causes)
    return tallies


def coverage(one: Asked, known: Known) -> Fraction:
    """The share of the time that counts in which the portal looked; its own blind time is what lacks."""
    time = _time_of(one, known)
    total = seconds(time.measured) + time.unmeasured
    return 1 - Fraction(time.unmeasured, total) if total else Fraction(1)


def counted_time(one: Asked, known: Known) -> list[Span]:
    """The stretch without what is left out of it."""
    return _time_of(one, known).counted


def excluded_seconds(slo: Slo, window: Window, known: Known) -> int:
    """Of the whole window, what is still to come included."""
    return seconds(cut(known.excluded.get(slo.pk, []), [(window.start, window.end)]))


# --- time ---


@dataclass(frozen=True, slots=True)
class _Time:
    """`counted` is what is not excluded (events go by it), `measured` what was looked at as well (time goes by it)."""

    counted: list[Span]
    measured: list[Span]
    excluded: int
    unmeasured: int


def _time_of(one: Asked, known: Known) -> _Time:
    end = min(one.end, known.up_to(one.at))
    if one.start >= end or known.watermark is None:
        return _Time([], [], 0, 0)
    exclusions = known.excluded.get(one.slo.pk, [])
    counted = without([(one.start, end)], exclusions)
    first = known.measured_from(one.slo)
    looked = [(max(one.start, first), end)] if first and max(one.start, first) < end else []
    held = without(looked, exclusions)
    blind = cut(known.blind, held)
    return _Time(counted, without(held, blind), seconds(cut(exclusions, looked)), seconds(blind))


def _downtime(one: Asked, time: _Time, known: Known, so_far: Tally) -> Tally:
    violations = known.violations.get(one.slo.pk, [])
    bad, causes = add_up(violations, time.measured, time.measured[-1][1]) if violations and time.measured else (0, {})
    return replace(so_far, valid=seconds(time.measured), bad=bad, causes=causes)


# --- events and slices ---


def _add_buckets(
    tallies: list[Tally], asked: Sequence[Asked], times: Sequence[_Time], known: Known, causes: bool
) -> None:
    """The second half of the marks asks how many slices of the silent stretches had events."""
    silent, half = _silent_stretches(asked, times, known), len(asked)
    wanted = _counted_stretches(asked, times, known)
    wanted += [(mark + half, slo, width, start, end) for mark, slo, width, start, end in silent]
    spoken: dict[int, int] = {}
    for mark, valid, bad, count, spent in spans.fetch(ROWS if causes else SUMS, wanted):
        if mark < half:
            tallies[mark] += Tally(int(valid), int(bad), causes=decoded(spent) if spent else {})
        else:
            spoken[mark - half] = spoken.get(mark - half, 0) + count
    for number, count in _slices_of(silent).items():
        lost = (count - spoken.get(number, 0)) * terms.base_width(asked[number].slo)
        tallies[number] += Tally(lost, lost, causes={f"error|{MISSED}": lost, "version|": lost} if lost else {})


def _counted_stretches(asked: Sequence[Asked], times: Sequence[_Time], known: Known) -> list[Stretch]:
    return [
        (number, one.slo.pk, run.width, run.start, run.end)
        for number, (one, time) in enumerate(zip(asked, times, strict=True))
        if terms.has_buckets(one.slo)
        for start, end in time.counted
        for run in cover(start, min(end, _judged_until(one, known)), terms.base_width(one.slo))
    ]


def _judged_until(one: Asked, known: Known) -> datetime:
    """A slice has no verdict before it is over."""
    end = known.up_to(one.at)
    return floor(end, terms.base_width(one.slo)) if terms.counts_slices(one.slo) else end


def _silent_stretches(asked: Sequence[Asked], times: Sequence[_Time], known: Known) -> list[Stretch]:
    """Slices without events during a missed heartbeat are bad; without a heartbeat they are nothing."""
    return [
        (number, one.slo.pk, terms.base_width(one.slo), start, end)
        for number, (one, time) in enumerate(zip(asked, times, strict=True))
        if terms.counts_slices(one.slo) and one.slo.pk in known.violations
        for start, end in _silent(one, time, known, terms.base_width(one.slo))
    ]


def _slices_of(stretches: Iterable[Stretch]) -> dict[int, int]:
    found: dict[int, int] = {}
    for number, _, width, start, end in stretches:
        found[number] = found.get(number, 0) + (end - start) // timedelta(seconds=width)
    return found


def _silent(one: Asked, time: _Time, known: Known, width: int) -> list[Span]:
    """Whole slices, within what was measured, that a missed heartbeat touches."""
    if not time.measured:
        return []
    until = time.measured[-1][1]
    outages = [gap.span(until) for gap in known.violations[one.slo.pk] if gap.rule == HEARTBEAT]
    found = []
    for start, end in time.measured:
        first, last = ceil(start, width), ceil(min(end, _judged_until(one, known)), width)
        found += [
            (max(first, floor(a, width)), min(last, ceil(b, width))) for a, b in cut(outages, [(start, end)]) if a < b
        ]
    return merge(found)


# --- hit rates ---


def _instant_of(one: Asked, known: Known) -> Instant:
    """As of the watermark everything recorded counts; before it, what came later is left out."""
    at = known.up_to(one.at)
    return Instant(at, is_past=known.watermark is not None and at < known.watermark)


def _add_hit_rates(tallies: list[Tally], asked: Sequence[Asked], times: Sequence[_Time], known: Known) -> None:
    """Handoffs that began in these stretches, judged by the business clock as of an instant."""
    wanted = [
        (number, Cohorts(one.slo.rule_id, time.counted, _instant_of(one, known)))
        for number, (one, time) in enumerate(zip(asked, times, strict=True))
        if one.slo.kind == SliKind.HIT_RATE and one.slo.rule_id is not None
    ]
    for (number, _), tally in zip(wanted, tallies_of([one for _, one in wanted]), strict=True):
        tallies[number] += tally


def by_automation(slos: Iterable[Slo]) -> dict[int, list[Slo]]:
    found: dict[int, list[Slo]] = {}
    for one in slos:
        if one.automation_id:
            found.setdefault(one.automation_id, []).append(one)
    return found
