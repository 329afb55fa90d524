"""The moves of a handoff: what each changes, what it refuses, what becomes known later."""

from datetime import timedelta
from typing import Any

import pytest

from handoffs import operations
from handoffs.models import Handoff, PastCycle, Pause
from handoffs.queries import get_handoff, timeline_of, verdict_as_known, verdict_of
from handoffs.states import HandoffState
from opsportal.audit.engine import Actor
from opsportal.audit.models import Entry
from opsportal.errors import Conflict, InvalidInput
from opsportal.notify.models import PublishedEvent
from tests.factories.handoffs import START, actions_on, after, again, make_handoff, make_rule, sweep, told
from tests.factories.identity import make_person

pytestmark = pytest.mark.django_db
KIM = Actor("human", "kim", "Kim")
BOT = Actor("system", "autoresponder", "The autoresponder")


def respond(lead: Handoff, minutes: float, **said: Any) -> Handoff:
    return operations.respond_to_handoff(lead, **{"actor": KIM, "now": after(minutes), **said})


def complete(lead: Handoff, minutes: float, **said: Any) -> Handoff:
    return operations.complete_handoff(lead, **{"actor": KIM, "now": after(minutes), **said})


def pause(lead: Handoff, minutes: float, **said: Any) -> Handoff:
    return operations.pause_handoff(lead, **{"actor": KIM, "now": after(minutes), **said})


def resume(lead: Handoff, minutes: float, **said: Any) -> Handoff:
    return operations.resume_handoff(lead, **{"actor": KIM, "now": after(minutes), **said})


def refused(code: str) -> Any:
    return pytest.raises((Conflict, InvalidInput), check=lambda error: error.code == code)


# --- responding ---


def test_an_answer_in_time_is_a_hit_and_stops_the_clock() -> None:
    lead = respond(make_handoff(), 20)
    assert (lead.state, lead.first_response_at, lead.next_fire_at) == (HandoffState.RESPONDED, after(20), None)
    assert (lead.business_hit, lead.absolute_hit, lead.elapsed_seconds) == (True, True, 1200)
    assert (lead.missed, lead.breached) == (False, False)


@pytest.mark.parametrize(("minutes", "missed", "breached"), [(30, False, False), (45, True, False), (60, True, True)])
def test_an_answer_at_one_and_a_half_is_a_miss_and_no_breach(minutes: int, missed: bool, breached: bool) -> None:
    lead = respond(make_handoff(), minutes)
    assert (lead.missed, lead.breached, lead.business_hit) == (missed, breached, not missed)


def test_a_system_or_an_automatic_answer_stops_nothing() -> None:
    lead = make_handoff()
    for said in ({"respondent": BOT}, {"actor": BOT}, {"automatic": True}):
        lead = respond(lead, 5, **said)
        assert (lead.state, lead.first_response_at) == (HandoffState.OPEN, None)
    assert actions_on(lead) == ["created", *["auto_replied"] * 3]
    assert sweep(after(30)) == 1


def test_an_answer_by_somebody_unknown_counts_and_is_flagged() -> None:
    lead = respond(make_handoff(), 5, actor=Actor("token", "7", "CRM"))
    assert (lead.state, lead.responder_unknown, lead.responder_kind) == (HandoffState.RESPONDED, True, "unknown")
    known = respond(make_handoff(), 5, actor=Actor("token", "7", "CRM"), respondent=KIM)
    assert (known.responder_unknown, known.responder_id) == (False, "kim")


def test_a_second_answer_only_moves_the_first_backwards() -> None:
    lead = respond(make_handoff(), 50)
    lead = respond(lead, 55, occurred_at=after(52))
    assert lead.first_response_at == after(50)
    lead = respond(lead, 56, occurred_at=after(25))
    assert (lead.first_response_at, lead.missed, lead.business_hit) == (after(25), False, True)
    assert actions_on(lead) == ["created", "responded", "responded"]


def test_a_stop_that_becomes_known_later_takes_the_breach_back_and_the_owner_stays() -> None:
    lead = make_handoff()
    sweep(after(60))
    lead = respond(again(lead), 70, occurred_at=after(40))
    assert (lead.breached, lead.missed, lead.owner) == (False, True, lead.backup_owner)
    assert actions_on(lead)[-2:] == ["responded", "breach_corrected"]


def test_a_stop_after_twice_the_timer_is_a_breach_before_any_sweep_saw_it() -> None:
    lead = respond(make_handoff(), 65)
    assert lead.breached
    assert actions_on(lead) == ["created", "responded", "breached"]
    assert sweep(after(66)) == 0


