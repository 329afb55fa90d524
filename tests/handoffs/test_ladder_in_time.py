"""The ladder in time: who is told, who takes over, what goes up, and when nothing happens any more."""

from datetime import timedelta

import pytest

from handoffs import operations
from handoffs.models import Fact, Handoff, StageFiring
from handoffs.queries import timeline_of, verdict_of
from handoffs.states import FactKind, RuleMode
from opsportal.identity.models import Absence, Person
from opsportal.notify.models import Message, PublishedEvent
from tests.factories.handoffs import (
    START,
    actions_on,
    after,
    again,
    make_calendar,
    make_handoff,
    make_rule,
    sweep,
    told,
)
from tests.factories.identity import SETUP, make_person

pytestmark = pytest.mark.django_db


def away(person: Person) -> None:
    Absence.objects.create(person=person, from_at=START - timedelta(days=1), until=START + timedelta(days=1))


def percents(handoff: Handoff) -> list[int]:
    return list(StageFiring.objects.filter(handoff=handoff).order_by("id").values_list("percent", flat=True))


def kinds(handoff: Handoff) -> set[str]:
    return set(Fact.objects.filter(handoff=handoff).values_list("kind", flat=True))


def test_the_story_of_a_lead_nobody_answers() -> None:
    boss = make_person("boss")
    ana, ben = make_person("ana", name="Ana", manager=boss), make_person("ben", name="Ben", manager=boss)
    lead = make_handoff(owner=ana, backup_owner=ben, subject="Lead 4711")

    assert sweep(after(29, 59)) == 0
    assert sweep(after(30)) == 1
    assert (told(ana), told(ben)) == (["“Lead 4711” has waited 30 min for a first response"], [])

    assert sweep(after(60)) == 1
    lead = again(lead)
    assert (lead.owner, lead.breached, verdict_of(lead, after(60)).breached) == (ben, True, True)
    assert told(ana)[1:] == ["“Lead 4711” is now with Ben"]
    assert told(ben) == ["“Lead 4711” is yours now"]

    assert sweep(after(90, 12)) == 1
    assert told(boss) == ["“Lead 4711” has waited 1 h 30 min for a first response"]
    assert sweep(after(600)) == 0
    assert again(lead).next_fire_at is None
    assert [step.sentence for step in timeline_of(lead)] == [
        "setup opened Lead 4711: Ana has 30 min, Ben stands by.",
        "The timer alerted Ana at 30 min.",
        "It counts as breached at 1 h.",
        "The timer moved it from Ana to Ben at 1 h.",
        "The timer told Ana and Ben at 1 h.",
        "The timer told Boss at 1 h 30 min, 12 s after it was due.",
        "The timer asked the on-call side at 1 h 30 min, 12 s after it was due.",
    ]
    assert kinds(lead) == {FactKind.BREACH, FactKind.ESCALATION}


def test_every_entry_of_the_trail_names_rule_trace_and_timer() -> None:
    lead = make_handoff(trace_id="trace-1")
    sweep(after(60))
    for step in timeline_of(lead)[1:]:
        assert (step.trace_id, step.rule, step.actor["kind"], step.actor["id"]) == (
            "trace-1",
            lead.rule.slug,
            "system",
            "sweep",
        )
        assert step.stage in (100, 200)
        assert step.occurred_at


def test_each_stage_keeps_when_it_was_due_and_when_it_fired() -> None:
    lead = make_handoff()
    sweep(after(31))
    firing = StageFiring.objects.get(handoff=lead)
    assert (firing.scheduled_at, firing.fired_at) == (after(30), after(31))
    assert firing.recipients == [lead.owner.username]


def test_after_an_outage_the_stages_fire_once_and_in_order() -> None:
    lead = make_handoff()
    assert sweep(after(1000)) == 3
    assert percents(lead) == [100, 200, 300]
    assert sweep(after(1001)) == 0


def test_an_earlier_nudge_fires_before_the_timer() -> None:
    stages = [{"percent": 75, "actions": ["alert_owner"]}, {"percent": 200, "actions": ["notify_manager"]}]
    lead = make_handoff(make_rule(stages=stages, sla_minutes=20))
    sweep(after(15))
    assert percents(lead) == [75]
    sweep(after(40))
    assert percents(lead) == [75, 200]
    assert again(lead).breached, "at 2x a record is breached whether or not its ladder says so"


