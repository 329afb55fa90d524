"""What a rule says of measured days. Pure and exact: fractions in, a verdict with its evidence out.

`gather` picks what a rule looks at into plain JSON, `judge` decides by that alone, so a stored decision replays.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from fractions import Fraction
from typing import Any

from slos.budgets.engine.windows import days_of, first_day
from slos.policy.rules import Rule, Verdict, When

DAY = timedelta(days=1)
HOLDS_DAYS = 7  # so long days without data keep a streak of days
BLIND_WEEKS = 2  # so many weeks the portal was blind in are passed over
ENOUGH_EVENTS = 20  # below that a window has no data
ENOUGH_COVERAGE = Fraction(9, 10)
LONGEST_WINDOW = 92
NONE_THAT_DAY = "none on this day"

Inputs = dict[str, Any]
Series = Mapping[date, "Reading"]


@dataclass(frozen=True, slots=True)
class Reading:
    """A stretch from `first` on: events, or seconds where the method counts time; lengths in seconds.

    `blind`: the portal itself was not looking. `excluded`: maintenance.
    """

    first: date
    valid: int = 0
    bad: int = 0
    blind: int = 0
    excluded: int = 0
    seconds: int = 0

    def __add__(self, other: "Reading") -> "Reading":
        return Reading(
            min(self.first, other.first),
            self.valid + other.valid,
            self.bad + other.bad,
            self.blind + other.blind,
            self.excluded + other.excluded,
            self.seconds + other.seconds,
        )

    @property
    def has_data(self) -> bool:
        """Something was to be counted, and the portal looked at 90% of it."""
        return self.valid > 0 and self.is_covered

    @property
    def is_covered(self) -> bool:
        open_seconds = self.seconds - self.excluded
        return open_seconds <= 0 or Fraction(self.blind, open_seconds) <= 1 - ENOUGH_COVERAGE

    def burn(self, budget: Fraction) -> Fraction:
        return Fraction(self.bad, self.valid) / budget


@dataclass(frozen=True, slots=True)
class Terms:
    """What the engine has to know of an SLO. `counts_time`: bad and valid are seconds of the window."""

    target: str
    counts_time: bool
    window_days: int = 28


@dataclass(frozen=True, slots=True)
class Outcome:
    """A verdict and what it rests on. `held`: there was no data, so what stood before stands on."""

    verdict: Verdict
    evidence: dict[str, Any]
    held: bool = False


def budget_of(target: str) -> Fraction:
    """The share that may be bad: 1/200 for `99.5`."""
    return 1 - Fraction(target) / 100


def spell(number: Fraction) -> str:
    """A fraction for readers, to four places; never used to decide."""
    return f"{float(round(number, 4)):.4f}".rstrip("0").rstrip(".")


def look_back(rule: Rule) -> int:
    """How many days before the judged one a rule may have to see."""
    if rule.when is When.BURN_DAYS:
        return rule.days * (1 + HOLDS_DAYS)
    if rule.when is When.POOLED_BURN:
        return rule.days
    if rule.when is When.HEALTHY_WEEKS:
        return 7 * (rule.weeks + BLIND_WEEKS)
    return {"month": 31, "quarter": 92, "year": 366}[rule.unit]


def is_due(rule: Rule, terms: Terms, day: date) -> bool:
    """Whether a rule speaks of this SLO on this day: weeks end on Sunday, downtime is counted in time alone."""
    if rule.when is When.HEALTHY_WEEKS:
        return day.isoweekday() == 7
    return terms.counts_time or rule.when is not When.DOWNTIME_BUDGET


# --- What a rule looks at ---


def gather(rule: Rule, terms: Terms, series: Series, day: date, before: str, *, length: int = 0) -> Inputs:
    """Everything the verdict of `day` depends on, as plain JSON. `length`: seconds of the unit of a downtime budget."""
    picked = _PICK[rule.when](rule, series, day)
    return {
        "day": day.isoformat(),
        "target": terms.target,
        "counts_time": terms.counts_time,
        "before": before,
        "window_valid": _window_valid(terms, series, day),
        "readings": [_row(reading) for reading in picked],
        **({"unit_from": first_day(rule.unit, day).isoformat(), "unit_seconds": length} if length else {}),
    }


def gather_end(rule: Rule, terms: Terms, series: Series, day: date, began: date, *, length: int = 0) -> Inputs:
    """The same for the end of a freeze that began by the data of the day `began`."""
    if rule.when is When.DOWNTIME_BUDGET:
        inputs = gather(rule, terms, series, day, Verdict.FREEZE, length=length)
        return {**inputs, "began": began.isoformat()}
    span = rule.exit_days * (1 + HOLDS_DAYS)
    days = [series.get(each, Reading(each)) for each in _days(max(began + DAY, day - span * DAY), day)]
    return {
        "day": day.isoformat(),
        "target": terms.target,
        "counts_time": terms.counts_time,
        "began": began.isoformat(),
        "readings": [_row(reading) for reading in days],
    }


def _pick_days(rule: Rule, series: Series, day: date) -> list[Reading]:
    """The days of the streak and the gaps in it, newest last; without the days before anything was measured."""
    days = [series.get(each, Reading(each)) for each in _days(day - (look_back(rule) - 1) * DAY, day)]
    return _without_prehistory(days, series)


def _pick_span(rule: Rule, series: Series, day: date) -> list[Reading]:
    first = day - (rule.days - 1) * DAY
    # Days before anything was measured are blind: a week of which one day is known says nothing yet.
    return [series.get(each, Reading(each, blind=86_400, seconds=86_400)) for each in _days(first, day)]


def _pick_weeks(rule: Rule, series: Series, day: date) -> list[Reading]:
    weeks = [
        [series.get(each, Reading(each, blind=86_400, seconds=86_400)) for each in _days(monday, monday + 6 * DAY)]
        for monday in (day - (7 * back + 6) * DAY for back in reversed(range(rule.weeks + BLIND_WEEKS)))
    ]
    known = {week[0].first for week in weeks if any(each.first in series for each in week)}
    return [_sum(week) for week in weeks if week[0].first in known]


def _pick_unit(rule: Rule, series: Series, day: date) -> list[Reading]:
    """One stretch: the unit up to the judged day, from the first day that was measured."""
    days = [series[each] for each in _days(first_day(rule.unit, day), day) if each in series]
    return [_sum(days)] if days else []


_PICK: Mapping[When, Callable[[Rule, Series, date], list[Reading]]] = {
    When.BURN_DAYS: _pick_days,
    When.POOLED_BURN: _pick_span,
    When.HEALTHY_WEEKS: _pick_weeks,
    When.DOWNTIME_BUDGET: _pick_unit,
}


def _window_valid(terms: Terms, series: Series, day: date) -> int | None:
    """Valid events in the length of the SLO's window; None where time is counted."""
    if terms.counts_time:
        return None
    first = day - (min(terms.window_days, LONGEST_WINDOW) - 1) * DAY
    return sum(series[each].valid for each in _days(first, day) if each in series)


