"""Histograms of durations in logarithmic bins, true to 1%: bins add up, so do their histograms (as in DDSketch,
Masson, Rim and Lee 2019). Keys are the numbers of bins as text, as JSON keeps them.
"""

import math
from collections.abc import Mapping
from functools import lru_cache

ERROR = 0.01
GAMMA = (1 + ERROR) / (1 - ERROR)
LOG = math.log(GAMMA)


@lru_cache(maxsize=65_536)
def bin_of(milliseconds: int) -> str:
    """The bin of a duration; below a millisecond there is one bin."""
    return str(math.ceil(math.log(milliseconds) / LOG)) if milliseconds > 0 else "-1"


def value_of(number: str) -> float:
    """The duration that stands for a bin: within 1% of everything in it."""
    return 0.0 if number == "-1" else 2 * GAMMA ** int(number) / (GAMMA + 1)


def percentile(histogram: Mapping[str, int], share: float) -> int | None:
    """The duration in milliseconds of the rank `share` (nearest rank); None where there is none."""
    total = sum(histogram.values())
    if not total:
        return None
    rank, seen, last = max(1, math.ceil(share * total)), 0, "-1"
    for last in sorted(histogram, key=int):
        seen += histogram[last]
        if seen >= rank:
            break
    return round(value_of(last))


def within(histogram: Mapping[str, int], milliseconds: int) -> int:
    """How many took at most so long; those of the threshold's own bin count as within, so it is true to 1%."""
    limit = int(bin_of(milliseconds))
    return sum(count for number, count in histogram.items() if int(number) <= limit)
