"""The arithmetic of an SLO, each line with its formula, its inputs and its result: on the page, in the API, in the
sheet. Every figure is the budget's own.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from fractions import Fraction

from slos.budgets import queries as budgets
from slos.budgets.engine import Budget
from slos.models import Slo
from slos.objectives.thresholds import plain
from slos.states import SliKind

BURNS = ("1h", "6h", "1d", "3d")
NOTHING = "no data"
MINUS = "\N{MINUS SIGN}"


@dataclass(frozen=True, slots=True)
class Line:
    """`formula` in words; `inputs` are its names with their values as text, `result` as text and `value` as a number to
    go on computing with (shares from 0 to 1, minutes, events).
    """

    label: str
    formula: str
    inputs: tuple[tuple[str, str], ...]
    result: str
    value: Decimal | None = None

    @property
    def with_values(self) -> str:
        return "; ".join(f"{name} = {value}" for name, value in self.inputs)


def formula(slo: Slo, at: datetime) -> list[Line]:
    """The arithmetic as of an instant."""
    return list(lines(slo, budgets.budget(slo, at)))


def lines(slo: Slo, budget: Budget) -> Iterator[Line]:
    """The same from a budget that is at hand."""
    share = _percent(1 - Fraction(budget.target) / 100)
    if slo.kind == SliKind.COMPOSITE:
        yield Line(
            "SLI", "sum of weight × SLI of the parts / sum of weights", _weights(slo), _ratio(budget.sli), budget.sli
        )
    else:
        good = (("good", _whole(budget.good, budget)), ("valid", _whole(budget.valid, budget)))
        yield Line("SLI", "good / valid", good, _ratio(budget.sli), budget.sli)
    yield Line(
        "Error budget", "B = 1 − target", (("target", f"{plain(budget.target)}%"),), share, 1 - budget.target / 100
    )
    yield _allowed(slo, budget, share)
    yield _consumed(slo, budget)
    consumed = (("consumed", _ratio(budget.consumed)),)
    yield Line("Remaining", "1 − consumed", consumed, _ratio(budget.remaining), budget.remaining)
    yield from _burns(slo, budget, share)


def sheet(slos: Sequence[Slo], found: Mapping[int, Budget]) -> Iterator[list[object]]:
    """Rows for a spreadsheet, one a line: SLO, automation, what, formula, inputs, result, value."""
    for slo in slos:
        automation = slo.automation.slug if slo.automation else ""
        for line in lines(slo, found[slo.pk]):
            # Never a hyphen in front: a spreadsheet would take it for a formula.
            yield [slo.slug, automation, line.label, line.formula, line.with_values, line.result, line.value]


def _allowed(slo: Slo, budget: Budget, share: str) -> Line:
    bad = 1 - Fraction(budget.target) / 100
    if slo.kind == SliKind.COMPOSITE or budget.counts_time:
        counted = Fraction(budget.total_minutes) / bad
        excluded = budget.window.minutes - counted
        inputs = (
            ("B", share),
            ("window", f"{budget.window.minutes:,} min"),
            ("left out", f"{_number(excluded)} min"),
        )
        minutes = f"{_number(Fraction(budget.total_minutes))} min"
        return Line("Allowed", "B × (window − left out)", inputs, minutes, budget.total_minutes)
    events = Fraction(budget.allowed) / bad
    text = "B × valid" if slo.window_kind == "rolling" else "B × the larger of valid so far and usually valid"
    counted_as = (("B", share), ("events", _number(events)))
    return Line("Allowed", text, counted_as, f"{plain(budget.allowed)} events", budget.allowed)


def _consumed(slo: Slo, budget: Budget) -> Line:
    if slo.kind == SliKind.COMPOSITE:
        text = "sum of weight × consumed of the parts / sum of weights"
        return Line("Consumed", text, _weights(slo), _ratio(budget.consumed), budget.consumed)
    allowed = f"{plain(budget.allowed)} {'min' if budget.counts_time else 'events'}"
    inputs = (("bad", _whole(budget.bad, budget)), ("allowed", allowed))
    return Line("Consumed", "bad / allowed", inputs, _ratio(budget.consumed), budget.consumed)


def _burns(slo: Slo, budget: Budget, share: str) -> Iterator[Line]:
    for name in BURNS:
        burn = budget.burn.get(name)
        if burn is None:
            continue
        inputs = (("bad", _whole(burn.bad, budget)), ("valid", _whole(burn.valid, budget)), ("B", share))
        result = NOTHING if burn.rate is None else plain(burn.rate)
        if slo.kind == SliKind.COMPOSITE:
            yield Line(f"Burn rate, {name}", "weighted mean of its parts'", _weights(slo), result, burn.rate)
        else:
            yield Line(f"Burn rate, {name}", "(bad / valid) / B", inputs, result, burn.rate)


def _weights(slo: Slo) -> tuple[tuple[str, str], ...]:
    return tuple((one.part.slug, plain(one.weight)) for one in slo.parts.all())


def _whole(count: int, budget: Budget) -> str:
    """Events as they are; seconds as minutes."""
    return f"{_number(Fraction(count, 60))} min" if budget.counts_time else f"{count:,}"


def _number(value: Fraction) -> str:
    rounded = Decimal(round(value * 10_000)).scaleb(-4)
    return plain(Decimal(f"{rounded:f}")) if abs(rounded) < 1_000 else f"{rounded:,.4f}".rstrip("0").rstrip(".")


def _percent(share: Fraction) -> str:
    return f"{plain(Decimal(round(share * 10**8)).scaleb(-6))}%"


def _ratio(value: Decimal | None) -> str:
    return NOTHING if value is None else f"{plain(value * 100)}%".replace("-", MINUS)
