"""Whatever happens to records, in whatever order: days added up, a full scan and plain Python give the same figures."""

import os
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import transaction
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from handoffs import operations
from handoffs.cohort import COLUMNS, Instant
from handoffs.engine.rates import OUTCOME, fold
from handoffs.models import DirtyDay, Handoff, RateDay, Rule
from handoffs.operations.rates import rebuild_days
from handoffs.queries import rates
from handoffs.queries.rates import Question
from handoffs.states import StopClock
from opsportal.audit.engine import Actor
from opsportal.errors import DomainError
from tests.factories import handoffs as make
from tests.factories import identity as people
from tests.factories.identity import SETUP
from tests.handoffs import naive_rates

pytestmark = pytest.mark.django_db

NAMES = ("channel", "icp", "owner", "within_business_hours", "outcome")
BAND_OF = {None: "", Decimal("999.99"): "0-1000", Decimal("1000.00"): "1000-5000", Decimal("250000.00"): "100000-"}
CELLS = {
    (): lambda handoff, row: (),
    ("channel",): lambda handoff, row: (handoff.channel,),
    ("icp",): lambda handoff, row: (handoff.icp,),
    ("owner",): lambda handoff, row: (str(row.first_owner_id or ""),),
    ("within_business_hours",): lambda handoff, row: ("true" if row.within_business_hours else "false",),
    ("amount",): lambda handoff, row: (BAND_OF[handoff.amount],),
    ("channel", "icp"): lambda handoff, row: (handoff.channel, handoff.icp),
    ("attribute:size",): lambda handoff, row: (str(handoff.attributes.get("size", "")),),
}
MOVES = [
    "create",
    "tell_start",
    "tell_answer",
    "tell_done",
    "respond",
    "complete",
    "cancel",
    "pause",
    "resume",
    "reopen",
    "reopen_same",
    "sla",
    "assign",
    "reassign",
    "reason",
    "outcome",
    "sweep",
    "rebuild",
    "live",
    "adopt",
]

KIM = Actor("human", "kim", "Kim")

# What happens, to which record, how long after the last thing, and how much earlier it occurred.
happenings = st.lists(
    st.tuples(
        st.sampled_from(MOVES), st.integers(0, 30), st.integers(0, 40_000), st.sampled_from([0, 0, 1, 30, 90, 2_000])
    ),
    max_size=40,
)


@hypothesis_settings(max_examples=int(os.environ.get("RATE_EXAMPLES", "12")))
@given(happened=happenings, days=st.integers(0, 4), back=st.integers(0, 8_000))
def test_all_ways_of_counting_agree(happened, days, back):
    with transaction.atomic():
        world = World()
        for name, which, seconds, earlier in happened:
            world.let_happen(name, which, seconds, timedelta(minutes=earlier, milliseconds=earlier * 7))
        world.check(days, back)
        while rebuild_days(world.now, limit=3):
            pass
        assert not DirtyDay.objects.exists()
        world.check(days, back)
        transaction.set_rollback(True)