def test_a_stage_fires_at_closing_time() -> None:
    calendar = make_calendar(tue=[["09:00", "09:30"]], wed=[["09:00", "17:00"]])
    lead = make_handoff(make_rule(calendar=calendar.slug))
    assert lead.due_at == after(30)
    sweep(after(30))
    assert percents(lead) == [100]
    assert not verdict_of(lead, after(600)).missed, "closed hours do not count"
    sweep(after(24 * 60 + 29, 59))
    assert percents(lead) == [100]
    sweep(after(24 * 60 + 30))
    assert percents(lead) == [100, 200]


def test_grace_shifts_the_stages_and_not_the_verdict() -> None:
    rule = make_rule(grace_minutes=5, grace_by_source={"slow": 10})
    usual, slow = make_handoff(rule), make_handoff(rule, source="slow")
    assert (usual.due_at, slow.due_at) == (after(35), after(40))
    sweep(after(35))
    assert (percents(usual), percents(slow)) == ([100], [])
    assert verdict_of(usual, after(31)).missed


@pytest.mark.parametrize("move", ["respond_to_handoff", "complete_handoff", "cancel_handoff"])
def test_nothing_fires_after_a_stop_that_committed_first(move: str) -> None:
    lead = make_handoff()
    getattr(operations, move)(lead, actor=SETUP, now=after(30), occurred_at=after(29), **_by_ana(move))
    assert sweep(after(31)) == 0
    assert sweep(after(500)) == 0


def _by_ana(move: str) -> dict[str, object]:
    from opsportal.audit.engine import Actor

    return {"respondent": Actor("human", "ana", "Ana")} if move == "respond_to_handoff" else {}


# --- who takes over ---


def test_with_the_owner_away_the_backup_is_alerted_as_well() -> None:
    lead = make_handoff()
    away(lead.owner)
    sweep(after(30))
    assert len(told(lead.owner)) == len(told(lead.backup_owner)) == 1


def test_an_absent_backup_is_passed_over_for_the_fallback_person() -> None:
    spare = make_person()
    lead = make_handoff(make_rule(fallback_person=spare))
    away(lead.backup_owner)
    sweep(after(60))
    assert again(lead).owner == spare
    assert FactKind.NOBODY_LEFT not in kinds(lead)


@pytest.mark.parametrize("reason", ["absent", "missing", "same", "left"])
def test_with_nobody_left_the_owner_stays_and_the_fact_goes_up(reason: str) -> None:
    owner = make_person()
    backup = {"missing": None, "same": owner}.get(reason, make_person()) if reason != "missing" else None
    lead = make_handoff(owner=owner, backup_owner=backup)
    assert lead.backup_missing == (reason in ("missing", "same"))
    if reason == "absent":
        away(backup)
    if reason == "left":
        Person.objects.filter(pk=backup.pk).update(is_active=False)
    sweep(after(60))
    lead = again(lead)
    assert (lead.owner, lead.breached) == (owner, True)
    assert kinds(lead) == {FactKind.BREACH, FactKind.NOBODY_LEFT}
    assert "nobody_left" in actions_on(lead)
    assert "reassigned" not in actions_on(lead)


def test_an_owner_who_is_the_backup_hands_over_to_the_fallback_person() -> None:
    owner, spare = make_person(), make_person()
    lead = make_handoff(make_rule(fallback_person=spare), owner=owner, backup_owner=owner)
    sweep(after(60))
    assert again(lead).owner == spare


def test_a_fallback_person_who_is_away_or_the_owner_does_not_take_over() -> None:
    owner, spare = make_person(), make_person()
    away(spare)
    leads = [
        make_handoff(make_rule(fallback_person=spare), owner=owner, backup_owner=owner),
        make_handoff(make_rule(fallback_person=owner), owner=owner, backup_owner=None),
    ]
    sweep(after(60))
    for lead in leads:
        assert again(lead).owner == owner
        assert FactKind.NOBODY_LEFT in kinds(lead)


def test_it_never_goes_round_and_round() -> None:
    stages = [{"percent": percent, "actions": ["reassign_to_backup"]} for percent in (200, 300, 400, 500)]
    spare = make_person()
    lead = make_handoff(make_rule(stages=stages, fallback_person=spare))
    sweep(after(60))
    assert again(lead).owner == lead.backup_owner
    sweep(after(90))
    assert again(lead).owner == spare
    sweep(after(120))
    sweep(after(150))
    assert again(lead).owner == spare
    assert actions_on(lead).count("reassigned") == 2


def test_the_machine_does_not_undo_what_a_person_decided() -> None:
    lead = make_handoff()
    operations.reassign_handoff(lead, owner=lead.backup_owner, actor=SETUP, now=after(5))
    operations.reassign_handoff(lead, owner=lead.owner, actor=SETUP, now=after(6), reason="Ana knows them")
    sweep(after(60))
    assert again(lead).owner == lead.owner


