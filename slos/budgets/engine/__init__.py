"""Error budgets as pure arithmetic: windows, tallies, intervals, violations, the judgement. No database here."""

from slos.budgets.engine.budgets import BURN_WINDOWS, Budget, Burn, Case, Composed, compose, judge
from slos.budgets.engine.intervals import Span, cut, merge, seconds, without
from slos.budgets.engine.tallies import Cause, Day, Point, RunCounts, Tally
from slos.budgets.engine.windows import Window, days_of, window_before, window_of

__all__ = [
    "BURN_WINDOWS",
    "Budget",
    "Burn",
    "Case",
    "Cause",
    "Composed",
    "Day",
    "Point",
    "RunCounts",
    "Span",
    "Tally",
    "Window",
    "compose",
    "cut",
    "days_of",
    "judge",
    "merge",
    "seconds",
    "window_before",
    "window_of",
    "without",
]
