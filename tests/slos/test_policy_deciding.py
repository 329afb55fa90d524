"""From counted days to decisions, freezes and permissions: what the daily sweep does, and what a dry run would."""

from datetime import date, timedelta

import pytest
from django.db import IntegrityError, transaction

from opsportal.audit import queries as audit
from opsportal.audit import sentences
from opsportal.catalog import queries as catalog
from opsportal.catalog.models import ExperimentPermission, Freeze
from opsportal.identity.roles import Role
from opsportal.notify.models import Message
from slos.models import BudgetFreeze, Decision, Standing
from slos.policy import operations, queries
from slos.policy.rules import PUBLISHED
from tests.factories import policy as make
from tests.factories.catalog import make_automation
from tests.factories.identity import SETUP, make_person, make_team

pytestmark = pytest.mark.django_db

SUNDAY = date(2026, 11, 1)
DAY = timedelta(days=1)
MONDAY = SUNDAY + DAY


def gate(automation, day: date, change: str = "feature") -> bool:
    return catalog.gate(automation, change=change, at=make.morning(day)).allowed


def verdicts(rule: str = "burn-three-days") -> list[tuple[date, str]]:
    return list(Decision.objects.filter(rule=rule).order_by("day", "pk").values_list("day", "verdict"))


def test_three_hot_days_freeze_the_owners_team():
    team = make_team("revops")
    router, sibling, foreign = make_automation(team=team), make_automation(team=team), make_automation()
    slo = make.make_slo(router)
    make.burn_days(slo, SUNDAY, 0, 3, 3, 3)
    make.published()
    make.sweep(MONDAY)
    freeze = Freeze.objects.get()
    assert (freeze.kind, freeze.scope, freeze.team, freeze.from_at) == ("budget", "team", team, make.morning(MONDAY))
    assert freeze.until - freeze.from_at == timedelta(days=30)
    assert not gate(router, MONDAY)
    assert not gate(sibling, MONDAY)
    assert gate(foreign, MONDAY)
    assert gate(router, MONDAY, "fix")
    assert gate(router, MONDAY, "security")
    assert (
        "3 complete days in a row above a burn of 2" in catalog.gate(router, change="feature", at=freeze.from_at).reason
    )
    decision = Decision.objects.get(verdict="freeze")
    assert (decision.day, decision.freeze, decision.held) == (SUNDAY, freeze, False)
    assert [one["burn"] for one in decision.evidence["streak"]] == ["3", "3", "3"]


def test_a_burn_of_exactly_two_freezes_nothing():
    slo = make.make_slo()
    make.burn_days(slo, SUNDAY, 2, 2, 2)
    make.published()
    make.sweep(MONDAY)
    assert not Freeze.objects.exists()
    assert verdicts() == [(SUNDAY, "none")]


def test_an_automation_of_no_team_is_frozen_alone():
    slo = make.make_slo()
    make.burn_days(slo, SUNDAY, 3, 3, 3)
    make.published()
    make.sweep(MONDAY)
    assert Freeze.objects.get().automation == slo.automation


def test_the_day_that_runs_is_not_judged():
    slo = make.make_slo()
    make.burn_days(slo, SUNDAY, 3, 3, 3)
    make.published()
    make.look_until(make.morning(SUNDAY) + timedelta(hours=20))
    make.sweep_policies(make.morning(MONDAY))  # it is Monday, but the portal has not looked at Sunday's end yet
    assert verdicts() == [(SUNDAY - DAY, "none")]


def test_days_end_in_the_zone_of_the_slo():
    slo = make.make_slo(timezone="America/Los_Angeles")
    make.published()
    make.sweep(MONDAY)
    assert Decision.objects.filter(slo=slo).order_by("-day").first().day == SUNDAY - DAY


def test_the_same_day_twice_is_one_decision():
    slo = make.make_slo()
    make.burn_days(slo, SUNDAY, 3, 3, 3)
    make.published()
    make.sweep(MONDAY, MONDAY, MONDAY)
    rows = Decision.objects.filter(slo=slo).values_list("rule", "day")
    assert len(rows) == len(set(rows)) == 3  # the quarter is not asked where events are counted
    assert Freeze.objects.count() == 1
    with pytest.raises(IntegrityError), transaction.atomic():
        Decision.objects.create(**{**Decision.objects.values().first(), "id": None})


