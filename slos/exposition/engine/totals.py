"""Running totals: counters that only grow, whatever becomes of the rows they were added up from. No database here.

A figure is named by a word or by "word|label": "failed", "error|RateLimit", "le|60000".
"""

from collections.abc import Iterable, Mapping
from itertools import accumulate
from typing import Any

from slos.budgets.engine import Budget, RunCounts, Tally
from slos.budgets.engine.histogram import value_of

Figures = dict[str, int]
# Upper edges of the exported histogram in milliseconds: a second to four hours. Few, for each is a series.
EDGES = (1_000, 5_000, 15_000, 60_000, 300_000, 900_000, 3_600_000, 14_400_000)
MAX_CLASSES = 10
OTHER = "error|other"
MICROS = 1_000_000


def run_figures(counts: RunCounts, known: Iterable[str]) -> Figures:
    """What runs came to. Error classes keep their own figure once they have one (`known`), up to ten of them."""
    figures: Figures = {
        "succeeded": counts.succeeded,
        "failed": counts.failed,
        "cancelled": counts.cancelled,
        "attempts": counts.attempts,
        "retries": counts.retries,
        "compensated": counts.compensated,
        "interventions": counts.interventions,
        "items": counts.items_out,
        "empty": counts.empty,
        "payload_bytes": counts.payload_bytes,
        "cost": int(counts.cost * MICROS),
    }
    return figures | _durations(counts.durations) | _errors(counts.errors, set(known))


def slo_figures(tally: Tally) -> Figures:
    return {"valid": tally.valid, "bad": tally.bad}


def slo_gauges(budget: Budget) -> dict[str, Any]:
    """An SLO's budget as numbers to be written out; what is not known is absent."""
    gauges: dict[str, Any] = {"state": budget.state.value}
    if budget.sli is not None:
        gauges["sli"] = float(budget.sli)
    if budget.remaining is not None:
        gauges["remaining"] = float(budget.remaining)
    burn = {window: float(one.rate) for window, one in budget.burn.items() if one.rate is not None}
    return gauges | ({"burn": burn} if burn else {})


def grown(totals: Mapping[str, int], before: Mapping[str, int], now: Mapping[str, int]) -> Figures:
    """The totals with what has been added to a day since it was looked at. What was taken back takes nothing off."""
    figures = dict(totals)
    for name, value in now.items():
        figures[name] = figures.get(name, 0) + max(0, value - before.get(name, 0))
    return figures


def cumulative(figures: Mapping[str, int]) -> tuple[list[int], int, int]:
    """The buckets of a Prometheus histogram (each holds the ones below), all runs, and the sum in milliseconds."""
    own = [figures.get(f"le|{edge}", 0) for edge in EDGES]
    return list(accumulate(own)), sum(own) + figures.get("le|more", 0), figures.get("milliseconds", 0)


def labelled(figures: Mapping[str, int], word: str) -> dict[str, int]:
    """The figures of one word by their labels."""
    return {name.partition("|")[2]: value for name, value in figures.items() if name.startswith(f"{word}|")}


def _durations(histogram: Mapping[str, int]) -> Figures:
    """Bins of 1% fall whole into one bucket each, so that a bucket never shrinks; the sum is true to 1%."""
    figures: Figures = {}
    milliseconds = 0.0
    for number, count in histogram.items():
        value = value_of(number)
        name = next((f"le|{edge}" for edge in EDGES if value <= edge), "le|more")
        figures[name] = figures.get(name, 0) + count
        milliseconds += value * count
    return figures | ({"milliseconds": round(milliseconds)} if figures else {})


def _errors(errors: Mapping[str, int], known: set[str]) -> Figures:
    named = {name for name in known if name.startswith("error|")} - {OTHER}
    figures: Figures = {}
    for error_type, count in sorted(errors.items(), key=lambda one: (-one[1], one[0])):
        name = f"error|{error_type or 'unknown'}"
        if name not in named and len(named) >= MAX_CLASSES:
            name = OTHER
        elif name != OTHER:
            named.add(name)
        figures[name] = figures.get(name, 0) + count
    return figures
