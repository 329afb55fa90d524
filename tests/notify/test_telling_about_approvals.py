"""Who hears of an approval: deciders that it waits, the requester what became of it. Each once, with the decision."""

from datetime import timedelta

import pytest

from opsportal.approvals import operations
from opsportal.audit.engine import Subject
from opsportal.errors import Conflict
from opsportal.identity.roles import Role
from opsportal.notify.models import Delivery, Message
from opsportal.sweeps.operations import run_sweep
from tests.factories.approvals import CONTENT, approve, ask, register_kind
from tests.factories.handoffs import told
from tests.factories.identity import NOW, make_person, make_team

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)
SUBJECT = Subject("probe", "p-same", "A probe")


@pytest.fixture
def owner():
    return make_person("olga", team=make_team("emea"))


@pytest.fixture
def teammate(owner):
    return make_person("tom", team=owner.team)


@pytest.fixture
def outsider():
    return make_person("uwe", team=make_team("apac"))


@pytest.fixture(autouse=True)
def leader():
    return make_person("lena", roles=[Role.OPS_LEAD])


def test_whoever_may_decide_hears_that_it_waits(owner, teammate, outsider, leader):
    second = make_person("lars", roles=[Role.OPS_LEAD])
    approval = ask(owner, title="Replay to the CRM")
    for person in (leader, second):
        assert told(person) == ["Olga asks for your decision: Replay to the CRM"]
    message = Message.objects.get(recipient=leader)
    assert (message.topic, message.url) == ("approval", f"/approvals/{approval.pk}/")
    assert message.body == "Replay 14 payloads. Why: The outage of this morning"
    assert Delivery.objects.filter(message=message, channel="mail").count() == 1
    assert [told(person) for person in (owner, teammate, outsider)] == [[], [], []]


def test_a_leader_who_asks_is_not_told_of_it(leader):
    second = make_person("lars", roles=[Role.OPS_LEAD])
    ask(leader)
    assert (told(leader), len(told(second))) == ([], 1)


def test_asking_the_same_again_tells_nobody_again(owner, leader):
    for _ in range(3):
        ask(owner, subject=SUBJECT, title="One")
    assert len(told(leader)) == 1


def test_a_dangerous_one_is_urgent(owner, leader):
    ask(owner, risk="dangerous")
    assert Message.objects.get(recipient=leader).urgent


def test_the_requester_hears_of_the_decision(owner, leader):
    approve(ask(owner, title="One"), leader, reason="Fine")
    operations.refuse(ask(owner, title="Two").pk, person=leader, now=NOW + DAY, reason="Too late in the day")
    assert told(owner) == ["Lena approved: One", "Lena refused: Two"]
    assert set(Message.objects.filter(recipient=owner).values_list("body", flat=True)) == {
        "Fine",
        "Too late in the day",
    }


def test_the_requester_hears_that_time_ran_out(owner, leader):
    ask(owner, title="One")
    approve(ask(owner, title="Two"), leader)
    for _ in range(2):
        run_sweep("facts", at=NOW + 4 * DAY)
    assert sorted(told(owner)[1:]) == ["Nobody decided in time: One", "The approval was not used in time: Two"]


def test_what_the_record_has_outrun_is_told_with_its_reason(owner):
    approval = ask(owner, title="One", subject=SUBJECT)
    operations.void_approvals(subject=SUBJECT, actor=operations.CLOCKWORK, reason="The file changed.", now=NOW)
    assert told(owner) == ["No longer holds: One"]
    assert Message.objects.get(recipient=owner).body == "The file changed."
    assert Message.objects.get(recipient=owner).about == approval.subject_id


def test_nobody_is_told_what_they_did_themselves(owner, leader):
    operations.withdraw(ask(owner).pk, person=owner, now=NOW)
    approval = approve(ask(owner), leader)
    operations.use_approval(approval, content=CONTENT, now=NOW)
    assert len(told(owner)) == 1, "that it was approved"


def test_a_decision_that_is_undone_tells_nobody(owner, leader):
    def fail(approval, actor, now):
        raise Conflict("busy", "Not now.")

    register_kind(on_approved=fail)
    try:
        with pytest.raises(Conflict):
            approve(ask(owner), leader)
    finally:
        register_kind()
    assert told(owner) == []
