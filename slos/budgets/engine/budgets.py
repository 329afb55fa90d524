"""The judgement: from a tally and a target to a budget with its state. Everything is compared as exact fractions;
only what is shown is rounded.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache

from slos.budgets.engine.sentences import sentence_of
from slos.budgets.engine.tallies import Tally
from slos.budgets.engine.windows import Window
from slos.states import BudgetState

BURN_WINDOWS: Mapping[str, timedelta] = {
    "5m": timedelta(minutes=5),
    "30m": timedelta(minutes=30),
    "1h": timedelta(hours=1),
    "2h": timedelta(hours=2),
    "6h": timedelta(hours=6),
    "1d": timedelta(days=1),
    "3d": timedelta(days=3),
    "7d": timedelta(days=7),
}
FORECAST = "1d"  # the burn rate that the forecast goes by
MIN_VALID = 20  # below so many valid events nothing is said
MIN_COVERAGE = Fraction(9, 10)
AT_RISK = Fraction(1, 4)
PLACES = Decimal("0.000001")


@dataclass(frozen=True, slots=True)
class Burn:
    """How many times faster than allowed the budget was spent; `rate` None where nothing was valid.

    `share` is the budget's: B = 1 - target. A composite's rate is `given`: the mean of its parts'.
    """

    valid: int
    bad: int
    share: Fraction | None = None
    given: Fraction | None = None

    @property
    def exact(self) -> Fraction | None:
        if self.share is None or self.valid <= 0:
            return self.given
        return Fraction(self.bad * self.share.denominator, self.valid * self.share.numerator)

    @property
    def rate(self) -> Decimal | None:
        exact = self.exact
        return None if exact is None else rounded(exact)


@dataclass(frozen=True, slots=True)
class Case:
    """What is judged. `target` in percent. `tally` is what happened in the window up to `watermark`.

    `excluded_seconds` are those of the whole window, its future too. `usual` is the median of the valid events of the
    last four windows (calendar windows of events). `coverage` is the share of the time so far in which the portal
    looked. `hindrance` is why nothing can be said at present.
    """

    target: Decimal
    method: str
    window: Window
    at: datetime
    watermark: datetime
    tally: Tally
    counts_time: bool
    is_rolling: bool
    excluded_seconds: int = 0
    usual: Fraction | None = None
    coverage: Fraction = Fraction(1)
    burn: Mapping[str, Burn] = field(default_factory=dict)
    hindrance: str = ""


@dataclass(frozen=True, slots=True)
class Budget:
    """The shape of API.md. `allowed` is in events, or minutes where time is counted; `total_minutes` and the like are
    the budget as time, whatever is counted. `consumed` and `remaining` are shares of it (1 = all), never clamped.

    It keeps exact fractions and rounds what is asked for: a page ranks hundreds and shows a few.
    """

    case: Case
    state: BudgetState
    exact_sli: Fraction | None
    exact_coverage: Fraction
    exact_allowed: Fraction
    exact_consumed: Fraction | None
    exact_minutes: Fraction
    burn: Mapping[str, Burn]
    reason: str = ""
    forecasts: bool = True

    @property
    def at(self) -> datetime:
        return self.case.at

    @property
    def watermark(self) -> datetime:
        return self.case.watermark

    @property
    def window(self) -> Window:
        return self.case.window

    @property
    def target(self) -> Decimal:
        return self.case.target

    @property
    def method(self) -> str:
        return self.case.method

    @property
    def counts_time(self) -> bool:
        return self.case.counts_time

    @property
    def valid(self) -> int:
        return self.case.tally.valid

    @property
    def good(self) -> int:
        return self.case.tally.good

    @property
    def bad(self) -> int:
        return self.case.tally.bad

    @property
    def sli(self) -> Decimal | None:
        return _rounded(self.exact_sli)

    @property
    def coverage(self) -> Decimal:
        return rounded(self.exact_coverage)

    @property
    def allowed(self) -> Decimal:
        return rounded(self.exact_allowed)

    @property
    def consumed(self) -> Decimal | None:
        return _rounded(self.exact_consumed)

    @property
    def remaining(self) -> Decimal | None:
        return None if self.exact_consumed is None else rounded(1 - self.exact_consumed)

    @property
    def total_minutes(self) -> Decimal:
        return rounded(self.exact_minutes)

    @property
    def used_minutes(self) -> Decimal | None:
        return None if self.exact_consumed is None else rounded(self.exact_consumed * self.exact_minutes)

    @property
    def remaining_minutes(self) -> Decimal | None:
        return None if self.exact_consumed is None else rounded((1 - self.exact_consumed) * self.exact_minutes)

    @property
    def exhausts_at(self) -> datetime | None:
        return exhausts_at(self.case, self.exact_consumed) if self.forecasts and not self.reason else None

    @property
    def sentence(self) -> str:
        return sentence_of(self)

    @property
    def minutes(self) -> int:
        return self.window.minutes

    @property
    def is_judged(self) -> bool:
        """Whether rules may act on it."""
        return self.state is not BudgetState.NO_DATA


@dataclass(frozen=True, slots=True)
class Composed:
    """A part of a composite with its weight."""

    weight: Fraction
    budget: Budget


@lru_cache(maxsize=256)
def budget_share(target: Decimal) -> Fraction:
    """B = 1 - target, of a target in percent."""
    return 1 - Fraction(target) / 100


def burn_of(target: Decimal, tally: Tally) -> Burn:
    """(bad / valid) / B over pooled counts."""
    return Burn(tally.valid, tally.bad, budget_share(target))


def judge(case: Case) -> Budget:
    """The budget of a window as of an instant."""
    share, tally = budget_share(case.target), case.tally
    total_seconds = share * max(0, case.window.seconds - case.excluded_seconds)
    allowed = total_seconds if case.counts_time else share * _events(case)
    consumed = Fraction(tally.bad) / allowed if allowed > 0 else None
    reason = _why_no_data(case, allowed)
    return Budget(
        case=case,
        state=state_of(consumed, reason),
        exact_sli=Fraction(tally.good, tally.valid) if tally.valid > 0 else None,
        exact_coverage=case.coverage,
        exact_allowed=allowed / 60 if case.counts_time else allowed,
        exact_consumed=consumed,
        exact_minutes=total_seconds / 60,
        burn=case.burn,
        reason=reason,
    )


def compose(parts: Sequence[Composed], case: Case) -> Budget:
    """A composite: its SLI, spend and burn are the weighted means of its parts' (weights are brought to a sum of 1).

    Parts without data are left out; where none has any there is none. Time that does not count is the parts' own.
    """
    known = [one for one in parts if one.budget.exact_consumed is not None and one.budget.is_judged]
    weight = sum((one.weight for one in known), Fraction())
    consumed = _mean(known, weight, [one.budget.exact_consumed for one in known])
    sli = _mean(known, weight, [one.budget.exact_sli for one in known])
    reason = "" if known else "none of its parts has data"
    total_minutes = budget_share(case.target) * case.window.seconds / 60
    return Budget(
        case=case,
        state=state_of(consumed, reason),
        exact_sli=sli,
        exact_coverage=min((one.budget.exact_coverage for one in parts), default=Fraction(1)),
        exact_allowed=total_minutes,
        exact_consumed=consumed,
        exact_minutes=total_minutes,
        burn={name: _mean_burn(known, weight, name) for name in BURN_WINDOWS},
        reason=reason,
        forecasts=False,
    )


def state_of(consumed: Fraction | None, reason: str = "") -> BudgetState:
    """Exhausted as soon as nothing remains, at risk below a quarter."""
    if reason or consumed is None:
        return BudgetState.NO_DATA
    if consumed >= 1:
        return BudgetState.EXHAUSTED
    return BudgetState.AT_RISK if 1 - consumed < AT_RISK else BudgetState.OK


def exhausts_at(case: Case, consumed: Fraction | None) -> datetime | None:
    """When nothing will remain if it is spent on as in the last day; None if not within one window's length, or it is
    over already. What a rolling window forgets meanwhile is left out of account.
    """
    burn = case.burn.get(FORECAST)
    if consumed is None or consumed >= 1 or burn is None or not burn.exact:
        return None
    length = float((1 - consumed) / burn.exact * case.window.seconds)
    if length > case.window.seconds:
        return None
    at = case.watermark + timedelta(seconds=round(length))
    return at if case.is_rolling or at < case.window.end else None


def median(values: Sequence[int]) -> Fraction | None:
    """The middle one, or the mean of the middle two; exact."""
    ordered = sorted(values)
    if not ordered:
        return None
    return Fraction(ordered[(len(ordered) - 1) // 2] + ordered[len(ordered) // 2], 2)


def rounded(value: Fraction) -> Decimal:
    """To six places, halves to even, without trailing noughts."""
    whole, rest = divmod(value.numerator * 1_000_000, value.denominator)
    twice = 2 * rest - value.denominator
    if twice > 0 or (twice == 0 and whole % 2):
        whole += 1
    return Decimal(whole).scaleb(-6).normalize()


def plain(value: Decimal) -> str:
    """The digits as people write them: 50.4, never 5.04E+1."""
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _events(case: Case) -> Fraction:
    valid = Fraction(case.tally.valid)
    return valid if case.is_rolling or case.usual is None else max(valid, case.usual)


def _why_no_data(case: Case, allowed: Fraction) -> str:
    if case.hindrance:
        return case.hindrance
    if case.coverage < MIN_COVERAGE:
        return f"the portal itself was not looking for {rounded((1 - case.coverage) * 100):.0f}% of the time"
    if allowed <= 0:
        return "nothing was valid"
    if case.counts_time:
        return "" if case.tally.valid > 0 else "nothing has been measured yet"
    if case.tally.valid < MIN_VALID:
        return f"{case.tally.valid} of {MIN_VALID} events needed for a verdict"
    return ""


def _rounded(value: Fraction | None) -> Decimal | None:
    return None if value is None else rounded(value)


def _mean(known: Sequence[Composed], weight: Fraction, values: Sequence[Fraction | None]) -> Fraction | None:
    if not known:
        return None
    return sum((one.weight * (value or 0) for one, value in zip(known, values, strict=True)), Fraction()) / weight


def _mean_burn(known: Sequence[Composed], weight: Fraction, name: str) -> Burn:
    burns = [one.budget.burn.get(name, Burn(0, 0)) for one in known]
    if not known or all(one.exact is None for one in burns):
        return Burn(0, 0)
    exact = _mean(known, weight, [one.exact for one in burns])
    return Burn(sum(one.valid for one in burns), sum(one.bad for one in burns), given=exact)
