"""Budgets as the playbooks write them: the Lead Router's downtime, nurture and deal sync, orders and tickets; silence,
blindness, maintenance; and the same answer for one and for many.
"""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from opsportal.errors import InvalidInput
from opsportal.sweeps.models import BlindSpell
from slos.budgets import queries
from slos.budgets.engine.budgets import plain
from slos.budgets.gathering import gather, judged
from slos.models import Exclusion, Slo
from slos.models.facts import Fact
from slos.objectives.starters import JOURNEYS
from slos.states import FactKind
from tests.factories.budgets import WEEKLY, sweep, weekly_downtime
from tests.factories.catalog import make_automation
from tests.factories.identity import make_person
from tests.factories.objectives import ROLLING, make_slo
from tests.factories.runs import a_run, make_run, make_runs

pytestmark = pytest.mark.django_db

MONDAY = datetime(2026, 6, 1, tzinfo=UTC)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


def at(hours: float) -> datetime:
    return MONDAY + hours * HOUR


def first_sweep(when: datetime = MONDAY - 7 * DAY) -> None:
    sweep(when)


def outage(automation, start: datetime, end: datetime | None = None, heartbeat=None) -> Fact:
    return Fact.objects.create(
        key=f"heartbeat-{start}", kind=FactKind.HEARTBEAT_DOWN.value, automation=automation, heartbeat=heartbeat,
        sentence="Silent.", occurred_at=start, ended_at=end, noticed_at=start, grace_until=start,
    )  # fmt: skip


def starter(journey: str, suffix: str, automation) -> Slo:
    (terms,) = [one.terms for two in JOURNEYS if two.slug == journey for one in two.starters if one.suffix == suffix]
    return make_slo(automation=automation, **terms)


def exclude(slo: Slo, start: datetime, end: datetime, *, approved: bool = True) -> Exclusion:
    return Exclusion.objects.create(
        slo=slo, from_at=start, until=end, reason="Maintenance", author=make_person(), created_at=start,
        approved_at=start if approved else None,
    )  # fmt: skip


# --- the Lead Router: 99.5% weekly, downtime ---


@pytest.mark.parametrize("hours", [0.5, 24, 90.25, 167.9])
def test_99_5_weekly_is_50_4_minutes_at_every_instant_of_the_week(hours):
    first_sweep()
    slo = weekly_downtime(make_automation())
    sweep(at(hours))
    budget = queries.budget(slo, at(hours))
    assert (budget.allowed, budget.total_minutes, budget.state) == (Decimal("50.4"), Decimal("50.4"), "ok")
    assert budget.valid == round(hours * 3_600)


@pytest.mark.parametrize(("day", "allowed"), [("2026-03-26", "50.1"), ("2026-10-22", "50.7")])
def test_a_week_with_a_clock_change_allows_as_much_as_it_is_long(day, allowed):
    when = datetime.fromisoformat(f"{day}T12:00+00:00")
    sweep(when)
    week = {"kind": "calendar", "unit": "week", "timezone": "Europe/Berlin"}
    assert plain(queries.budget(weekly_downtime(make_automation(), window=week), when).allowed) == allowed


def test_one_failing_first_run_does_not_exhaust_any_budget():
    first_sweep(MONDAY)
    router = make_automation()
    slos = [weekly_downtime(router), make_slo(automation=router), make_slo(automation=router, window=WEEKLY)]
    make_run(router, ended=at(1), status="failed")
    sweep(at(2))
    assert [queries.budget(slo, at(2)).state for slo in slos] == ["ok", "no_data", "no_data"]


def test_two_failures_in_a_row_are_downtime_until_the_next_success():
    first_sweep()
    router = make_automation()
    slo = weekly_downtime(router)
    make_runs([a_run(router, ended=at(1) + n * 10 * MINUTE, status=status) for n, status in enumerate(
        ["succeeded", "failed", "succeeded", "failed", "failed", "failed", "succeeded"])])  # fmt: skip
    sweep(at(3))
    budget = queries.budget(slo, at(3))
    assert (budget.used_minutes, plain(budget.remaining)) == (Decimal(30), plain(Decimal("0.404762")))
    assert budget.sentence == "30 of 50.4 minutes of the error budget are used; 40% remains."


