"""Reading handoffs: who sees which, what needs somebody now, the story, the deadline explained, in few queries."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection

from handoffs import operations, queries
from handoffs.models import Handoff
from handoffs.states import HandoffState, RuleMode
from opsportal.audit.engine import Actor
from opsportal.errors import NotFound
from opsportal.facts.sweep import sweep_unclaimed
from opsportal.identity.roles import Role
from tests.factories.handoffs import (
    START,
    after,
    again,
    make_calendar,
    make_handoff,
    make_many,
    make_rule,
    sweep,
    tell_event,
)
from tests.factories.identity import make_person, make_team, make_token

pytestmark = pytest.mark.django_db
KIM = Actor("human", "kim", "Kim")


def make_leader() -> Any:
    return make_person(roles=[Role.OPS_LEAD])


# --- who sees what: owner, teammate, outsider, leader ---


def test_a_record_is_seen_by_its_team_its_owner_its_backup_and_leaders() -> None:
    sales, support = make_team(), make_team()
    owner, backup = make_person(team=support), make_person(team=support)
    lead = make_handoff(make_rule(team=sales), owner=owner, backup_owner=backup)
    teammate, leader, outsider = make_person(team=sales), make_leader(), make_person(team=support)
    everything, (of_sales, _), (of_support, _) = make_token()[0], make_token(team=sales), make_token(team=support)
    for principal in (owner, backup, teammate, leader, everything, of_sales):
        assert queries.get_handoff(principal, lead.pk) == lead
    for principal in (outsider, of_support, None):
        assert list(queries.list_handoffs(principal)) == []
        with pytest.raises(NotFound):
            queries.get_handoff(principal, str(lead.pk))


def test_a_record_of_nobodys_team_is_seen_by_everybody_who_is_somebody() -> None:
    lead = make_handoff()
    assert queries.get_handoff(make_person(team=make_team()), lead.pk) == lead
    assert list(queries.list_handoffs(None)) == []


def test_rules_follow_the_same_lines() -> None:
    sales = make_team()
    rule = make_rule(team=sales)
    assert queries.get_rule(make_person(team=sales), rule.slug) == rule
    for slug, principal in (
        (rule.slug, make_person(team=make_team())),
        ("nothing", make_leader()),
        ("\x00", make_leader()),
    ):
        with pytest.raises(NotFound):
            queries.get_rule(principal, slug)


@pytest.mark.parametrize("key", ["", "7", "nonsense", None, "\x00", "0" * 400])
def test_what_is_no_id_is_not_found(key: Any) -> None:
    with pytest.raises(NotFound):
        queries.get_handoff(make_leader(), key)


def test_counts_leak_nothing() -> None:
    make_handoff(make_rule(team=make_team()))
    outsider = make_person(team=make_team())
    assert queries.count_for(outsider, after(0)).running == 0
    assert sum(column.count for column in queries.board(outsider, after(0))) == 0


# --- what needs somebody ---


def test_the_board_counts_each_state_with_its_late_ones_and_its_oldest() -> None:
    make_handoff(started_at=after(-60))
    make_handoff(started_at=after(-10))
    operations.pause_handoff(make_handoff(), actor=KIM, now=after(1))
    operations.respond_to_handoff(make_handoff(), actor=KIM, now=after(1))
    old = make_handoff(started_at=START - timedelta(days=30))
    operations.complete_handoff(old, actor=KIM, now=START - timedelta(days=29))
    columns = {column.state: column for column in queries.board(make_leader(), after(2))}
    assert list(columns) == list(HandoffState)
    opened = columns["open"]
    assert (opened.count, opened.late, opened.oldest_at) == (2, 1, after(-60))
    assert [handoff.started_at for handoff in opened.handoffs] == [after(-60), after(-10)]
    assert (columns["paused"].count, columns["responded"].count, columns["completed"].count) == (1, 1, 0)


def test_what_needs_me_now_comes_by_deadline_and_leaves_out_what_has_stopped() -> None:
    ana = make_person()
    later, sooner = make_handoff(owner=ana, started_at=after(5)), make_handoff(owner=ana)
    held = operations.pause_handoff(make_handoff(owner=ana), actor=KIM, now=after(1))
    operations.respond_to_handoff(make_handoff(owner=ana), actor=KIM, now=after(1))
    make_handoff(owner=ana, historical=True)
    make_handoff()
    assert list(queries.list_needing(ana, after(6))) == [sooner, later, held]


def test_late_ones_are_those_past_their_timer() -> None:
    late, _ = make_handoff(), make_handoff(started_at=after(20))
    assert list(queries.list_late(make_leader(), after(30))) == []
    assert list(queries.list_late(make_leader(), after(30, 1))) == [late]
    assert list(Handoff.objects.past_timer(after(30, 1))) == [late]
    assert list(Handoff.objects.breached_at(after(60))) == [late]


def test_records_without_a_backup_and_open_history_have_lists_of_their_own() -> None:
    alone, history = make_handoff(backup_owner=None), make_handoff(historical=True)
    assert list(queries.list_missing_backup(make_leader())) == [alone]
    assert list(queries.list_historical_open(make_leader())) == [history]
    counts = queries.count_for(make_leader(), after(61))
    assert (counts.running, counts.late, counts.breached, counts.backup_missing) == (1, 1, 1, 1)


def test_the_stored_thresholds_agree_with_the_verdict() -> None:
    calendar = make_calendar(tue=[["09:00", "09:30"]], wed=[["09:00", "17:00"]])
    lead = make_handoff(make_rule(calendar=calendar.slug))
    for minutes in (0, 30, 31, 600, 24 * 60, 24 * 60 + 1, 24 * 60 + 29, 24 * 60 + 30):
        now = after(minutes)
        verdict = queries.verdict_of(again(lead), now)
        assert Handoff.objects.past_timer(now).exists() == verdict.missed
        assert Handoff.objects.breached_at(now).exists() == verdict.breached


# --- the story, the deadline ---


def test_the_story_is_told_in_order_with_the_shape_of_the_contract() -> None:
    lead = make_handoff(trace_id="trace-9")
    operations.respond_to_handoff(lead, actor=KIM, now=after(20), occurred_at=after(18), reason="called")
    created, responded = [step.data() for step in queries.timeline_of(lead)]
    assert set(created) >= {
        "at", "occurred_at", "action", "actor", "source", "rule", "stage", "reason", "trace_id", "before", "after",
    }  # fmt: skip
    assert (created["action"], responded["action"]) == ("handoff.created", "handoff.responded")
    assert (responded["at"], responded["occurred_at"]) == ("2026-11-03T09:20:00Z", "2026-11-03T09:18:00Z")
    assert responded["actor"] == {"kind": "human", "id": "kim", "label": "Kim"}
    assert responded["before"]["first_response_at"] is None
    assert responded["after"]["first_response_at"] == "2026-11-03T09:18:00Z"
    assert responded["sentence"] == "Kim answered: called."


def test_no_sentence_lacks_a_word() -> None:
    lead = make_handoff(make_rule(stop_clock="completion"))
    spare = make_person()
    operations.pause_handoff(lead, actor=KIM, now=after(1))
    operations.resume_handoff(lead, actor=KIM, now=after(2))
    operations.respond_to_handoff(lead, actor=KIM, now=after(3), automatic=True)
    operations.respond_to_handoff(lead, actor=KIM, now=after(4))
    operations.change_sla(lead, sla_minutes=31, actor=KIM, now=after(5))
    operations.assign_handoff(lead, backup_owner=spare, actor=KIM, now=after(6))
    sweep(after(200))
    operations.reassign_handoff(lead, owner=make_person(), actor=KIM, now=after(201))
    operations.complete_handoff(lead, actor=KIM, now=after(202), occurred_at=after(40))
    operations.tag_reason(lead, breach_reason="no rota", actor=KIM, now=after(203))
    operations.note_outcome(lead, outcome="won", actor=KIM, now=after(204))
    operations.reopen_handoff(lead, actor=KIM, now=after(205))
    operations.cancel_handoff(lead, actor=KIM, now=after(206))
    steps = queries.timeline_of(lead)
    assert len({step.action for step in steps}) >= 17
    for step in steps:
        assert "–" not in step.sentence, step
        assert "{" not in step.sentence, step
        assert step.sentence.endswith("."), step
        assert not step.sentence.endswith(".."), step
    words = " ".join(step.sentence for step in steps).lower()
    assert not any(blame in words for blame in ("fail", "forgot", "fault", "ignored", "successfully"))


def test_a_deadline_is_explained_by_hours_and_pauses() -> None:
    calendar = make_calendar(tue=[["09:00", "09:20"]], wed=[["09:00", "17:00"]])
    lead = make_handoff(make_rule(calendar=calendar.slug, grace_minutes=2))
    operations.pause_handoff(lead, actor=KIM, now=after(5))
    lead = operations.resume_handoff(lead, actor=KIM, now=after(10))
    explained = queries.explain_deadline(lead, now=after(10))
    assert (explained.seconds, explained.grace) == (1800, timedelta(minutes=2))
    assert explained.at == lead.due_at == after(24 * 60 + 17)
    assert [part.seconds for part in explained.parts] == [300, 1500]
    assert [pause.from_at for pause in explained.pauses] == [after(5)]


def test_the_events_of_its_case_stand_beside_a_record() -> None:
    make_rule(start_on={"event_name": "lead"})
    tell_event("case-1", "call", after(3))
    tell_event("case-1", "lead", after(1), now=after(4))
    lead = Handoff.objects.get()
    assert [event.event_name for event in queries.list_events_of(lead)] == ["lead", "call"]
    assert list(queries.list_events_of(make_handoff(external_ref=""))) == []


# --- cost ---


def test_a_list_with_verdicts_costs_the_same_for_one_and_for_fifty(django_assert_num_queries: Any) -> None:
    from handoffs.shapes import handoff_data

    make_many(50)
    leader = make_leader()
    assert leader.roles
    queries.verdict_of(queries.list_handoffs(leader)[0], after(1))
    for count in (1, 50):
        with django_assert_num_queries(2):  # records, pauses
            rows = list(queries.list_handoffs(leader)[:count])
            assert len([handoff_data(row, queries.verdict_of(row, after(1))) for row in rows]) == count


def test_a_batch_costs_the_same_for_two_and_for_two_hundred(django_assert_max_num_queries: Any) -> None:
    most = 30 if connection.vendor == "postgresql" else 100  # SQLite bounds the parameters of a statement
    for count in (2, 200):
        make_many(count)
        with django_assert_max_num_queries(most):
            assert sweep(after(61)) == 2 * count


# --- facts nobody takes up ---


def test_an_owner_hears_once_of_a_fact_nobody_takes_up_in_time() -> None:
    from tests.factories.handoffs import actions_on, told

    lead = make_handoff()
    sweep(after(90))
    before = told(again(lead).owner)
    assert sweep_unclaimed(after(91)).fired == 0
    assert sweep_unclaimed(after(92)).fired == 1
    assert told(again(lead).owner) == [*before, f"“{lead.subject}” was escalated"]
    assert sweep_unclaimed(after(500)).fired == 0
    assert actions_on(lead)[-1] == "fact_unclaimed"


def test_an_owner_who_was_told_by_the_stage_is_not_told_again_of_its_fact() -> None:
    make_handoff(backup_owner=None)
    sweep(after(60))
    assert sweep_unclaimed(after(500)).fired == 0


def test_a_rule_in_draft_reads_back() -> None:
    rule = make_rule(mode=RuleMode.DRAFT)
    assert list(queries.list_versions(rule)) == [rule.terms]
    assert queries.find_young_first_rule(rule, START) is None