def _without_prehistory(days: list[Reading], series: Series) -> list[Reading]:
    known = [number for number, reading in enumerate(days) if reading.first in series]
    return days[known[0] :] if known else []


# --- What it says ---


def judge(rule: Rule, inputs: Inputs) -> Outcome:
    """The verdict of a rule by gathered inputs, and by nothing else."""
    if _is_too_little(inputs):
        return _held(inputs, {"data": "too few events", "events": inputs["window_valid"], "needed": ENOUGH_EVENTS})
    return _JUDGE[rule.when](rule, inputs, _readings(inputs), budget_of(inputs["target"]))


def judge_end(rule: Rule, inputs: Inputs) -> Outcome:
    """Whether a freeze is over: FREEZE_ENDED, or FREEZE while it goes on."""
    budget, readings = budget_of(inputs["target"]), _readings(inputs)
    if rule.when is When.DOWNTIME_BUDGET:
        return _refilled(rule, inputs, readings, budget)
    streak, gaps = _streak(readings, lambda reading: reading.burn(budget) < rule.exit_below, rule.exit_days)
    evidence = {"below": spell(rule.exit_below), "days": rule.exit_days, **_shown(streak, gaps, budget)}
    is_over = len(streak) >= rule.exit_days
    return Outcome(Verdict.FREEZE_ENDED if is_over else Verdict.FREEZE, evidence)


def _judge_days(rule: Rule, inputs: Inputs, readings: list[Reading], budget: Fraction) -> Outcome:
    streak, gaps = _streak(readings, lambda reading: reading.burn(budget) > rule.above, rule.days)
    evidence = {"above": spell(rule.above), "days": rule.days, **_shown(streak, gaps, budget)}
    if not readings or not readings[-1].has_data:
        return _held(inputs, {"data": NONE_THAT_DAY, **evidence}, still=len(streak) >= rule.days)
    return Outcome(rule.verdict if len(streak) >= rule.days else Verdict.NONE, evidence)


def _judge_span(rule: Rule, inputs: Inputs, readings: list[Reading], budget: Fraction) -> Outcome:
    pooled = _sum(readings)
    evidence = {"above": spell(rule.above), "days": rule.days, "bad": pooled.bad, "valid": pooled.valid}
    if not pooled.has_data:
        return _held(inputs, {"data": "too little was measured", **evidence})
    burn = pooled.burn(budget)
    return Outcome(rule.verdict if burn > rule.above else Verdict.NONE, {**evidence, "burn": spell(burn)})


def _judge_weeks(rule: Rule, inputs: Inputs, readings: list[Reading], budget: Fraction) -> Outcome:
    """A week without events breaks the streak; one in which the portal was blind is passed over."""
    if not readings or not readings[-1].is_covered:
        return _held(inputs, {"data": "the portal was not looking this week"})
    healthy: list[Reading] = []
    for reading in reversed(readings):
        if not reading.is_covered:
            continue
        if len(healthy) == rule.weeks or not reading.valid or reading.burn(budget) >= rule.below:
            break
        healthy.append(reading)
    evidence = {"below": spell(rule.below), "weeks": rule.weeks, **_shown(healthy, [], budget)}
    if len(healthy) < rule.weeks:
        newest = readings[-1]
        evidence["newest"] = spell(newest.burn(budget)) if newest.valid else None
    return Outcome(rule.verdict if len(healthy) == rule.weeks else Verdict.NONE, evidence)


