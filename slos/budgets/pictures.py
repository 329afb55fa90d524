"""Drawings of budgets for the pages of objectives, policy and reports: numbers in, charts out."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import tzinfo
from decimal import Decimal

from opsportal.web import charts
from slos.budgets.engine import Budget, Cause, Day, Point
from slos.budgets.engine.budgets import AT_RISK

AT_RISK_LABEL = "at risk"
MOST_CAUSES = 8


def burndown_chart(points: Sequence[Point], budget: Budget, zone: tzinfo) -> charts.Chart:
    """What remained of the budget over its window, with the lines below which it is at risk and exhausted."""
    drawn = [charts.Point(one.at, None if one.remaining is None else float(one.remaining)) for one in points]
    line = charts.Series("Remaining", drawn)
    # The whole window is on the axis, so that what is still to come can be seen.
    rest = charts.Series("", [charts.Point(budget.window.start, None), charts.Point(budget.window.end, None)])
    series = [line, rest] if any(one.y is not None for one in drawn) else []
    return _with_one_name(
        charts.line(
            "Error budget",
            series,
            low=0,
            high=1,
            limits=[(float(AT_RISK), AT_RISK_LABEL), (0, "exhausted")],
            text=percent,
            zone=zone,
            description=budget.sentence,
        )
    )


def burn_strip(days: Sequence[Day], link: str = "") -> charts.Chart:
    """The burn rate of each day as a status: below 1 is within the budget, above 2 counts for a freeze."""
    cells = [charts.Cell(f"{one.date:%Y-%m-%d}: {_burn(one.burn)}", _tone(one.burn), link) for one in days]
    return charts.strip("Burn rate by day", cells)


def burn_chart(days: Sequence[Day]) -> charts.Chart:
    """The burn rate of each day beside what the policy minds."""
    bars = [charts.Bar(f"{one.date:%b %d}", float(one.burn or 0), _tone(one.burn)) for one in days]
    return charts.bars("Burn rate by day", bars, text=_times)


def causes_chart(causes: Sequence[Cause], kind: str = "error", *, in_minutes: bool = False) -> charts.Chart:
    """What the spend went to, the largest first; what is beyond the eighth is one bar."""
    mine = [one for one in causes if one.kind == kind]
    scale = 60 if in_minutes else 1
    bars = [charts.Bar(one.value or "not said", one.bad / scale) for one in mine[:MOST_CAUSES]]
    rest = sum(one.bad for one in mine[MOST_CAUSES:])
    if rest:
        bars.append(charts.Bar("others", rest / scale))
    title = f"Budget by {kind}, {'minutes' if in_minutes else 'failures'}"
    return charts.bars(title, bars) if bars else charts.Chart("bars", title, "Nothing was spent.", [], [])


def percent(share: float) -> str:
    return f"{100 * share:.0f}%"


def _times(rate: float) -> str:
    return f"{rate:.1f}x"


def _burn(rate: Decimal | None) -> str:
    return "no data" if rate is None else f"{rate:.1f}x"


def _tone(rate: Decimal | None) -> str:
    if rate is None:
        return ""
    if rate > 2:
        return "bad"
    return "warn" if rate > 1 else "good"


def _with_one_name(chart: charts.Chart) -> charts.Chart:
    """Without the helper line that only widens the axis."""
    return replace(
        chart,
        legend=[],
        lines=chart.lines[:1],
        header=chart.header[:2],
        rows=[row[:2] for row in chart.rows if row[1]],
    )