def test_what_a_run_takes_beyond_ten_minutes_is_downtime():
    first_sweep()
    router = make_automation()
    slo = weekly_downtime(router)
    make_run(router, ended=at(1), seconds=22 * 60)
    sweep(at(2))
    assert queries.budget(slo, at(2)).used_minutes == Decimal(12)


def test_a_run_that_does_not_end_burns_from_its_limit_on():
    first_sweep()
    router = make_automation()
    slo = weekly_downtime(router)
    make_run(router, ended=at(1), status="running", now=at(1))
    for hours, minutes in ((1.1, 0), (1.5, 20), (2, 50)):
        sweep(at(hours))
        assert queries.budget(slo, at(hours)).used_minutes == Decimal(minutes)


def test_the_outage_of_the_case_study_is_a_thirty_minute_blip():
    first_sweep()
    router = make_automation()
    slo = weekly_downtime(router)
    failing = [
        a_run(router, ended=at(50) + n * MINUTE, status="failed", error_type="SalesforceRateLimit") for n in range(30)
    ]
    make_runs([a_run(router, ended=at(49.9)), *failing, a_run(router, ended=at(50.5))])
    sweep(at(51))
    budget = queries.budget(slo, at(51))
    assert (budget.used_minutes, budget.state) == (Decimal(30), "ok")
    (cause,) = [one for one in queries.spend_by_cause(slo, at(51)) if one.kind == "error"]
    assert (cause.value, cause.bad, cause.share) == ("SalesforceRateLimit", 1_800, 1)


def test_the_budget_is_signed_when_it_is_overspent():
    first_sweep()
    router = make_automation()
    slo = weekly_downtime(router)
    make_runs([a_run(router, ended=at(1) + n * HOUR, status="failed") for n in range(2)])
    sweep(at(3))
    budget = queries.budget(slo, at(3))
    assert (budget.used_minutes, budget.state) == (Decimal(120), "exhausted")
    assert budget.remaining < 0
    assert budget.remaining_minutes == Decimal("-69.6")


# --- silence and blindness ---


def test_a_dead_automation_with_a_rhythm_burns_while_it_is_dead():
    first_sweep()
    router = make_automation()
    slo = weekly_downtime(router)
    outage(router, at(10))
    burned = []
    for hours in (10.25, 10.5, 11):
        sweep(at(hours))
        burned.append(queries.budget(slo, at(hours)).used_minutes)
    assert burned == [Decimal(15), Decimal(30), Decimal(60)]
    assert {one.value for one in queries.spend_by_cause(slo, at(11)) if one.kind == "error"} == {"heartbeat missed"}


def test_silence_without_a_rhythm_is_nothing():
    first_sweep()
    router = make_automation()
    down, slices = (
        weekly_downtime(router),
        make_slo(automation=router, method="time_slices", slice_seconds=300, slice_target="99"),
    )
    make_run(router, ended=at(1))
    sweep(at(100))
    assert queries.budget(down, at(100)).bad == 0
    assert (queries.budget(slices, at(100)).valid, queries.budget(slices, at(100)).bad) == (300, 0)


def test_silent_slices_are_bad_while_a_heartbeat_is_missed():
    first_sweep()
    router = make_automation()
    slices = make_slo(automation=router, method="time_slices", slice_seconds=300, slice_target="99")
    make_runs([a_run(router, ended=at(1)), a_run(router, ended=at(10.5))])
    outage(router, at(10), at(11))
    sweep(at(12))
    tally = queries.tally(slices, at(0), at(12))
    assert (tally.valid, tally.bad) == (13 * 300, 11 * 300)
    assert sum(bad for key, bad in tally.causes.items() if key.startswith("error|")) == tally.bad


def test_the_portals_own_blind_time_is_neither_good_nor_bad():
    first_sweep()
    router = make_automation()
    slo = weekly_downtime(router)
    outage(router, at(10), at(12))
    BlindSpell.objects.create(from_at=at(10), until=at(11))
    sweep(at(24))
    budget = queries.budget(slo, at(24))
    assert (budget.valid, budget.bad) == (23 * 3_600, 3_600)
    assert budget.coverage == Decimal("0.958333")


