"""What will go wrong is told ahead: credentials that end, costs above budget, releases that made it worse."""

import threading
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import given, settings
from hypothesis import strategies as st

from opsportal.catalog import operations as catalog
from opsportal.catalog.models import Automation, Credential, Release
from opsportal.notify.models import Message
from slos.alarms.engine.releases import Outcome, is_worse, sentence
from slos.alarms.upkeep import sweep_upkeep
from slos.models import Fact
from tests.factories.budgets import sweep
from tests.factories.catalog import make_automation
from tests.factories.facts import tell_of_facts
from tests.factories.identity import NOW, SETUP, make_person, make_team
from tests.factories.runs import a_run, make_runs

pytestmark = pytest.mark.django_db
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
GRACE = 6 * MINUTE


@pytest.fixture
def router() -> Automation:
    owner, team = make_person("ana"), make_team("revops")
    return make_automation("lead-router", owner=owner, team=team, tier="P1", active=True)


def facts() -> list[tuple[str, bool]]:
    return [(one.sentence, one.ended_at is None) for one in Fact.objects.order_by("id")]


def titles() -> list[str]:
    return list(
        Message.objects.filter(topic__startswith="slo.").order_by("created_at", "id").values_list("title", flat=True)
    )


def swept(at: Any) -> None:
    """A round, and one after the grace in which facts are told."""
    sweep_upkeep(at)
    tell_of_facts(at + GRACE)


# --- Credentials ---


def credential(automation: Automation, *, days: float, name: str = "HubSpot") -> Credential:
    end = NOW + timedelta(days=days)
    return catalog.add_credential(
        automation, name=name, reference="vault:hubspot/prod", expires_at=end, actor=SETUP, now=NOW
    )


def test_an_expiry_is_told_a_month_a_week_and_a_day_ahead_and_when_it_has_come(router: Automation):
    credential(router, days=40)
    swept(NOW)
    assert facts() == []
    for day in (10, 20, 33, 35, 39, 40, 45):
        swept(NOW + day * DAY)
    assert facts() == [
        ("The credential HubSpot of Lead router expires within 30 days: 2026-12-13 09:00:00 UTC.", False),
        ("The credential HubSpot of Lead router expires within 7 days: 2026-12-13 09:00:00 UTC.", False),
        ("The credential HubSpot of Lead router expires within 1 day: 2026-12-13 09:00:00 UTC.", False),
        ("The credential HubSpot of Lead router has expired: 2026-12-13 09:00:00 UTC.", True),
    ]
    assert [one.occurred_at for one in Fact.objects.order_by("id")] == [NOW + n * DAY for n in (10, 33, 39, 40)]
    assert titles() == [sentence.rstrip(".") for sentence, _ in facts()]


def test_a_warning_holds_no_reference(router: Automation):
    credential(router, days=3)
    swept(NOW)
    fact = Fact.objects.get()
    assert (fact.automation, fact.team) == (router, "revops")
    assert "vault" not in f"{fact.sentence} {fact.data} {Message.objects.get().body}"


def rotate(one: Credential, days: float) -> None:
    end = NOW + timedelta(days=days)
    catalog.change_credential(one, values={"expires_at": end}, actor=SETUP, now=NOW)


def retire(one: Credential) -> None:
    catalog.retire_credential(one, actor=SETUP, now=NOW)


def retire_automation(one: Credential) -> None:
    catalog.retire_automation(one.automation, actor=SETUP, now=NOW)


def never_ends(one: Credential) -> None:
    catalog.change_credential(one, values={"expires_at": None}, actor=SETUP, now=NOW)


ENDS = [lambda one: rotate(one, 90), retire, retire_automation, never_ends]


@pytest.mark.parametrize("end", ENDS, ids=["rotated", "retired", "automation retired", "without an end"])
def test_it_is_over_once_somebody_has_seen_to_it(router: Automation, end: Callable[[Credential], None]):
    one = credential(router, days=3)
    swept(NOW)
    end(one)
    swept(NOW + HOUR)
    fact = Fact.objects.get()
    assert fact.ended_at == NOW + HOUR
    assert titles() == [fact.sentence.rstrip("."), f"Over: {fact.sentence.rstrip('.')}"]


