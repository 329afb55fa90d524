"""Burn alerts of an SLO: the pairs of windows and the burn rate at which each fires. Pure arithmetic, exact decimals.

A burn rate of 1 spends the budget in exactly one window. A pair fires when both its windows burn at its rate or more.
After the SRE Workbook, chapter 5: 14.4, 6, 3 and 1 belong to 30 days and scale with the window.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from opsportal.web import words

MINUTE, HOUR, DAY = 60, 3_600, 86_400
PAGE, TICKET = "page", "ticket"
DAYS_OF_UNIT = {"week": 7, "month": 30, "quarter": 91, "year": 365}
# Below this many days the fractions of a week hold: those of a month would fire after a handful of minutes.
SHORT_WINDOW_DAYS = 14


@dataclass(frozen=True, slots=True)
class BurnAlert:
    """Fires when the burn rate is at least `burn` over `long_seconds` and over `short_seconds` too."""

    burn: Decimal
    long_seconds: int
    short_seconds: int
    severity: str

    @property
    def in_words(self) -> str:
        long, short = words.duration(self.long_seconds), words.duration(self.short_seconds)
        return f"burn {plain(self.burn)} over {long} and over {short}"


@dataclass(frozen=True, slots=True)
class Thresholds:
    """The alerts that can fire, and a sentence for each that was left out."""

    alerts: tuple[BurnAlert, ...]
    notices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Step:
    """A share of the budget that may go within the long window before somebody hears of it."""

    share: Decimal
    long_seconds: int
    short_seconds: int
    severity: str


MONTHLY = (
    _Step(Decimal("0.02"), HOUR, 5 * MINUTE, PAGE),
    _Step(Decimal("0.05"), 6 * HOUR, 30 * MINUTE, PAGE),
    _Step(Decimal("0.10"), DAY, 2 * HOUR, TICKET),
    _Step(Decimal("0.10"), 3 * DAY, 6 * HOUR, TICKET),
)
WEEKLY = (
    _Step(Decimal("0.10"), HOUR, 5 * MINUTE, PAGE),
    _Step(Decimal("0.20"), 6 * HOUR, 30 * MINUTE, PAGE),
    _Step(Decimal("0.40"), DAY, 2 * HOUR, TICKET),
)


def window_days_of(window_kind: str, window_days: int | None, window_unit: str) -> int:
    """The nominal length of a window in days: alerts do not follow the length of each month."""
    return (window_days or 1) if window_kind == "rolling" else DAYS_OF_UNIT[window_unit]


def cannot_fire(burn: Decimal, target: Decimal) -> bool:
    """A burn rate of 1/B is everything bad; at that rate and above nothing can ever fire."""
    return burn * (100 - target) >= 100


def generated(days: int, target: Decimal) -> Thresholds:
    """The alerts that follow from a window of so many days and a target in percent."""
    is_short = days < SHORT_WINDOW_DAYS
    alerts, notices = [], []
    for step in WEEKLY if is_short else MONTHLY:
        burn = (step.share * days * DAY / step.long_seconds).quantize(Decimal("0.0001")).normalize()
        alert = BurnAlert(burn, step.long_seconds, step.short_seconds, step.severity)
        if step.long_seconds >= days * DAY or (is_short and burn < 1):
            notices.append(f"Left out: {alert.in_words}. The window is too short for it.")
        elif cannot_fire(burn, target):
            limit = plain((100 / (100 - target)).quantize(Decimal("0.01")))
            notices.append(f"Left out: {alert.in_words}. With everything bad the burn rate is {limit}.")
        else:
            alerts.append(alert)
    return Thresholds(tuple(alerts), tuple(notices))


def typed(rows: Iterable[Mapping[str, Any]]) -> tuple[BurnAlert, ...]:
    """Alerts as somebody typed them; checked when they were saved."""
    return tuple(
        BurnAlert(Decimal(row["burn"]), row["long_seconds"], row["short_seconds"], row["severity"]) for row in rows
    )


def of(slo: Any) -> Thresholds:
    """The alerts of an SLO or a definition: typed ones, else those that follow from its window and target."""
    if slo.burn_alerts is not None:
        return Thresholds(typed(slo.burn_alerts))
    return generated(window_days_of(slo.window_kind, slo.window_days, slo.window_unit), slo.target)


def widths(slos: Sequence[Any]) -> list[int]:
    """Every length of window that the alerts of these SLOs look at, in seconds, shortest first."""
    return sorted({width for slo in slos for one in of(slo).alerts for width in (one.long_seconds, one.short_seconds)})


def plain(number: Decimal) -> str:
    """`99.5` for 99.500000: no trailing zeros, never an exponent."""
    text = f"{number:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
