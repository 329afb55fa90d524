"""Did a release make things worse? Runs since it went out against those of the week before, exactly and as people would
say it: three failures at least, more than one in a hundred, and three times the share of before.

Standard library only; no database, no clock.
"""

from dataclasses import dataclass
from fractions import Fraction

MIN_FAILURES = 3
MIN_SHARE = Fraction(1, 100)
FACTOR = 3


@dataclass(frozen=True, slots=True)
class Outcome:
    """Runs that ended, and how many of them failed. Cancelled ones count on neither side."""

    runs: int
    failed: int

    @property
    def share(self) -> Fraction:
        """Where nothing ran, nothing failed."""
        return Fraction(self.failed, self.runs) if self.runs else Fraction()


def is_worse(since: Outcome, before: Outcome) -> bool:
    """At least 3 failures, a share of them above 1%, and at least 3 times the share before."""
    return since.failed >= MIN_FAILURES and since.share > MIN_SHARE and since.share >= FACTOR * before.share


def sentence(name: str, version: str, since: Outcome, before: Outcome) -> str:
    """`Lead router: 4 of 20 runs have failed since v43 went out, 1 of 900 in the week before.`"""
    usual = f"{before.failed:,} of {before.runs:,} in the week before" if before.runs else "none ran in the week before"
    return f"{name}: {since.failed:,} of {since.runs:,} runs have failed since {version} went out, {usual}."
