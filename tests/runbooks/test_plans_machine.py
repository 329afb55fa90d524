"""A plan in the database against a small pure model: frozen, approved, started, paused, cancelled in any order, while
payloads arrive, die and are decided; and several people at the same button at once.
"""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from decimal import Decimal
from threading import Barrier
from typing import Any

import pytest
from django.db import connection, connections, transaction
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from opsportal.approvals import operations as approvals
from opsportal.errors import DomainError
from opsportal.identity.actors import actor_for
from opsportal.identity.models import Person
from opsportal.identity.roles import Role
from runbooks.models import Delivered, Release, ReplayItem, ReplayPlan
from runbooks.plans import operations, queries, sweep
from runbooks.queue import claims, recording
from runbooks.queue import operations as queue
from runbooks.queue.engine.outcomes import Kind, Outcome
from runbooks.states import OVER_PLANS, PLAN_TRANSITIONS, PlanState
from tests.factories.catalog import make_automation
from tests.factories.identity import NOW, SETUP, make_person
from tests.factories.plans import approve, fetched, make_frozen, start
from tests.factories.replay import make_target, store

KEYS = ("a", "b", "c", "")


class Plans(RuleBasedStateMachine):
    """What must hold after every step, whoever did what."""

    tier = "P1"
    asker: Person
    lead: Person

    def __init__(self) -> None:
        super().__init__()
        self.atomic = transaction.atomic()
        self.atomic.__enter__()
        self.now = NOW
        automation = make_automation(tier=self.tier)
        self.target = make_target(automation=automation, idempotent=True, max_attempts=2)
        store(self.target, *KEYS, *KEYS)
        self.plan = make_frozen(self.target, self.asker, canary_count=2, abort_ratio=Decimal("0.6"))
        self.frozen = set(self.plan.items.values_list("item_id", flat=True))
        self.seen = [self.plan.state]
        self.approved = False
        self.delivered: set[Any] = set()

    def teardown(self) -> None:
        transaction.set_rollback(True)
        self.atomic.__exit__(None, None, None)

    def attempt(self, work: Any) -> None:
        """Do it, or be refused without a trace."""
        self.now += timedelta(seconds=1)
        before = fetched(self.plan).state
        try:
            with transaction.atomic():
                work()
        except DomainError:
            assert fetched(self.plan).state in (before, "dry_run")
        self.note()

    def note(self) -> None:
        state = fetched(self.plan).state
        if state != self.seen[-1]:
            self.seen.append(state)

    @rule()
    def start(self) -> None:
        self.attempt(lambda: start(fetched(self.plan), self.asker, now=self.now))

    @rule()
    def the_lead_approves(self) -> None:
        plan = fetched(self.plan)
        if plan.approval_id is not None and plan.state == "awaiting_approval":
            self.attempt(lambda: approve(plan, self.lead, now=self.now))
            self.approved = self.approved or fetched(self.plan).state == "approved"

    @rule()
    def the_lead_refuses(self) -> None:
        plan = fetched(self.plan)
        if plan.approval_id is not None and plan.state == "awaiting_approval":
            who = {"person": self.lead, "now": self.now, "reason": "not now"}
            self.attempt(lambda: approvals.refuse(plan.approval_id, **who))

    @rule()
    def hours_pass(self) -> None:
        self.now += timedelta(hours=5)
        approvals.close_overdue(self.now)
        self.note()

    @rule(name=st.sampled_from(["pause_plan", "resume_plan"]))
    def hold(self, name: str) -> None:
        said = {"reason": "looked", "actor": SETUP, "now": self.now}
        self.attempt(lambda: getattr(operations, name)(fetched(self.plan), **said))

    @rule(sure=st.integers(0, 9))
    def cancel(self, sure: int) -> None:
        if sure == 0:
            said = {"reason": "enough", "actor": SETUP, "now": self.now}
            self.attempt(lambda: operations.cancel_plan(fetched(self.plan), **said))

    @rule()
    def freeze_again(self) -> None:
        def work() -> None:
            operations.freeze_plan(fetched(self.plan), principal=None, actor=SETUP, now=self.now)
            self.frozen = set(self.plan.items.values_list("item_id", flat=True))

        self.attempt(work)

    @rule()
    def the_sweep_comes(self) -> None:
        self.now += timedelta(seconds=5)
        sweep.advance(self.now)
        self.note()

    @rule(kind=st.sampled_from([Kind.DELIVERED, Kind.DELIVERED, Kind.NEVER, Kind.UNCLEAR, Kind.LATER, Kind.NOT_SENT]))
    def some_are_sent(self, kind: Kind) -> None:
        self.now += timedelta(hours=2)
        taken = claims.claim(self.target, limit=3, now=self.now)
        self.now += timedelta(seconds=1)
        recording.record(self.target, [(claim, Outcome(kind, str(kind), status=None)) for claim in taken], self.now)

    @rule(data=st.data())
    def somebody_decides(self, data: st.DataObject) -> None:
        rows = ReplayItem.objects.filter(target=self.target, finished_at=None).exclude(state="leased").order_by("pk")
        item = data.draw(st.sampled_from(list(rows))) if rows else None
        if item is not None:
            said = {"reason": "looked", "actor": SETUP, "now": self.now}
            self.attempt(lambda: queue.discard_item(item, **said))

    @rule()
    def something_new_fails(self) -> None:
        store(self.target, "a", now=self.now)

    @invariant()
    def it_moves_along_its_transitions(self) -> None:
        for before, after in zip(self.seen, self.seen[1:], strict=False):
            assert PlanState(after) in PLAN_TRANSITIONS[PlanState(before)], self.seen

    @invariant()
    def nothing_goes_that_was_not_frozen_or_before_its_yes(self) -> None:
        gone = set(ReplayItem.objects.filter(target=self.target, release__isnull=False).values_list("pk", flat=True))
        assert gone <= self.frozen
        if self.tier == "P0":
            assert not Release.objects.filter(target=self.target, approval=None).exists()
            assert self.approved or not gone

    @invariant()
    def what_is_delivered_stays_and_is_there_once(self) -> None:
        lines = list(Delivered.objects.filter(target=self.target).values_list("item_id", flat=True))
        assert len(lines) == len(set(lines))
        assert self.delivered <= set(lines)
        self.delivered = set(lines)

    @invariant()
    def its_figures_add_up(self) -> None:
        plan = fetched(self.plan)
        if plan.frozen_at is not None:
            assert queries.progress_of(plan).total == plan.item_count
            report = queries.report_of(plan)
            parts = (report.delivered, report.already_delivered, report.by_person, report.dead, report.in_doubt)
            assert sum(parts) + report.discarded + report.waiting == report.selected
            assert report.doubled == 0

    @invariant()
    def what_is_over_lets_nothing_go(self) -> None:
        """But for a retry of what was in flight when it ended: that request may still be answered."""
        plan = fetched(self.plan)
        if plan.release is not None and plan.state in {*OVER_PLANS, PlanState.PAUSED}:
            assert not ReplayItem.objects.filter(release=plan.release, state="pending").exists()


