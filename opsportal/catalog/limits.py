"""The limits and thresholds of an automation: which keys `Automation.limits` may hold, and what each means.

slos compares runs, queues and outputs against them; a key that is not set is not watched.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from opsportal.errors import InvalidInput

MOST = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Limit:
    """`ratio`: a decimal string above 0 and at most 1; otherwise a whole number of at least `least`."""

    key: str
    label: str
    meaning: str
    ratio: bool = False
    least: int = 1
    is_cap: bool = False  # a cap of the tool, used up by runs


LIMITS = {
    limit.key: limit
    for limit in (
        Limit("runs_per_hour", "Runs an hour", "What the tool allows an hour; more is a runaway loop.", is_cap=True),
        Limit("runs_per_day", "Runs a day", "What the tool allows a day.", is_cap=True),
        Limit("runs_per_month", "Runs a month", "What the plan includes a calendar month.", is_cap=True),
        Limit("max_runtime_seconds", "Longest run in seconds", "A run that takes longer is stuck."),
        Limit("retry_ratio", "Share of runs retried", "Above this share of retries it is a retry storm.", ratio=True),
        Limit("min_items", "Fewest items", "A run that puts out fewer came out empty.", least=0),
        Limit("queue_depth", "Waiting items", "More items waiting than this raise an alert."),
        Limit("queue_age_seconds", "Oldest waiting item in seconds", "An item that waits longer raises an alert."),
    )
}
CAPS = tuple(key for key, limit in LIMITS.items() if limit.is_cap)


def check_limits(values: Any) -> dict[str, int | str]:
    """The limits as they are kept: whole numbers, and a ratio as a decimal string. Raises InvalidInput at `limits`."""
    if not isinstance(values, Mapping):
        raise InvalidInput("invalid", "Limits are an object of key and number.", field="limits")
    unknown = [str(key)[:40] for key in values if key not in LIMITS]
    if unknown:
        raise InvalidInput(
            "unknown_limit", f"There is no limit {unknown[0]}; there are {', '.join(LIMITS)}.", field="limits"
        )
    return {key: _checked(LIMITS[key], values[key]) for key in LIMITS if values.get(key) not in (None, "")}


def _checked(limit: Limit, value: Any) -> int | str:
    if limit.ratio:
        return _ratio(limit, value)
    if isinstance(value, bool) or not isinstance(value, int) or not limit.least <= value <= MOST:
        raise InvalidInput("invalid", f"{limit.label}: a whole number from {limit.least}.", field="limits")
    return value


def _ratio(limit: Limit, value: Any) -> str:
    try:
        number = Decimal(str(value)) if not isinstance(value, bool) and len(str(value)) <= 20 else Decimal(-1)
    except InvalidOperation:
        number = Decimal(-1)
    if not number.is_finite() or not 0 < number <= 1:
        raise InvalidInput("invalid", f"{limit.label}: a number above 0 and at most 1.", field="limits")
    return format(number.normalize(), "f")
