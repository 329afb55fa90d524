"""The arithmetic of error budgets by itself: windows, tallies, verdicts, violations, histograms."""

import random
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slos.budgets.engine import Case, Tally, Window, cut, judge, merge, seconds, window_before, window_of, without
from slos.budgets.engine.buckets import ceil, chain_of, cover, floor
from slos.budgets.engine.budgets import burn_of, median, plain
from slos.budgets.engine.histogram import bin_of, percentile, value_of, within
from slos.budgets.engine.violations import Ended, Violation, add_up, over_limit, stale, streaks

T = datetime(2026, 6, 1, tzinfo=UTC)  # a Monday
WEEK = Window(T, T + timedelta(days=7))
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


def calendar(unit: str, zone: str = "Europe/Berlin") -> Any:
    return SimpleNamespace(window_kind="calendar", window_days=None, window_unit=unit, timezone=zone)


def rolling(days: int) -> Any:
    return SimpleNamespace(window_kind="rolling", window_days=days, window_unit="", timezone="UTC")


def weekly(bad_seconds: int, *, at: datetime = WEEK.end, **fields: Any) -> Any:
    valid = round((at - WEEK.start).total_seconds())
    tally = Tally(valid=valid, bad=bad_seconds)
    case = Case(Decimal("99.5"), "downtime", WEEK, at, at, tally, counts_time=True, is_rolling=False)
    return judge(Case(**{**{name: getattr(case, name) for name in Case.__slots__}, **fields}))


def events(valid: int, bad: int, **fields: Any) -> Any:
    case = {"target": Decimal("99.5"), "method": "occurrences", "window": WEEK, "at": WEEK.end, "watermark": WEEK.end}
    return judge(Case(**case, tally=Tally(valid, bad), **{"counts_time": False, "is_rolling": True, **fields}))


# --- windows ---


@pytest.mark.parametrize(("day", "minutes"), [("2026-03-26", 10_020), ("2026-10-21", 10_140), ("2026-06-03", 10_080)])
def test_a_week_of_a_clock_change_has_an_hour_less_or_more(day, minutes):
    assert window_of(calendar("week"), datetime.fromisoformat(f"{day}T12:00+00:00")).minutes == minutes


@pytest.mark.parametrize(
    ("unit", "first", "until"),
    [
        ("week", "2026-05-11", "2026-05-18"),
        ("month", "2026-05-01", "2026-06-01"),
        ("quarter", "2026-04-01", "2026-07-01"),
        ("year", "2026-01-01", "2027-01-01"),
    ],
)
def test_calendar_windows_begin_and_end_at_local_midnight(unit, first, until):
    window = window_of(calendar(unit, "America/New_York"), datetime(2026, 5, 15, 3, 0, tzinfo=UTC))
    zone = timedelta(hours=5 if unit == "year" else 4)
    assert window.start == datetime.fromisoformat(f"{first}T00:00+00:00") + zone
    assert window.end == datetime.fromisoformat(f"{until}T00:00+00:00") + (
        timedelta(hours=5) if unit == "year" else timedelta(hours=4)
    )


def test_windows_follow_each_other_without_a_gap():
    window = window_of(calendar("quarter"), T)
    before = window_before(calendar("quarter"), window)
    assert before.end == window.start
    assert before.minutes == 90 * 1440 - 60  # the first quarter has the change to summer time


def test_a_rolling_window_is_so_many_times_24_hours():
    assert window_of(rolling(28), T + MINUTE) == Window(T + MINUTE - timedelta(days=28), T + MINUTE)


# --- the verdict ---


@pytest.mark.parametrize("hours", [1, 30, 83, 167, 168])
def test_99_5_weekly_is_50_4_minutes_at_every_instant_of_the_week(hours):
    budget = weekly(0, at=T + hours * HOUR)
    assert (budget.allowed, budget.total_minutes, plain(budget.remaining_minutes)) == (
        Decimal("50.4"),
        Decimal("50.4"),
        "50.4",
    )


def test_a_quarter_of_91_days_allows_655_2_minutes():
    quarter = Window(datetime(2026, 4, 1, tzinfo=UTC), datetime(2026, 7, 1, tzinfo=UTC))
    assert weekly(0, window=quarter).allowed == Decimal("655.2")


