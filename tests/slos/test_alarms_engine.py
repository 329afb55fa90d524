"""The alarms as arithmetic: when a burn fires, how quiet the volume test is on noise, how soon drift is seen."""

import math
import random
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slos.alarms.engine import Look, Standing, Step, drift_of, standing_of, volume_of
from slos.alarms.engine.volume import _tail
from slos.objectives.thresholds import generated

WEEKLY = generated(7, Decimal("99.5")).alerts
FAST, SLOW = WEEKLY[0], WEEKLY[1]
FIVE = 300


def looks(rate: float | str, *, short: float | str = "", bad: int = 50, coverage: str = "1") -> dict[int, Look]:
    """Every window burns at `rate`, the short ones at `short`."""
    shares = {width: rate for one in WEEKLY for width in (one.long_seconds,)}
    shares |= {one.short_seconds: short or rate for one in WEEKLY if one.short_seconds not in shares}
    return {width: Look(Fraction(str(value)), bad, Fraction(coverage)) for width, value in shares.items()}


def stands(found: dict[int, Look], *, counts_time: bool = False, goes_on: bool = False) -> Standing:
    return standing_of([FAST], found, counts_time=counts_time, goes_on=goes_on)[0]


def test_it_fires_at_the_rate_and_not_below():
    assert stands(looks("16.8")) == Standing.FIRING
    assert stands(looks("16.799999")) == Standing.CALM


def test_it_needs_the_long_and_the_short_window():
    assert stands(looks("20", short="16.7")) == Standing.CALM
    assert stands(looks("16.7", short="20")) == Standing.CALM


def test_one_bad_event_wakes_nobody():
    assert stands(looks("20", bad=1)) == Standing.CALM
    assert stands(looks("20", bad=2)) == Standing.FIRING
    assert stands(looks("20", bad=119), counts_time=True) == Standing.CALM
    assert stands(looks("20", bad=120), counts_time=True) == Standing.FIRING


def test_nothing_valid_is_calm():
    empty = {width: Look(None, 0) for width in looks("1")}
    assert stands(empty) == Standing.CALM


def test_a_window_the_portal_hardly_saw_holds_the_state():
    assert stands(looks("20", coverage="0.89")) == Standing.HELD
    assert stands(looks("0", coverage="0.89")) == Standing.HELD
    assert stands(looks("20", coverage="0.9")) == Standing.FIRING


def test_one_that_goes_on_ends_when_the_spending_is_back_below_the_allowed():
    assert stands(looks("17", short="1"), goes_on=True) == Standing.FIRING
    assert stands(looks("17", short="0.99"), goes_on=True) == Standing.CALM
    assert stands(looks("16.7", short="20"), goes_on=True) == Standing.CALM


def test_an_empty_short_window_neither_begins_nor_ends_one():
    """An automation that runs every ten minutes leaves five minutes empty half of the time."""
    found = {**looks("20"), FIVE: Look(None, 0)}
    assert stands(found) == Standing.CALM
    assert stands(found, goes_on=True) == Standing.FIRING


def test_the_fastest_of_several_is_named():
    found = standing_of(WEEKLY, looks("100"), counts_time=False, goes_on=False)
    assert found == (Standing.FIRING, FAST)
    assert standing_of(WEEKLY, looks("6"), counts_time=False, goes_on=False) == (Standing.FIRING, SLOW)


# --- Volume ---


def poisson(random_: random.Random, mean: float) -> int:
    """Knuth's, in pieces so that exp() does not vanish."""
    total = 0
    while mean > 0:
        piece = min(mean, 30.0)
        mean -= piece
        limit, product = math.exp(-piece), random_.random()
        while product > limit:
            total += 1
            product *= random_.random()
    return total


@pytest.mark.parametrize("mean", [0.5, 4, 30, 200])
def test_noise_fires_no_more_often_than_stated(mean: float):
    """Two false alarms in a hundred hours are allowed here; the scatter that is assumed makes it fewer."""
    random_ = random.Random(f"noise {mean}")
    hours, rate = 2_000, 0.02
    fired = 0
    for _ in range(hours):
        weeks = [poisson(random_, mean) for _ in range(6)]
        found = volume_of(poisson(random_, mean), weeks, false_alarms_per_year=rate * 8_760)
        fired += found.fires
    assert fired <= hours * rate