def _judge_unit(rule: Rule, inputs: Inputs, readings: list[Reading], budget: Fraction) -> Outcome:
    if not readings:
        return _held(inputs, {"data": "nothing was measured yet"})
    allowed, used = _allowance(inputs, readings[0], budget)
    evidence = _minutes(allowed, used, inputs)
    if not readings[0].is_covered:
        return _held(inputs, {"data": "too little was measured", **evidence})
    is_exhausted = used > 0 and used >= allowed
    return Outcome(rule.verdict if is_exhausted else Verdict.NONE, evidence)


_JUDGE: Mapping[When, Callable[[Rule, Inputs, list[Reading], Fraction], Outcome]] = {
    When.BURN_DAYS: _judge_days,
    When.POOLED_BURN: _judge_span,
    When.HEALTHY_WEEKS: _judge_weeks,
    When.DOWNTIME_BUDGET: _judge_unit,
}


def _refilled(rule: Rule, inputs: Inputs, readings: list[Reading], budget: Fraction) -> Outcome:
    """An exhausted budget frees again with a tenth remaining, or with a new unit."""
    if date.fromisoformat(inputs["began"]) < date.fromisoformat(inputs["unit_from"]):
        return Outcome(Verdict.FREEZE_ENDED, {"new_unit": inputs["unit_from"]})
    if not readings:
        return Outcome(Verdict.FREEZE, {"data": "nothing was measured"})
    allowed, used = _allowance(inputs, readings[0], budget)
    remaining = 1 - used / allowed if allowed else Fraction(0)
    evidence = {**_minutes(allowed, used, inputs), "remaining": spell(remaining), "needed": spell(rule.exit_remaining)}
    return Outcome(Verdict.FREEZE_ENDED if remaining >= rule.exit_remaining else Verdict.FREEZE, evidence)


def _allowance(inputs: Inputs, reading: Reading, budget: Fraction) -> tuple[Fraction, Fraction]:
    """Seconds allowed in the whole unit, maintenance taken off, and seconds used so far."""
    return budget * max(inputs["unit_seconds"] - reading.excluded, 0), Fraction(reading.bad)


def _minutes(allowed: Fraction, used: Fraction, inputs: Inputs) -> dict[str, Any]:
    return {
        "from": inputs["unit_from"],
        "allowed_minutes": spell(allowed / 60),
        "used_minutes": spell(used / 60),
    }


def _streak(
    readings: Sequence[Reading], holds: Callable[[Reading], bool], most: int
) -> tuple[list[Reading], list[date]]:
    """The newest days in a row for which `holds`, newest first; days without data between them are `gaps`."""
    streak: list[Reading] = []
    gaps: list[date] = []
    gap: list[date] = []
    for reading in reversed(readings):
        if len(streak) == most:
            break
        if not reading.has_data:
            gap.append(reading.first)
            if len(gap) > HOLDS_DAYS:
                break
        elif holds(reading):
            streak.append(reading)
            gaps += gap
            gap = []
        else:
            break
    return streak, gaps


def _held(inputs: Inputs, evidence: dict[str, Any], *, still: bool | None = None) -> Outcome:
    """What stood before stands on; `still` False lets it go, because a streak has been held for too long."""
    before = Verdict(inputs.get("before") or Verdict.NONE)
    return Outcome(Verdict.NONE if still is False else before, evidence, held=True)


def _is_too_little(inputs: Inputs) -> bool:
    found = inputs.get("window_valid")
    return found is not None and found < ENOUGH_EVENTS


def _shown(streak: Iterable[Reading], gaps: Iterable[date], budget: Fraction) -> dict[str, Any]:
    ordered = sorted(streak, key=lambda reading: reading.first)
    return {
        "streak": [
            {"from": each.first.isoformat(), "burn": spell(each.burn(budget)), "bad": each.bad, "valid": each.valid}
            for each in ordered
        ],
        "gaps": sorted(each.isoformat() for each in gaps),
    }


def _readings(inputs: Inputs) -> list[Reading]:
    return [Reading(date.fromisoformat(first), *numbers) for first, *numbers in inputs["readings"]]


def _row(reading: Reading) -> list[Any]:
    first = reading.first.isoformat()
    return [first, reading.valid, reading.bad, reading.blind, reading.excluded, reading.seconds]


def _sum(readings: Sequence[Reading]) -> Reading:
    total = readings[0]
    for reading in readings[1:]:
        total = total + reading
    return total


def _days(first: date, last: date) -> list[date]:
    """Every date from `first` to `last`, both included."""
    return list(days_of(first, last + DAY))