def test_an_answer_under_a_completion_clock_lets_the_clock_run_on() -> None:
    lead = make_handoff(make_rule(stop_clock="completion"))
    lead = respond(lead, 10)
    assert (lead.state, lead.is_running, lead.next_fire_at) == (HandoffState.RESPONDED, True, after(30))
    lead = complete(lead, 25)
    assert (lead.state, lead.business_hit, lead.elapsed_seconds) == (HandoffState.COMPLETED, True, 1500)


def test_a_completion_stops_a_first_response_clock_and_an_earlier_answer_learnt_later_counts() -> None:
    lead = complete(make_handoff(), 40)
    assert (lead.missed, lead.first_response_at) == (True, None)
    lead = respond(lead, 50, occurred_at=after(10))
    assert (lead.state, lead.missed, lead.elapsed_seconds) == (HandoffState.COMPLETED, False, 600)
    with refused("invalid_transition"):
        respond(complete(make_handoff(), 5), 60)


# --- instants ---


def test_up_to_five_minutes_ahead_are_a_wrong_clock_and_more_is_refused() -> None:
    lead = respond(make_handoff(), 10, occurred_at=after(15))
    assert (lead.first_response_at, lead.clock_skew) == (after(15), True)
    with refused("in_the_future"):
        respond(make_handoff(), 10, occurred_at=after(15, 1))
    assert make_handoff(now=START - timedelta(seconds=300)).clock_skew
    with refused("in_the_future"):
        make_handoff(now=START - timedelta(seconds=301))


def test_a_little_before_the_start_is_a_wrong_clock_too() -> None:
    lead = respond(make_handoff(), 1, occurred_at=after(-4))
    assert (lead.clock_skew, lead.elapsed_seconds, lead.business_hit) == (True, 0, True)
    with refused("before_start"):
        respond(make_handoff(), 1, occurred_at=after(-6))


# --- pausing ---


def test_a_pause_freezes_the_clock_and_moves_the_due_instants() -> None:
    lead = pause(make_handoff(), 10, reason="waiting on the customer")
    assert (lead.state, lead.due_at, lead.next_fire_at) == (HandoffState.PAUSED, None, None)
    assert sweep(after(500)) == 0
    lead = resume(lead, 70)
    assert (lead.state, lead.due_at, lead.breach_at) == (HandoffState.OPEN, after(90), after(120))
    lead = respond(lead, 85)
    assert (lead.business_hit, lead.absolute_hit, lead.elapsed_seconds) == (True, False, 1500)


def test_a_pause_learnt_later_takes_a_breach_back() -> None:
    lead = make_handoff()
    sweep(after(60))
    lead = pause(again(lead), 65, occurred_at=after(20))
    assert not lead.breached
    assert actions_on(lead)[-2:] == ["paused", "breach_corrected"]
    lead = resume(lead, 70)
    sweep(after(200))
    assert actions_on(lead).count("alerted") == 1, "what has fired does not fire again"


def test_an_answer_ends_a_pause_of_a_first_response_clock_and_not_of_a_completion_clock() -> None:
    lead = respond(pause(make_handoff(), 10), 20)
    assert (lead.state, lead.elapsed_seconds) == (HandoffState.RESPONDED, 600)
    lead = respond(pause(make_handoff(make_rule(stop_clock="completion")), 10), 20)
    assert (lead.state, lead.first_response_at) == (HandoffState.PAUSED, after(20))
    lead = resume(lead, 30)
    assert (lead.state, lead.due_at) == (HandoffState.RESPONDED, after(50))


def test_cancelling_or_completing_ends_a_pause() -> None:
    for end in (operations.cancel_handoff, operations.complete_handoff):
        lead = end(pause(make_handoff(), 10), actor=KIM, now=after(15))
        assert Pause.objects.get(handoff=lead).until == after(15)
        assert lead.elapsed_seconds == 600


def test_a_pause_may_not_lie_within_an_earlier_one_nor_end_before_it_begins() -> None:
    lead = resume(pause(make_handoff(), 5), 10)
    with refused("overlapping_pause"):
        pause(lead, 20, occurred_at=after(8))
    lead = pause(lead, 20)
    with refused("before_pause"):
        resume(lead, 30, occurred_at=after(19))


def test_only_a_clock_that_runs_can_be_held() -> None:
    for lead in (respond(make_handoff(), 5), pause(make_handoff(), 5)):
        with refused("invalid_transition"):
            pause(lead, 10)
    with refused("invalid_transition"):
        resume(make_handoff(), 10)


# --- reopening ---


def test_a_new_cycle_has_a_full_timer_and_the_earlier_verdict_stays() -> None:
    lead = make_handoff(make_rule(stop_clock="completion"))
    sweep(after(30))
    lead = complete(lead, 40)
    lead = operations.reopen_handoff(lead, actor=KIM, now=after(100), reason="came back")
    assert (lead.state, lead.cycle, lead.started_at, lead.due_at) == (HandoffState.OPEN, 2, after(100), after(130))
    assert (lead.completed_at, lead.missed, lead.elapsed_seconds) == (None, False, None)
    past = PastCycle.objects.get(handoff=lead)
    assert (past.cycle, past.missed, past.elapsed_seconds, past.completed_at) == (1, True, 2400, after(40))
    assert sweep(after(130)) == 1, "the stages of a new cycle fire anew"