def test_a_new_end_that_is_near_as_well_is_told_anew(router: Automation):
    one = credential(router, days=3)
    swept(NOW)
    rotate(one, 5)
    swept(NOW + HOUR)
    assert [(fact.data["expires_at"], fact.ended_at is None) for fact in Fact.objects.order_by("id")] == [
        ("2026-11-06T09:00:00Z", False), ("2026-11-08T09:00:00Z", True)
    ]  # fmt: skip


def test_each_credential_goes_by_itself(router: Automation):
    credential(router, days=3)
    credential(router, days=20, name="Gmail")
    swept(NOW)
    swept(NOW + MINUTE)
    assert sorted(one.data["warning_days"] for one in Fact.objects.all()) == [7, 30]


# --- Cost ---


def costs(automation: Automation, amount: int) -> None:
    values = {"cost_per_month": Decimal(amount), "cost_budget": Decimal(100)}
    catalog.change_automation(automation, values=values, actor=SETUP, now=NOW)


def test_costing_more_than_is_set_aside_is_a_fact_until_it_does_not(router: Automation):
    catalog.change_automation(router, values={"cost_owner": make_person("finn")}, actor=SETUP, now=NOW)
    for hour, amount in enumerate((100, 120, 120, 1500, 100)):
        costs(router, amount)
        swept(NOW + hour * HOUR)
    assert facts() == [
        ("Lead router is noted to cost 120.00 USD a month, and 100.00 are set aside.", False),
        ("Lead router is noted to cost 1,500.00 USD a month, and 100.00 are set aside.", False),
    ]
    assert [one.data["cost_owner"] for one in Fact.objects.all()] == ["finn", "finn"]
    assert [title.startswith("Over") for title in titles()] == [False, False, True]


# --- Releases: the rule ---


@pytest.mark.parametrize(
    ("since", "before", "worse"),
    [
        ((20, 4), (900, 1), True),
        ((20, 2), (900, 1), False),  # two failures are no evidence
        ((300, 3), (0, 0), False),  # 1% exactly
        ((299, 3), (0, 0), True),
        ((100, 15), (100, 5), True),  # three times exactly
        ((101, 15), (100, 5), False),
        ((0, 0), (0, 0), False),
    ],
)
def test_the_rule_is_exact(since: tuple[int, int], before: tuple[int, int], worse: bool):
    assert is_worse(Outcome(*since), Outcome(*before)) is worse


outcomes = st.integers(0, 10**6).flatmap(lambda runs: st.builds(Outcome, st.just(runs), st.integers(0, runs)))


@settings(max_examples=60)
@given(since=outcomes, before=outcomes)
def test_whatever_is_worse_has_failed_three_times_as_often(since: Outcome, before: Outcome):
    if is_worse(since, before):
        assert since.failed >= 3
        assert since.failed * 100 > since.runs
        assert since.failed * before.runs >= 3 * before.failed * since.runs
        assert is_worse(Outcome(since.runs, since.runs), before) or before.share > Fraction(1, 3)


def test_the_sentence_says_both_figures():
    told = sentence("Lead router", "v43", Outcome(20, 4), Outcome(1900, 1))
    assert told == "Lead router: 4 of 20 runs have failed since v43 went out, 1 of 1,900 in the week before."
    told = sentence("Lead router", "v1", Outcome(20, 4), Outcome(0, 0))
    assert told == "Lead router: 4 of 20 runs have failed since v1 went out, none ran in the week before."


# --- Releases: the watch ---


def ran(automation: Automation, count: int, *, until: Any, failed: int = 0, every: timedelta = MINUTE) -> None:
    """So many runs before `until`, of which the last ones failed."""
    statuses = ["failed"] * failed + ["succeeded"] * (count - failed)
    reports = [
        a_run(automation, ended=until - MINUTE - every * number, status=status)
        for number, status in enumerate(statuses)
    ]
    make_runs(reports, now=until)


def released(automation: Automation, version: str = "v43", **fields: Any) -> Release:
    return catalog.record_release(automation, version=version, actor=SETUP, now=NOW, **fields)


def looked(at: Any) -> None:
    sweep(at)
    swept(at)


