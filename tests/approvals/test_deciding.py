from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction

from opsportal.approvals import operations, queries, registry
from opsportal.approvals.models import Approval
from opsportal.approvals.states import TRANSITIONS, State
from opsportal.audit.engine import Subject
from opsportal.audit.models import Entry
from opsportal.audit.sentences import sentence
from opsportal.errors import Conflict, Forbidden, InvalidInput, NotFound
from opsportal.identity.roles import Role
from tests.factories.approvals import CONTENT, KIND, approve, ask, register_kind
from tests.factories.identity import NOW, make_person

pytestmark = pytest.mark.django_db

HOUR = timedelta(hours=1)


def refuse(approval, person, **fields):
    return operations.refuse(approval.pk, **{"person": person, "now": NOW, "reason": "Not today", **fields})


# --- Asking ---


def test_a_request_waits_for_a_second_person(owner, emea):
    approval = ask(owner)
    assert (approval.state, approval.decided_by, approval.team) == ("pending", None, emea)
    assert approval.shown == CONTENT
    assert len(approval.content_hash) == 64


@pytest.mark.parametrize(("risk", "hours"), [("safe", 72), ("guarded", 72), ("dangerous", 4)])
def test_it_expires_by_its_risk(owner, risk, hours):
    assert ask(owner, risk=risk).expires_at == NOW + hours * HOUR


def test_a_dangerous_request_never_lives_longer_than_four_hours(owner):
    assert ask(owner, risk="dangerous", expires_at=NOW + 9 * HOUR).expires_at == NOW + 4 * HOUR
    assert ask(owner, risk="dangerous", expires_at=NOW + HOUR).expires_at == NOW + HOUR
    assert ask(owner, risk="guarded", expires_at=NOW + 200 * HOUR).expires_at == NOW + 200 * HOUR


def test_the_same_asked_twice_is_one_request(owner, leader):
    subject = Subject("probe", "p")
    one = ask(owner, subject=subject)
    assert ask(owner, subject=subject, content=dict(reversed(CONTENT.items()))) == one
    assert ask(leader, subject=subject) == one
    assert Entry.objects.filter(action="approval.requested").count() == 1


def test_other_content_is_another_request(owner):
    subject = Subject("probe", "p")
    assert ask(owner, subject=subject) != ask(owner, subject=subject, content={**CONTENT, "payloads": 15})


def test_what_expired_can_be_asked_anew(owner):
    subject = Subject("probe", "p")
    old = ask(owner, subject=subject)
    new = ask(owner, subject=subject, now=old.expires_at)
    assert new != old
    assert Approval.objects.get(pk=old.pk).state == State.EXPIRED


def test_what_was_refused_can_be_asked_anew(owner, leader):
    subject = Subject("probe", "p")
    old = ask(owner, subject=subject)
    refuse(old, leader)
    assert ask(owner, subject=subject) != old


def test_a_kind_nobody_registered_is_a_mistake_of_the_caller(owner):
    with pytest.raises(ValueError, match="probe_unknown"):
        ask(owner, kind="probe_unknown")


@pytest.mark.parametrize("content", [{"at": NOW}, {"x": float("nan")}, {"x": {1, 2}}])
def test_content_without_one_spelling_is_a_mistake_of_the_caller(owner, content):
    with pytest.raises((TypeError, ValueError)):
        ask(owner, content=content)


# --- Who decides: owner, teammate, outsider, leader ---


def test_the_leader_approves(owner, leader):
    approval = approve(ask(owner), leader, reason="Looks right")
    stored = Approval.objects.get(pk=approval.pk)
    assert (stored.state, stored.decided_by, stored.decided_at) == ("approved", leader, NOW)
    assert stored.decision_reason == "Looks right"


def test_nobody_approves_their_own_request(leader):
    with pytest.raises(Forbidden) as refused:
        approve(ask(leader), leader)
    assert refused.value.code == "own_request"


def test_the_database_refuses_it_as_well(owner, leader):
    approval = approve(ask(owner), leader)
    with pytest.raises(IntegrityError), transaction.atomic():
        Approval.objects.filter(pk=approval.pk).update(decided_by=owner)


def test_a_teammate_without_the_right_does_not_decide(owner, teammate):
    with pytest.raises(Forbidden) as refused:
        approve(ask(owner), teammate)
    assert refused.value.code == "not_decider"


def test_an_outsider_does_not_see_it(owner, outsider):
    with pytest.raises(NotFound):
        approve(ask(owner), outsider)


def test_an_admin_never_approves(owner):
    with pytest.raises(Forbidden) as refused:
        approve(ask(owner), make_person("ada", roles=[Role.ADMIN]))
    assert refused.value.code == "not_decider"


def test_a_leader_who_has_left_does_not_decide(owner, leader):
    leader.is_active = False
    with pytest.raises(Forbidden):
        approve(ask(owner), leader)


def test_a_kind_says_who_decides(owner, teammate, leader):
    register_kind(may_decide=lambda person, approval: person == teammate)
    with pytest.raises(Forbidden):
        approve(ask(owner), leader)
    assert approve(ask(owner), teammate).state == "approved"


