"""Slow drift of errors: a cumulative sum (CUSUM, Page 1954) of the evidence that the error ratio has risen by a factor.

Each step adds the log likelihood ratio of its errors under the raised ratio against the usual one; below zero it starts
anew. Crossing ln(steps a year / false alarms a year) bounds how often chance alone does it (Lorden 1971). Evidence is
divided by how much more than chance the errors scattered before.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

MIN_EVENTS = 200
MIN_STEPS = 14


@dataclass(frozen=True, slots=True)
class Step:
    """A day: valid events and how many of them were bad."""

    valid: int
    bad: int


@dataclass(frozen=True, slots=True)
class Drift:
    """`usual` and `present` are error ratios; `since` the step at which the evidence last began to grow."""

    usual: float
    present: float
    evidence: float
    limit: float
    since: int | None

    @property
    def fires(self) -> bool:
        return self.evidence >= self.limit

    @property
    def is_calm(self) -> bool:
        return self.evidence <= self.limit / 2


def drift_of(
    before: Sequence[Step],
    steps: Sequence[Step],
    *,
    factor: float = 2.0,
    false_alarms_per_year: float = 2.0,
    steps_per_year: float = 365.0,
) -> Drift | None:
    """Whether errors in `steps` have drifted up against `before`. None with too little to compare with."""
    lived = [one for one in before if one.valid > 0]
    events = sum(one.valid for one in lived)
    if len(lived) < MIN_STEPS or events < MIN_EVENTS:
        return None
    usual = (sum(one.bad for one in lived) + 0.5) / (events + 1)
    raised = min(usual * factor, (1 + usual) / 2)
    scatter = _scatter(lived, usual)
    evidence, since = 0.0, None
    for number, one in enumerate(steps):
        evidence = max(0.0, evidence + _evidence(one, usual, raised) / scatter)
        since = None if evidence == 0 else number if since is None else since
    drifted = steps[since:] if since is not None else steps
    valid = sum(one.valid for one in drifted)
    present = sum(one.bad for one in drifted) / valid if valid else usual
    return Drift(usual, present, evidence, math.log(max(steps_per_year / false_alarms_per_year, 2.0)), since)


def _evidence(step: Step, usual: float, raised: float) -> float:
    good = step.valid - step.bad
    return step.bad * math.log(raised / usual) + good * math.log((1 - raised) / (1 - usual))


def _scatter(steps: Sequence[Step], usual: float) -> float:
    """Pearson's chi-square over its degrees of freedom, at least 1."""
    terms = [(one.bad - one.valid * usual) ** 2 / (one.valid * usual * (1 - usual)) for one in steps]
    return max(1.0, sum(terms) / (len(terms) - 1))
