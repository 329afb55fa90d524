"""Burn alerts, volume and drift become facts: once an episode, over when it is calm, held while the portal is blind."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from opsportal.catalog import operations as catalog
from opsportal.catalog.models import Automation
from opsportal.sweeps.models import BlindSpell
from slos.alarms.sweep import sweep_batch, sweep_burns
from slos.alarms.watching import sweep_watches
from slos.budgets import queries as budgets
from slos.models import Fact, Slo, Watch
from slos.objectives import operations
from tests.factories.budgets import sweep
from tests.factories.catalog import make_automation
from tests.factories.identity import NOW, SETUP, make_person
from tests.factories.objectives import make_exclusion, make_slo
from tests.factories.runs import a_run, make_runs

pytestmark = pytest.mark.django_db
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
WEEKLY = {"kind": "rolling", "days": 7}


@pytest.fixture
def automation() -> Automation:
    owner = make_person("owner")
    return make_automation("lead-router", owner=owner, tier="P1", active=True)


def ran(automation: Automation, *, until: datetime, hours: float, every: timedelta = 10 * MINUTE, **fields: Any):
    """A run every ten minutes, the last one a minute before `until`."""
    number = round(timedelta(hours=hours) / every)
    reports = [a_run(automation, ended=until - MINUTE - every * n, seconds=30, **fields) for n in range(number)]
    make_runs(reports, now=until)


def swept(at: datetime) -> None:
    sweep(at)
    sweep_burns(at)


def burning(automation: Automation, **fields: Any) -> Slo:
    """Two calm days, then an hour in which every run fails."""
    slo = make_slo(automation=automation, window=WEEKLY, **fields)
    ran(automation, until=NOW - HOUR, hours=48)
    ran(automation, until=NOW, hours=1, status="failed", error_type="RateLimit")
    return slo


def kinds() -> list[str]:
    return sorted(Fact.objects.going_on().values_list("kind", flat=True))


def test_a_burn_fires_once_and_ends_once(automation: Automation):
    slo = burning(automation)
    swept(NOW)
    (fact,) = Fact.objects.filter(kind="burn")
    assert (fact.slo, fact.automation, fact.ended_at) == (slo, automation, None)
    assert fact.data["severity"] == "page"
    assert (fact.data["threshold"], fact.data["burn_long"]) == ("16.8", "200")
    assert fact.sentence == (
        f"{slo.name} spends its error budget 200 times too fast over the last 1 h; nothing of it remains."
    )
    swept(NOW + MINUTE)
    assert Fact.objects.filter(kind="burn").count() == 1
    later = NOW + 3 * HOUR
    ran(automation, until=later, hours=3, every=MINUTE)
    swept(later)
    fact.refresh_from_db()
    assert fact.ended_at == budgets.watermark().at
    swept(later + MINUTE)
    assert not Fact.objects.going_on().filter(kind="burn").exists()


def test_a_spent_budget_is_a_fact_of_its_own(automation: Automation):
    burning(automation)
    swept(NOW)
    assert kinds() == ["burn", "exhausted"]


def test_two_sweepers_enter_one_fact(automation: Automation):
    """They notice the same at different instants; the episode lets one in."""
    slo = burning(automation)
    sweep(NOW)
    at = budgets.watermark().at
    sweep_batch([slo.pk], NOW, at)
    Fact.objects.filter(kind="burn").update(key="by the first")
    sweep_batch([slo.pk], NOW + MINUTE, at + MINUTE)
    assert Fact.objects.filter(kind="burn").count() == 1


def test_two_failures_among_many_wake_nobody(automation: Automation):
    slo = make_slo(automation=automation, window=WEEKLY, target="95")
    ran(automation, until=NOW, hours=48)
    ran(automation, until=NOW, hours=0.2, status="failed")
    swept(NOW)
    assert not Fact.objects.filter(slo=slo, kind="burn").exists()


def test_below_twenty_events_no_rule_acts(automation: Automation):
    make_slo(automation=automation, window=WEEKLY)
    ran(automation, until=NOW, hours=2, status="failed")
    swept(NOW)
    assert kinds() == []


def test_a_threshold_is_tuned_without_code(automation: Automation):
    """Thirty times slower than the generated one would ask for."""
    alerts = [{"burn": "0.5", "long_seconds": 86_400, "short_seconds": 3_600, "severity": "ticket"}]
    slo = make_slo(automation=automation, window=WEEKLY, target="90", burn_alerts=alerts)
    ran(automation, until=NOW, hours=24)
    ran(automation, until=NOW, hours=24, every=2 * HOUR, status="failed")
    ran(automation, until=NOW, hours=0.5, status="failed")
    swept(NOW)
    (fact,) = Fact.objects.filter(slo=slo, kind="burn")
    assert (fact.data["severity"], fact.data["threshold"]) == ("ticket", "0.5")


def test_a_blind_portal_begins_and_ends_nothing(automation: Automation):
    burning(automation)
    swept(NOW)
    before = kinds()
    later = NOW + 2 * HOUR
    BlindSpell.objects.create(from_at=NOW, until=later - 5 * MINUTE)
    ran(automation, until=later, hours=0.05, every=MINUTE)
    swept(later)
    assert kinds() == before


def test_a_composite_burns_with_its_parts(automation: Automation):
    first = burning(automation)
    other = make_slo(automation=automation, window=WEEKLY, target="50")
    parts = [{"slo": first.slug, "weight": "1"}, {"slo": other.slug, "weight": "1"}]
    whole = make_slo(kind="composite", window=WEEKLY, target="99", parts=parts)
    swept(NOW)
    fact = Fact.objects.get(slo=whole, kind="burn")
    assert (fact.data["severity"], fact.data["burn_long"]) == ("page", "101")


def test_what_is_promised_no_more_does_not_burn(automation: Automation):
    slo = burning(automation)
    swept(NOW)
    operations.retire_slo(slo, actor=SETUP, now=NOW)
    swept(NOW + MINUTE)
    assert kinds() == []


def test_what_a_retired_automation_burns_is_over_and_nobodys_news(automation: Automation):
    burning(automation)
    swept(NOW)
    assert kinds()
    catalog.retire_automation(automation, actor=SETUP, now=NOW)

    swept(NOW + MINUTE)
    swept(NOW + 2 * MINUTE)

    assert kinds() == []
    assert not Fact.objects.filter(noticed_at__gt=NOW).exists()


def test_what_a_paused_automation_burns_is_news_for_a_pause_is_no_exclusion(automation: Automation):
    burning(automation)
    catalog.pause_automation(automation, actor=SETUP, now=NOW, reason="It fails.")
    swept(NOW)
    assert "burn" in kinds()


def test_a_draft_alerts_nobody(automation: Automation):
    burning(automation, state="draft")
    swept(NOW)
    assert kinds() == []


# --- Volume ---


def weeks_of_runs(automation: Automation, hour: datetime, counts: list[int]) -> None:
    """So many runs in the hour before `hour`, in each of the weeks before."""
    reports = [
        a_run(automation, ended=hour - week * timedelta(days=7) - 10 * MINUTE - n * timedelta(seconds=20))
        for week, count in enumerate(counts)
        for n in range(count)
    ]
    make_runs(reports, now=hour)


def watched(hour: datetime) -> None:
    sweep(hour + 15 * MINUTE)
    sweep_watches(hour + 15 * MINUTE)


@pytest.mark.parametrize(
    ("count", "direction"),
    [(30, None), (38, None), (22, None), (100, "more"), (2, "less")],
)
def test_an_unusual_hour_is_a_fact(automation: Automation, count: int, direction: str | None):
    weeks_of_runs(automation, NOW, [count, 30, 34, 27, 29, 31, 30])
    watched(NOW)
    found = list(Fact.objects.filter(kind="volume").values_list("data__direction", "data__beyond_factor"))
    assert found == ([(direction, True)] if direction else [])


def test_a_usual_hour_ends_it(automation: Automation):
    weeks_of_runs(automation, NOW, [100, 30, 34, 27, 29, 31, 30])
    weeks_of_runs(automation, NOW + HOUR, [31, 30, 34, 27, 29, 31, 30])
    watched(NOW)
    fact = Fact.objects.get(kind="volume")
    assert fact.sentence == "Lead router ran 100 times in an hour: 3.3 times the usual 30."
    assert (fact.occurred_at, fact.ended_at) == (NOW - HOUR, None)
    watched(NOW + HOUR)
    fact.refresh_from_db()
    assert fact.ended_at == NOW + HOUR


def test_each_hour_is_looked_at_once(automation: Automation):
    weeks_of_runs(automation, NOW, [100, 30, 34, 27, 29, 31, 30])
    watched(NOW)
    assert Watch.objects.get(automation=automation).looked_until == NOW
    Fact.objects.filter(kind="volume").delete()
    sweep_watches(NOW + 20 * MINUTE)
    assert not Fact.objects.filter(kind="volume").exists()


def test_a_young_automation_is_not_compared_with_nothing(automation: Automation):
    weeks_of_runs(automation, NOW, [100, 30, 34])
    watched(NOW)
    assert not Fact.objects.filter(kind="volume").exists()


def test_maintenance_is_neither_judged_nor_compared_with(automation: Automation):
    slo = make_slo(automation=automation)
    exclusion = make_exclusion(slo, make_person(), from_at=NOW - HOUR, now=NOW - DAY)
    type(exclusion).objects.update(slo=None, automation=automation)
    weeks_of_runs(automation, NOW, [0, 30, 34, 27, 29, 31, 30])
    watched(NOW)
    assert not Fact.objects.filter(kind="volume").exists()


def test_a_watch_is_set_without_code(automation: Automation):
    Watch.objects.create(automation=automation, volume_rule="factor", volume_factor=Decimal(4))
    weeks_of_runs(automation, NOW, [100, 30, 34, 27, 29, 31, 30])
    watched(NOW)
    assert not Fact.objects.filter(kind="volume").exists()


# --- Drift ---


def test_errors_that_creep_up_are_a_fact_before_any_burn(automation: Automation):
    """1 in 50 fails, then 3 in 50: a burn of 0.6 against a target of 90%, so that no burn alert fires."""
    make_slo(automation=automation, target="90")
    reports = []
    for day in range(42):
        bad = 1 if day >= 8 else 3
        end = NOW.replace(hour=8) - day * DAY
        reports += [
            a_run(automation, ended=end, seconds=20, status="failed" if n < bad else "succeeded") for n in range(50)
        ]
    make_runs(reports, now=NOW)
    sweep(NOW + 15 * MINUTE)
    sweep_watches(NOW + 15 * MINUTE)
    sweep_burns(NOW + 15 * MINUTE)
    assert kinds() == ["error_drift"]
    fact = Fact.objects.get(kind="error_drift")
    assert fact.data["since"] == "2026-10-27"
