"""Heartbeats as pure computing: when the next ping is due, what is known at an instant, what a ping changes.

Intervals are half open: at `due` a heartbeat is late, at `due + grace` it is down. Instants are aware and in UTC.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import islice
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError
from oncalendar import OnCalendar, OnCalendarError

from slos.states import HeartbeatKind, HeartbeatStatus

DEFAULT_TIMEOUT, DEFAULT_GRACE = 86_400, 3_600
MIN_SECONDS, MAX_SECONDS = 60, 31_536_000
# A start that is older tells nothing about how long a run took (as healthchecks has it).
LONGEST_DURATION = timedelta(hours=72)
MISSED_LIMIT = 1_000
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)

SUCCESS, START, FAIL, LOG, IGNORED = "success", "start", "fail", "log", "ign"


@dataclass(frozen=True, slots=True)
class Rhythm:
    """When pings are expected: every `timeout_seconds`, or at the instants of `schedule` in `zone`."""

    kind: str = HeartbeatKind.SIMPLE
    timeout_seconds: int = DEFAULT_TIMEOUT
    schedule: str = ""
    zone: str = "UTC"


@dataclass(frozen=True, slots=True)
class Terms:
    """What is expected of a heartbeat. None: not asked for."""

    rhythm: Rhythm
    grace_seconds: int = DEFAULT_GRACE
    max_runtime_seconds: int | None = None
    start_deadline_seconds: int | None = None
    min_items: int | None = None
    max_pings_per_hour: int | None = None
    manual_resume: bool = False


@dataclass(frozen=True, slots=True)
class Pace:
    """How many pings the minute and the hour in hand have seen, and since when they were too many."""

    minute_at: datetime | None = None
    minute_count: int = 0
    hour_at: datetime | None = None
    hour_count: int = 0
    runaway_since: datetime | None = None


@dataclass(frozen=True, slots=True)
class Standing:
    """What is known before a ping. `run_started_at`: of the run with the ping's id; `others_until`: the latest deadline
    of the other runs, None without any.
    """

    status: str = HeartbeatStatus.NEW
    last_ping_at: datetime | None = None
    last_start_at: datetime | None = None
    last_duration_ms: int | None = None
    due_at: datetime | None = None
    down_at: datetime | None = None
    unknown_since: datetime | None = None
    pace: Pace = Pace()
    run_started_at: datetime | None = None
    others_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Signal:
    """A ping as it came. `rid` None: without one; `rid_is_bad`: it had one that is none."""

    at: datetime
    action: str = SUCCESS
    rid: UUID | None = None
    rid_is_bad: bool = False
    items: int | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """A change of what is known: `since` is when it began by the clock, `at` when it was noticed."""

    at: datetime
    since: datetime
    before: str
    after: str
    reason: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a ping leaves behind. `run_until` opens a run; `closes` is "", "one" or "all"."""

    kind: str
    standing: Standing
    duration_ms: int | None = None
    run_until: datetime | None = None
    closes: str = ""
    change: Change | None = None


# --- schedules ---


def guess_kind(schedule: str) -> HeartbeatKind:
    """One line of five fields is cron, anything else OnCalendar (as healthchecks tells them apart)."""
    is_cron = "\n" not in schedule.strip() and len(schedule.split()) == 5
    return HeartbeatKind.CRON if is_cron else HeartbeatKind.ONCALENDAR


def check_schedule(kind: str, schedule: str) -> None:
    """Raises ValueError for a schedule that cannot be read or has no instant ahead."""
    try:
        next(_iterate(kind, schedule, datetime(2000, 1, 1, tzinfo=UTC)))
    except (CronSimError, OnCalendarError, StopIteration, ValueError, IndexError, OverflowError) as error:
        raise ValueError(str(error) or "It never comes.") from None


def next_due(rhythm: Rhythm, after: datetime) -> datetime | None:
    """The first expected instant strictly after `after`; None when a schedule has come to its end."""
    if rhythm.kind == HeartbeatKind.SIMPLE:
        return after + timedelta(seconds=rhythm.timeout_seconds)
    return next(_instants(rhythm, after), None)


