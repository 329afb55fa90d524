"""The published budget policy at its exact boundaries, gaps in the data, weeks, quarters and the end of a freeze."""

from datetime import date, timedelta
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from opsportal.errors import InvalidInput
from slos.policy import engine
from slos.policy.engine import Reading, Terms
from slos.policy.rules import PUBLISHED, Rule, read_rules, rule_of, rules_of

BURN_DAYS, POOLED, WEEKS, QUARTER = rules_of(read_rules(PUBLISHED))
EVENTS = Terms("99.5", counts_time=False)
TIME = Terms("99.5", counts_time=True)
SUNDAY = date(2026, 11, 1)
DAY_SECONDS = 86_400
Series = dict[date, Reading]


def days(last: date, *burns: Any) -> Series:
    """A day for each figure, the last one on `last`: its burn rate at 99.5%, None for a day without events."""
    first = last - timedelta(days=len(burns) - 1)
    return {first + timedelta(days=n): of_burn(first + timedelta(days=n), burn) for n, burn in enumerate(burns)}


def of_burn(day: date, burn: Any) -> Reading:
    """A million events, so that a burn of 2.000001 or so can be told."""
    if burn is None:
        return Reading(day, seconds=DAY_SECONDS)
    bad = Fraction(str(burn)) * 10_000_000_000 / 200
    assert bad.denominator == 1
    return Reading(day, 10_000_000_000, int(bad), seconds=DAY_SECONDS)


def blind(day: date, *, share: float = 0.2) -> Reading:
    return Reading(day, 1_000, 1_000, blind=round(DAY_SECONDS * share), seconds=DAY_SECONDS)


def verdict(rule: Rule, series: Series, day: date, *, before: str = "none", terms: Terms = EVENTS) -> tuple[str, bool]:
    outcome = engine.judge(rule, engine.gather(rule, terms, series, day, before))
    return outcome.verdict.value, outcome.held


# --- burn > 2 on each of three consecutive complete days -> freeze ---


@pytest.mark.parametrize(
    ("burns", "expected"),
    [
        ((3, 3, 3), "freeze"),
        (("2.000001", "2.000001", "2.000001"), "freeze"),
        ((2, 3, 3), "none"),
        ((3, 3, 2), "none"),
        ((3, 3), "none"),
        ((3, 1, 3, 3), "none"),
        ((0, 3, 3, 3), "freeze"),
        ((3, 3, 3, 0), "none"),
    ],
)
def test_three_days_in_a_row_above_two_freeze(burns: tuple[Any, ...], expected: str):
    assert verdict(BURN_DAYS, days(SUNDAY, *burns), SUNDAY) == (expected, False)


def test_a_day_without_events_neither_counts_nor_breaks():
    assert verdict(BURN_DAYS, days(SUNDAY, 3, None, 3, None, None, 3), SUNDAY) == ("freeze", False)


@pytest.mark.parametrize(("silent", "expected"), [(7, "freeze"), (8, "none")])
def test_a_streak_survives_seven_days_of_silence_and_not_eight(silent: int, expected: str):
    series = days(SUNDAY, 3, 3, *[None] * silent, 3)
    assert verdict(BURN_DAYS, series, SUNDAY) == (expected, False)


@pytest.mark.parametrize(("silent", "expected"), [(1, "freeze"), (7, "freeze"), (8, "none")])
def test_a_silent_day_after_the_streak_holds_it_for_seven_days(silent: int, expected: str):
    series = days(SUNDAY, 3, 3, 3, *[None] * silent)
    assert verdict(BURN_DAYS, series, SUNDAY, before="freeze") == (expected, True)


def test_a_day_the_portal_was_blind_holds_as_well():
    series = days(SUNDAY, 3, 3, 0, 3)
    series[SUNDAY - timedelta(days=1)] = blind(SUNDAY - timedelta(days=1))
    assert verdict(BURN_DAYS, series, SUNDAY) == ("freeze", False)
    nine_tenths = blind(SUNDAY - timedelta(days=1), share=0.1)
    series[nine_tenths.first] = Reading(nine_tenths.first, 1_000, 0, nine_tenths.blind, 0, DAY_SECONDS)
    assert verdict(BURN_DAYS, series, SUNDAY) == ("none", False)  # 90% are enough, and it was calm


