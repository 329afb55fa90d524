"""The demo's replay queue: filled through the real operations, something in every state, against its own receiver."""

import heapq
import itertools
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from django.db import transaction
from django.test import override_settings

from opsportal.approvals.models import Approval
from opsportal.audit.models import Entry
from opsportal.workbench.demo import cast, company, failures, payloads, receiver
from opsportal.workbench.demo.failures import Failures
from opsportal.workbench.demo.home import Home, free_port
from opsportal.workbench.demo.receiver import Receiver
from runbooks.models import ReplayItem, ReplayPlan, ReplayTarget
from runbooks.queue import queries
from runbooks.targets.queries import fare_of, get_target

pytestmark = pytest.mark.django_db

END = datetime(2026, 3, 12, 10, tzinfo=UTC)


def live(plan, *, end: datetime) -> None:
    """Let happen what was planned before `end`, in order."""
    waiting, order = [], itertools.count()
    plan(lambda instant, act: heapq.heappush(waiting, (instant, next(order), act)))
    while waiting and waiting[0][0] < end:
        instant, _, act = heapq.heappop(waiting)
        act(instant)


@pytest.fixture(scope="module")
def people(django_db_setup, django_db_blocker):
    """Twenty days of failures, lived once for all tests of this file; taken back at the end."""
    start, port = END - timedelta(days=20), free_port()
    allowed = override_settings(OUTBOUND_ALLOW=[f"127.0.0.1:{port}"])
    with allowed, django_db_blocker.unblock(), transaction.atomic():
        people = cast.assemble(now=start - timedelta(days=2))
        company.found(people, now=start - timedelta(days=1))
        with Receiver(port):
            live(Failures(people, start=start, end=END, seed=7, port=port).plan, end=END)
        yield people
        transaction.set_rollback(True)


def test_there_is_something_in_every_state_a_person_can_meet(people):
    states = Counter(ReplayItem.objects.values_list("state", flat=True))
    assert set(states) == {
        *("held", "pending", "failed", "dead", "in_doubt", "delivered", "discarded", "superseded"),
    }
    assert states["delivered"] > 20
    assert not ReplayItem.objects.filter(received_at__gt=END).exists()


def test_what_was_refused_for_the_same_reason_is_a_poison_group(people):
    assert [group.target for group in queries.groups(people.people[failures.LEAD]) if group.is_poison] == [
        payloads.CRM_DEALS
    ]


def test_one_target_is_left_alone_one_answers_one_is_not_used(people):
    words = {slug: fare_of(get_target(slug, people.people[failures.LEAD]), END).word for slug, *_ in failures.TARGETS}
    assert words[payloads.WAREHOUSE] == "open"
    assert words[payloads.CRM_LEADS] == "well"
    assert words["calendar"] == "unused"


def test_no_payload_of_a_p0_left_without_a_second_person_and_one_request_waits(people):
    sent = ReplayItem.objects.filter(automation__tier="P0", tries__gt=0)
    assert sent.exists()
    assert not sent.filter(release__approval=None).exists()
    assert Approval.objects.filter(kind="replay_resend", state="pending").count() == 1


def test_one_plan_has_arrived_after_its_canary_and_one_waits_for_a_second_person(people):
    states = {plan.target.slug: plan for plan in ReplayPlan.objects.select_related("target")}
    done, waiting = states[payloads.CRM_LEADS], states[payloads.CRM_DEALS]
    assert (done.state, done.canary_passed_label) == ("completed", "Priya Nair")
    assert done.item_count == 10
    assert (waiting.state, waiting.item_count) == ("awaiting_approval", 5)


def test_the_trail_says_who_did_what(people):
    actions = set(Entry.objects.filter(action__startswith="replay").values_list("action", flat=True))
    assert {"replay.released", "replay.discarded", "replay.marked_delivered", "replay.payload_read"} <= actions


def test_a_start_with_another_port_takes_the_targets_along(people, settings):
    moved = free_port()
    settings.OUTBOUND_ALLOW = [f"127.0.0.1:{moved}"]
    failures.move(moved, now=END)
    failures.move(moved, now=END)
    assert all(f":{moved}/" in url for url in ReplayTarget.objects.values_list("url", flat=True))
    assert Entry.objects.filter(action="replay_target.changed").count() == len(failures.TARGETS)


def test_what_somebody_else_has_given_the_same_name_stays_where_it_leads(people, settings):
    settings.OUTBOUND_ALLOW = ["127.0.0.1:1"]
    other = "https://hooks.northbeam.example/other"
    ReplayTarget.objects.filter(slug=payloads.CRM_LEADS).update(url=other)
    failures.move(1, now=END)
    assert ReplayTarget.objects.get(slug=payloads.CRM_LEADS).url == other


def test_each_service_has_its_manners():
    stage = receiver.reply(receiver.DEALS, {"stage": payloads.RENAMED_STAGE}, times=1)
    assert stage.status == 422
    assert receiver.reply(receiver.DEALS, {"stage": "Proposal"}, times=1).status == 201
    assert receiver.reply(receiver.DEALS, {"stage": "Proposal"}, times=2).headers == {"Duplicate": "true"}
    busy = {"reference": "L-5200"}  # a reference whose letters add up to a multiple of four, and not of seven
    assert [receiver.reply(receiver.LEADS, busy, times=n).status for n in (1, 2, 3)] == [429, 201, 200]
    assert receiver.reply(receiver.MAILS, {"template": receiver.HANGS_UP_AT}, times=1).status == 0
    assert receiver.reply(receiver.COMPANIES, {}, times=3).status == 503
    assert receiver.reply("/", {}, times=1).status == 404


def test_the_receiver_keeps_its_port_and_gives_way_to_somebody_else(tmp_path):
    home = Home(tmp_path)
    first = home.receiver_port()
    home.give_way()
    assert home.receiver_port() == first
    assert f"127.0.0.1:{first}" in home.environment(url="")["OPSPORTAL_OUTBOUND_ALLOW"]
    with Receiver(first):
        home.give_way()
        assert home.receiver_port() != first