def test_a_new_wording_does_not_judge_a_day_again():
    slo = make.make_slo()
    make.burn_days(slo, SUNDAY, 3, 3, 3)
    policy = make.published()
    make.sweep(MONDAY)
    terms = operations.Terms("Error budget policy", [{**PUBLISHED[0], "above": "5"}])
    operations.change_policy(policy, terms=terms, actor=SETUP, now=make.morning(MONDAY), reason="Too strict")
    make.sweep(MONDAY, MONDAY + DAY)
    assert list(Decision.objects.order_by("day", "pk").values_list("policy_version__number", flat=True)) == [1, 1, 1, 2]


def test_missed_days_are_caught_up_in_order():
    slo = make.make_slo()
    make.published()
    make.burn_days(slo, SUNDAY, 0, 0, 3, 3, 3, 3, 0, 0, 0, 0)
    make.sweep(SUNDAY - 7 * DAY)
    make.sweep(MONDAY)  # the portal was down for a week
    assert verdicts() == [
        (SUNDAY - 8 * DAY, "none"),
        (SUNDAY - 7 * DAY, "none"),
        (SUNDAY - 6 * DAY, "none"),
        (SUNDAY - 5 * DAY, "freeze"),
        (SUNDAY - 4 * DAY, "freeze"),
        (SUNDAY - 3 * DAY, "none"),
        (SUNDAY - 2 * DAY, "none"),
        (SUNDAY - 1 * DAY, "none"),
        (SUNDAY - 1 * DAY, "freeze_ended"),
        (SUNDAY, "none"),
    ]
    assert gate(slo.automation, MONDAY)  # it began and ended within what was caught up


def test_a_freeze_ends_after_three_calm_days():
    slo = make.make_slo()
    make.burn_days(slo, SUNDAY, 3, 3, 3, 0, 0, 0.8)
    make.published()
    make.sweep_daily(SUNDAY - 2 * DAY, MONDAY)
    freeze = Freeze.objects.get()
    assert freeze.lifted_at == make.morning(MONDAY)
    assert not gate(slo.automation, SUNDAY)
    assert gate(slo.automation, MONDAY)
    assert verdicts()[-1] == (SUNDAY, "freeze_ended")
    assert "3 complete days below a burn of 1" in freeze.lifted_reason


def test_a_burn_of_exactly_one_is_not_calm():
    slo = make.make_slo()
    make.burn_days(slo, SUNDAY, 3, 3, 3, 1, 1, 1)
    make.published()
    make.sweep_daily(SUNDAY - 2 * DAY, MONDAY)
    assert not gate(slo.automation, MONDAY)


def test_silent_days_neither_end_a_freeze_nor_begin_another():
    slo = make.make_slo()
    make.burn_days(slo, SUNDAY, 3, 3, 3, None, None, None)
    make.published()
    make.sweep_daily(SUNDAY - 2 * DAY, MONDAY)
    assert Freeze.objects.count() == 1
    assert not gate(slo.automation, MONDAY)
    held = Decision.objects.filter(rule="burn-three-days", held=True)
    assert held.count() == 3
    assert all("no data on this day, so nothing was decided." in one.sentence for one in held)


def test_a_freeze_expires_after_thirty_days_and_freezes_anew_where_its_rule_still_holds():
    slo = make.make_slo()
    make.burn_days(slo, SUNDAY, *[3] * 34)
    make.published()
    make.sweep_daily(SUNDAY - 31 * DAY, MONDAY)
    first, second = Freeze.objects.order_by("pk")
    assert first.until == second.from_at == make.morning(SUNDAY)
    assert list(BudgetFreeze.objects.order_by("pk").values_list("ended_at", flat=True)) == [second.from_at, None]


def test_a_silent_automation_is_not_frozen_for_ever():
    slo = make.make_slo()
    make.burn_days(slo, SUNDAY, 3, 3, 3, *[None] * 31)
    make.published()
    make.sweep_daily(SUNDAY - 30 * DAY, MONDAY)
    assert Freeze.objects.count() == 1
    assert gate(slo.automation, MONDAY)