@pytest.mark.parametrize(
    ("bad", "remaining", "state"),
    [
        (0, "1", "ok"),
        (2_268, "0.25", "ok"),
        (2_269, "0.249669", "at_risk"),
        (3_023, "0.000331", "at_risk"),
        (3_024, "0", "exhausted"),
        (3_780, "-0.25", "exhausted"),
        (30_240, "-9", "exhausted"),
    ],
)
def test_what_remains_is_signed_and_never_clamped(bad, remaining, state):
    budget = weekly(bad)
    assert (plain(budget.remaining), budget.state) == (remaining, state)


def test_verdicts_are_compared_before_they_are_rounded():
    barely = events(3_000_000_001, 15_000_000)  # consumed 0.99999999966…, shown as 1
    assert (plain(barely.remaining), barely.state) == ("0", "at_risk")


def test_time_that_is_excluded_lowers_what_is_allowed():
    budget = weekly(0, excluded_seconds=86_400)
    assert budget.allowed == Decimal("43.2")


def test_nothing_valid_is_no_data_and_neither_all_nor_nothing():
    budget = events(0, 0)
    assert (budget.state, budget.sli, budget.remaining) == ("no_data", None, None)


def test_below_twenty_events_there_is_no_verdict():
    assert events(19, 19).state == "no_data"
    assert events(20, 20).state == "exhausted"


def test_one_failing_first_run_does_not_exhaust_a_budget():
    assert events(1, 1).state == "no_data"
    assert weekly(60).state == "ok"


def test_a_calendar_window_of_events_starts_from_what_is_usual():
    early = events(40, 1, is_rolling=False, usual=Fraction(4_000))
    assert (early.allowed, plain(early.consumed), early.state) == (Decimal(20), "0.05", "ok")
    late = events(8_000, 1, is_rolling=False, usual=Fraction(4_000))
    assert late.allowed == Decimal(40)


def test_the_median_of_four_is_the_mean_of_the_middle_two():
    assert median([1, 9, 4, 5]) == Fraction(9, 2)
    assert median([]) is None


@pytest.mark.parametrize(("coverage", "state"), [(Fraction(9, 10), "ok"), (Fraction(8_999, 10_000), "no_data")])
def test_less_than_90_percent_looked_at_is_no_data(coverage, state):
    assert weekly(0, coverage=coverage).state == state


def test_burn_rates_are_ratios_of_pooled_counts():
    assert burn_of(Decimal("99.5"), Tally(1_000, 10)).rate == 2
    assert burn_of(Decimal("99.5"), Tally(1_000, 10) + Tally(3_000, 0)).rate == Decimal("0.5")
    assert burn_of(Decimal("99.5"), Tally()).rate is None


def test_the_forecast_goes_by_the_last_day():
    at = T + 24 * HOUR
    day = burn_of(Decimal("99.5"), Tally(86_400, 864))  # twice what is allowed
    budget = weekly(864, at=at, burn={"1d": day})
    left = 1 - Fraction(864, 3_024)
    assert budget.exhausts_at == at + timedelta(seconds=round(float(left / 2) * 7 * 86_400))
    assert weekly(864, at=at, burn={"1d": burn_of(Decimal("99.5"), Tally(86_400, 0))}).exhausts_at is None


def test_the_sentence_is_plain():
    assert weekly(756).sentence == "12.6 of 50.4 minutes of the error budget are used; 75% remains."
    assert weekly(3_780).sentence == "63 of 50.4 minutes of the error budget are used; it is overspent by 25%."
    assert events(10, 0).sentence == "No data: 10 of 20 events needed for a verdict."


# --- stretches of time ---

spans = st.lists(
    st.tuples(st.integers(0, 60), st.integers(0, 20)).map(lambda one: (T + one[0] * MINUTE, T + sum(one) * MINUTE)),
    max_size=8,
)


def minutes_of(stretches) -> set[datetime]:
    return {start + n * MINUTE for start, end in stretches for n in range(int((end - start) / MINUTE))}


@settings(max_examples=60)
@given(spans, spans)
def test_stretches_behave_like_sets_of_minutes(first, second):
    a, b = minutes_of(first), minutes_of(second)
    assert minutes_of(merge(first)) == a
    assert minutes_of(cut(first, merge(second))) == a & b
    assert minutes_of(without(first, second)) == a - b
    assert seconds(merge(first)) == 60 * len(a)


def test_lengths_of_neighbours_add_up_whatever_the_fractions():
    cuts = [T + timedelta(seconds=one) for one in (0, 0.4, 1.9, 2.2, 7.999, 8.5)]
    assert sum(seconds([pair]) for pair in zip(cuts, cuts[1:], strict=False)) == seconds([(cuts[0], cuts[-1])]) == 8


