"""Several sweepers at once, none of whose clocks agree: every decision, freeze, fact, sum and notice is there once."""

from collections import Counter
from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Any

import pytest

from opsportal.audit.models import Entry
from opsportal.catalog import operations as catalog
from opsportal.catalog.models import Automation, ExperimentPermission, Freeze
from opsportal.identity.models import Person
from opsportal.identity.roles import Role
from opsportal.notify.models import Message
from slos.alarms.sweep import sweep_burns
from slos.budgets import queries as budgets
from slos.budgets.sweep import sweep_rollups
from slos.heartbeats.sweep import sweep_heartbeats
from slos.models import BudgetFreeze, Decision, DirtyMinute, Fact, Flip, Heartbeat, OpenBucket, Slo, SloReading
from slos.policy.sweep import sweep_policies
from tests.factories import policy as make
from tests.factories.budgets import sweep
from tests.factories.catalog import make_automation
from tests.factories.facts import tell_of_facts
from tests.factories.heartbeats import make_heartbeat, ping
from tests.factories.identity import NOW, SETUP, make_person, make_team
from tests.factories.objectives import make_slo
from tests.factories.runs import a_run, make_runs
from tests.races import at_once

pytestmark = pytest.mark.django_db(transaction=True)

SECOND, MINUTE, HOUR, DAY = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
SUNDAY = date(2026, 11, 1)
MONDAY = SUNDAY + DAY
SWEEPERS = 3


def race(sweeper: Callable[[datetime], Any], at: datetime) -> None:
    """Sweepers that started a second apart by their clocks and meet over the same rows."""
    at_once(*[lambda n=n: sweeper(at + n * SECOND) for n in range(SWEEPERS)])


# --- policies ---


def teams_that_burn(teams: int) -> list[Person]:
    """Of each two automations with three SLOs each; all burn for three days, then are calm for three. Their leads."""
    leads = []
    for _ in range(teams):
        team = make_team()
        leads.append(make_person(roles=[Role.OPS_LEAD], team=team))
        for slo in [make.make_slo(automation) for automation in _two_of(team) for _ in range(3)]:
            make.burn_days(slo, MONDAY + 2 * DAY, 3, 3, 3, 0, 0, 0)
    make.published()
    return leads


def _two_of(team: Any) -> list[Automation]:
    return [make_automation(team=team, now=make.BEGIN) for _ in range(2)]


def race_policies(day: date) -> None:
    make.look_until(make.morning(day) + MINUTE)
    race(sweep_policies, make.morning(day))


def heard(person: Person) -> Counter[str]:
    titles = person.messages.values_list("title", flat=True)
    return Counter(title.split(":")[0] for title in titles)


def test_racing_policy_sweeps_decide_freeze_and_tell_once() -> None:
    leads = teams_that_burn(teams=2)
    race_policies(MONDAY)
    assert sorted(Decision.objects.filter(verdict="freeze").values_list("slo", flat=True)) == _keys()
    assert sorted(BudgetFreeze.objects.values_list("slo", flat=True)) == _keys()
    assert Freeze.objects.count() == Entry.objects.filter(action="freeze.started").count() == 12
    assert [heard(lead) for lead in leads] == [{"Frozen": 1}] * 2

    for day in range(1, 4):
        race_policies(MONDAY + day * DAY)
    assert not BudgetFreeze.objects.filter(ended_at=None).exists()
    assert Freeze.objects.filter(lifted_at__isnull=False).count() == 12
    assert Entry.objects.filter(action="freeze.ended").count() == 12
    ended = {"Frozen": 1, "One freeze fewer, not the last": 5, "No longer frozen": 1}
    assert [heard(lead) for lead in leads] == [ended] * 2


def _keys() -> list[int]:
    return sorted(Slo.objects.values_list("pk", flat=True))


def test_freezes_that_run_out_under_several_sweepers_end_once() -> None:
    (lead,) = teams_that_burn(teams=1)
    make.sweep(MONDAY)
    race_policies(MONDAY + 31 * DAY)
    assert Entry.objects.filter(action="freeze.ended").count() == 6
    assert heard(lead)["No longer frozen"] == 1


@pytest.mark.parametrize(("other_burn", "allowed"), [(0.5, 1), (1.5, 0)])
def test_of_two_slos_judged_at_once_neither_is_overlooked(other_burn: float, allowed: int) -> None:
    """A permission asks how every SLO of the automation stands: the later judge sees what the earlier one wrote."""
    automation = make_automation(owner=make_person(), now=make.BEGIN)
    healthy, other = make.make_slo(automation), make.make_slo(automation)
    make.burn_days(healthy, SUNDAY, *[0.5] * 42)
    make.burn_days(other, SUNDAY, *[other_burn] * 42)
    make.published()
    make.sweep(SUNDAY)
    race_policies(MONDAY)
    assert ExperimentPermission.objects.filter(until=None).count() == allowed
    assert Entry.objects.filter(action="policy.experiments_allowed").count() == allowed
    assert Message.objects.filter(title__startswith="Experiments are allowed").count() == allowed


