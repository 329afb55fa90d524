"""What was let go goes to the address that its target had then, and nowhere else, whoever changes the target."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest

from opsportal.approvals import operations as approvals
from opsportal.approvals.models import Approval
from opsportal.audit.models import Entry
from opsportal.identity.actors import actor_for
from opsportal.identity.models import Person
from opsportal.identity.roles import Role
from runbooks.models import Attempt, Release, ReplayItem, ReplayTarget
from runbooks.plans import operations, queries, sweep
from runbooks.queue import authority, dispatch
from runbooks.queue import operations as queue
from runbooks.targets.addresses import address_of
from runbooks.targets.operations import change_target, rotate_secret
from tests.factories.catalog import make_automation
from tests.factories.identity import NOW, SETUP, make_person
from tests.factories.plans import approve, fetched, make_frozen, run, start
from tests.factories.replay import let_go, make_target, states, store
from tests.receivers import Answer, HttpReceiver

pytestmark = pytest.mark.django_db(transaction=True)
LATER = NOW + timedelta(minutes=1)
HELD = f"not let go: {authority.MOVED}"


@pytest.fixture
def elsewhere(settings: Any) -> Iterator[HttpReceiver]:
    """Another address that may be sent to as well."""
    with HttpReceiver() as running:
        settings.OUTBOUND_ALLOW = [*settings.OUTBOUND_ALLOW, running.origin]
        yield running


@pytest.fixture
def lead() -> Person:
    return make_person(roles=[Role.OPS_LEAD])


@pytest.fixture
def critical(receiver: HttpReceiver) -> ReplayTarget:
    return make_target(receiver.url, automation=make_automation("router", tier="P0"))


def point(target: ReplayTarget, url: str) -> None:
    change_target(target, values={"url": url}, actor=SETUP, now=NOW)


def approved_resend(items: list[ReplayItem], lead: Person) -> None:
    asker = make_person()
    asked = queue.resend_items(items, reason="fixed", actor=actor_for(asker), person=asker, now=NOW)
    assert isinstance(asked, Approval)
    decided = approvals.approve(asked.pk, person=lead, now=NOW, authenticated_at=NOW)
    assert decided.state == "used"


def test_a_running_plan_sends_nothing_to_where_its_target_was_moved(
    receiver: HttpReceiver, elsewhere: HttpReceiver, critical: ReplayTarget, lead: Person
) -> None:
    store(critical, *[f"lead-{number}" for number in range(6)])
    plan = start(make_frozen(critical, canary_count=2))
    approve(plan, lead)
    plan = run(start(fetched(plan)))
    assert (plan.state, len(receiver.requests)) == ("paused", 2)
    operations.resume_plan(plan, actor=SETUP, now=LATER)
    sweep.advance(LATER)
    point(critical, elsewhere.url)
    plan = run(plan, now=LATER)
    assert (plan.state, plan.note) == ("aborted", authority.MOVED)
    assert (len(receiver.requests), elsewhere.requests) == (2, [])
    assert sorted(states(critical).values()) == ["delivered"] * 2 + ["held"] * 4
    report = queries.report_of(plan)
    assert (report.selected, report.delivered, report.waiting, report.attempts) == (6, 2, 4, 2)
    assert authority.MOVED in Entry.objects.get(action="replay_plan.aborted").detail.body


def test_a_plan_stops_whoever_finds_it_first(receiver: HttpReceiver, elsewhere: HttpReceiver) -> None:
    for finds in (lambda: sweep.advance(LATER), lambda: dispatch.drain(LATER, seconds=1)):
        target = make_target(receiver.url)
        store(target, *[f"lead-{number}" for number in range(3)])
        plan = start(make_frozen(target))
        sweep.advance(NOW)
        point(target, elsewhere.url)
        finds()
        assert set(states(target).values()) == {"held"}
        plan = run(plan, now=LATER)
        assert (plan.state, plan.note) == ("aborted", authority.MOVED)
        assert queries.report_of(plan).waiting == 3
    assert receiver.requests == elsewhere.requests == []


def test_a_plan_of_which_everything_has_arrived_is_completed_all_the_same(
    receiver: HttpReceiver, elsewhere: HttpReceiver
) -> None:
    target = make_target(receiver.url)
    store(target, "a", "b")
    plan = start(make_frozen(target))
    sweep.advance(NOW)
    dispatch.drain(NOW)
    point(target, elsewhere.url)
    sweep.advance(LATER)
    assert fetched(plan).state == "completed"


def test_an_approved_resend_is_held_again_at_no_cost(
    receiver: HttpReceiver, elsewhere: HttpReceiver, critical: ReplayTarget, lead: Person
) -> None:
    (item,) = store(critical, "a")
    approved_resend([item], lead)
    point(critical, elsewhere.url)
    dispatch.drain(NOW, seconds=1)
    item.refresh_from_db()
    assert (item.state, item.attempts, item.authority, item.last_error) == ("held", 0, "", HELD)
    assert receiver.requests == elsewhere.requests == []
    approved_resend([item], lead)
    dispatch.drain(LATER, seconds=1)
    assert (states(critical), len(elsewhere.requests)) == ({str(item.pk): "delivered"}, 1)


def test_a_retry_does_not_go_there_either(receiver: HttpReceiver, elsewhere: HttpReceiver) -> None:
    receiver.answer(Answer(503))
    target = make_target(receiver.url)
    (item,) = store(target, "a")
    let_go([item])
    dispatch.drain(NOW, seconds=1)
    point(target, elsewhere.url)
    dispatch.drain(NOW + timedelta(hours=1), seconds=1)
    item.refresh_from_db()
    assert (item.state, item.attempts, item.last_error) == ("held", 1, HELD)
    assert (len(receiver.requests), elsewhere.requests) == (1, [])


def test_who_waits_behind_it_in_its_record_does_not_go_there_either(
    receiver: HttpReceiver, elsewhere: HttpReceiver
) -> None:
    target = make_target(receiver.url)
    first, second = store(target, "a", "a")
    let_go([first, second])
    point(target, elsewhere.url)
    dispatch.drain(NOW, seconds=1)
    queue.discard_item(first, reason="not wanted", actor=SETUP, now=NOW)
    dispatch.drain(LATER, seconds=1)
    second.refresh_from_db()
    assert (second.state, second.last_error) == ("held", HELD)
    assert receiver.requests == elsewhere.requests == []


@pytest.mark.parametrize(
    "same",
    [
        lambda url: url,
        lambda url: url.rstrip("/"),
        lambda url: url.replace("http", "HTTP"),
        lambda url: f"{url}#anything",
    ],
)
def test_the_same_address_in_another_spelling_gets_it(
    receiver: HttpReceiver, critical: ReplayTarget, lead: Person, same: Callable[[str], str]
) -> None:
    store(critical, "a", "b")
    plan = start(make_frozen(critical))
    approve(plan, lead)
    plan = start(fetched(plan))
    point(critical, same(receiver.url))
    change_target(critical, values={"timeout_seconds": 5, "name": "CRM"}, actor=SETUP, now=NOW)
    rotate_secret(critical, actor=SETUP, now=NOW)
    assert run(plan).state == "completed"
    assert len(receiver.requests) == 2


@pytest.mark.parametrize("other", ["other", "?tenant=2", "a/../"])
def test_another_path_at_the_same_host_is_another_address(receiver: HttpReceiver, other: str) -> None:
    target = make_target(receiver.url)
    (item,) = store(target, "a")
    let_go([item])
    point(target, f"{receiver.url}{other}")
    dispatch.drain(NOW, seconds=1)
    assert (states(target), receiver.requests) == ({str(item.pk): "held"}, [])


def test_changed_back_before_anything_came_to_it_it_goes_on_and_what_was_held_stays_held(
    receiver: HttpReceiver, elsewhere: HttpReceiver
) -> None:
    target = make_target(receiver.url)
    early, late = store(target, "a", "b")
    let_go([early])
    point(target, elsewhere.url)
    dispatch.drain(NOW, seconds=1)
    point(target, receiver.url)
    let_go([late], now=LATER)
    point(target, elsewhere.url)
    point(target, receiver.url)
    dispatch.drain(LATER, seconds=1)
    assert states(target) == {str(early.pk): "held", str(late.pk): "delivered"}
    assert elsewhere.requests == []


def test_writing_the_new_address_into_the_release_breaks_the_seal(
    receiver: HttpReceiver, elsewhere: HttpReceiver
) -> None:
    target = make_target(receiver.url)
    (item,) = store(target, "a")
    release = let_go([item])
    point(target, elsewhere.url)
    target.refresh_from_db()
    Release.objects.filter(pk=release.pk).update(url=address_of(target))
    dispatch.drain(NOW, seconds=1)
    assert (states(target), elsewhere.requests) == ({str(item.pk): "held"}, [])
    assert Attempt.objects.get().answer == "it is not what was let go"


def test_what_was_let_go_before_addresses_were_kept_goes_nowhere(receiver: HttpReceiver) -> None:
    target = make_target(receiver.url)
    (item,) = store(target, "a")
    let_go([item])
    store(target, "b")
    plan = start(make_frozen(target))
    Release.objects.update(url="")
    plan = run(plan)
    item.refresh_from_db()
    assert (item.state, item.attempts, item.last_error) == ("held", 0, f"not let go: {authority.UNBOUND}")
    assert (plan.state, plan.note) == ("aborted", authority.UNBOUND)
    assert receiver.requests == []


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("HTTPS://Hooks.Example.com:443", "https://hooks.example.com/"),
        ("https://hooks.example.com:8443/Leads?a=B#c", "https://hooks.example.com:8443/Leads?a=B"),
        ("https://[2606:4700::1111]/x/", "https://[2606:4700::1111]/x/"),
        ("https://hooks.example.com:x/", "https://hooks.example.com:x/"),
    ],
)
def test_an_address_has_one_spelling(written: str, read: str) -> None:
    assert address_of(ReplayTarget(url=written)) == read