def test_a_week_above_four_calls_for_a_review_once():
    slo = make.make_slo()
    leader = make_person("leader", roles=[Role.VIEWER])
    make.burn_days(slo, SUNDAY, *[0] * 7, 40, 0, 0)
    make.published()
    make.sweep_daily(SUNDAY - DAY, MONDAY)
    assert [verdict for _, verdict in verdicts("burn-in-a-week")] == ["review"] * 3
    assert Message.objects.filter(recipient=leader, title__contains="stability sprint").count() == 1
    assert not Freeze.objects.exists()


def test_six_healthy_weeks_allow_experiments_until_one_is_not():
    slo = make.make_slo(make_automation(owner=make_person("kim")))
    make.burn_days(slo, SUNDAY + 7 * DAY, *[0.5] * 43, *[1.5] * 6)
    make.published()
    make.sweep(SUNDAY)
    assert not gate(slo.automation, SUNDAY, "experiment")
    make.sweep(MONDAY)
    assert gate(slo.automation, MONDAY, "experiment")
    assert Message.objects.filter(recipient__username="kim", title__startswith="Experiments are allowed").exists()
    make.sweep(MONDAY + 6 * DAY)
    assert gate(slo.automation, MONDAY + 6 * DAY, "experiment")  # the week is not over
    make.sweep(MONDAY + 7 * DAY)
    assert not gate(slo.automation, MONDAY + 7 * DAY, "experiment")
    assert gate(slo.automation, MONDAY + 6 * DAY, "experiment")  # what was allowed then, was


def test_every_slo_of_an_automation_has_to_be_healthy():
    automation = make_automation()
    good, bad = make.make_slo(automation), make.make_slo(automation)
    make.burn_days(good, SUNDAY, *[0.5] * 42)
    make.burn_days(bad, SUNDAY, *[1.5] * 42)
    make.published()
    make.sweep(MONDAY)
    assert not gate(automation, MONDAY, "experiment")


def test_a_freeze_wins_over_a_permission():
    slo = make.make_slo()
    make.burn_days(slo, SUNDAY + 3 * DAY, *[0.1] * 42, 3, 3, 3)
    make.published()
    make.sweep(MONDAY, MONDAY + 3 * DAY)
    assert ExperimentPermission.objects.filter(until=None).exists()
    assert not gate(slo.automation, MONDAY + 3 * DAY, "experiment")
    told = queries.list_conflicts(make_person(roles=[Role.OPS_LEAD]), make.morning(MONDAY + 3 * DAY))
    assert [one.kind for one in told] == ["frozen_and_allowed"]


def test_a_retired_policy_takes_its_permissions_along_and_leaves_its_freezes():
    slo, calm = make.make_slo(), make.make_slo()
    make.burn_days(slo, SUNDAY, 3, 3, 3)
    make.burn_days(calm, SUNDAY, *[0.5] * 42)
    policy = make.published()
    make.sweep(MONDAY)
    operations.retire_policy(policy, actor=SETUP, now=make.morning(MONDAY))
    assert not gate(calm.automation, MONDAY, "experiment")
    assert not gate(slo.automation, MONDAY)
    make.burn_days(slo, SUNDAY + 3 * DAY, 0, 0, 0)
    make.sweep_daily(MONDAY + DAY, MONDAY + 3 * DAY)
    assert gate(slo.automation, MONDAY + 3 * DAY)  # it came to its own end
    assert verdicts()[-1] == (SUNDAY + 3 * DAY, "freeze_ended")


def test_an_exhausted_quarter_freezes_until_the_next():
    """Downtime of 656 minutes on one day in May; what a heartbeat missed counts as downtime."""
    from slos.models import Fact

    slo = make.make_slo(kind="availability", method="downtime")
    began = make.morning(date(2026, 6, 20)).replace(minute=0)
    Fact.objects.create(
        key="down",
        kind="heartbeat_down",
        automation=slo.automation,
        sentence="Missed",
        occurred_at=began,
        ended_at=began + timedelta(minutes=656),
        noticed_at=began,
        grace_until=began,
    )
    make.published()
    make.sweep_daily(date(2026, 6, 19), date(2026, 7, 2))
    found = verdicts("quarter-exhausted")
    assert found[:3] == [(date(2026, 6, 18), "none"), (date(2026, 6, 19), "none"), (date(2026, 6, 20), "freeze")]
    assert found[-2:] == [(date(2026, 7, 1), "none"), (date(2026, 7, 1), "freeze_ended")]
    evidence = Decision.objects.get(rule="quarter-exhausted", day=date(2026, 6, 20)).evidence
    assert (evidence["allowed_minutes"], evidence["used_minutes"]) == ("655.2", "656")