@pytest.mark.parametrize(("events", "expected"), [(6, ("none", True)), (7, ("freeze", False))])
def test_below_twenty_events_no_rule_acts(events: int, expected: tuple[str, bool]):
    series = {day: Reading(day, events, events, seconds=DAY_SECONDS) for day in days(SUNDAY, 1, 1, 1)}
    assert verdict(BURN_DAYS, series, SUNDAY) == expected


def test_where_time_is_counted_twenty_seconds_are_no_matter():
    series = {day: Reading(day, 5, 5, seconds=DAY_SECONDS) for day in days(SUNDAY, 1, 1, 1)}
    assert verdict(BURN_DAYS, series, SUNDAY, terms=TIME) == ("freeze", False)


def test_days_of_a_clock_change_are_as_long_as_they_are():
    short, long = date(2026, 3, 29), date(2026, 10, 25)
    for day, length in ((short, 82_800), (long, 90_000)):
        bad = 2 * length // 200  # a burn of exactly 2
        series = days(day - timedelta(days=1), 3, 3) | {day: Reading(day, length, bad, seconds=length)}
        assert verdict(BURN_DAYS, series, day, terms=TIME) == ("none", False)
        series[day] = Reading(day, length, bad + 1, seconds=length)
        assert verdict(BURN_DAYS, series, day, terms=TIME) == ("freeze", False)


# --- pooled burn > 4 over 7 days -> review ---


@pytest.mark.parametrize(
    ("burns", "expected"),
    [
        ((4,) * 7, "none"),
        ((4, 4, 4, 4, 4, 4, "4.000001"), "review"),
        ((29, 0, 0, 0, 0, 0, 0), "review"),
        ((28, 0, 0, 0, 0, 0, 0), "none"),
        ((100, 4, 4, 4, 4, 4, 4, 4), "none"),
        ((29, None, 0, 0, 0, 0, 0), "review"),
    ],
)
def test_a_week_above_four_asks_for_a_review(burns: tuple[Any, ...], expected: str):
    assert verdict(POOLED, days(SUNDAY, *burns), SUNDAY) == (expected, False)


def test_counts_are_pooled_and_ratios_never_averaged():
    """Two bad of three events on one day, none of a million on the others: the mean of the burns would be above 4."""
    series = days(SUNDAY, 0, 0, 0, 0, 0, 0, 0) | {SUNDAY: Reading(SUNDAY, 3, 2, seconds=DAY_SECONDS)}
    assert verdict(POOLED, series, SUNDAY) == ("none", False)


def test_a_week_of_which_a_day_was_blind_holds_what_stood():
    series = days(SUNDAY, 9, 9, 9, 9, 9, 9, 9)
    series[SUNDAY] = blind(SUNDAY, share=0.8)
    assert verdict(POOLED, series, SUNDAY, before="none") == ("none", True)
    assert verdict(POOLED, series, SUNDAY, before="review") == ("review", True)


def test_the_first_day_of_an_automation_is_no_week():
    assert verdict(POOLED, days(SUNDAY, 50), SUNDAY) == ("none", True)


# --- burn < 1 in each of six complete ISO weeks -> experiments ---


def weeks(last: date, *burns: Any) -> Series:
    return days(last, *(burn for burn in burns for _ in range(7)))


@pytest.mark.parametrize(
    ("burns", "expected"),
    [
        (("0.999999",) * 6, "experiment_allowed"),
        ((0,) * 6, "experiment_allowed"),
        ((0, 0, 1, 0, 0, 0), "none"),
        ((1, 0, 0, 0, 0, 0, 0), "experiment_allowed"),
        ((0,) * 5, "none"),
        ((0, 0, 0, None, 0, 0, 0), "none"),
        ((0, 0, 0, 0, 0, 0, 5), "none"),
    ],
)
def test_six_weeks_below_one_allow_experiments(burns: tuple[Any, ...], expected: str):
    assert verdict(WEEKS, weeks(SUNDAY, *burns), SUNDAY) == (expected, False)


def test_weeks_are_judged_when_they_end_on_sunday():
    sunday_and_next = [engine.is_due(WEEKS, EVENTS, SUNDAY + timedelta(days=n)) for n in range(8)]
    assert sunday_and_next == [True, False, False, False, False, False, False, True]