class World:
    """Two rules, some people, and a clock that goes on."""

    def __init__(self):
        make.make_calendar("office", mon=[["09:00", "17:00"]], tue=[["09:00", "17:00"]], wed=[["09:00", "12:00"]])
        steps = {"start_on": {"event_name": "in"}, "respond_on": {"event_name": "call"}}
        steps["complete_on"] = {"event_name": "done"}
        make.make_rule("answer", calendar="office", **steps)
        make.make_rule("finish", stop_clock=StopClock.COMPLETION, sla_minutes=120)
        self.people = [people.make_person(name) for name in ("ana", "ben", "cyn")]
        self.now, self.number = make.START, 0

    def let_happen(self, name, which, seconds, earlier):
        self.now += timedelta(seconds=seconds)
        at = self.now - earlier
        try:
            with transaction.atomic():
                getattr(self, f"do_{name}")(which, at)
        except DomainError:
            pass  # a move that does not fit is refused, and changes nothing

    def check(self, days, back):
        rules = list(Rule.objects.all())
        whole = make.START.replace(hour=0)
        spans = [
            (None, self.now + timedelta(days=1)),
            (whole - timedelta(days=1), whole + timedelta(days=days, hours=7)),
        ]
        for since, until in spans:
            self.agree(Question(rules, since, until, Instant(self.now)))
            self.agree(Question(rules, since, until, Instant(self.now - timedelta(minutes=back), is_past=True)))

    def agree(self, question):
        cohort = rates.read_cohort(question, CELLS)
        scanned = fold(rates.from_records(question, [*CELLS, OUTCOME]))
        for dimension, cell in CELLS.items():
            counts, reasons = naive_rates.count(question, cell)
            for split in (cohort.by(dimension), scanned.by(dimension)):
                assert {value: one.counts for value, one in split.items() if one.counts.n} == counts, dimension
                assert {value: one.excluded for value, one in split.items() if one.excluded} == reasons, dimension
        weeks, _ = naive_rates.count(question, lambda handoff, row: naive_rates.monday_of(row))
        for found in (cohort, scanned):
            assert {week: one.counts for week, one in found.by_week().items() if one.counts.n} == weeks
        by_rule, _ = naive_rates.count(question, lambda handoff, row: (handoff.rule_id, ()))
        assert {key: one.counts for key, one in cohort.by_rule().items() if one.counts.n} == by_rule
        assert cohort.total().outcomes == scanned.total().outcomes

    # --- what may happen ---

    def handoff(self, which):
        found = list(Handoff.objects.order_by("ingested_at", "id"))
        if not found:
            self.do_create(which, self.now)
            found = list(Handoff.objects.all())
        return found[which % len(found)]

    def do_create(self, which, at):
        self.number += 1
        said = {"channel": ("web", "mail", "")[which % 3], "icp": ("a", "b")[which % 2]}
        rule = Rule.objects.get(slug=("answer", "finish")[which % 2])
        new = operations.NewHandoff(
            rule=rule,
            subject=f"Lead {self.number}",
            external_ref=f"case-{which % 5}" if which % 4 else "",
            owner=self.people[which % 3] if which % 5 else None,
            backup_owner=self.people[(which + 1) % 3],
            started_at=at,
            attributes={"size": which % 2} if which % 3 else {},
            historical=which % 7 == 0,
            amount=list(BAND_OF)[which % 4],
            **said,
        )
        operations.create_handoff(new=new, actor=SETUP, now=self.now)

    def tell(self, event_name, which, at):
        attributes = {"icp": "a", "size": which % 3}
        make.tell_event(f"case-{which % 5}", event_name, at, now=self.now, channel="web", attributes=attributes)

    def do_tell_start(self, which, at):
        self.tell("in", which, at)

    def do_tell_answer(self, which, at):
        self.tell("call", which, at)

    def do_tell_done(self, which, at):
        self.tell("done", which, at)

    def move(self, operation, which, at=None, **said):
        values = {"actor": SETUP, "now": self.now, **({"occurred_at": at} if at else {}), **said}
        operation(self.handoff(which), **values)

    def do_respond(self, which, at):
        self.move(operations.respond_to_handoff, which, at, respondent=KIM if which % 4 else SETUP)

    def do_complete(self, which, at):
        self.move(operations.complete_handoff, which, at, outcome=("won", "lost", "")[which % 3])

    def do_cancel(self, which, at):
        self.move(operations.cancel_handoff, which, at, reason=("no budget", "double", "")[which % 3])

    def do_pause(self, which, at):
        self.move(operations.pause_handoff, which, at)

    def do_resume(self, which, at):
        self.move(operations.resume_handoff, which, at)

    def do_reopen(self, which, at):
        self.move(operations.reopen_handoff, which, at, mode="new_cycle")

    def do_reopen_same(self, which, at):
        self.move(operations.reopen_handoff, which, at, mode="resume")

    def do_sla(self, which, at):
        self.move(operations.change_sla, which, sla_minutes=10 + 20 * which)

    def do_assign(self, which, at):
        self.move(operations.assign_handoff, which, at, owner=self.people[which % 3])

    def do_reassign(self, which, at):
        self.move(operations.reassign_handoff, which, at)

    def do_reason(self, which, at):
        self.move(operations.tag_reason, which, breach_reason="owner-away")

    def do_outcome(self, which, at):
        self.move(operations.note_outcome, which, outcome="won")

    def do_live(self, which, at):
        self.move(operations.make_handoff_live, which)

    def do_adopt(self, which, at):
        rule = Rule.objects.get(slug=("answer", "finish")[which % 2])
        if which % 3 == 0:
            terms = replace(operations.terms_of(rule), sla_minutes=15 + which)
            rule = operations.change_rule(rule, terms=terms, actor=SETUP, now=self.now)
        operations.adopt_rule_terms(rule, actor=SETUP, now=self.now)

    def do_sweep(self, which, at):
        make.sweep(self.now)

    def do_rebuild(self, which, at):
        rebuild_days(self.now, limit=1 + which % 3)


def test_kept_days_carry_reasons_of_breaches():
    handoff = make.make_handoff()
    operations.complete_handoff(handoff, actor=SETUP, now=make.after(60))
    operations.tag_reason(handoff, breach_reason="owner-away", actor=SETUP, now=make.after(70))
    assert rebuild_days(make.after(80)) == 1
    kept = RateDay.objects.filter(dimension="breach_reason", value=make.again(handoff).breach_reason)
    assert kept.values_list("n", "business_evaluated", "business_hits").get() == (1, 1, 0)
    assert set(COLUMNS) <= set(RateDay.objects.values_list("dimension", flat=True))
