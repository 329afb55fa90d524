"""Another timer, proposed by one person and decided by another: as owner, teammate, outsider and leader meet it."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import pytest
from django.db import connection
from django.test import Client

from handoffs import operations
from handoffs.approvals import propose_sla
from handoffs.models import Handoff
from handoffs.operations.change import SLA_CHANGE
from opsportal import clock
from opsportal.approvals import operations as approvals
from opsportal.approvals.models import Approval
from opsportal.approvals.queries import list_to_decide, outlook_of
from opsportal.approvals.states import State
from opsportal.audit.models import Entry
from opsportal.audit.sentences import detail_of, sentence
from opsportal.errors import Conflict, Forbidden, InvalidInput, NotFound
from opsportal.identity.actors import actor_for
from opsportal.identity.models import Person
from opsportal.identity.roles import Role
from opsportal.sweeps.operations import run_sweep
from tests.approvals.test_races import at_once
from tests.factories.handoffs import after, again, make_handoff, make_rule, tell_event, told
from tests.factories.identity import SETUP, make_person, make_team

pytestmark = pytest.mark.django_db


@dataclass
class Four:
    owner: Person
    teammate: Person
    outsider: Person
    leader: Person
    handoff: Handoff


def make_four(started_at: datetime) -> Four:
    sales = make_team("sales")
    owner = make_person("olga", team=sales)
    handoff = make_handoff(
        make_rule("speed", team=sales), subject="Acme asks for a demo", owner=owner, started_at=started_at
    )
    return Four(
        owner=owner,
        teammate=make_person("tom", team=sales),
        outsider=make_person("otto", team=make_team("support")),
        leader=make_person("lena", roles=[Role.OPS_LEAD]),
        handoff=handoff,
    )


@pytest.fixture
def four():
    return make_four(after(0))


@pytest.fixture
def now_four():
    """The same with a timer that has run for five minutes of real time."""
    return make_four(clock.now() - timedelta(minutes=5))


def propose(four: Four, minutes: int = 60, *, by: Person | None = None, at: datetime | None = None) -> Approval:
    return propose_sla(
        again(four.handoff), sla_minutes=minutes, requested_by=by or four.owner, now=at or after(5), reason="Large deal"
    )


def approve(approval: Approval, person: Person, *, at: datetime | None = None) -> Approval:
    return approvals.approve(approval.pk, person=person, now=at or after(10), authenticated_at=at or after(10))


def browser(person: Person) -> Client:
    client = Client()
    client.force_login(person)
    return client


def test_the_leader_approves_and_the_timer_changes_at_once(four: Four) -> None:
    approval = approve(propose(four), four.leader)
    lead = again(four.handoff)
    assert approval.state == State.USED
    assert (lead.sla_minutes, lead.sla_is_own, lead.due_at) == (60, True, after(60))
    assert told(four.leader) == ["Olga asks for your decision: Another timer for “Acme asks for a demo”"]
    assert told(four.owner) == ["Lena approved: Another timer for “Acme asks for a demo”"], "and not twice"


def test_what_is_decided_is_named_with_both_timers_and_both_due_instants(four: Four) -> None:
    approval = propose(four)
    assert approval.shown == {
        "handoff": str(four.handoff.pk),
        "present_sla_minutes": 30,
        "proposed_sla_minutes": 60,
        "reason": "Large deal",
    }
    assert (approval.kind, approval.consequence) == (SLA_CHANGE, "Set its timer to 1 h instead of 30 min")
    outlook = outlook_of(approval, after(6))
    assert outlook.sentence == "It would be due Tue 03 Nov, 10:00 UTC instead of Tue 03 Nov, 09:30 UTC."
    assert approval.expires_at == after(5) + timedelta(days=3)


def test_a_pause_since_the_request_moves_what_the_decider_reads(four: Four) -> None:
    approval = propose(four)
    operations.pause_handoff(four.handoff, actor=SETUP, now=after(10), reason="Asked back")
    assert "once its clock runs again" in outlook_of(approval, after(15)).sentence
    operations.resume_handoff(four.handoff, actor=SETUP, now=after(20))
    assert "due Tue 03 Nov, 10:10 UTC instead of Tue 03 Nov, 09:40 UTC" in outlook_of(approval, after(21)).sentence


def test_the_trail_names_who_proposed_and_who_approved(four: Four) -> None:
    approval = approve(propose(four, by=four.teammate), four.leader)
    entry = Entry.objects.get(action="handoff.sla_changed")
    assert entry.actor_id == str(four.leader.pk)
    assert sentence(entry) == "Lena (proposed by Tom) changed the timer from 30 to 60 min: Large deal."
    assert detail_of(entry)["extra"] == {"proposed_by": "Tom", "approval": str(approval.pk)}


def test_who_may_decide(four: Four) -> None:
    approval = propose(four)
    people = (four.owner, four.teammate, four.outsider, four.leader)
    assert [list_to_decide(person, after(6)) for person in people] == [[], [], [], [approval]]
    for person, refusal in ((four.owner, Forbidden), (four.teammate, Forbidden), (four.outsider, NotFound)):
        with pytest.raises(refusal):
            approve(approval, person)
    assert again(four.handoff).sla_minutes == 30


def test_a_leader_does_not_decide_their_own_proposal(four: Four) -> None:
    with pytest.raises(Forbidden):
        approve(propose(four, by=four.leader), four.leader)


@pytest.mark.parametrize(
    ("minutes", "code"), [(0, "bad_minutes"), (30, "same_timer"), (10_000_000, "bad_minutes"), (True, "bad_minutes")]
)
def test_what_is_no_other_timer_cannot_be_proposed(four: Four, minutes: int, code: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        propose(four, minutes)
    assert refused.value.code == code


def test_past_twice_the_timer_or_stopped_nothing_is_proposed(four: Four) -> None:
    with pytest.raises(Conflict, match="Twice the timer"):
        propose(four, at=after(61))
    operations.respond_to_handoff(four.handoff, actor=SETUP, now=after(1), respondent=actor_for(four.owner))
    with pytest.raises(Conflict, match="has stopped"):
        propose(four, at=after(2))


MEANWHILE: dict[str, tuple[Any, str]] = {
    "answered": (
        lambda lead, who: operations.respond_to_handoff(lead, now=after(7), **who),
        "The handoff has stopped.",
    ),
    "cancelled": (
        lambda lead, who: operations.cancel_handoff(lead, reason="Twice in", now=after(7), **who),
        "The handoff has stopped.",
    ),
    "changed": (
        lambda lead, who: operations.change_sla(lead, sla_minutes=45, now=after(7), **who),
        "Its timer was changed to 45 min meanwhile.",
    ),
}


@pytest.mark.parametrize("what", MEANWHILE)
def test_what_happens_to_the_record_voids_the_proposal_at_once(four: Four, what: str) -> None:
    happen, why = MEANWHILE[what]
    approval = propose(four)
    happen(four.handoff, {"actor": actor_for(four.leader)})
    approval.refresh_from_db()
    assert (approval.state, approval.closing_reason) == (State.VOIDED, why)
    assert Entry.objects.filter(action="approval.voided", subject_id=str(approval.pk)).count() == 1


def test_an_event_that_stops_the_clock_voids_the_proposal() -> None:
    rule = make_rule("by-events", start_on={"event_name": "created"}, respond_on={"event_name": "answered"})
    tell_event("case-1", "created", after(0))
    leader, asker = make_person("lena", roles=[Role.OPS_LEAD]), make_person("olga")
    handoff = Handoff.objects.with_names().get(rule=rule)
    approval = propose_sla(handoff, sla_minutes=60, requested_by=asker, now=after(2), reason="Large deal")
    assert list_to_decide(leader, after(2)) == [approval]
    tell_event("case-1", "answered", after(5))
    approval.refresh_from_db()
    assert (approval.state, approval.closing_reason) == (State.VOIDED, "The handoff has stopped.")


def test_one_approved_proposal_voids_the_others(four: Four) -> None:
    first, second = propose(four, 60), propose(four, 90, by=four.teammate)
    approve(first, four.leader)
    second.refresh_from_db()
    assert (second.state, second.closing_reason) == (State.VOIDED, "Its timer was changed to 1 h meanwhile.")


def test_a_proposal_that_the_record_has_outrun_is_void_and_says_why(four: Four) -> None:
    approval = propose(four)
    Handoff.objects.filter(pk=four.handoff.pk).update(sla_minutes=40)  # as if the change had come at the same instant
    voided = approve(approval, four.leader)
    assert voided.state == State.VOIDED
    assert voided.closing_reason == "Its timer was changed to 40 min meanwhile. Propose again from there."
    assert (voided.decided_by, again(four.handoff).sla_minutes) == (None, 40)
    assert not Entry.objects.filter(action="approval.approved").exists()
    assert told(four.owner) == ["No longer holds: Another timer for “Acme asks for a demo”"]


def test_past_twice_the_timer_nothing_is_approved_and_the_sweep_writes_it_down(four: Four) -> None:
    first, second = propose(four, 60), propose(four, 90)
    assert not outlook_of(first, after(61)).holds
    assert approve(first, four.leader, at=after(61)).closing_reason.startswith("Twice the timer has passed")
    run_sweep("facts", at=after(62))
    second.refresh_from_db()
    assert second.state == State.VOIDED
    assert again(four.handoff).sla_minutes == 30


def test_proposing_the_same_twice_is_one_proposal(four: Four) -> None:
    assert propose(four) == propose(four, at=after(6))


# --- pages ---


def test_who_is_offered_what(now_four: Four) -> None:
    page = now_four.handoff.get_absolute_url()
    offered = {}
    for person in (now_four.owner, now_four.teammate, now_four.leader, make_person("vera", roles=[Role.VIEWER])):
        text = browser(person).get(page).text
        offered[person.username] = ("Propose another timer" in text, "Change the timer" in text)
    assert offered == {
        "olga": (True, False),
        "tom": (True, False),
        "lena": (False, True),
        "vera": (False, False),
    }
    for person, status in ((now_four.owner, 200), (now_four.outsider, 404), (now_four.leader, 404)):
        assert browser(person).get(f"{page}propose-timer/").status_code == status, person


def test_from_the_proposal_to_the_decision_by_pages(now_four: Four) -> None:
    page = now_four.handoff.get_absolute_url()
    teammate, leader = browser(now_four.teammate), browser(now_four.leader)
    answer = teammate.post(f"{page}propose-timer/", {"sla_minutes": 60, "reason": "Large deal"}, follow=True)
    assert "Tom proposes: Set its timer to 1 h instead of 30 min." in answer.text
    approval = Approval.objects.get()
    decision = leader.get(f"/approvals/{approval.pk}/").text
    assert "Approve: Set its timer to 1 h instead of 30 min" in decision
    assert "It would be due " in decision
    decided = leader.post(f"/approvals/{approval.pk}/", {"decision": "approve", "reason": ""}, follow=True).text
    assert "Approved: Set its timer to 1 h instead of 30 min." in decided
    story = teammate.get(page).text
    assert "Lena (proposed by Tom) changed the timer from 30 to 60 min: Large deal." in story
    assert "waits for a decision" not in story


def test_a_late_decision_says_that_nothing_was_done(now_four: Four) -> None:
    approval = propose(now_four, at=clock.now())
    Handoff.objects.filter(pk=now_four.handoff.pk).update(sla_minutes=40)
    leader = browser(now_four.leader)
    assert "Its timer was changed to 40 min meanwhile." in leader.get(f"/approvals/{approval.pk}/").text
    answer = leader.post(f"/approvals/{approval.pk}/", {"decision": "approve", "reason": ""}, follow=True)
    assert "Nothing was done: it no longer holds. Its timer was changed to 40 min meanwhile." in answer.text


def test_a_proposal_needs_a_reason_and_another_timer(now_four: Four) -> None:
    client, page = browser(now_four.owner), f"{now_four.handoff.get_absolute_url()}propose-timer/"
    assert client.post(page, {"sla_minutes": 60}).status_code == 422
    answer = client.post(page, {"sla_minutes": 30, "reason": "Large deal"})
    assert answer.status_code == 422
    assert "This is its timer already." in answer.text
    assert not Approval.objects.exists()


# --- at the same time ---


@pytest.mark.django_db(transaction=True)
def test_a_stop_and_a_decision_at_the_same_time_leave_one_truth() -> None:
    if connection.vendor != "postgresql":
        pytest.skip("SQLite has one writer at a time")
    for number in range(6):
        four = make_four_more(number)
        approval = propose(four)
        outcome = at_once(
            partial(approve, approval, four.leader),
            partial(operations.cancel_handoff, four.handoff, reason="x", actor=SETUP, now=after(9)),
        )
        approval.refresh_from_db()
        lead = again(four.handoff)
        assert len(outcome) == 2, "no deadlock"
        assert lead.state == "cancelled"
        assert (approval.state, lead.sla_minutes) in ((State.USED, 60), (State.VOIDED, 30))


def make_four_more(number: int) -> Four:
    team = make_team(f"sales-{number}")
    owner = make_person(team=team)
    return Four(
        owner=owner,
        teammate=owner,
        outsider=owner,
        leader=make_person(roles=[Role.OPS_LEAD]),
        handoff=make_handoff(make_rule(team=team), owner=owner),
    )