def test_resuming_runs_on_from_where_the_clock_stood() -> None:
    lead = complete(make_handoff(make_rule(stop_clock="completion")), 20)
    lead = operations.reopen_handoff(lead, mode="resume", actor=KIM, now=after(100))
    assert (lead.cycle, lead.started_at, lead.due_at) == (1, START, after(110))
    lead = complete(lead, 105)
    assert (lead.business_hit, lead.absolute_hit, lead.elapsed_seconds) == (True, False, 1500)
    with refused("before_reopening"):
        complete(operations.reopen_handoff(lead, mode="resume", actor=KIM, now=after(200)), 210, occurred_at=after(199))


def test_the_rule_says_how_it_reopens_unless_somebody_does() -> None:
    lead = complete(make_handoff(make_rule(stop_clock="completion", reopen="resume")), 20)
    assert operations.reopen_handoff(lead, actor=KIM, now=after(30)).cycle == 1
    with refused("bad_mode"):
        operations.reopen_handoff(complete(make_handoff(), 5), mode="again", actor=KIM, now=after(30))


def test_only_what_is_completed_reopens_and_only_one_runs_per_reference() -> None:
    for lead in (make_handoff(), respond(make_handoff(), 5)):
        with refused("invalid_transition"):
            operations.reopen_handoff(lead, actor=KIM, now=after(30))
    rule = make_rule()
    lead = complete(make_handoff(rule, external_ref="x"), 5)
    make_handoff(rule, external_ref="x")
    with refused("already_running"):
        operations.reopen_handoff(lead, actor=KIM, now=after(30))
    assert again(lead).state == HandoffState.COMPLETED


# --- cancelling ---


def test_a_cancelled_record_leaves_the_rate_with_its_reason() -> None:
    lead = operations.cancel_handoff(make_handoff(), actor=KIM, now=after(40), reason="spam")
    assert (lead.state, lead.cancelled_at, lead.cancel_reason) == (HandoffState.CANCELLED, after(40), "spam")
    assert (lead.business_hit, lead.absolute_hit, lead.missed) == (None, None, True)
    assert told(lead.owner) == [f"“{lead.subject}” needs nothing more"]
    for move in (respond, complete, pause):
        with refused("invalid_transition"):
            move(lead, 50)


def test_a_completed_record_is_not_cancelled_nor_completed_twice() -> None:
    lead = complete(make_handoff(), 5)
    for move in (operations.cancel_handoff, operations.complete_handoff):
        with refused("invalid_transition"):
            move(lead, actor=KIM, now=after(10))


# --- owners ---


def test_giving_it_to_somebody_tells_them_and_keeps_when_it_was_first_assigned() -> None:
    lead = make_handoff(owner=None, backup_owner=None)
    ana, ben = make_person(), make_person()
    lead = operations.assign_handoff(lead, owner=ana, backup_owner=ben, actor=KIM, now=after(5))
    assert (lead.owner, lead.backup_owner, lead.assigned_at, lead.backup_missing) == (ana, ben, after(5), False)
    lead = operations.reassign_handoff(lead, owner=ben, actor=KIM, now=after(10), reason="Ana is in a meeting")
    assert (lead.owner, lead.first_owner, lead.assigned_at, lead.backup_missing) == (ben, ana, after(5), True)
    assert told(ben) == [f"“{lead.subject}” is yours"]
    assert told(ana)[1:] == [f"“{lead.subject}” is now with {ben}"]
    assert timeline_of(lead)[-1].sentence == f"Kim moved it from {ana} to {ben}: Ana is in a meeting."


def test_nobody_is_told_what_they_did_themselves() -> None:
    lead, ana = make_handoff(), make_person()
    operations.reassign_handoff(lead, owner=ana, actor=Actor("human", str(ana.pk), "Ana"), now=after(5))
    assert told(ana) == []


def test_without_a_name_it_goes_to_whom_the_ladder_would_choose() -> None:
    lead = make_handoff()
    assert operations.reassign_handoff(lead, actor=KIM, now=after(5)).owner == lead.backup_owner
    with refused("nobody_left"):
        operations.reassign_handoff(make_handoff(backup_owner=None), actor=KIM, now=after(5))


