from datetime import timedelta

import pytest

from opsportal.approvals import operations
from opsportal.approvals.models import Approval
from opsportal.approvals.states import State
from opsportal.audit.engine import Subject
from opsportal.audit.models import Entry
from opsportal.errors import Conflict
from opsportal.identity.roles import Role
from opsportal.sweeps.operations import run_sweep
from tests.factories.approvals import CONTENT, approve, ask, register_kind
from tests.factories.identity import NOW, SETUP

pytestmark = pytest.mark.django_db

HOUR = timedelta(hours=1)


def use(approval, *, content=CONTENT, now=NOW):
    return operations.use_approval(approval, content=content, now=now)


def refused_as(code, approval, **fields):
    with pytest.raises(Conflict) as refused:
        use(approval, **fields)
    assert refused.value.code == code


def state_of(approval) -> str:
    return Approval.objects.get(pk=approval.pk).state


def test_an_approval_is_used_once(owner, leader):
    approval = approve(ask(owner), leader)
    assert use(approval).state == State.USED
    refused_as("approval_used", approval)


def test_the_order_of_the_content_does_not_matter(owner, leader):
    assert use(approve(ask(owner), leader), content=dict(reversed(CONTENT.items()))).state == State.USED


def test_a_waiting_request_cannot_be_used(owner):
    refused_as("approval_pending", ask(owner))


def test_a_refused_request_cannot_be_used(owner, leader):
    approval = ask(owner)
    operations.refuse(approval.pk, person=leader, now=NOW, reason="No")
    refused_as("approval_refused", approval)


def test_an_approval_expires(owner, leader):
    approval = approve(ask(owner, risk="dangerous"), leader, now=NOW + HOUR, authenticated_at=NOW + HOUR)
    refused_as("approval_expired", approval, now=NOW + 4 * HOUR)


@pytest.mark.parametrize(
    "content", [{**CONTENT, "payloads": 15}, {**CONTENT, "target": "https://evil.example"}, {**CONTENT, "more": 1}, {}]
)
def test_changed_content_voids_it(owner, leader, content):
    approval = approve(ask(owner), leader)
    refused_as("approval_changed", approval, content=content)
    assert state_of(approval) == State.VOIDED
    refused_as("approval_voided", approval)


def test_a_changed_row_is_not_what_was_approved(owner, leader):
    approval = approve(ask(owner), leader)
    Approval.objects.filter(pk=approval.pk).update(content='{"payloads":15}')
    refused_as("approval_changed", approval)


def test_an_approver_who_left_takes_the_approval_along(owner, leader):
    approval = approve(ask(owner), leader)
    leader.is_active = False
    leader.save()
    refused_as("approver_removed", approval)
    assert state_of(approval) == State.VOIDED


def test_an_approver_who_lost_the_role_takes_the_approval_along(owner, leader):
    approval = approve(ask(owner), leader)
    leader.groups.clear()
    refused_as("approver_removed", approval)


def test_a_requester_who_left_takes_the_approval_along(owner, leader):
    approval = approve(ask(owner), leader)
    owner.is_active = False
    owner.save()
    refused_as("approver_removed", approval)


def test_a_subject_that_changes_voids_what_was_said_about_it(owner, leader, second_leader):
    subject = Subject("probe", "plan-7")
    waiting = ask(owner, subject=subject)
    given = approve(ask(owner, subject=subject, content={"payloads": 2}), leader)
    kept = ask(owner, subject=subject, content={"payloads": 3})
    other = ask(owner)
    voided = operations.void_approvals(
        subject=subject, actor=SETUP, reason="The plan changed", now=NOW, keep={"payloads": 3}
    )
    assert voided == 2
    assert [state_of(each) for each in (waiting, given, kept, other)] == ["voided", "voided", "pending", "pending"]
    assert Entry.objects.filter(action="approval.voided").count() == 2


def test_the_sweep_writes_down_what_is_over(owner, leader):
    overdue = ask(owner)
    given = approve(ask(owner), leader)
    fresh = ask(owner, expires_at=NOW + 400 * HOUR)
    run = run_sweep("facts", at=NOW + 73 * HOUR)
    assert run.error == ""
    assert [state_of(each) for each in (overdue, given, fresh)] == ["expired", "expired", "pending"]
    assert Entry.objects.filter(action="approval.expired").count() == 2


def test_the_sweep_voids_what_lost_its_people(owner, teammate, leader, second_leader):
    by_owner, by_teammate = ask(owner), ask(teammate)
    given, held = approve(ask(teammate), leader), approve(ask(teammate), second_leader)
    owner.is_active = False
    owner.save()
    leader.groups.clear()
    run_sweep("facts", at=NOW + HOUR)
    assert [state_of(each) for each in (by_owner, by_teammate, given, held)] == [
        "voided",
        "pending",
        "voided",
        "approved",
    ]


def test_the_sweep_twice_changes_nothing_more(owner):
    ask(owner)
    assert operations.close_overdue(NOW + 73 * HOUR) == 1
    assert operations.close_overdue(NOW + 73 * HOUR) == 0


def test_a_kind_with_its_own_deciders_is_asked_again_at_the_use(owner, teammate):
    register_kind(may_decide=lambda person, approval: Role.ANALYST in person.roles)
    approval = approve(ask(owner), teammate)
    assert use(approval).state == State.USED