def test_less_than_ninety_percent_looked_at_is_no_data():
    first_sweep()
    slo = weekly_downtime(make_automation())
    BlindSpell.objects.create(from_at=at(5), until=at(8))
    sweep(at(24))
    budget = queries.budget(slo, at(24))
    assert (budget.state, budget.sentence) == (
        "no_data",
        "No data: the portal itself was not looking for 12% of the time.",
    )


def test_rolling_windows_end_at_the_watermark_and_not_at_the_last_event():
    first_sweep(MONDAY)
    router = make_automation()
    slo = make_slo(automation=router, window={"kind": "rolling", "days": 1})
    make_runs([a_run(router, ended=at(1) + n * MINUTE) for n in range(25)])
    sweep(at(24))
    assert queries.budget(slo, at(30)).window.end == at(24)
    assert queries.budget(slo, at(30)).valid == 25
    sweep(at(30))
    assert (queries.budget(slo, at(30)).valid, queries.budget(slo, at(30)).state) == (0, "no_data")
    assert queries.budget(slo, at(24)).valid == 25


def test_history_from_before_the_first_sweep_counts_from_its_first_event_on():
    router = make_automation()
    slo = weekly_downtime(router)
    make_runs([a_run(router, ended=at(n)) for n in (10, 11)])
    sweep(at(24))
    budget = queries.budget(slo, at(24))
    assert (budget.valid, budget.coverage, budget.state) == (14 * 3_600, 1, "ok")


def test_before_the_first_sweep_there_is_no_data():
    budget = queries.budget(weekly_downtime(make_automation()), at(1))
    assert (budget.state, budget.allowed) == ("no_data", Decimal("50.4"))


# --- time that does not count ---


def test_maintenance_counts_neither_way_and_lowers_what_is_allowed():
    first_sweep()
    router = make_automation()
    other = make_automation()
    slo, events = weekly_downtime(router), make_slo(automation=other)
    outage(router, at(10), at(12))
    make_runs([a_run(other, ended=at(11) + n * MINUTE, status="failed") for n in range(30)])
    exclude(slo, at(10), at(11.5))
    exclude(events, at(11), at(11.25))
    exclude(events, at(11.25), at(13), approved=False)
    sweep(at(24))
    budget = queries.budget(slo, at(24))
    assert (budget.valid, budget.bad, plain(budget.allowed)) == (81_000, 1_800, "49.95")
    assert queries.budget(events, at(24)).valid == 15


# --- events ---


def test_both_figures_of_lifecycle_nurture():
    first_sweep()
    nurture = make_automation()
    fast, sent = starter("lifecycle-nurture", "latency", nurture), starter("lifecycle-nurture", "sent", nurture)
    make_runs(
        [
            a_run(nurture, ended=at(n), seconds=180 if n < 18 else 181, occurred_at=at(n) - 15 * MINUTE)
            for n in range(19)
        ]
        + [a_run(nurture, ended=at(20), seconds=10, occurred_at=at(20) - 16 * MINUTE)]
    )
    sweep(at(24))
    for slo in (fast, sent):
        budget = queries.budget(slo, at(24))
        assert (budget.valid, budget.bad, plain(budget.remaining), budget.state) == (20, 1, "0", "exhausted")


def test_deal_sync_is_fresh_within_five_minutes_99_percent_of_the_time():
    first_sweep()
    sync = make_automation()
    slo = starter("deal-sync", "freshness", sync)
    times = [at(1) + n * MINUTE for n in range(200)]
    late = {times[50]}
    make_runs(
        [a_run(sync, ended=one, occurred_at=one - (6 if one in late else 5) * MINUTE, seconds=5) for one in times]
    )
    sweep(at(24))
    budget = queries.budget(slo, at(24))
    assert (budget.valid, budget.bad, plain(budget.consumed), budget.state) == (200, 1, "0.5", "ok")


