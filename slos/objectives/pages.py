"""How objectives look on pages: verdict words and tones, figures, the burn-down picture, causes as bars."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from decimal import ROUND_HALF_UP, Decimal
from itertools import groupby
from zoneinfo import ZoneInfo

from handoffs.pages import Figure
from opsportal.web import charts
from opsportal.web import words as web
from slos.budgets.engine import Budget, Cause, Point
from slos.models import Slo
from slos.objectives import words
from slos.objectives.thresholds import plain
from slos.states import BudgetState, SliKind, SloState

AT_RISK = 0.25
MOST_CAUSES = 8
VERDICTS = {
    BudgetState.OK: ("within budget", "good"),
    BudgetState.AT_RISK: ("at risk", "warn"),
    BudgetState.EXHAUSTED: ("used up", "bad"),
    BudgetState.NO_DATA: ("no data", "calm"),
}
STATE_TONES = {SloState.DRAFT: "calm", SloState.ACTIVE: "good", SloState.RETIRED: "calm"}
EXCLUSION_TONES = {"waiting": "warn", "planned": "calm", "running": "warn", "over": "calm", "withdrawn": "calm"}
CAUSE_WORDS = {"error": "By error class", "version": "By version", "incident": "By incident", "rule": "By rule"}


@dataclass(frozen=True, slots=True)
class CauseRow:
    value: str
    amount: str
    percent: str
    width: float


@dataclass(frozen=True, slots=True)
class CauseTable:
    """What was spent, split one way; `total` is the spend itself."""

    title: str
    rows: Sequence[CauseRow]
    total: str


def verdict(budget: Budget) -> tuple[str, str]:
    """The word and its tone."""
    return VERDICTS[budget.state]


def amount(count: int, counts_time: bool) -> str:
    """Events as they are, seconds as minutes."""
    return f"{_short(Decimal(count) / 60)} min" if counts_time else f"{count:,}"


def percent(share: Decimal | None) -> str:
    """`75.2%`, or a dash where nothing is known."""
    return "–" if share is None else f"{_short(share * 100)}%".replace("-", "−")


def left(budget: Budget) -> str:
    """What remains, where there is a verdict."""
    return percent(budget.remaining) if budget.is_judged else "–"


def left_in_words(budget: Budget) -> str:
    """`75.2% left`, `overspent by 103%`."""
    if not budget.is_judged or budget.remaining is None:
        return "– left"
    if budget.remaining < 0:
        return f"overspent by {percent(-budget.remaining)}"
    return f"{percent(budget.remaining)} left"


def bar(budget: Budget) -> float:
    """The width of the bar of what remains: never below nothing, never above all."""
    return float(min(max(budget.remaining or Decimal(0), Decimal(0)), Decimal(1)) * 100)


def rate(budget: Budget, name: str) -> str:
    """A burn rate as shown in a table."""
    burn = budget.burn.get(name)
    return "–" if burn is None or burn.rate is None else _short(burn.rate, 2)


def figures(slo: Slo, budget: Budget) -> list[Figure]:
    """Four numbers: what is left, what was used, how fast, what it is measured by."""
    unit = "min" if budget.counts_time else "bad events"
    used = budget.used_minutes if budget.counts_time else Decimal(budget.bad)
    allowed = budget.total_minutes if budget.counts_time else budget.allowed
    tone = {BudgetState.EXHAUSTED: "bad", BudgetState.AT_RISK: "warn"}.get(budget.state, "")
    spent = "–" if used is None else _short(used)
    fast = budget.burn.get("1d")
    speed = "bad" if fast and fast.rate is not None and fast.rate > 1 else ""
    lasts = f"used up {web.utc(budget.exhausts_at)}" if budget.exhausts_at else "1 spends it in one window"
    measured = "" if slo.kind == SliKind.COMPOSITE else f"{amount(budget.valid, budget.counts_time)} valid"
    return [
        Figure("Budget left", left(budget), "", tone),
        Figure("Used", spent, f"of {_short(allowed)} {unit}"),
        Figure("Burn, last day", rate(budget, "1d"), lasts, speed),
        Figure("SLI", percent(budget.sli), f"target {plain(slo.target)}%{', ' + measured if measured else ''}"),
    ]


def picture(points: Iterable[Point], zone: tzinfo, of: str = "") -> charts.Chart:
    """The burn-down with the lines where it is at risk and used up; `of` names it among others."""
    drawn = [charts.Point(one.at, None if one.remaining is None else float(one.remaining) * 100) for one in points]
    is_far_below = min((one.y for one in drawn if one.y is not None), default=0.0) < -150
    limits = [(0.0, "used up")] if is_far_below else [(AT_RISK * 100, "at risk"), (0.0, "used up")]
    return charts.line(
        f"{of}: error budget left" if of else "Error budget left in this window",
        [charts.Series("Left", drawn)],
        low=0,
        high=100,
        limits=limits,
        text=lambda value: f"{value:.4g}%".replace("-", "−"),
        zone=zone,
    )


def cause_tables(causes: Sequence[Cause], budget: Budget) -> list[CauseTable]:
    """One table a kind; each sums to what was bad. Small causes are drawn together."""
    tables = []
    for kind, of_kind in groupby(causes, key=lambda one: one.kind):
        found = list(of_kind)
        shown, rest = found[:MOST_CAUSES], found[MOST_CAUSES:]
        rows = [_cause(one.value or "not named", one.bad, one.share, budget) for one in shown]
        if rest:
            share = sum((one.share for one in rest), Decimal(0))
            rows.append(_cause(f"{len(rest)} others", sum(one.bad for one in rest), share, budget))
        total = amount(sum(one.bad for one in found), budget.counts_time)
        tables.append(CauseTable(CAUSE_WORDS.get(kind, f"By {kind}"), rows, total))
    return tables


def what_if_sentences(
    slo: Slo, told: Sequence[Budget], *, target: Decimal | None = None, threshold_ms: int | None = None
) -> list[str]:
    """What other terms would have given on the same history: this window, then those before."""
    terms = [f"{plain(target)}%"] if target is not None else []
    terms += [words.duration(threshold_ms)] if threshold_ms is not None else []
    now, *before = told
    rows = [f"{_days(slo, one)}: {VERDICTS[one.state][0]}, {_outcome(one)}." for one in before]
    if now.remaining is None or not now.is_judged:
        return [
            f"With {' and '.join(terms)} there would be no verdict either: {now.reason or 'nothing was valid'}.",
            *rows,
        ]
    return [f"With {' and '.join(terms)} this window would be {VERDICTS[now.state][0]}: {_outcome(now)}.", *rows]


def _days(slo: Slo, told: Budget) -> str:
    """The first and the last day of a window, in the SLO's zone."""
    zone, moment = ZoneInfo(slo.timezone), timedelta(microseconds=1)
    first, last = told.window.start.astimezone(zone), (told.window.end - moment).astimezone(zone)
    return f"{first:%-d %b} to {last:%-d %b %Y}"


def _outcome(told: Budget) -> str:
    remaining = told.remaining or Decimal(0)
    return f"overspent by {percent(-remaining)}" if remaining < 0 else f"{percent(remaining)} of the budget left"


def as_of(at: datetime, budget: Budget) -> str:
    """How far what is shown was looked at."""
    return f"Counted up to {web.utc(budget.watermark)}."


def _cause(value: str, bad: int, share: Decimal, budget: Budget) -> CauseRow:
    return CauseRow(value, amount(bad, budget.counts_time), percent(share), float(share * 100))


def _short(value: Decimal, places: int = 1) -> str:
    """One place, where it tells something; more for what would round to nothing. Halves go up, as in sentences."""
    rounded = _rounded(value, places) or _rounded(value, places + 3)
    text = f"{rounded:,.{places + 3 if abs(rounded) < Decimal('0.05') and rounded else places}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _rounded(value: Decimal, places: int) -> Decimal:
    return value.quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP)
