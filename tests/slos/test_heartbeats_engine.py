"""The state machine of heartbeats, to the second; schedules over the hours that a year has twice or not at all."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slos.heartbeats import engine
from slos.heartbeats.engine import Rhythm, Signal, Standing, Terms
from slos.states import HeartbeatStatus

SECOND = timedelta(seconds=1)
AT = datetime(2026, 11, 3, 9, 0, tzinfo=UTC)
HOURLY = Terms(Rhythm(timeout_seconds=3600), grace_seconds=600)
BERLIN = "Europe/Berlin"
SCHEDULES = [
    ("cron", "30 2 * * *"),
    ("cron", "*/10 * * * *"),
    ("cron", "0 */3 * * *"),
    ("cron", "5 1-4 * * MON-FRI"),
    ("oncalendar", "02:30"),
    ("oncalendar", "*:0/10"),
    ("oncalendar", "Sun *-*-* 02:00:00"),
]
ZONES = [BERLIN, "America/New_York", "Australia/Lord_Howe", "America/Santiago", "Asia/Kolkata", "UTC"]
# Around transitions of these zones.
NEAR_TRANSITIONS = [
    datetime(2026, 3, 29, 1, tzinfo=UTC),
    datetime(2026, 10, 25, 1, tzinfo=UTC),
    datetime(2026, 3, 8, 7, tzinfo=UTC),
    datetime(2026, 11, 1, 6, tzinfo=UTC),
    datetime(2026, 4, 4, 15, tzinfo=UTC),
    datetime(2026, 10, 3, 15, tzinfo=UTC),
    datetime(2026, 9, 6, 4, tzinfo=UTC),
]

instants = st.builds(
    lambda base, seconds: base + timedelta(seconds=seconds),
    st.sampled_from(NEAR_TRANSITIONS),
    st.integers(-6 * 3600, 6 * 3600),
)
rhythms = st.builds(
    lambda schedule, zone: Rhythm(schedule[0], 0, schedule[1], zone), st.sampled_from(SCHEDULES), st.sampled_from(ZONES)
)


def up(at: datetime = AT, terms: Terms = HOURLY) -> Standing:
    return engine.decide(terms, Standing(), Signal(at)).standing


def status(standing: Standing, now: datetime, run_until: datetime | None = None) -> HeartbeatStatus:
    return engine.status_at(standing.status, standing.due_at, standing.down_at, run_until, now)


# --- boundaries ---


def test_it_is_late_at_due_and_down_at_due_plus_grace() -> None:
    standing, due, down = up(), AT + timedelta(hours=1), AT + timedelta(hours=1, minutes=10)

    assert status(standing, due - SECOND) == "up"
    assert status(standing, due) == "late"
    assert status(standing, down - SECOND) == "late"
    assert status(standing, down) == "down"


def test_a_run_is_down_at_its_deadline_and_not_before() -> None:
    outcome = engine.decide(HOURLY, up(), Signal(AT + timedelta(minutes=30), engine.START, uuid4()))
    until = outcome.run_until

    assert until == AT + timedelta(minutes=40)
    assert status(outcome.standing, until - SECOND, until) == "up"
    assert status(outcome.standing, until, until) == "down"


def test_what_is_new_or_paused_expects_nothing() -> None:
    for waiting in (HeartbeatStatus.NEW, HeartbeatStatus.PAUSED):
        assert status(Standing(status=waiting), AT + timedelta(days=999)) == waiting


def test_the_unknown_is_never_up_and_goes_down_when_its_time_is_over() -> None:
    standing = replace(up(), status=HeartbeatStatus.UNKNOWN)

    assert status(standing, AT) == "unknown"
    assert status(standing, AT + timedelta(minutes=69)) == "unknown"
    assert status(standing, AT + timedelta(minutes=70)) == "down"


# --- pings ---


def test_a_failure_is_down_at_once_and_a_success_up_again() -> None:
    failed = engine.decide(HOURLY, up(), Signal(AT + SECOND, engine.FAIL))
    assert (failed.standing.status, failed.standing.due_at, failed.standing.down_at) == ("down", None, None)
    assert failed.change is not None
    assert (failed.change.before, failed.change.after, failed.change.at) == ("up", "down", AT + SECOND)

    again = engine.decide(HOURLY, failed.standing, Signal(AT + 2 * SECOND))
    assert again.standing.status == "up"
    assert again.standing.due_at == AT + 2 * SECOND + timedelta(hours=1)


def test_a_second_failure_changes_nothing() -> None:
    failed = engine.decide(HOURLY, up(), Signal(AT + SECOND, engine.FAIL)).standing

    assert engine.decide(HOURLY, failed, Signal(AT + 2 * SECOND, engine.FAIL)).change is None


@pytest.mark.parametrize("action", [engine.LOG, engine.IGNORED])
def test_a_log_line_changes_nothing_but_the_count(action: str) -> None:
    before = up()

    after = engine.decide(HOURLY, before, Signal(AT + SECOND, action)).standing

    assert replace(after, pace=before.pace) == before


def test_a_ping_that_was_overtaken_moves_nothing_backwards() -> None:
    before = up()

    outcome = engine.decide(HOURLY, before, Signal(AT - SECOND, engine.FAIL))

    assert replace(outcome.standing, pace=before.pace) == before
    assert outcome.change is None


def test_a_late_ping_is_a_sign_of_life_like_any_other() -> None:
    missed = replace(up(), status=HeartbeatStatus.DOWN, down_at=None)

    outcome = engine.decide(HOURLY, missed, Signal(AT + timedelta(hours=5)))

    assert outcome.standing.status == "up"


def test_less_than_the_least_output_is_an_outage() -> None:
    terms = replace(HOURLY, min_items=5)

    for items, after in ((None, "up"), (4, "down"), (5, "up"), (0, "down")):
        assert engine.decide(terms, up(), Signal(AT + SECOND, items=items)).standing.status == after


def test_a_bad_run_id_keeps_the_sign_of_life_and_touches_no_run() -> None:
    running = replace(up(), run_started_at=AT, others_until=AT + timedelta(minutes=5))

    start = engine.decide(HOURLY, running, Signal(AT + SECOND, engine.START, rid_is_bad=True))
    end = engine.decide(HOURLY, running, Signal(AT + SECOND, rid_is_bad=True))

    assert start.run_until is None
    assert (end.closes, end.standing.last_ping_at) == ("", AT + SECOND)


def test_what_was_paused_resumes_with_a_ping_unless_it_is_resumed_by_hand() -> None:
    paused = Standing(status=HeartbeatStatus.PAUSED)

    assert engine.decide(HOURLY, paused, Signal(AT)).standing.status == "up"
    by_hand = engine.decide(replace(HOURLY, manual_resume=True), paused, Signal(AT))
    assert (by_hand.kind, by_hand.standing.status) == ("ign", "paused")


# --- start deadlines and long runs ---


def test_a_start_has_a_deadline_of_its_own() -> None:
    terms = replace(HOURLY, start_deadline_seconds=60)
    standing, due = up(terms=terms), AT + timedelta(hours=1)
    assert standing.down_at == due + timedelta(seconds=60)

    started = engine.decide(terms, standing, Signal(due + timedelta(seconds=59), engine.START)).standing

    assert started.down_at == due + timedelta(minutes=10)


def test_a_run_within_its_longest_time_is_not_silent() -> None:
    terms = replace(HOURLY, max_runtime_seconds=7200)
    due = AT + timedelta(hours=1)

    outcome = engine.decide(terms, up(terms=terms), Signal(due, engine.START, uuid4()))

    assert outcome.run_until == outcome.standing.down_at == due + timedelta(hours=2)


def test_one_run_may_end_while_another_goes_on() -> None:
    terms = replace(HOURLY, max_runtime_seconds=7200)
    other = AT + timedelta(hours=3)
    running = replace(up(terms=terms), run_started_at=AT, others_until=other)

    outcome = engine.decide(terms, running, Signal(AT + timedelta(minutes=1), rid=uuid4()))

    assert (outcome.closes, outcome.duration_ms) == ("one", 60_000)
    assert outcome.standing.down_at == other


# --- pace ---


def test_the_hour_with_too_many_pings_is_noticed_with_the_first_of_them() -> None:
    terms, standing = replace(HOURLY, max_pings_per_hour=3), Standing()
    for number in range(4):
        standing = engine.decide(terms, standing, Signal(AT + number * timedelta(minutes=19))).standing
    assert standing.pace.runaway_since == AT + timedelta(minutes=57)

    calm = Standing()
    for number in range(9):
        calm = engine.decide(terms, calm, Signal(AT + number * timedelta(minutes=20))).standing
    assert calm.pace.runaway_since is None


def test_a_minute_with_too_many_pings_says_how_long_to_wait() -> None:
    pace = engine.Pace(minute_at=AT, minute_count=6)

    assert engine.retry_after(pace, AT + timedelta(seconds=59.5), 5) == 1
    assert engine.retry_after(pace, AT, 5) == 60
    assert engine.retry_after(pace, AT, 6) == 0
    assert engine.retry_after(pace, AT, 0) == 0


# --- schedules ---


@settings(max_examples=60)
@given(rhythms, instants)
def test_the_next_instants_lie_ahead_and_rise(rhythm: Rhythm, at: datetime) -> None:
    times = engine.next_times(rhythm, at, 8)

    assert times == sorted(set(times))
    assert times[0] > at


@settings(max_examples=60)
@given(rhythms, instants, st.integers(1, 40_000))
def test_no_instant_is_jumped_over(rhythm: Rhythm, at: datetime, seconds: int) -> None:
    """Asked later, but before the next instant, the answer is the same: the hour that occurs twice is the exception of
    OnCalendar, whose second pass has no instants."""
    due = engine.next_due(rhythm, at)
    between = at + timedelta(seconds=seconds)

    if due is not None and between < due:
        assert engine.next_due(rhythm, between) == due


@settings(max_examples=60)
@given(st.integers(60, 100_000), instants, st.integers(0, 10**6))
def test_a_period_is_elapsed_time_whatever_the_clocks_do(timeout: int, at: datetime, seconds: int) -> None:
    rhythm = Rhythm(timeout_seconds=timeout, zone=BERLIN)
    due = engine.next_due(rhythm, at)

    assert due is not None
    assert (due - at).total_seconds() == timeout
    missed = engine.count_missed(rhythm, due, due + timedelta(seconds=seconds))
    assert missed == -(-seconds // timeout)


@pytest.mark.parametrize("kind", ["cron", "oncalendar"])
def test_a_daily_time_that_does_not_exist_and_one_that_occurs_twice(kind: str) -> None:
    rhythm = Rhythm(kind, 0, "30 2 * * *" if kind == "cron" else "02:30", BERLIN)
    zone = ZoneInfo(BERLIN)

    spring = engine.next_times(rhythm, datetime(2026, 3, 28, 12, tzinfo=UTC), 2)
    # Cron runs a job whose time is skipped right after the jump (as Debian's does); OnCalendar leaves the day out.
    first = datetime(2026, 3, 29, 3, 0, tzinfo=zone) if kind == "cron" else datetime(2026, 3, 30, 2, 30, tzinfo=zone)
    assert spring[0] == first

    autumn = engine.next_times(rhythm, datetime(2026, 10, 24, 12, tzinfo=UTC), 2)
    assert autumn == [datetime(2026, 10, 25, 0, 30, tzinfo=UTC), datetime(2026, 10, 26, 1, 30, tzinfo=UTC)]


def test_a_ping_in_the_second_pass_of_an_hour_is_not_late_for_the_first() -> None:
    second_pass = datetime(2026, 10, 25, 1, 10, tzinfo=UTC)  # 02:10 in Berlin, for the second time
    for kind, schedule in (("cron", "30 2 * * *"), ("oncalendar", "02:30")):
        due = engine.next_due(Rhythm(kind, 0, schedule, BERLIN), second_pass)
        assert due == datetime(2026, 10, 26, 1, 30, tzinfo=UTC)


def test_cron_every_ten_minutes_goes_on_through_both_passes() -> None:
    times = engine.next_times(Rhythm("cron", 0, "*/10 * * * *", BERLIN), datetime(2026, 10, 25, 0, 0, tzinfo=UTC), 12)

    assert {later - earlier for earlier, later in zip(times, times[1:], strict=False)} == {timedelta(minutes=10)}


def test_a_schedule_may_come_to_its_end() -> None:
    rhythm = Rhythm("oncalendar", 0, "2026-01-01 00:00", "UTC")

    assert engine.next_due(rhythm, AT) is None
    assert engine.decide(Terms(rhythm), Standing(), Signal(AT)).standing.down_at is None


@pytest.mark.parametrize(
    ("kind", "schedule"),
    [
        ("cron", "61 * * * *"),
        ("cron", "* * * *"),
        ("cron", ""),
        ("cron", "0 0 30 2 *"),
        ("oncalendar", "whenever"),
        ("oncalendar", ""),
        ("oncalendar", "\n\n"),
        ("oncalendar", "1999-01-01"),
    ],
)
def test_what_is_no_schedule_is_refused(kind: str, schedule: str) -> None:
    with pytest.raises(ValueError, match="."):
        engine.check_schedule(kind, schedule)


def test_cron_and_oncalendar_are_told_apart() -> None:
    assert engine.guess_kind("*/5 * * * *") == "cron"
    assert engine.guess_kind("Mon..Fri *-*-* 12:00") == "oncalendar"
    assert engine.guess_kind("12:00\n18:00") == "oncalendar"