def test_a_release_after_which_more_fails_is_a_fact(router: Automation):
    ran(router, 90, until=NOW, failed=1, every=HOUR)
    ran(router, 500, until=NOW - 7 * DAY, failed=500)  # before the week that is compared with
    released(router)
    looked(NOW + MINUTE)
    assert facts() == []
    ran(router, 20, until=NOW + HOUR, failed=4)
    looked(NOW + HOUR)
    looked(NOW + HOUR + MINUTE)
    told = "Lead router: 4 of 20 runs have failed since v43 went out, 1 of 90 in the week before."
    assert facts() == [(told, True)]
    assert titles() == [told.rstrip(".")]


def test_it_is_over_when_the_rule_no_longer_holds(router: Automation):
    ran(router, 90, until=NOW, failed=1, every=HOUR)
    released(router)
    ran(router, 20, until=NOW + HOUR, failed=4)
    looked(NOW + HOUR)
    ran(router, 110, until=NOW + 3 * HOUR)
    looked(NOW + 3 * HOUR)
    assert [one.ended_at for one in Fact.objects.all()] == [NOW + 3 * HOUR]


def test_it_is_over_when_the_watch_ends(router: Automation):
    released(router, watch_hours=2)
    ran(router, 20, until=NOW + HOUR, failed=4)
    looked(NOW + 2 * HOUR - MINUTE)
    assert [one.ended_at for one in Fact.objects.all()] == [None]
    looked(NOW + 2 * HOUR)
    assert [one.ended_at for one in Fact.objects.all()] == [NOW + 2 * HOUR]


def test_failures_as_usual_are_no_news(router: Automation):
    ran(router, 100, until=NOW, failed=10)
    released(router)
    ran(router, 20, until=NOW + HOUR, failed=5)
    looked(NOW + HOUR)
    assert facts() == []


def test_the_newest_release_answers_for_what_runs_since(router: Automation):
    released(router, "v42")
    ran(router, 20, until=NOW + HOUR, failed=4)
    looked(NOW + HOUR)
    catalog.record_release(router, version="v43", actor=SETUP, now=NOW + 2 * HOUR)
    ran(router, 20, until=NOW + 3 * HOUR, failed=20)
    looked(NOW + 3 * HOUR)
    assert facts() == [
        ("Lead router: 4 of 20 runs have failed since v42 went out, none ran in the week before.", False),
        ("Lead router: 20 of 20 runs have failed since v43 went out, 4 of 20 in the week before.", True),
    ]


# --- The round ---


def wrong_everywhere(number: int) -> None:
    for _ in range(number):
        one = make_automation(active=True, team=make_team(), owner=make_person())
        credential(one, days=3)
        costs(one, 120)
        released(one)
        ran(one, 3, until=NOW + HOUR, failed=3)


def queries_of_a_round(at: Any) -> int:
    sweep(at)
    with CaptureQueriesContext(
        connection,
    ) as captured:
        sweep_upkeep(at)
    return len(captured)


def test_a_round_costs_the_same_for_one_and_for_many():
    wrong_everywhere(1)
    first, calm = queries_of_a_round(NOW + HOUR), queries_of_a_round(NOW + HOUR)
    Fact.objects.all().delete()
    wrong_everywhere(9)
    assert (queries_of_a_round(NOW + HOUR), queries_of_a_round(NOW + HOUR)) == (first, calm)
    assert Fact.objects.count() == 30
    assert first <= 14
    assert calm <= 6


@pytest.mark.django_db(transaction=True)
def test_several_sweepers_tell_a_nearer_warning_once():
    wrong_everywhere(3)
    sweep(NOW + HOUR)
    sweep_upkeep(NOW + HOUR)
    later = NOW + 2 * DAY + HOUR

    def one(at: Any) -> None:
        sweep_upkeep(at)
        connection.close()

    threads = [threading.Thread(target=one, args=[later + timedelta(microseconds=n)]) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    going_on = Fact.objects.going_on().values_list("kind", "data__warning_days")
    assert sorted(going_on, key=str) == [("cost", None)] * 3 + [("credential_expiry", 1)] * 3
    assert Fact.objects.filter(kind="credential_expiry").count() == 6