def test_what_has_ended_is_given_to_nobody() -> None:
    lead = complete(make_handoff(), 5)
    for move in (operations.assign_handoff, operations.reassign_handoff):
        with refused("invalid_transition"):
            move(lead, owner=make_person(), actor=KIM, now=after(6))
    with refused("inactive_person"):
        operations.assign_handoff(make_handoff(), owner=make_person(active=False), actor=KIM, now=after(1))
    with refused("already_owner"):
        lead = make_handoff()
        operations.reassign_handoff(lead, owner=lead.owner, actor=KIM, now=after(1))


# --- the timer of one record ---


def test_another_timer_keeps_accrued_time_and_moves_the_due_instants() -> None:
    lead = make_handoff()
    sweep(after(30))
    lead = operations.change_sla(lead, sla_minutes=60, actor=KIM, now=after(40), reason="holiday")
    assert (lead.due_at, lead.breach_at, lead.next_fire_at) == (after(60), after(120), after(120))
    assert sweep(after(60)) == 0, "the fired stage does not fire again"
    assert sweep(after(120)) == 1
    assert timeline_of(lead)[2].sentence == "Kim changed the timer from 30 to 60 min: holiday."


def test_a_shorter_timer_may_be_past_at_once() -> None:
    lead = operations.change_sla(make_handoff(), sla_minutes=5, actor=KIM, now=after(7))
    assert lead.next_fire_at == after(5)
    assert sweep(after(7)) == 1


def test_past_twice_the_timer_it_is_no_longer_changed() -> None:
    lead = make_handoff()
    operations.change_sla(lead, sla_minutes=31, actor=KIM, now=after(59, 59))
    with refused("past_breach"):
        operations.change_sla(lead, sla_minutes=600, actor=KIM, now=after(62))
    with refused("bad_minutes"):
        operations.change_sla(make_handoff(), sla_minutes=0, actor=KIM, now=after(1))
    with refused("invalid_transition"):
        operations.change_sla(respond(make_handoff(), 1), sla_minutes=60, actor=KIM, now=after(2))


# --- notes ---


def test_a_reason_is_noted_on_what_ran_past_its_timer() -> None:
    lead = operations.tag_reason(respond(make_handoff(), 40), breach_reason="no rota", actor=KIM, now=after(50))
    assert lead.breach_reason == "no rota"
    running = make_handoff()
    assert operations.tag_reason(running, breach_reason="no rota", actor=KIM, now=after(31)).breach_reason == "no rota"
    with refused("not_missed"):
        operations.tag_reason(respond(make_handoff(), 20), breach_reason="no rota", actor=KIM, now=after(50))


def test_an_outcome_is_noted_once() -> None:
    lead = respond(make_handoff(), 20)
    for _ in range(2):
        lead = operations.note_outcome(lead, outcome="meeting set", actor=KIM, now=after(90))
    assert (lead.outcome, actions_on(lead).count("outcome_noted")) == ("meeting set", 1)


# --- saying it twice ---


@pytest.mark.parametrize(
    ("move", "said"),
    [
        ("respond_to_handoff", {}),
        ("complete_handoff", {}),
        ("cancel_handoff", {"reason": "spam"}),
        ("pause_handoff", {}),
        ("change_sla", {"sla_minutes": 45}),
        ("reassign_handoff", {}),
    ],
)
def test_the_same_event_changes_nothing_the_second_time(move: str, said: dict[str, Any]) -> None:
    lead, operation = make_handoff(), getattr(operations, move)
    first = operation(lead, actor=KIM, now=after(5), source="crm", event_id="e1", **said)
    entries, events = Entry.objects.count(), PublishedEvent.objects.count()
    second = operation(lead, actor=KIM, now=after(25), source="crm", event_id="e1", **said)
    assert (second.state, second.owner, second.sla_minutes) == (first.state, first.owner, first.sla_minutes)
    assert (Entry.objects.count(), PublishedEvent.objects.count()) == (entries, events)
    with refused("event_id_conflict"):
        operation(make_handoff(), actor=KIM, now=after(30), source="crm", event_id="e1", **said)


def test_a_refused_move_leaves_its_event_free() -> None:
    lead = complete(make_handoff(make_rule(stop_clock="completion")), 5)
    with refused("invalid_transition"):
        pause(lead, 6, event_id="e1", source="crm")
    lead = operations.reopen_handoff(lead, actor=KIM, now=after(7))
    assert pause(lead, 8, event_id="e1", source="crm").state == HandoffState.PAUSED


# --- reading back ---


def test_what_was_known_earlier_can_be_asked() -> None:
    lead = get_handoff(_everything(), respond(make_handoff(), 45).pk)
    assert verdict_of(lead, after(600)).missed
    assert verdict_as_known(lead, after(20)).business_hit is None
    assert verdict_as_known(lead, after(40)).business_hit is False


def _everything() -> Any:
    from opsportal.identity.roles import Role

    return make_person(roles=[Role.OPS_LEAD])
