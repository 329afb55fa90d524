"""Is this hour's count usual? A two-sided test on the same weekday and hour of the weeks before, beside the rule that
people read: more than x3, or less than a third.

Counts of a business scatter more than Poisson's, so a negative binomial is fitted: variance = mean + a * mean^2. With
few weeks `a` is drawn towards PRIOR, and what is not known of the mean itself widens the distribution. Simulated: false
alarms stay below the stated rate up to a scatter of 22% beyond chance, and within three times of it up to 32%.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

HOURS_PER_YEAR = 8_760
MIN_WEEKS = 3
PRIOR, PRIOR_WEIGHT = 0.1, 8  # 32% of scatter beyond chance, as if eight weeks had shown it
MIN_MEAN_OF_FACTOR = 5.0
CALM_AT = 0.05


@dataclass(frozen=True, slots=True)
class Volume:
    """`p`: how likely chance alone is so far off or farther. `direction` is more, less or empty."""

    count: int
    mean: float
    p: float
    direction: str
    fires: bool
    beyond_factor: bool

    @property
    def is_calm(self) -> bool:
        """Well within the usual: an alarm that goes on ends here and not at the edge."""
        return self.p >= CALM_AT

    @property
    def ratio(self) -> float | None:
        return self.count / self.mean if self.mean else None


def volume_of(
    count: int, weeks: Sequence[int], *, false_alarms_per_year: float, factor: float = 3.0, rule: str = "test"
) -> Volume | None:
    """`weeks`: the counts of the same hour in the weeks before. None with too few of them.

    `rule`: test; factor (x3 alone, where at least five are usual); both, which asks for the one and the other.
    """
    if len(weeks) < MIN_WEEKS:
        return None
    mean = sum(weeks) / len(weeks)
    p, direction = _two_sided(count, mean, _scatter(weeks, mean))
    unlikely = p < false_alarms_per_year / HOURS_PER_YEAR
    beyond = mean >= MIN_MEAN_OF_FACTOR and (count > factor * mean or count * factor < mean)
    fires = {"test": unlikely, "factor": beyond, "both": unlikely and beyond}[rule]
    return Volume(count, mean, p, direction if fires else "", fires, beyond)


def _scatter(weeks: Sequence[int], mean: float) -> float:
    """`a` of the predictive distribution."""
    if mean <= 0:
        return PRIOR
    free = len(weeks) - 1
    spread = sum((one - mean) ** 2 for one in weeks) / free
    own = max(0.0, (spread - mean) / mean**2)
    drawn = (PRIOR * PRIOR_WEIGHT + own * free) / (PRIOR_WEIGHT + free)
    variance = (mean + drawn * mean**2) * (1 + 1 / len(weeks))
    return (variance - mean) / mean**2


def _two_sided(count: int, mean: float, scatter: float) -> tuple[float, str]:
    if mean <= 0:
        # Nothing was ever seen in this hour: as if half an event had been.
        mean = 0.5
    upper, lower = _tail(count, mean, scatter, up=True), _tail(count, mean, scatter, up=False)
    return min(1.0, 2 * min(upper, lower)), "more" if upper < lower else "less"


def _tail(count: int, mean: float, scatter: float, *, up: bool) -> float:
    """P(X >= count) or P(X <= count) of the negative binomial. Summed outwards from `count`, where terms only shrink;
    from the other side of the mean it is 1 minus the other tail.
    """
    if up and count <= mean:
        return 1.0 - (_tail(count - 1, mean, scatter, up=False) if count > 0 else 0.0)
    if not up and count > mean:
        return 1.0 - _tail(count + 1, mean, scatter, up=True)
    size, term, k = 1 / scatter, _probability(count, mean, scatter), count
    share = mean / (mean + size)
    total = 0.0
    while term > total * 1e-12 and term > 0:
        total += term
        if up:
            term *= (k + size) / (k + 1) * share
            k += 1
        elif k == 0:
            break
        else:
            term *= k / ((k - 1 + size) * share)
            k -= 1
    return min(total, 1.0)


def _probability(k: int, mean: float, scatter: float) -> float:
    size = 1 / scatter
    logarithm = math.lgamma(k + size) - math.lgamma(size) - math.lgamma(k + 1)
    return math.exp(logarithm + size * math.log(size / (size + mean)) + k * math.log(mean / (size + mean)))
