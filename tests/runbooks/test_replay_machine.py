"""The queue in the database against a small pure model: storing, letting go, sending, dying, deciding, in any order."""

from dataclasses import dataclass, field
from datetime import timedelta
from uuid import UUID

import pytest
from django.db import transaction
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from opsportal.errors import Conflict
from opsportal.identity.models import Person
from runbooks.models import Delivered, ReplayItem, ReplayTarget
from runbooks.queue import claims, lanes, operations, recording
from runbooks.queue.claims import Claim
from runbooks.queue.engine.outcomes import Kind, Outcome
from runbooks.states import FINAL, ItemState
from tests.factories.identity import NOW, SETUP, make_person
from tests.factories.replay import make_target, store

KEYS = ("a", "b", "c", "")
MOST_ATTEMPTS = 3
OVER = {str(state) for state in FINAL}


@dataclass
class Modelled:
    """What one item must look like. `ready`: it may be taken once it stands first."""

    key: str
    pk: UUID
    state: str = "held"
    attempts: int = 0
    claim: Claim | None = None
    sent: list[int] = field(default_factory=list)


class Queue(RuleBasedStateMachine):
    idempotent = False
    person: Person

    def __init__(self) -> None:
        super().__init__()
        self.atomic = transaction.atomic()
        self.atomic.__enter__()
        self.now = NOW
        self.target: ReplayTarget = make_target(idempotent=self.idempotent, max_attempts=MOST_ATTEMPTS)
        self.items: list[Modelled] = []
        self.lost: list[Claim] = []

    def teardown(self) -> None:
        transaction.set_rollback(True)
        self.atomic.__exit__(None, None, None)

    def later(self, seconds: float = 0.001) -> None:
        self.now += timedelta(seconds=seconds)

    def row(self, one: Modelled) -> ReplayItem:
        return ReplayItem.objects.select_related("target__automation", "automation").get(pk=one.pk)

    def in_front(self, one: Modelled) -> list[Modelled]:
        if not one.key:
            return []
        mine = [other for other in self.items if other.key == one.key]
        return [other for other in mine[: mine.index(one)] if other.state not in OVER]

    def takeable(self) -> list[Modelled]:
        return [one for one in self.items if one.state in ("pending", "failed") and not self.in_front(one)]

    @rule(keys=st.lists(st.sampled_from(KEYS), min_size=1, max_size=4))
    def store_some(self, keys: list[str]) -> None:
        self.items += [Modelled(item.record_key, item.pk) for item in store(self.target, *keys, now=self.now)]

    @rule(data=st.data())
    def let_some_go(self, data: st.DataObject) -> None:
        free = [one for one in self.items if one.state in ("held", "dead", "in_doubt", "failed")]
        chosen = data.draw(st.lists(st.sampled_from(free), max_size=5, unique_by=id)) if free else []
        if not chosen:
            return
        self.later()
        rows = [self.row(one) for one in chosen]
        said = {"reason": "again", "actor": SETUP, "person": self.person, "now": self.now}
        release = operations.open_release(self.target, kind="plan", items=rows, **said)
        count = operations.let_go(release, [one.pk for one in chosen], actor=SETUP, now=self.now)
        assert count == len(chosen)
        for one in chosen:
            one.state, one.attempts = "pending", 0

    @rule(limit=st.integers(1, 6))
    def claim_some(self, limit: int) -> None:
        self.later(7200)  # past every pause and slot
        expected = {one.pk: one for one in self.takeable()}
        taken = claims.claim(self.target, limit=limit, now=self.now)
        assert {claim.item_id for claim in taken} <= set(expected)
        assert len(taken) == min(limit, len(expected))
        for claim in taken:
            one = expected[claim.item_id]
            one.attempts += 0 if claim.is_probe else 1
            one.state, one.claim = "leased", claim
            assert claim.attempts == one.attempts
            one.sent.append(claim.number)

    @precondition(lambda self: any(one.state == "leased" for one in self.items))
    @rule(data=st.data(), kind=st.sampled_from(list(Kind)))
    def answer(self, data: st.DataObject, kind: Kind) -> None:
        one = data.draw(st.sampled_from([one for one in self.items if one.state == "leased"]))
        assert one.claim is not None
        self.later()
        recording.record(self.target, [(one.claim, Outcome(kind, str(kind)))], self.now)
        self.settle(one, kind)

    def settle(self, one: Modelled, kind: Kind) -> None:
        claim, one.claim = one.claim, None
        assert claim is not None
        if kind in (Kind.NOT_SENT, Kind.PUT_BACK):
            one.attempts -= 0 if claim.is_probe else 1
            back = "failed" if one.attempts else "pending"
            one.state = "held" if kind is Kind.NOT_SENT else back
        elif kind in (Kind.DELIVERED, Kind.ALREADY_THERE):
            one.state = "delivered"
        elif kind is Kind.NEVER:
            one.state = "dead"
        elif kind is Kind.UNCLEAR and not self.idempotent:
            one.state = "in_doubt"
        elif one.attempts >= MOST_ATTEMPTS:
            one.state = "in_doubt" if kind is Kind.UNCLEAR else "dead"
        else:
            one.state = "failed"

    @precondition(lambda self: any(one.state == "leased" for one in self.items))
    @rule()
    def everybody_dies(self) -> None:
        """Leases end: nobody knows what arrived. What the dead say later changes nothing."""
        self.later(3600)
        leased = [one for one in self.items if one.state == "leased"]
        assert recording.lapse(self.now) == len(leased)
        for one in leased:
            assert one.claim is not None
            self.lost.append(one.claim)
            self.settle(one, Kind.UNCLEAR)

    @precondition(lambda self: self.lost)
    @rule(kind=st.sampled_from(list(Kind)))
    def a_slow_worker_comes_late(self, kind: Kind) -> None:
        recording.record(self.target, [(self.lost.pop(), Outcome(kind, str(kind)))], self.now)

    @rule(data=st.data(), how=st.sampled_from(["mark_delivered", "discard_item"]))
    def decide(self, data: st.DataObject, how: str) -> None:
        open_ones = [one for one in self.items if one.state not in OVER]
        if not open_ones:
            return
        one = data.draw(st.sampled_from(open_ones))
        self.later()
        operation = getattr(operations, how)
        if one.state == "leased":
            with pytest.raises(Conflict), transaction.atomic():
                operation(self.row(one), reason="looked", actor=SETUP, now=self.now)
        else:
            operation(self.row(one), reason="looked", actor=SETUP, now=self.now)
            one.state = "delivered" if how == "mark_delivered" else "discarded"

    @invariant()
    def rows_are_as_modelled(self) -> None:
        rows = {row.pk: row for row in ReplayItem.objects.filter(target=self.target)}
        assert {pk: row.state for pk, row in rows.items()} == {one.pk: one.state for one in self.items}
        assert {pk: row.attempts for pk, row in rows.items()} == {one.pk: one.attempts for one in self.items}

    @invariant()
    def exactly_the_heads_are_due(self) -> None:
        due = ReplayItem.objects.filter(target=self.target, due_at__isnull=False).values_list("pk", flat=True)
        assert set(due) == {one.pk for one in self.takeable()}
        assert lanes.stranded() == {}

    @invariant()
    def the_ledger_has_each_delivery_once(self) -> None:
        ledger = Delivered.objects.filter(target=self.target).values_list("item_id", flat=True)
        assert sorted(ledger) == sorted(one.pk for one in self.items if one.state == ItemState.DELIVERED)

    @invariant()
    def nothing_is_sent_past_what_stands_before_it(self) -> None:
        for one in self.items:
            assert one.state != "leased" or not self.in_front(one)


@pytest.mark.django_db
@pytest.mark.parametrize("idempotent", [False, True])
def test_the_queue_does_what_its_model_does(idempotent: bool) -> None:
    machine = type("Queue", (Queue,), {"idempotent": idempotent, "person": make_person()})
    run_state_machine_as_test(machine, settings=settings(max_examples=30, stateful_step_count=40, deadline=None))
