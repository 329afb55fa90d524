"""Hit rates of many stretches at once are those of each stretch by itself."""

from datetime import timedelta
from itertools import pairwise

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from handoffs import operations
from handoffs.cohort import Instant
from handoffs.models import Rule
from handoffs.operations.rates import sweep_rates
from handoffs.queries.rates import Question, read_cohort
from slos.budgets.engine import Tally
from slos.budgets.hit_rates import Cohorts, tallies_of
from tests.factories import handoffs as make
from tests.factories.identity import SETUP

pytestmark = pytest.mark.django_db

NOW = make.after(600)
DAY = timedelta(days=1)


def handle(rule: Rule, days_ago: float, minutes: int) -> None:
    at = make.START - days_ago * DAY
    handoff = make.make_handoff(rule, started_at=at)
    operations.complete_handoff(handoff, actor=SETUP, now=at + timedelta(minutes=minutes))


@pytest.fixture
def rules() -> list[Rule]:
    """Ten days of handoffs in time and late, most of them added up by day; some changed since, some still run."""
    found = [make.make_rule(), make.make_rule()]
    for rule in found:
        for number in range(10):
            handle(rule, number, 1)
            handle(rule, number + 0.3, 300)
    sweep_rates(NOW)
    for rule in found:
        handle(rule, 4, 500)
        make.make_handoff(rule, started_at=make.START - 2 * DAY)
        make.make_handoff(rule)
    return found


def alone(one: Cohorts) -> Tally:
    tally = Tally()
    for since, until in one.stretches:
        rule = Rule.objects.get(pk=one.rule)
        counts = read_cohort(Question([rule], since, until, one.instant), []).total().counts
        tally += Tally(counts.business_evaluated, counts.business_evaluated - counts.business_hits)
    return tally


@pytest.mark.parametrize("instant", [Instant(NOW), Instant(NOW - 3 * DAY, is_past=True)], ids=["now", "then"])
def test_many_stretches_are_counted_as_each_by_itself(rules, instant):
    midnights = [make.START.replace(hour=0, minute=0) - number * DAY for number in range(9, -1, -1)]
    cuts = [midnights[0] - timedelta(hours=5), *midnights, make.START + timedelta(minutes=30)]
    asked = [Cohorts(rule.pk, [piece], instant) for rule in rules for piece in pairwise(cuts)]
    asked += [
        Cohorts(rules[0].pk, [(cuts[0], cuts[3]), (cuts[5], cuts[-1])], instant),
        Cohorts(rules[1].pk, [], instant),
    ]
    found = tallies_of(asked)
    assert found == [alone(one) for one in asked]
    assert sum(one.bad for one in found) > 10


def test_they_take_as_many_queries_as_one_stretch(rules):
    few = [Cohorts(rules[0].pk, [(NOW - 3 * DAY, NOW)], Instant(NOW))]
    many = [Cohorts(one.pk, [(NOW - n * DAY, NOW - (n - 1) * DAY)], Instant(NOW)) for one in rules for n in range(1, 9)]
    with CaptureQueriesContext(connection) as of_few:
        tallies_of(few)
    with CaptureQueriesContext(connection) as of_many:
        tallies_of(many)
    assert len(of_many) == len(of_few) == 2