def test_orders_ship_at_99_5_percent_over_28_days_and_within_a_day():
    first_sweep()
    orders = make_automation()
    shipped, in_time = starter("order-to-ship", "availability", orders), starter("order-to-ship", "latency", orders)
    reports = [a_run(orders, ended=at(n * 2), seconds=86_400 if n % 2 else 90_000) for n in range(400)]
    make_runs([*reports, *(a_run(orders, ended=at(3), status="failed") for _ in range(2))])
    sweep(at(800))
    budget = queries.budget(shipped, at(800))
    in_window = [n for n in range(400) if at(800) - 28 * DAY <= at(n * 2)]
    assert (budget.valid, budget.bad) == (len(in_window), 0)  # the failures are older than 28 days
    earlier = queries.budget(shipped, at(600))
    assert (earlier.bad, earlier.allowed) == (2, Decimal(earlier.valid) * Decimal("0.005"))
    assert queries.budget(in_time, at(800)).bad == len([n for n in in_window if n % 2 == 0])


def test_a_cancelled_run_is_not_valid():
    first_sweep()
    automation = make_automation()
    slo = make_slo(automation=automation)
    make_runs([a_run(automation, ended=at(1), status=one) for one in ("cancelled", "failed", "succeeded")])
    sweep(at(2))
    tally = queries.tally(slo, at(0), at(2))
    assert (tally.valid, tally.bad) == (2, 1)


def test_a_calendar_window_of_events_allows_what_is_usual():
    first_sweep(MONDAY - 60 * DAY)
    automation = make_automation()
    slo = make_slo(automation=automation, target="99", window=WEEKLY)
    for week, count in ((-28, 100), (-21, 300), (-14, 500), (-7, 700), (0, 20)):
        make_runs([a_run(automation, ended=MONDAY + week * DAY + n * MINUTE) for n in range(count)])
    sweep(at(20))
    assert queries.budget(slo, at(20)).allowed == 4  # 1% of the median of 100, 300, 500, 700


# --- the same answer ---


def zoo() -> list[Slo]:
    """One of each, with something to say."""
    router = make_automation()
    slos = [
        weekly_downtime(router),
        make_slo(automation=router, window=ROLLING),
        make_slo(automation=router, window=WEEKLY, kind="latency", threshold_seconds=100),
        make_slo(automation=router, window=ROLLING, method="time_slices", slice_seconds=900, slice_target="80"),
        make_slo(automation=router, window=ROLLING, kind="freshness", method="downtime", threshold_seconds=1_800),
    ]
    statuses = ["succeeded"] * 7 + ["failed"] * 2
    make_runs(
        [
            a_run(router, ended=at(n / 5), seconds=30 + 9 * (n % 10), status=statuses[n % 9], version=f"v{n // 60}")
            for n in range(300)
        ]
    )
    outage(router, at(40), at(41))
    return slos


def test_one_and_many_at_the_watermark_and_gathered_are_one_answer():
    first_sweep()
    slos = zoo()
    sweep(at(60))
    many = queries.budgets(slos, at(60))
    for slo in slos:
        assert many[slo.pk] == queries.budget(slo, at(60)) == judged(slo, gather([slo], at(60))[slo.pk], at(60))
        assert many[slo.pk].bad > 0


def test_the_past_is_answered_as_it_was():
    first_sweep()
    slos = zoo()
    sweep(at(30))
    then = queries.budgets(slos, at(30))
    sweep(at(60))
    now = queries.budgets(slos, at(30))
    for slo in slos:
        assert (now[slo.pk].bad, now[slo.pk].remaining) == (then[slo.pk].bad, then[slo.pk].remaining), slo.method


def test_the_causes_of_each_kind_sum_to_the_spend_and_days_to_the_window():
    first_sweep()
    slos = zoo()
    sweep(at(60))
    for slo in slos:
        budget, causes = queries.budget(slo, at(60)), queries.spend_by_cause(slo, at(60))
        for kind in ("error", "version"):
            assert sum(one.bad for one in causes if one.kind == kind) == budget.bad
        days = queries.days(slo, MONDAY.date(), MONDAY.date() + 7 * DAY)
        assert sum(day.tally.bad for day in days) == budget.bad
        assert [day.complete for day in days] == [True, True, *[False] * 5]


def test_a_burn_down_ends_where_the_budget_stands():
    first_sweep()
    slos = zoo()
    sweep(at(60))
    for slo in slos:
        points = queries.burndown(slo, at(60))
        assert (points[0].remaining, points[-1].remaining) == (1, queries.budget(slo, at(60)).remaining)
        assert all(a.remaining >= b.remaining for a, b in zip(points, points[1:], strict=False))
        assert points[-1].at == at(60)


