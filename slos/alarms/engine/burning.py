"""Multiwindow, multi-burn-rate alerts after the SRE Workbook, chapter 5: long and short window, and enough bad events.

The short window makes an alert stop soon after its cause; the count keeps one failure at night from waking anybody.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction

from slos.objectives.thresholds import BurnAlert

MIN_BAD_EVENTS = 2
MIN_BAD_SECONDS = 120
MIN_COVERAGE = Fraction(9, 10)


class Standing(StrEnum):
    """Held: the portal itself saw too little of the window, so nothing is begun and nothing ended."""

    FIRING = "firing"
    CALM = "calm"
    HELD = "held"


@dataclass(frozen=True, slots=True)
class Look:
    """What one window shows. `rate` None: nothing was valid. `bad` in events, or in seconds where time counts."""

    rate: Fraction | None
    bad: int
    coverage: Fraction = Fraction(1)

    @classmethod
    def of(cls, rate: Fraction | None, bad: int, unmeasured: int, counted: int) -> "Look":
        """`unmeasured` of the `counted` seconds were not looked at; time that is left out counts as neither."""
        return cls(rate, bad, 1 - Fraction(unmeasured, counted) if counted > 0 else Fraction(1))

    @property
    def decimal(self) -> Decimal:
        return Decimal(round((self.rate or 0) * 10_000)).scaleb(-4)


def standing_of(
    alerts: Sequence[BurnAlert], looks: Mapping[int, Look], *, counts_time: bool, goes_on: bool
) -> tuple[Standing, BurnAlert | None]:
    """How these alerts stand together, and the fastest one that fires. `looks` by length of window in seconds.

    An alert begins when both its windows reach its rate. One that goes on ends when its long window falls below the
    rate, or its short one below 1: it does not come and go with every event. An empty short window says nothing.
    """
    least = MIN_BAD_SECONDS if counts_time else MIN_BAD_EVENTS
    firing = [one for one in alerts if _fires(one, looks, least, goes_on)]
    if firing:
        return Standing.FIRING, max(firing, key=lambda one: one.burn)
    blind = any(looks[one.long_seconds].coverage < MIN_COVERAGE for one in alerts)
    return (Standing.HELD if blind else Standing.CALM), None


def _fires(alert: BurnAlert, looks: Mapping[int, Look], least: int, goes_on: bool) -> bool:
    long, short = looks[alert.long_seconds], looks[alert.short_seconds]
    if long.coverage < MIN_COVERAGE or long.bad < least:
        return False
    if goes_on:
        return _reaches(long, Fraction(alert.burn)) and (short.rate is None or _reaches(short, Fraction(1)))
    return _reaches(long, Fraction(alert.burn)) and _reaches(short, Fraction(alert.burn))


def _reaches(look: Look, rate: Fraction) -> bool:
    return look.rate is not None and look.rate >= rate
