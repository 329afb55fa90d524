"""When runs need a look, as figures in and a sentence out: stuck, runaway, retried, empty, queued, near a limit, dear.

Thresholds are the automation's own (`limits` of the catalogue) or follow from how it usually is. No database.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from opsportal.web import words

DEFAULT_RUNTIME = timedelta(hours=1)  # nothing is stuck before, unless its own limit says so
USUAL_RUNTIMES = 4  # times the 99th percentile
LOST_AFTER = timedelta(days=7)  # a run whose end nobody reported: no longer stuck, but lost
RATE_MINUTES, RATE_FLOOR, RATE_FACTOR = 10, 100, 10
RETRY_MINUTES, RETRY_RUNS, RETRY_FLOOR, RETRY_FACTOR = 30, 10, Decimal("0.5"), 4
EMPTY_IN_A_ROW = 3
NEARLY = Decimal("0.9")  # of a limit


@dataclass(frozen=True, slots=True)
class Finding:
    """What is wrong with an automation now. One fact of `kind` and `about` goes on at a time."""

    kind: str
    sentence: str
    since: datetime
    about: str = ""
    trace_id: str = ""
    data: Mapping[str, Any] | None = None


def allowed_runtime(limit: Any, p99: timedelta | None) -> timedelta:
    """How long a run may take: its own limit, else four times its 99th percentile, and an hour at least."""
    if isinstance(limit, int) and limit > 0:
        return timedelta(seconds=limit)
    return max(DEFAULT_RUNTIME, USUAL_RUNTIMES * p99) if p99 else DEFAULT_RUNTIME


def percentile(durations: Sequence[int], share: float) -> timedelta | None:
    """The nearest-rank percentile of durations in milliseconds; None of none."""
    if not durations:
        return None
    rank = max(0, -(-int(share * 100) * len(durations) // 100) - 1)
    return timedelta(milliseconds=sorted(durations)[rank])


def stuck(name: str, starts: Sequence[tuple[datetime, str]], allowed: timedelta, now: datetime) -> Finding | None:
    """`starts`: of each running run its start and trace id."""
    over = sorted(one for one in starts if one[0] + allowed < now)
    if not over:
        return None
    oldest, trace_id = over[0]
    runs = "A run" if len(over) == 1 else f"{len(over):,} runs"
    verb = "has" if len(over) == 1 else "have"
    age = words.duration((now - oldest).total_seconds())
    limit = words.duration(allowed.total_seconds())
    oldest_words = "for" if len(over) == 1 else "the oldest for"
    sentence = f"{runs} of {name} {verb} not ended, {oldest_words} {age}; {limit} are allowed."
    data = {"runs": len(over), "allowed_seconds": int(allowed.total_seconds())}
    return Finding("run_stuck", sentence, oldest + allowed, trace_id=trace_id, data=data)


def runaway(name: str, count: int, per_hour: Any, usual: Decimal, now: datetime) -> Finding | None:
    """`count` runs began within ten minutes; `usual`: how many do on average."""
    ceiling = max(Decimal(RATE_FLOOR), RATE_FACTOR * usual)
    if isinstance(per_hour, int) and per_hour > 0:
        ceiling = Decimal(per_hour) * RATE_MINUTES / 60
    if count <= ceiling:
        return None
    sentence = f"{name} began {count:,} runs within {RATE_MINUTES} minutes; beyond {int(ceiling):,} it is a loop."
    data = {"runs": count, "ceiling": str(ceiling)}
    return Finding("runaway_loop", sentence, now - timedelta(minutes=RATE_MINUTES), data=data)


def retry_storm(name: str, runs: int, retries: int, limit: Any, usual: Decimal | None, now: datetime) -> Finding | None:
    """`usual`: retries a run of the last week; None where it had none."""
    if runs < RETRY_RUNS:
        return None
    ratio = Decimal(retries) / runs
    allowed = Decimal(str(limit)) if limit else max(RETRY_FLOOR, RETRY_FACTOR * (usual or Decimal(0)))
    if ratio <= allowed:
        return None
    sentence = (
        f"{name} retried {retries:,} times in {runs:,} runs within {RETRY_MINUTES} minutes: "
        f"{ratio:.1f} a run, more than {allowed:.1f}."
    )
    data = {"runs": runs, "retries": retries, "allowed": str(allowed)}
    return Finding("retry_storm", sentence, now - timedelta(minutes=RETRY_MINUTES), data=data)


def empty_output(
    name: str, last: Sequence[tuple[datetime | None, int | None, str]], limit: Any, in_a_row: int = EMPTY_IN_A_ROW
) -> Finding | None:
    """`last`: end, items and trace id of the last runs that went well and said what they put out, newest first."""
    least = limit if isinstance(limit, int) else 1
    if least <= 0 or len(last) < in_a_row:
        return None
    newest = last[:in_a_row]
    if any(items is None or items >= least for _, items, _ in newest):
        return None
    since = newest[-1][0]
    fewer = "nothing" if least == 1 else f"fewer than {least:,} items"
    sentence = f"The last {in_a_row} runs of {name} ended well and put out {fewer}."
    if since is None:
        return None
    return Finding("empty_output", sentence, since, trace_id=newest[0][2], data={"min_items": least})


def queued(name: str, depth: int, age: int | None, limits: Mapping[str, Any], reported_at: datetime) -> Finding | None:
    """A queue deeper, or with an older item, than the automation's limits allow; without limits it is only shown."""
    deepest, oldest = limits.get("queue_depth"), limits.get("queue_age_seconds")
    data = {"depth": depth, "oldest_age_seconds": age}
    if isinstance(deepest, int) and depth > deepest:
        sentence = f"{depth:,} items wait before {name}; {deepest:,} are allowed."
    elif isinstance(oldest, int) and age is not None and age > oldest:
        sentence = f"An item waits before {name} for {words.duration(age)}; {words.duration(oldest)} are allowed."
    else:
        return None
    return Finding("queue_depth", sentence, reported_at, data=data)


def near_limit(name: str, key: str, used: int, limit: Any, since: datetime, now: datetime) -> Finding | None:
    """Nine tenths of what the tool allows in a period that began at `since` are used up."""
    if not isinstance(limit, int) or limit <= 0 or used < NEARLY * limit:
        return None
    period = key.removeprefix("runs_per_")
    sentence = f"{name} has used {used:,} of the {limit:,} runs that its tool allows a {period}."
    about = f"{key}:{since:%Y-%m-%d}"
    return Finding("run_limit", sentence, now, about=about, data={"limit": limit, "used": used, "key": key})


def dear(name: str, spent: Decimal, budget: Decimal | None, month: datetime, now: datetime) -> Finding | None:
    """The runs of a month cost nine tenths of what somebody set aside for it."""
    if not budget or spent < NEARLY * budget:
        return None
    sentence = f"The runs of {name} have cost {spent:,.2f} this month, of {budget:,.2f} set aside."
    return Finding("cost", sentence, now, about=f"{month:%Y-%m}", data={"spent": str(spent), "budget": str(budget)})
