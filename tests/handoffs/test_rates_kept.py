"""Keeping the rate added up: who marks, who adds up, and what happens when two do or one dies."""

import re
import threading
from datetime import UTC, timedelta
from pathlib import Path

import pytest
from django.db import connection, connections, transaction

from handoffs import bulk, operations
from handoffs.cohort import Instant
from handoffs.models import DirtyDay, Handoff, RateDay, Rule
from handoffs.operations import rates
from handoffs.operations.rates import mark_days, rebuild_days, sweep_rates
from handoffs.queries.rates import Question, hit_rate
from opsportal.sweeps import registry
from tests.factories import handoffs as make
from tests.factories.identity import SETUP
from tests.handoffs import naive_rates

NOW = make.after(600)

# Modules that write rows of handoffs or of their cycles, and how they keep the days right.
WRITERS = {
    "handoffs/operations/change.py": "Change.commit marks",
    "handoffs/operations/lifecycle.py": "an earlier cycle is frozen within a Change",
    "handoffs/operations/records.py": "a new record runs",
    "handoffs/operations/reasons.py": "marks what follows a reason",
    "handoffs/operations/ledger.py": "Ledger.write marks",
    "handoffs/erasing.py": "what runs is cancelled by its operation; the rest are names, and none counts",
    "handoffs/sweep.py": "moves owners and stages of what runs; neither counts",
}
WRITES = re.compile(
    r"bulk\.(insert|update)\((Handoff|PastCycle)\b|(Handoff|PastCycle)\.objects[^\n]*\.(update|delete|create|bulk_\w+)\("
    r"|\bhandoff\.(save|delete)\(|freeze\([^\n]*\.save\("
)


def question(at=NOW):
    return Question(list(Rule.objects.all()), None, make.after(9_000), Instant(at))


def total(at=NOW):
    return hit_rate(question(at)).total.counts


def naive(at=NOW):
    counts, _ = naive_rates.count(question(at))
    return counts[()]


@pytest.fixture
def answered():
    """Three answered handoffs on two days, and one that runs."""
    rule = make.make_rule()
    for day in (0, 0, 1):
        at = make.START + timedelta(days=day - 1)
        operations.complete_handoff(make.make_handoff(rule, started_at=at), actor=SETUP, now=at + timedelta(minutes=9))
    make.make_handoff(rule)
    return rule


@pytest.mark.django_db
def test_the_sweep_takes_marks_away_and_leaves_the_figures_as_they_were(answered):
    before = total()
    assert DirtyDay.objects.count() == 3
    assert sweep_rates(NOW).fired == 2
    assert not DirtyDay.objects.exists()
    assert total() == before == naive()
    assert sweep_rates(NOW).fired == 0


@pytest.mark.django_db
def test_it_is_part_of_the_sweep_of_facts():
    assert sweep_rates in registry.get("facts").parts


@pytest.mark.django_db
def test_a_change_after_adding_up_is_seen_at_once(answered):
    sweep_rates(NOW)
    handoff = Handoff.objects.exclude(completed_at=None).order_by("started_at").first()
    operations.reopen_handoff(handoff, mode="resume", actor=SETUP, now=NOW)
    assert total() == naive()
    assert total().business_hits == 2
    sweep_rates(NOW)
    assert total() == naive()


@pytest.mark.django_db
def test_a_rebuild_that_dies_leaves_everything_as_it_was(answered, monkeypatch):
    before = total()

    def die(*args):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(bulk, "insert", die)
        with pytest.raises(KeyboardInterrupt), transaction.atomic():
            rebuild_days(NOW)
    assert DirtyDay.objects.count() == 3
    assert not RateDay.objects.exists()
    assert total() == before
    assert sweep_rates(NOW).fired == 2
    assert total() == before


@pytest.mark.django_db(transaction=True)
def test_what_commits_while_a_day_is_added_up_keeps_its_mark(answered, monkeypatch):
    """The mark of a change that the adding up may have missed is not taken away with the older ones."""
    if connection.vendor != "postgresql":
        pytest.skip("SQLite has one writer.")
    late = make.make_handoff(answered)
    added_up = rates._added_up

    def meanwhile(spans, now):
        rows = list(added_up(spans, now))
        thread = threading.Thread(target=_complete, args=(late.pk,))
        thread.start()
        thread.join(20)
        return rows

    monkeypatch.setattr(rates, "_added_up", meanwhile)
    rebuild_days(NOW)
    assert list(DirtyDay.objects.values_list("day", flat=True)) == [late.started_at.astimezone(UTC).date()]
    assert total() == naive()
    monkeypatch.undo()
    sweep_rates(NOW)
    assert total() == naive()


@pytest.mark.django_db(transaction=True)
def test_two_sweepers_and_writers_at_once_end_with_the_right_figures(answered):
    """Readers never see a figure that was not true at some moment: all of these finish, so the hits only grow."""
    handoffs = [make.make_handoff(answered) for _ in range(8)]
    seen, errors = [], []

    def run(work):
        try:
            work()
        except Exception as error:
            errors.append(error)
        finally:
            connections.close_all()

    def sweep():
        for _ in range(6):
            sweep_rates(NOW)

    def write():
        for handoff in handoffs:
            operations.complete_handoff(handoff, actor=SETUP, now=make.after(10))

    def read():
        for _ in range(12):
            counts = total()
            seen.append((counts.n, counts.business_hits))

    threads = [threading.Thread(target=run, args=(work,)) for work in (sweep, sweep, write, read)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not errors
    assert {n for n, _ in seen} == {12}
    assert [hits for _, hits in seen] == sorted(hits for _, hits in seen)
    sweep_rates(NOW)
    assert not DirtyDay.objects.exists()
    assert total() == naive()
    assert total().business_hits == 11


@pytest.mark.django_db
def test_many_changed_days_far_apart_are_counted_too(answered):
    rule = make.make_rule()
    for number in range(60):
        at = make.START - timedelta(days=2 * number + 3)
        handoff = make.make_handoff(rule, started_at=at)
        operations.complete_handoff(handoff, actor=SETUP, now=at + timedelta(minutes=50 if number % 3 else 5))
    assert total() == naive()
    for _ in range(2):
        rebuild_days(NOW, limit=40)
        assert total() == naive()


@pytest.mark.django_db
def test_marking_twice_is_once_and_nothing_costs_nothing(django_assert_num_queries):
    rule = make.make_rule()
    day = make.START.date()
    with django_assert_num_queries(1):
        mark_days([(rule.pk, day), (rule.pk, day)])
    assert DirtyDay.objects.count() == 1
    with django_assert_num_queries(0):
        mark_days([])


def test_every_module_that_writes_handoffs_keeps_the_days_right():
    """A new writer is added here once it marks what it settles (handoffs.operations.rates.mark_days)."""
    root = Path(__file__).resolve().parents[2]
    found = set()
    for folder in ("handoffs", "opsportal"):
        for path in (root / folder).rglob("*.py"):
            name = str(path.relative_to(root))
            if "migrations" not in name and "benchmark" not in name and WRITES.search(path.read_text(encoding="utf-8")):
                found.add(name)
    assert found - set(WRITERS) == set()


def _complete(pk):
    try:
        operations.complete_handoff(Handoff.objects.get(pk=pk), actor=SETUP, now=make.after(20))
    finally:
        connections.close_all()