def test_a_record_without_anybody_goes_up_at_once() -> None:
    lead = make_handoff(owner=None, backup_owner=None)
    assert lead.backup_missing
    sweep(after(30))
    assert kinds(lead) == {FactKind.NOBODY_LEFT}


def test_nobody_is_told_twice_in_one_stage() -> None:
    stages = [{"percent": 100, "actions": ["alert_owner", "alert_backup", "reassign_to_backup", "notify_both"]}]
    lead = make_handoff(make_rule(stages=stages))
    sweep(after(30))
    assert len(told(lead.owner)) == len(told(lead.backup_owner)) == 1


def test_without_a_manager_the_ladder_goes_on() -> None:
    lead = make_handoff()
    sweep(after(90))
    assert percents(lead) == [100, 200, 300]
    assert FactKind.ESCALATION in kinds(lead)


# --- late, historical, shadow ---


def test_a_live_record_that_arrives_late_fires_what_is_due_once_and_says_how_late_it_came() -> None:
    lead = make_handoff(now=after(70), started_at=START)
    assert lead.late_on_arrival
    assert sweep(after(70)) == 2
    assert percents(lead) == [100, 200]
    assert "It reached the portal 1 h 10 min after it began." in Message.objects.filter(recipient=lead.owner)[0].body
    assert sweep(after(71)) == 0


def test_history_gets_verdicts_without_actions_until_it_is_made_live() -> None:
    lead = make_handoff(now=after(70), historical=True)
    assert sweep(after(80)) == 0
    assert verdict_of(lead, after(80)).breached
    assert not lead.late_on_arrival
    lead = operations.make_handoff_live(lead, actor=SETUP, now=after(80))
    assert lead.late_on_arrival
    assert sweep(after(80)) == 2


def test_a_shadow_computes_and_shows_without_consequence() -> None:
    rule = make_rule(mode=RuleMode.SHADOW)
    lead = make_handoff(rule)
    sweep(after(60))
    assert percents(lead) == [100, 200]
    assert (again(lead).owner, told(lead.owner), told(lead.backup_owner)) == (lead.owner, [], [])
    assert not Fact.objects.exists()
    assert not PublishedEvent.objects.exists()
    assert actions_on(lead) == ["created", "shadowed", "shadowed"]
    assert "would have told" in timeline_of(lead)[1].sentence

    from handoffs.queries import shadow_result

    result = shadow_result(rule, from_at=START, until=after(100))
    assert (result.handoffs, result.alerted, result.reassigned, result.breached) == (1, 1, 1, 1)


def test_after_its_own_downtime_the_portal_says_so() -> None:
    from opsportal.sweeps.models import BlindSpell

    before, during = make_handoff(started_at=after(-40)), make_handoff()
    sweep(after(-10))
    BlindSpell.objects.create(from_at=after(-5), until=after(119))
    sweep(after(120))
    late = StageFiring.objects.filter(outcome__has_key="detected_late")
    assert set(late.values_list("handoff", "percent")) == {
        (before.pk, 200), (before.pk, 300), (during.pk, 100), (during.pk, 200), (during.pk, 300),
    }  # fmt: skip
    assert Fact.objects.get(handoff=during, kind="breach").data["detected_late"]
    assert "The portal was down when this was due." in Message.objects.filter(recipient=during.owner).last().body


# --- webhooks ---


def test_subscribers_hear_of_each_step_with_the_record_as_it_leaves_it() -> None:
    from tests.factories.notify import make_subscription

    make_subscription("https://crm.example.org/hook")
    lead = make_handoff()
    sweep(after(60))
    events = {one.type: one for one in PublishedEvent.objects.all()}
    assert set(events) == {
        "handoff.created",
        "handoff.alerted",
        "handoff.breached",
        "handoff.reassigned",
        "handoff.notified",
    }
    reassigned = events["handoff.reassigned"]
    assert reassigned.data["owner"] == lead.backup_owner.username
    assert (reassigned.data["breached"], reassigned.data["elapsed_seconds"]) == (True, 3600)
    assert reassigned.trace_id == lead.trace_id
    assert events["handoff.alerted"].data["owner"] == lead.owner.username


def test_a_record_that_cannot_be_swept_stops_none_of_the_others() -> None:
    from handoffs.models import RuleVersion
    from handoffs.sweep import SweepIncomplete

    broken, lead = make_handoff(), make_handoff()
    RuleVersion.objects.filter(pk=broken.rule_version_id).update(stages="nonsense")
    with pytest.raises(SweepIncomplete, match=str(broken.pk)):
        sweep(after(30))
    assert percents(lead) == [100]