def test_a_blind_portal_decides_nothing_new():
    from opsportal.sweeps.models import BlindSpell

    slo = make.make_slo()
    make.burn_days(slo, SUNDAY, 3, 3, 3)
    start = make.morning(SUNDAY)
    BlindSpell.objects.create(from_at=start, until=start + timedelta(hours=3))
    make.published()
    make.sweep(MONDAY)
    decision = Decision.objects.get(rule="burn-three-days")
    assert (decision.verdict, decision.held) == ("none", True)
    assert not Freeze.objects.exists()


def test_a_policy_judges_its_scope_alone():
    ours, theirs = make_team("ours"), make_team("theirs")
    mine, foreign = make.make_slo(make_automation(team=ours)), make.make_slo(make_automation(team=theirs))
    for slo in (mine, foreign):
        make.burn_days(slo, SUNDAY, 3, 3, 3)
    make.make_policy("strict", [PUBLISHED[0]], scope="team", team=ours)
    make.sweep(MONDAY)
    assert list(Standing.objects.values_list("slo", flat=True)) == [mine.pk]
    assert not gate(mine.automation, MONDAY)
    assert gate(foreign.automation, MONDAY)


def test_owner_leads_and_leadership_hear_when_a_freeze_begins_and_ends():
    team = make_team("revops")
    people = [
        make_person("kim", team=team),
        make_person("lead", roles=[Role.OPS_LEAD], team=team),
        make_person("sales", roles=[Role.VIEWER]),
    ]
    outsider = make_person("outsider", team=make_team("support"))
    slo = make.make_slo(make_automation(team=team, owner=people[0]))
    make.burn_days(slo, SUNDAY, 3, 3, 3, 0, 0, 0)
    make.published()
    make.sweep_daily(SUNDAY - 2 * DAY, MONDAY)
    for person in people:
        titles = list(person.messages.order_by("pk").values_list("title", flat=True))
        assert [title.split(":")[0] for title in titles if "rozen" in title] == ["Frozen", "No longer frozen"]
    assert not outsider.messages.exists()
    freeze = Freeze.objects.get()
    told = [sentences.sentence(entry) for entry in audit.entries_of("freeze", str(freeze.pk))]
    assert told[0].startswith("budget policy began the freeze of the automations of Revops until 2026-11-29")


def test_two_targets_that_freeze_the_same_team_are_told_once_and_its_end_with_the_last():
    team = make_team("revops")
    kim = make_person("kim", team=team)
    router = make_automation(team=team, owner=kim)
    make.burn_days(make.make_slo(router), SUNDAY, 3, 3, 3, 0, 0, 0)
    make.burn_days(make.make_slo(router), SUNDAY + DAY, 3, 3, 3, 3, 0, 0, 0)
    make.published()
    make.sweep_daily(SUNDAY - 2 * DAY, MONDAY + DAY)
    assert Freeze.objects.count() == 2  # each has its own evidence and its own end
    titles = list(kim.messages.order_by("pk").values_list("title", flat=True))
    assert [title.split(":")[0] for title in titles] == ["Frozen", "One freeze fewer, not the last", "No longer frozen"]
    fewer = kim.messages.get(title__startswith="One freeze fewer")
    assert "still holds 1 automation back until" in fewer.body


def test_whoever_heard_that_a_team_is_frozen_hears_when_the_last_freeze_is_over():
    team = make_team("revops")
    kim, lee = make_person("kim", team=team), make_person("lee", team=team)
    make.burn_days(make.make_slo(make_automation(team=team, owner=kim)), SUNDAY + 3 * DAY, 3, 3, 3, 0, 0, 0)
    make.burn_days(make.make_slo(make_automation(team=team, owner=lee)), SUNDAY + 4 * DAY, 3, 3, 3, 3, 0, 0, 0)
    make.published()
    make.sweep_daily(MONDAY, MONDAY + 5 * DAY)
    heard = {}
    for person in (kim, lee):
        titles = person.messages.order_by("pk").values_list("title", flat=True)
        heard[person.username] = [title.split(":")[0] for title in titles]
    assert heard == {
        "kim": ["Frozen", "One freeze fewer, not the last", "No longer frozen"],
        "lee": ["Frozen", "No longer frozen"],
    }