def test_a_burn_down_steps_from_whole_hour_to_whole_hour():
    first_sweep()
    (slo, *_) = zoo()
    end = at(60 * 50 + 7)
    sweep(end)
    first, *between, last = [one.at for one in queries.burndown(slo, end)]
    assert 20 < len(between) <= 120
    assert [one.minute for one in between] == [0] * len(between)
    assert first < between[0]
    assert between[-1] < last == end


def test_another_target_on_the_same_history():
    first_sweep()
    slos = zoo()
    sweep(at(60))
    assert queries.what_if(slos[0], at(60), target=Decimal("99")).allowed == Decimal("100.8")
    slow = queries.what_if(slos[2], at(60), threshold_ms=1_000)
    assert slow.bad == slow.valid
    assert queries.what_if(slos[2], at(60), threshold_ms=100_000).bad == queries.budget(slos[2], at(60)).bad


def test_another_threshold_leaves_out_what_is_left_out():
    first_sweep()
    router = make_automation()
    slo = make_slo(automation=router, kind="latency", target="95", threshold_seconds=100)
    other = make_slo(automation=router, target="95")
    make_runs([a_run(router, ended=at(1) + n * MINUTE, seconds=200 if n < 30 else 50) for n in range(60)])
    exclude(slo, at(1), at(1.5))
    sweep(at(3))
    assert (queries.budget(slo, at(3)).valid, queries.budget(slo, at(3)).bad) == (30, 0)
    told = queries.what_if(slo, at(3), threshold_ms=40_000)
    assert (told.valid, told.bad, plain(told.allowed)) == (30, 30, "1.5")
    assert queries.what_if(slo, at(3), threshold_ms=60_000, target=Decimal(90)).bad == 0
    with pytest.raises(InvalidInput, match="latency that counts events"):
        queries.what_if(other, at(3), threshold_ms=40_000)


def test_another_target_in_the_windows_before():
    first_sweep(MONDAY - 21 * DAY)
    router = make_automation()
    slo = weekly_downtime(router)
    for weeks, minutes in ((-14, 60), (-7, 110), (0, 30)):
        outage(router, MONDAY + weeks * DAY, MONDAY + weeks * DAY + minutes * MINUTE)
    sweep(at(24))
    told = [queries.what_if(slo, at(24), target=Decimal(99)), *queries.what_if_before(slo, at(24), target=Decimal(99))]
    assert [(one.used_minutes, one.state) for one in told[:3]] == [(30, "ok"), (110, "exhausted"), (60, "ok")]
    assert {plain(one.allowed) for one in told} == {"100.8"}


def test_a_composite_is_the_weighted_sum_of_its_parts():
    first_sweep()
    slos = zoo()
    parts = [{"slo": slos[0].slug, "weight": "3"}, {"slo": slos[2].slug, "weight": "1"}]
    composite = make_slo(kind="composite", parts=parts, window=WEEKLY)
    sweep(at(60))
    found = queries.budgets([composite, slos[0], slos[2]], at(60))
    exact = (3 * found[slos[0].pk].exact_consumed + found[slos[2].pk].exact_consumed) / 4
    assert found[composite.pk].exact_consumed == exact
    assert queries.burndown(composite, at(60))[-1].remaining == found[composite.pk].remaining


def test_many_budgets_cost_a_constant_number_of_queries():
    first_sweep()
    slos = zoo()
    sweep(at(60))

    def asked(question: Any) -> int:
        with CaptureQueriesContext(connection) as seen:
            question()
        return len(seen)

    assert asked(lambda: queries.budgets(slos, at(60))) <= 3
    few, many = ([slos[1]], [slos[1], *[make_slo(automation=make_automation()) for _ in range(9)]])
    for question in (
        lambda some: queries.budgets(some, at(50)),
        lambda some: queries.days_of_many(some, MONDAY.date(), MONDAY.date() + 3 * DAY),
        lambda some: queries.burns([queries.Asked(one, at(1), at(9)) for one in some]),
    ):
        assert asked(lambda: question(many)) == asked(lambda: question(few))  # noqa: B023