def test_scattered_counts_fire_no_more_often_than_stated():
    """Days differ by a fifth around their mean: over-dispersed, as business is."""
    random_ = random.Random("scatter")
    hours, rate = 2_000, 0.02

    def count() -> int:
        return poisson(random_, 60 * random_.gammavariate(20, 0.05))

    fired = sum(
        volume_of(count(), [count() for _ in range(6)], false_alarms_per_year=rate * 8_760).fires for _ in range(hours)
    )
    assert fired <= hours * rate


@pytest.mark.parametrize("mean", [40, 200, 5_000])
def test_three_times_as_much_and_a_drop_fire(mean: int):
    weeks = [mean + shift for shift in (-mean // 10, 0, mean // 10, mean // 20, -mean // 20, 0)]
    more = volume_of(3 * mean + mean // 5, weeks, false_alarms_per_year=2)
    less = volume_of(0, weeks, false_alarms_per_year=2)
    assert (more.fires, more.direction, more.beyond_factor) == (True, "more", True)
    assert (less.fires, less.direction, less.beyond_factor) == (True, "less", True)


def test_the_readable_rule_alone_needs_a_usual_five():
    assert volume_of(16, [5, 5, 5, 5], false_alarms_per_year=2, rule="factor").fires
    assert not volume_of(15, [5, 5, 5, 5], false_alarms_per_year=2, rule="factor").fires
    assert not volume_of(9, [2, 2, 2, 2], false_alarms_per_year=2, rule="factor").fires
    assert not volume_of(16, [5, 5, 5, 5], false_alarms_per_year=2, rule="both").fires


def test_two_weeks_are_too_few_to_judge():
    assert volume_of(100, [1, 1], false_alarms_per_year=2) is None


@given(
    count=st.integers(0, 400),
    mean=st.floats(0.1, 300),
    scatter=st.floats(0.005, 2),
)
@settings(max_examples=60)
def test_both_tails_overlap_in_the_count_itself(count: int, mean: float, scatter: float):
    """P(X >= k) + P(X <= k - 1) = 1, however the tails are summed."""
    upper = _tail(count, mean, scatter, up=True)
    lower = _tail(count - 1, mean, scatter, up=False) if count else 0.0
    assert upper + lower == pytest.approx(1, abs=1e-6)
    assert 0 <= upper <= 1


# --- Drift ---

MONTH = [Step(400, 2)] * 28


def test_the_usual_errors_are_no_drift():
    found = drift_of(MONTH, [Step(400, 2)] * 14)
    assert not found.fires
    assert found.is_calm


def test_errors_that_double_slowly_are_seen_within_a_week():
    """0.5% become 1.5% a day: far below any burn alert of a 99% target."""
    found = drift_of(MONTH, [Step(400, 2)] * 7 + [Step(400, 6)] * 7)
    assert found.fires
    assert found.since == 7
    assert found.present == pytest.approx(0.015)


def test_chance_alone_crosses_the_limit_no_more_often_than_stated():
    """A hundred times two weeks at four false alarms a year: fifteen would be allowed."""
    random_ = random.Random("drift")

    def day() -> Step:
        return Step(400, poisson(random_, 4))

    fired = 0
    for _ in range(100):
        fired += drift_of([day() for _ in range(28)], [day() for _ in range(14)], false_alarms_per_year=4).fires
    assert fired <= 15


def test_errors_that_always_scattered_need_more_evidence():
    wild = [Step(400, 0), Step(400, 8)] * 14
    steps = [Step(400, 2)] * 10 + [Step(400, 9)] * 2
    assert drift_of(MONTH, steps).evidence > drift_of(wild, steps).evidence


def test_too_little_history_is_no_verdict():
    assert drift_of([Step(400, 2)] * 13, [Step(400, 9)]) is None
    assert drift_of([Step(5, 0)] * 28, [Step(400, 9)]) is None