def test_leadership_hears_when_the_rules_change_and_a_freeze_that_runs_stays():
    leader = make_person("sales", roles=[Role.VIEWER])
    slo = make.make_slo()
    make.burn_days(slo, SUNDAY, 3, 3, 3)
    policy = make.published()
    make.sweep(MONDAY)
    terms = operations.Terms("Error budget policy", [{**PUBLISHED[0], "above": "50", "exit_below": "40"}])
    operations.change_policy(policy, terms=terms, actor=SETUP, now=make.morning(MONDAY), reason="Too strict")
    operations.retire_policy(policy, actor=SETUP, now=make.morning(MONDAY), reason="Too strict")
    make.burn_days(slo, SUNDAY + 3 * DAY, 3, 3, 3)
    make.sweep_daily(MONDAY + DAY, MONDAY + 3 * DAY)
    assert not gate(slo.automation, MONDAY + 3 * DAY)  # calm is what it was when the freeze began
    titles = list(leader.messages.filter(title__startswith="Budget policy").values_list("title", flat=True))
    assert sorted(titles) == [
        "Budget policy changed: Error budget policy",
        "Budget policy retired: Error budget policy",
    ]


def test_one_slo_that_cannot_be_judged_does_not_keep_the_others():
    broken, fine = make.make_slo(), make.make_slo()
    make.burn_days(fine, SUNDAY, 3, 3, 3)
    make.published()
    make.sweep(SUNDAY)
    Standing.objects.filter(slo=broken).update(verdicts=[])  # not what a sweep ever wrote
    with pytest.raises(Exception, match="1 SLOs could not be judged"):
        make.sweep(MONDAY)
    assert not gate(fine.automation, MONDAY)


def test_every_decision_replays_to_its_verdict():
    hot, calm, mixed = make.make_slo(), make.make_slo(), make.make_slo()
    make.burn_days(hot, SUNDAY, *[3] * 6, 0, 0, 0, None, 3, 3, 3, 1)
    make.burn_days(calm, SUNDAY, *[0.5] * 44)
    make.burn_days(mixed, SUNDAY, 40, 0, None, 2, 5, 0.2, 0, 1, 0)
    make.published()
    make.sweep_daily(SUNDAY - 12 * DAY, MONDAY)
    decisions = list(Decision.objects.select_related("policy_version"))
    assert {one.verdict for one in decisions} == {"none", "freeze", "freeze_ended", "review", "experiment_allowed"}
    assert all(queries.replays(one) for one in decisions)
    tampered = next(one for one in decisions if one.verdict == "freeze")
    tampered.inputs["readings"][-1][2] = 0
    assert not queries.replays(tampered)


def test_a_dry_run_equals_what_was_decided():
    slos = [make.make_slo() for _ in range(3)]
    make.burn_days(slos[0], SUNDAY, *[3] * 6, 0, 0, 0, None, 3, 3, 3, 1)
    make.burn_days(slos[1], SUNDAY, *[0.5] * 44)
    make.burn_days(slos[2], SUNDAY, 40, 0, None, 2, 5, 0.2, 0, 1, 0)
    policy = make.published()
    first = SUNDAY - 12 * DAY
    make.sweep_daily(first, MONDAY)
    decided = {
        (one.slo_id, one.rule, one.day): (one.verdict, one.held, one.evidence, one.inputs, one.sentence)
        for one in Decision.objects.exclude(verdict="freeze_ended")
    }
    before = Decision.objects.count(), Freeze.objects.count()
    found = queries.dry_run(
        policy,
        from_at=make.morning(first) - timedelta(hours=1),
        until=make.morning(MONDAY),
        at=make.morning(MONDAY),
        principal=make_person(roles=[Role.OPS_LEAD]),
    )
    would_be = {
        (one.slo.pk, one.judged.rule.slug, one.judged.day): (
            str(one.judged.verdict),
            one.judged.outcome.held,
            one.judged.outcome.evidence,
            one.judged.inputs,
            one.judged.sentence,
        )
        for one in found
    }
    assert would_be == decided
    assert (Decision.objects.count(), Freeze.objects.count()) == before