@settings(max_examples=60)
@given(st.integers(0, 4 * 86_400), st.integers(0, 4 * 86_400), st.sampled_from([60, 300, 600, 900, 3_600, 86_400]))
def test_a_cover_is_made_of_every_narrow_bucket_once(a, b, base):
    start, end = T + timedelta(seconds=min(a, b)), T + timedelta(seconds=max(a, b))
    pieces = cover(start, end, base)
    assert all(one.width in chain_of(base) and floor(one.start, one.width) == one.start for one in pieces)
    joined = [one.start for one in pieces] + [pieces[-1].end if pieces else ceil(start, base)]
    assert all(one.end == following for one, following in zip(pieces, joined[1:], strict=False))
    if pieces:
        assert (joined[0], joined[-1]) == (ceil(start, base), ceil(end, base))
        assert len({one.width for one in pieces}) * 2 - 1 >= len(pieces)


# --- violations ---


def run(minute: float, status: str = "succeeded", *, took: float = 1, **fields: Any) -> Ended:
    at = T + minute * MINUTE
    return Ended(at, int(minute * 60), at - took * MINUTE, status, **fields)


def test_only_what_a_run_takes_beyond_its_limit_is_downtime():
    (one,) = over_limit([run(30, took=12.5), run(40, took=10)], 10 * MINUTE)
    assert (one.start, one.end) == (T + 27.5 * MINUTE, T + 30 * MINUTE)


def test_a_streak_lasts_from_the_end_of_its_first_failure_to_the_end_of_the_next_success():
    runs = [run(1), run(5, "failed"), run(7, "cancelled"), run(9, "failed"), run(15), run(20, "failed"), run(30)]
    assert add_up(streaks(runs, 2), [(T, T + HOUR)], T + HOUR)[0] == 600
    assert add_up(streaks(runs, 1), [(T, T + HOUR)], T + HOUR)[0] == 1_200


def test_a_streak_that_goes_on_counts_until_now():
    runs = [run(5, "failed", error="RateLimit"), run(6, "failed", version="v2")]
    bad, causes = add_up(streaks(runs, 2), [(T, T + 10 * MINUTE)], T + 10 * MINUTE)
    assert bad == 300
    assert causes == {"error|RateLimit": 60, "error|unnamed error": 240, "version|": 60, "version|v2": 240}


def test_data_is_stale_while_the_newest_delivered_is_older_than_the_threshold():
    runs = [run(10, took=1, occurred_at=T + 9 * MINUTE), run(20, took=1, occurred_at=T + 8 * MINUTE), run(26, took=1)]
    gaps = stale(runs, 5 * MINUTE, (T + 10 * MINUTE, T + 40 * MINUTE))
    assert [(gap.start, gap.end) for gap in gaps] == [
        (T + 14 * MINUTE, T + 26 * MINUTE),
        (T + 30 * MINUTE, T + 40 * MINUTE),
    ]


def test_overlapping_violations_count_once_and_causes_sum_to_the_whole():
    violations = [
        Violation("limit", T, T + 10 * MINUTE, "slow", "v1"),
        Violation("heartbeat", T + 5 * MINUTE, None, "heartbeat missed"),
        Violation("streak", T + 8 * MINUTE, T + 30 * MINUTE, "E", "v2"),
    ]
    bad, causes = add_up(violations, [(T, T + 20 * MINUTE)], T + 20 * MINUTE)
    assert bad == 1_200
    for kind in ("error", "version"):
        assert sum(value for key, value in causes.items() if key.startswith(f"{kind}|")) == bad
    assert causes["error|heartbeat missed"] == 900


# --- histograms ---


def test_a_histogram_is_true_to_one_percent_and_adds_up():
    values = [random.Random(4).randint(1, 10_000_000) for _ in range(2_000)]
    histogram: dict[str, int] = {}
    for value in values:
        assert abs(value_of(bin_of(value)) - value) <= value * 0.01 * 1.0001
        histogram[bin_of(value)] = histogram.get(bin_of(value), 0) + 1
    for share in (0.5, 0.95, 0.99):
        exact = sorted(values)[max(0, -(-int(share * 2_000 * 100) // 100) - 1)]
        assert abs(percentile(histogram, share) - exact) <= exact * 0.011 + 1
    assert within(histogram, 10_000_000) == 2_000