# --- burns ---


def test_racing_burn_sweeps_enter_every_burn_once_and_end_it_once() -> None:
    automations = [make_automation(owner=make_person(), active=True) for _ in range(6)]
    slos = [make_slo(automation=each, window={"kind": "rolling", "days": 7}) for each in automations]
    ran(automations, until=NOW, every=2 * MINUTE, count=30, status="failed")
    sweep(NOW)
    race(sweep_burns, NOW)
    expected = {(slo.pk, kind): 1 for slo in slos for kind in ("burn", "exhausted")}
    assert Counter(Fact.objects.values_list("slo", "kind")) == expected
    race(tell_of_facts, NOW + 6 * MINUTE)
    assert Counter(Message.objects.values_list("recipient", flat=True)) == {each.owner_id: 2 for each in automations}

    later = NOW + 3 * HOUR
    ran(automations, until=later, every=2 * MINUTE, count=90)
    sweep(later)
    race(sweep_burns, later)
    assert Counter(Fact.objects.values_list("slo", "kind")) == expected
    assert set(Fact.objects.filter(ended_at=None).values_list("kind", flat=True)) == {"exhausted"}
    race(tell_of_facts, later)
    over = Message.objects.filter(title__startswith="Over: ").values_list("recipient", flat=True)
    assert Counter(over) == {each.owner_id: 1 for each in automations}


def ran(automations: list[Automation], *, until: datetime, every: timedelta, count: int, **fields: Any) -> None:
    ends = [until - MINUTE - n * every for n in range(count)]
    make_runs([a_run(each, ended=end, seconds=30, **fields) for each in automations for end in ends], now=until)


# --- heartbeats ---


def test_racing_heartbeat_sweeps_find_every_silence_once_and_follow_a_pause_once() -> None:
    automations = [make_automation(owner=make_person(), active=True) for _ in range(30)]
    heartbeats = [make_heartbeat(automation=each) for each in automations]
    for one in heartbeats[:15]:
        ping(one, NOW)
    race(sweep_heartbeats, NOW)
    down = NOW + HOUR + 10 * MINUTE + SECOND * SWEEPERS
    race(sweep_heartbeats, down)
    race(sweep_heartbeats, down + MINUTE)
    flips = Flip.objects.filter(to_status="down").values_list("heartbeat", flat=True)
    assert Counter(flips) == {one.pk: 1 for one in heartbeats}
    kinds = {one.pk: "heartbeat_down" if n < 15 else "silence" for n, one in enumerate(heartbeats)}
    assert Counter(Fact.objects.values_list("heartbeat", "kind")) == dict.fromkeys(kinds.items(), 1)
    race(tell_of_facts, down + 10 * MINUTE)
    assert Counter(Message.objects.values_list("recipient", flat=True)) == {each.owner_id: 1 for each in automations}

    for each in automations:
        catalog.pause_automation(each, actor=SETUP, now=down + HOUR, reason="The CRM moves house.")
    race(sweep_heartbeats, down + HOUR)
    race(sweep_heartbeats, down + HOUR + MINUTE)
    stood_down = Flip.objects.filter(reason="out_of_service").values_list("heartbeat", flat=True)
    assert Counter(stood_down) == {one.pk: 1 for one in heartbeats}
    assert Fact.objects.filter(ended_at__isnull=False).count() == Fact.objects.count() == 30

    for each in automations:
        catalog.activate_automation(each, actor=SETUP, now=down + 2 * HOUR)
    race(sweep_heartbeats, down + 2 * HOUR)
    back = Flip.objects.filter(reason="back_in_service").values_list("heartbeat", flat=True)
    assert Counter(back) == {one.pk: 1 for one in heartbeats}
    assert set(Heartbeat.objects.values_list("status", flat=True)) == {"new"}
    assert Fact.objects.count() == 30


# --- rollups ---


def test_racing_rollups_add_up_every_run_once() -> None:
    automations = [make_automation() for _ in range(4)]
    slos = [make_slo(automation=each) for each in automations]
    for days in range(3):
        ran(automations, until=NOW - days * DAY, every=7 * MINUTE, count=40, status="failed")
    while DirtyMinute.objects.exists() or OpenBucket.objects.filter(due_at__lte=NOW).exists():
        race(sweep_rollups, NOW)
    race(sweep_rollups, NOW + MINUTE)
    assert [budgets.counts(each, NOW - 4 * DAY, NOW).failed for each in automations] == [120] * 4
    assert [budgets.tally(slo, NOW - 4 * DAY, NOW).bad for slo in slos] == [120] * 4
    assert sorted(SloReading.objects.values_list("slo", flat=True)) == _keys()
