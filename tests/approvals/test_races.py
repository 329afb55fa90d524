"""Several people, or programs, at the same instant: one wins, and the others are told."""

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from opsportal.approvals import operations
from opsportal.approvals.models import Approval
from opsportal.approvals.states import State
from opsportal.audit.engine import Subject
from opsportal.audit.models import Entry
from opsportal.errors import DomainError
from tests import races
from tests.factories.approvals import CONTENT, approve, ask
from tests.factories.identity import NOW

pytestmark = pytest.mark.django_db(transaction=True)


def at_once(*works: Callable[[], Any]) -> list[Any]:
    """Results and the codes of refusals, in any order."""
    return races.at_once(*[partial(_or_code, work) for work in works])


def _or_code(work: Callable[[], Any]) -> Any:
    try:
        return work()
    except DomainError as error:
        return error.code


@pytest.mark.parametrize("_", range(5))
def test_two_approvers_at_once_make_one_decision(owner, leader, second_leader, _):
    approval = ask(owner)
    results = at_once(lambda: approve(approval, leader), lambda: approve(approval, second_leader))
    assert [each for each in results if isinstance(each, str)] == ["not_pending"]
    assert Entry.objects.filter(action="approval.approved").count() == 1


@pytest.mark.parametrize("_", range(5))
def test_approving_and_refusing_at_once_is_one_of_both(owner, leader, second_leader, _):
    approval = ask(owner)
    at_once(
        lambda: approve(approval, leader),
        lambda: operations.refuse(approval.pk, person=second_leader, now=NOW, reason="No"),
    )
    decided = Entry.objects.filter(action__in=["approval.approved", "approval.refused"]).get()
    assert decided.action == f"approval.{Approval.objects.get().state}"


@pytest.mark.parametrize("_", range(5))
def test_an_approval_is_used_once_by_however_many(owner, leader, _):
    approval = approve(ask(owner), leader)
    results = at_once(*[lambda: operations.use_approval(approval, content=CONTENT, now=NOW)] * 4)
    assert sorted(str(each) for each in results if isinstance(each, str)) == ["approval_used"] * 3
    assert Entry.objects.filter(action="approval.used").count() == 1


@pytest.mark.parametrize("_", range(5))
def test_the_same_asked_at_once_is_one_request(owner, leader, _):
    subject = Subject("probe", "p")
    results = at_once(*[lambda: ask(owner, subject=subject), lambda: ask(leader, subject=subject)] * 2)
    assert len(set(results)) == 1
    assert Entry.objects.filter(action="approval.requested").count() == 1


@pytest.mark.parametrize("_", range(5))
def test_using_and_taking_back_at_once_is_one_of_both(owner, leader, _):
    approval = approve(ask(owner), leader)
    at_once(
        lambda: operations.use_approval(approval, content=CONTENT, now=NOW),
        lambda: operations.withdraw(approval.pk, person=owner, now=NOW),
    )
    assert Approval.objects.get().state in (State.USED, State.VOIDED)
    assert Entry.objects.filter(action__in=["approval.used", "approval.voided"]).count() == 1