def test_one_bad_day_in_a_good_week_is_pooled():
    series = weeks(SUNDAY, 0, 0, 0, 0, 0, 0)
    series[SUNDAY] = of_burn(SUNDAY, "6.9")
    assert verdict(WEEKS, series, SUNDAY) == ("experiment_allowed", False)
    series[SUNDAY] = of_burn(SUNDAY, 7)
    assert verdict(WEEKS, series, SUNDAY) == ("none", False)


def test_a_week_the_portal_was_blind_in_is_passed_over():
    series = weeks(SUNDAY, 0, 0, 0, 0, 0, 0, 0)
    third = SUNDAY - timedelta(days=21)
    series |= {third + timedelta(days=n): blind(third + timedelta(days=n)) for n in range(1, 8)}
    assert verdict(WEEKS, series, SUNDAY) == ("experiment_allowed", False)


@pytest.mark.parametrize("before", ["none", "experiment_allowed"])
def test_a_blind_week_at_the_end_leaves_the_permission_as_it_stood(before: str):
    series = weeks(SUNDAY, 0, 0, 0, 0, 0, 0)
    series |= {SUNDAY - timedelta(days=n): blind(SUNDAY - timedelta(days=n)) for n in range(7)}
    assert verdict(WEEKS, series, SUNDAY, before=before) == (before, True)


# --- the downtime budget of a calendar quarter ---

SPRING = date(2026, 4, 1)  # a quarter of 91 days
SPRING_SECONDS = 91 * DAY_SECONDS


def downtime(bad: int, *, day: date = date(2026, 5, 1), excluded: int = 0) -> engine.Outcome:
    series = {day: Reading(day, DAY_SECONDS, bad, 0, excluded, DAY_SECONDS)}
    return engine.judge(QUARTER, engine.gather(QUARTER, TIME, series, day, "none", length=SPRING_SECONDS))


def test_a_quarter_of_91_days_has_655_2_minutes():
    assert downtime(60).evidence == {"from": "2026-04-01", "allowed_minutes": "655.2", "used_minutes": "1"}


@pytest.mark.parametrize(("bad", "expected"), [(39_311, "none"), (39_312, "freeze"), (39_313, "freeze")])
def test_the_quarter_is_exhausted_when_nothing_remains(bad: int, expected: str):
    assert downtime(bad).verdict == expected


def test_maintenance_takes_its_share_of_the_budget_along():
    assert downtime(39_312 - 18, excluded=3_600).verdict == "freeze"
    assert downtime(39_312 - 19, excluded=3_600).verdict == "none"


def test_downtime_is_not_counted_where_events_are():
    assert not engine.is_due(QUARTER, EVENTS, SUNDAY)
    assert engine.is_due(QUARTER, TIME, SUNDAY)


# --- the end of a freeze ---


def is_over(series: Series, *, began: date, day: date = SUNDAY, rule: Rule = BURN_DAYS) -> bool:
    outcome = engine.judge_end(rule, engine.gather_end(rule, EVENTS, series, day, began))
    return outcome.verdict == "freeze_ended"


@pytest.mark.parametrize(
    ("after", "over"),
    [
        ((0, 0, 0), True),
        (("0.999999",) * 3, True),
        ((0, 0, 1), False),
        ((0, 0), False),
        ((0, 1, 0, 0), False),
        ((0, None, 0, None, 0), True),
        ((0, 0, None), False),
    ],
)
def test_a_freeze_ends_after_three_complete_days_below_one(after: tuple[Any, ...], over: bool):
    began = SUNDAY - timedelta(days=len(after))
    assert is_over(days(SUNDAY, 3, 3, 3, *after), began=began) is over


def test_calm_days_before_the_freeze_do_not_end_it():
    assert not is_over(days(SUNDAY, 0, 0, 0), began=SUNDAY)
    assert not is_over(days(SUNDAY, 0, 0, 0), began=SUNDAY - timedelta(days=2))


@pytest.mark.parametrize(("bad", "over"), [(35_380, True), (35_381, False), (39_312, False)])
def test_an_exhausted_quarter_frees_again_with_a_tenth_remaining(bad: int, over: bool):
    """A tenth of 39,312 seconds is 3,931.2: with 35,380 used 10.003% remain."""
    day = date(2026, 5, 2)
    series = {day: Reading(day, DAY_SECONDS, bad, seconds=DAY_SECONDS)}
    inputs = engine.gather_end(QUARTER, TIME, series, day, date(2026, 5, 1), length=SPRING_SECONDS)
    assert (engine.judge_end(QUARTER, inputs).verdict == "freeze_ended") is over