def next_times(rhythm: Rhythm, after: datetime, n: int = 5) -> list[datetime]:
    """The next `n` expected instants after `after`, each counted from the one before it."""
    if rhythm.kind == HeartbeatKind.SIMPLE:
        return [after + timedelta(seconds=rhythm.timeout_seconds) * count for count in range(1, n + 1)]
    return list(islice(_instants(rhythm, after), n))


def count_missed(rhythm: Rhythm, due: datetime, until: datetime) -> int:
    """How many expected instants lie in [due, until): the first that was missed and those after it."""
    if until <= due:
        return 0
    if rhythm.kind == HeartbeatKind.SIMPLE:
        return -((due - until) // timedelta(seconds=rhythm.timeout_seconds))
    missed = 1
    for at in _instants(rhythm, due):
        if at >= until or missed >= MISSED_LIMIT:
            break
        missed += 1
    return missed


def _instants(rhythm: Rhythm, after: datetime) -> Iterator[datetime]:
    """Strictly increasing instants after `after`. In the hour that occurs twice both libraries answer with its first
    pass, which may lie before `after`: such an instant has passed and is left out.
    """
    last = after
    for local in _iterate(rhythm.kind, rhythm.schedule, after.astimezone(zone_of(rhythm.zone))):
        at = local.astimezone(UTC)
        if at > last:
            last = at
            yield at


def _iterate(kind: str, schedule: str, start: datetime) -> Iterator[datetime]:
    found: Iterator[datetime] = (
        CronSim(schedule, start) if kind == HeartbeatKind.CRON else iter(OnCalendar(schedule, start))
    )
    return found


@lru_cache(maxsize=512)
def zone_of(name: str) -> ZoneInfo:
    return ZoneInfo(name)


# --- what is known ---


def status_at(
    status: str, due_at: datetime | None, down_at: datetime | None, run_until: datetime | None, now: datetime
) -> HeartbeatStatus:
    """What is known at `now`, whether or not a sweep has looked. `run_until`: the earliest deadline of the runs that
    have started.
    """
    known = HeartbeatStatus(status)
    if known == HeartbeatStatus.DOWN:
        return known
    if run_until is not None and now >= run_until:
        return HeartbeatStatus.DOWN
    if known == HeartbeatStatus.PAUSED:
        return known
    if down_at is not None and now >= down_at:
        return HeartbeatStatus.DOWN
    if known == HeartbeatStatus.UP and due_at is not None and now >= due_at:
        return HeartbeatStatus.LATE
    return known


def silence_until(terms: Terms, due: datetime | None, running_until: datetime | None) -> datetime | None:
    """When silence becomes an outage. Without a run: due + grace, or earlier where the start has a deadline of its own;
    while one is running within its max runtime it is not silent.
    """
    if due is None:
        return None
    grace, start = terms.grace_seconds, terms.start_deadline_seconds
    if running_until is not None:
        usual = due + timedelta(seconds=grace)
        return usual if terms.max_runtime_seconds is None else max(usual, running_until)
    if start is None:
        return due + timedelta(seconds=grace)
    return due + timedelta(seconds=start if terms.max_runtime_seconds is not None else min(start, grace))


def expectation(
    terms: Terms, anchor: datetime, running_until: datetime | None
) -> tuple[datetime | None, datetime | None]:
    """(due, down) after a sign of life at `anchor`."""
    due = next_due(terms.rhythm, anchor)
    return due, silence_until(terms, due, running_until)


# --- what a ping changes ---


def decide(terms: Terms, before: Standing, signal: Signal) -> Outcome:
    """What a ping leaves behind. Pure: the same standing and signal give the same outcome."""
    before = replace(before, pace=count_pace(before.pace, signal.at, terms.max_pings_per_hour))
    action = signal.action
    if before.status == HeartbeatStatus.PAUSED and terms.manual_resume:
        action = IGNORED
    if action == START and not signal.rid_is_bad:
        return _start(terms, before, signal)
    if action in (SUCCESS, FAIL):
        return _end(terms, before, signal, action)
    return Outcome(action, before)


def _start(terms: Terms, before: Standing, signal: Signal) -> Outcome:
    """Each run id has a deadline of its own: max runtime, else the grace time."""
    limit = terms.grace_seconds if terms.max_runtime_seconds is None else terms.max_runtime_seconds
    run_until = signal.at + timedelta(seconds=limit)
    after = replace(before, last_start_at=later(before.last_start_at, signal.at))
    if before.down_at is not None:
        running_until = later(before.others_until, run_until)
        after = replace(after, down_at=silence_until(terms, before.due_at, running_until))
    return Outcome(START, after, run_until=run_until)


def _end(terms: Terms, before: Standing, signal: Signal, action: str) -> Outcome:
    duration = _duration_ms(before.run_started_at, signal.at)
    closes = "" if signal.rid_is_bad else "one" if signal.rid else "all"
    if before.last_ping_at is not None and signal.at < before.last_ping_at:
        return Outcome(action, before, duration, closes=closes)  # overtaken by a newer one, which stands
    others = None if closes == "all" else before.others_until
    # A ping that does not say how much was produced is not judged by it.
    told = action == SUCCESS and terms.min_items is not None and signal.items is not None
    empty = told and (signal.items or 0) < (terms.min_items or 0)
    status = HeartbeatStatus.DOWN if action == FAIL or empty else HeartbeatStatus.UP
    due, down = expectation(terms, signal.at, others) if status == HeartbeatStatus.UP else (None, None)
    after = replace(
        before,
        status=status,
        last_ping_at=signal.at,
        last_duration_ms=duration,
        due_at=due,
        down_at=down,
        unknown_since=None,
    )
    reason = "empty" if empty else "fail" if action == FAIL else "ping"
    change = None if status == before.status else Change(signal.at, signal.at, before.status, status, reason)
    return Outcome(action, after, duration, closes=closes, change=change)


def _duration_ms(started_at: datetime | None, at: datetime) -> int | None:
    if started_at is None or not timedelta(0) <= at - started_at < LONGEST_DURATION:
        return None
    return (at - started_at) // timedelta(milliseconds=1)


def count_pace(pace: Pace, at: datetime, most_per_hour: int | None) -> Pace:
    """The counters with this ping. A window begins with the first ping after the one before it has ended."""
    minute_at, minute_count = _counted(pace.minute_at, pace.minute_count, MINUTE, at)
    hour_at, hour_count = _counted(pace.hour_at, pace.hour_count, HOUR, at)
    runaway_since = pace.runaway_since
    if runaway_since is None and most_per_hour is not None and hour_count > most_per_hour:
        runaway_since = at
    return Pace(minute_at, minute_count, hour_at, hour_count, runaway_since)


def _counted(began_at: datetime | None, count: int, window: timedelta, at: datetime) -> tuple[datetime, int]:
    if began_at is None or at >= began_at + window:
        return at, 1
    return began_at, count + 1


def retry_after(pace: Pace, at: datetime, most_per_minute: int) -> int:
    """Whole seconds until the minute in hand ends, when it has seen more than it may; else 0."""
    if most_per_minute <= 0 or pace.minute_count <= most_per_minute or pace.minute_at is None:
        return 0
    return max(1, -((at - pace.minute_at - MINUTE) // timedelta(seconds=1)))


def later(first: datetime | None, second: datetime | None) -> datetime | None:
    """The later of two instants; None is no instant."""
    if first is None or second is None:
        return first or second
    return max(first, second)


# --- keywords in a body ---


def read_action(options: dict[str, Any], action: str, method: str, body: bytes) -> str:
    """What a ping means by the options of its heartbeat: only POST counts; words in the body decide."""
    if options.get("methods") == "POST" and method != "POST":
        return IGNORED
    if not options.get("filter_http_body"):
        return action
    text = body.decode("utf-8", "replace")
    for field, meaning in (("failure_kw", FAIL), ("success_kw", SUCCESS), ("start_kw", START)):
        if has_keyword(text, str(options.get(field) or "")):
            return meaning
    return FAIL if options.get("filter_default_fail") else IGNORED


def has_keyword(text: str, keywords: str) -> bool:
    """Whether one of the comma-separated words stands in the text."""
    return any(word.strip() in text for word in keywords.split(",") if word.strip())