def test_a_kind_whose_room_is_gone_is_decided_by_nobody(owner, leader, monkeypatch):
    approval = ask(owner)
    monkeypatch.setattr(registry, "_kinds", {})
    with pytest.raises(Forbidden):
        approve(approval, leader)


# --- When ---


@pytest.mark.parametrize(("minutes", "allowed"), [(0, True), (10, True), (11, False), (None, False)])
def test_a_dangerous_decision_needs_a_fresh_password(owner, leader, minutes, allowed):
    approval = ask(owner, risk="dangerous")
    since = NOW - timedelta(minutes=minutes) if minutes is not None else None
    if allowed:
        assert approve(approval, leader, authenticated_at=since).state == "approved"
        return
    with pytest.raises(Forbidden) as refused:
        approve(approval, leader, authenticated_at=since)
    assert (refused.value.code, refused.value.field) == ("reauthentication_required", "password")


def test_a_guarded_one_does_not(owner, leader):
    assert approve(ask(owner), leader, authenticated_at=None).state == "approved"


def test_an_expired_request_cannot_be_decided(owner, leader):
    approval = ask(owner)
    for decide in (approve, refuse):
        with pytest.raises(Conflict) as refused:
            decide(approval, leader, now=approval.expires_at)
        assert refused.value.code == "approval_expired"


@pytest.mark.parametrize("first", [approve, refuse])
@pytest.mark.parametrize("second", [approve, refuse])
def test_a_decision_is_made_once(owner, leader, second_leader, first, second):
    approval = ask(owner)
    first(approval, leader)
    with pytest.raises(Conflict) as refused:
        second(approval, second_leader)
    assert refused.value.code == "not_pending"


def test_refusing_needs_a_reason(owner, leader):
    with pytest.raises(InvalidInput) as refused:
        refuse(ask(owner), leader, reason="  ")
    assert refused.value.field == "reason"


# --- What follows ---


def test_what_the_kind_wants_done_happens_with_the_decision(owner, leader):
    followed = []
    register_kind(on_approved=lambda approval, actor, now: followed.append((approval.pk, actor.id, now)))
    approval = approve(ask(owner), leader)
    assert followed == [(approval.pk, str(leader.pk), NOW)]


def test_when_that_fails_nothing_was_decided(owner, leader):
    def fail(approval, actor, now):
        raise Conflict("busy", "Not now.")

    register_kind(on_approved=fail)
    approval = ask(owner)
    with pytest.raises(Conflict, match="Not now"):
        approve(approval, leader)
    assert Approval.objects.get(pk=approval.pk).state == State.PENDING
    assert not Entry.objects.filter(action="approval.approved").exists()


def test_every_event_is_recorded_and_told(owner, leader):
    heard = []
    registry.observe(lambda event, approval, actor, now: heard.append(event))
    approval = approve(ask(owner), leader, reason="Fine")
    operations.use_approval(approval, content=CONTENT, now=NOW)
    assert heard == ["requested", "approved", "used"]
    told = [sentence(entry) for entry in Entry.objects.filter(subject_id=str(approval.pk)).order_by("id")]
    assert told == [
        f"Olga asked a second person to approve {approval.title}: The outage of this morning.",
        f"Lena approved {approval.title}, which Olga had asked for: Fine.",
        f"Olga used the approval of {approval.title}, given by Lena.",
    ]


def test_the_requester_takes_a_request_back(owner, leader):
    approval = ask(owner)
    operations.withdraw(approval.pk, person=owner, now=NOW)
    assert Approval.objects.get(pk=approval.pk).state == State.VOIDED
    with pytest.raises(Conflict):
        approve(approval, leader)


def test_nobody_else_takes_it_back(owner, leader):
    with pytest.raises(Forbidden):
        operations.withdraw(ask(owner).pk, person=leader, now=NOW)


def test_every_state_has_its_transitions():
    assert set(TRANSITIONS) == set(State)


# --- The lists ---


def test_each_sees_what_waits_for_them(owner, teammate, outsider, leader):
    approval = ask(owner)
    waiting = {person: queries.list_to_decide(person, NOW) for person in (owner, teammate, outsider, leader)}
    assert waiting == {owner: [], teammate: [], outsider: [], leader: [approval]}
    assert queries.list_requested(owner, NOW) == [approval]
    assert queries.count_to_decide(leader, approval.expires_at) == 0
    assert queries.list_deciders(approval) == [leader]


def test_the_list_costs_the_same_for_many(owner, leader, django_assert_max_num_queries):
    for _ in range(10):
        ask(owner)
    with django_assert_max_num_queries(3):
        assert queries.count_to_decide(leader, NOW) == 10


def test_four_people_see_what_they_may(owner, teammate, outsider, leader):
    approval = ask(owner)
    teamless = ask(owner, team=None)
    seen = {person: set(queries.list_approvals(person)) for person in (owner, teammate, outsider, leader)}
    both = {approval, teamless}
    assert seen == {owner: both, teammate: both, outsider: {teamless}, leader: both}
    assert approval.kind == KIND