def test_a_new_quarter_frees_again():
    inputs = engine.gather_end(QUARTER, TIME, {}, date(2026, 7, 1), date(2026, 6, 30), length=92 * DAY_SECONDS)
    assert engine.judge_end(QUARTER, inputs).verdict == "freeze_ended"
    inputs = engine.gather_end(QUARTER, TIME, {}, date(2026, 6, 30), date(2026, 4, 1), length=SPRING_SECONDS)
    assert engine.judge_end(QUARTER, inputs).verdict == "freeze"


# --- properties ---

READINGS = st.lists(
    st.one_of(
        st.none(),
        st.tuples(st.integers(1, 500), st.integers(0, 500), st.sampled_from([0, 0, 0, 20_000])),
    ),
    min_size=1,
    max_size=70,
)


@settings(max_examples=60)
@given(READINGS, st.sampled_from([BURN_DAYS, POOLED, WEEKS]), st.sampled_from(["none", "freeze"]))
def test_a_verdict_depends_on_what_was_gathered_and_on_nothing_else(rows: Any, rule: Rule, before: str):
    """Gathered inputs survive JSON, and days before those a rule looks back to change nothing."""
    import json

    series = {
        day: Reading(day, row[0], min(row[0], row[1]), row[2], 0, DAY_SECONDS)
        for n, row in enumerate(rows)
        if row is not None and (day := SUNDAY - timedelta(days=n))
    }
    inputs = engine.gather(rule, EVENTS, series, SUNDAY, before)
    outcome = engine.judge(rule, inputs)
    assert engine.judge(rule, json.loads(json.dumps(inputs))) == outcome
    first = SUNDAY - timedelta(days=max(engine.look_back(rule), EVENTS.window_days) - 1)
    recent = {day: reading for day, reading in series.items() if day >= first}
    assert engine.judge(rule, engine.gather(rule, EVENTS, recent, SUNDAY, before)) == outcome


@settings(max_examples=60)
@given(st.lists(st.integers(0, 600), min_size=3, max_size=3), st.integers(0, 600))
def test_more_failures_never_lift_a_freeze(bads: list[int], more: int):
    def frozen(*counts: int) -> bool:
        first = SUNDAY - timedelta(days=2)
        series = {
            first + timedelta(days=n): Reading(first + timedelta(days=n), 1_000, min(1_000, bad), seconds=DAY_SECONDS)
            for n, bad in enumerate(counts)
        }
        return verdict(BURN_DAYS, series, SUNDAY)[0] == "freeze"

    assert not frozen(*bads) or frozen(*(bad + more for bad in bads))


# --- rules as data ---


def test_the_published_rules_are_written_out_with_their_defaults():
    freeze = read_rules(PUBLISHED)[0]
    assert freeze == {
        "slug": "burn-three-days",
        "when": "burn_days",
        "above": "2",
        "days": 3,
        "scope": "team",
        "exit_below": "1",
        "exit_days": 3,
        "exit_remaining": "0.1",
        "expires_days": 30,
        "then": "freeze",
    }
    assert read_rules(read_rules(PUBLISHED)) == read_rules(PUBLISHED)
    assert rule_of(freeze).above == Fraction(2)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"when": "moon_phase"}, "`when` is one of"),
        ({"then": "experiment"}, "`then` is one of freeze, review"),
        ({"above": 2}, "above is a decimal"),
        ({"above": "-1"}, "above is a decimal"),
        ({"above": "0"}, "above is a decimal"),
        ({"above": None}, "above is a decimal"),
        ({"days": True}, "days is a whole number"),
        ({"days": 0}, "days is a whole number"),
        ({"weeks": 6}, "weeks means nothing here"),
        ({"scope": "galaxy"}, "scope is one of all, team, automation"),
        ({"slug": "Fast Burn"}, "needs a slug"),
    ],
)
def test_a_rule_outside_the_vocabulary_is_refused(change: dict[str, Any], told: str):
    with pytest.raises(InvalidInput, match=told):
        read_rules([{**PUBLISHED[0], **change}])


@pytest.mark.parametrize("rules", [[], None, {}, [PUBLISHED[0], PUBLISHED[0]], ["burn"], [PUBLISHED[0]] * 30])
def test_what_is_no_list_of_rules_is_refused(rules: Any):
    with pytest.raises(InvalidInput):
        read_rules(rules)