@pytest.mark.django_db
@pytest.mark.parametrize("tier", ["P1", "P0"])
def test_a_plan_keeps_its_promises_whatever_happens(tier: str) -> None:
    people = {"asker": make_person(), "lead": make_person(roles=[Role.OPS_LEAD])}
    machine = type("Plans", (Plans,), {"tier": tier, **people})
    run_state_machine_as_test(machine, settings=settings(max_examples=25, stateful_step_count=35, deadline=None))


TOGETHER = 4


def at_once(work: Any) -> list[str]:
    """What several at the same time come to."""
    if connection.vendor != "postgresql":
        pytest.skip("SQLite lets one write at a time; there is no race to win")
    barrier = Barrier(TOGETHER)

    def one(number: int) -> str:
        try:
            barrier.wait(timeout=20)
            return str(work(number))
        except DomainError as refused:
            return refused.code
        finally:
            connections.close_all()

    with ThreadPoolExecutor(TOGETHER) as pool:
        return sorted(pool.map(one, range(TOGETHER)))


@pytest.mark.django_db(transaction=True)
def test_two_starts_are_one_start() -> None:
    target = make_target()
    store(target, "a", "b")
    plan = make_frozen(target)
    outcomes = at_once(lambda _: start(ReplayPlan.objects.get(pk=plan.pk)).state)
    assert outcomes == ["invalid_transition"] * (TOGETHER - 1) + ["running"]
    assert Release.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_plans_of_one_requester_at_once_do_not_pass_the_limit_together() -> None:
    target, person = make_target(), make_person()
    plans = []
    for number in range(TOGETHER):
        items = store(target, *[f"lead-{number}"] * 60)
        plans.append(make_frozen(target, person, selection={"items": [str(item.pk) for item in items]}))
    outcomes = at_once(lambda number: start(plans[number], person).state)
    assert outcomes == ["awaiting_approval"] * (TOGETHER - 1) + ["running"]


@pytest.mark.django_db(transaction=True)
def test_approving_twice_counts_once() -> None:
    target = make_target(automation=make_automation(tier="P0"))
    store(target, "a")
    plan = start(make_frozen(target))
    leads = [make_person(roles=[Role.OPS_LEAD]) for _ in range(TOGETHER)]
    outcomes = at_once(lambda number: approve(plan, leads[number]).state)
    assert outcomes == ["approved"] + ["not_pending"] * (TOGETHER - 1)
    assert fetched(plan).state == "approved"


@pytest.mark.django_db(transaction=True)
def test_a_pause_while_it_runs_leaves_nothing_on_its_way() -> None:
    target = make_target()
    store(target, *[f"lead-{number}" for number in range(90)])
    plan = start(make_frozen(target))
    who = {"actor": actor_for(make_person()), "now": NOW}

    def work(number: int) -> str:
        if number:
            return str(sweep.advance(NOW).examined)
        return operations.pause_plan(ReplayPlan.objects.get(pk=plan.pk), reason="stop", **who).state

    at_once(work)
    sweep.advance(NOW)
    assert fetched(plan).state == "paused"
    assert not ReplayItem.objects.filter(target=target).exclude(state="held").exists()
    assert plan.items.filter(let_go_at__isnull=False).count() == 0


@pytest.mark.django_db(transaction=True)
def test_sweeps_at_once_let_each_payload_go_once() -> None:
    target = make_target()
    store(target, *[f"lead-{number % 9}" for number in range(90)])
    plan = start(make_frozen(target))
    at_once(lambda _: sweep.advance(NOW).examined)
    sweep.advance(NOW)
    assert plan.items.filter(let_go_at__isnull=False).count() == 90
    assert ReplayItem.objects.filter(target=target, due_at__isnull=False).count() == 9
