"""Hit rates of many stretches at once: handoffs by the stretch they began in. Whole days come from those added up;
what still runs, days that changed and days that a stretch begins or ends in are counted on the spot.
"""

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Collection, Sequence
from datetime import UTC, date, datetime
from functools import reduce
from operator import or_
from typing import Any, NamedTuple

from django.db.models import BigIntegerField, Case, IntegerField, Q, Sum, Value, When
from django.db.models.functions import Cast

from handoffs.cohort import (
    Days,
    Instant,
    began_in,
    count,
    midnight,
    of_handoffs,
    of_past_cycles,
    snapshot,
    spans_of,
)
from handoffs.models import DirtyDay, Handoff, PastCycle, RateDay
from handoffs.models.handoffs import RUNNING
from slos.budgets.engine import Span, Tally

PIECE = "piece"

Counted = dict[tuple[int, int], Tally]  # by rule and piece


class Cohorts(NamedTuple):
    """Stretches of one rule, judged as of an instant."""

    rule: int
    stretches: Sequence[Span]
    instant: Instant


def tallies_of(asked: Sequence[Cohorts]) -> list[Tally]:
    """In order; two queries for each instant that is asked about."""
    found: list[Tally] = [Tally()] * len(asked)
    for instant in {one.instant for one in asked}:
        mine = [(number, one) for number, one in enumerate(asked) if one.instant == instant and one.stretches]
        cuts = sorted({end for _, one in mine for stretch in one.stretches for end in stretch})
        if len(cuts) < 2:
            continue
        counted = _count({one.rule for _, one in mine}, cuts, instant)
        for number, one in mine:
            pieces = [range(bisect_left(cuts, a), bisect_left(cuts, b)) for a, b in one.stretches]
            found[number] = Tally.sum(counted[one.rule, piece] for part in pieces for piece in part)
    return found


def _count(rules: set[int], cuts: Sequence[datetime], instant: Instant) -> Counted:
    """Pieces are numbered by the cut that they begin at."""
    found: Counted = defaultdict(Tally)
    with snapshot():
        if instant.is_past:
            _count_records(found, rules, cuts, instant, None)
            return found
        edges = {_day_of(one) for one in cuts if midnight(_day_of(one)) != one}
        days = Q(rule__in=rules, day__gte=_day_of(cuts[0]), day__lte=_day_of(cuts[-1]))
        anew = {(rule, day) for rule in rules for day in edges}
        anew |= _count_days(found, days, cuts, anew)
        _count_records(found, rules, cuts, instant, spans_of(anew))
    return found


def _day_of(at: datetime) -> date:
    return at.astimezone(UTC).date()


def _count_days(
    found: Counted, days: Q, cuts: Sequence[datetime], cut_days: Collection[tuple[int, date]]
) -> set[tuple[int, date]]:
    """Days added up, but for those that are cut; answers those that changed since, which are none of them."""
    added_up = RateDay.objects.filter(days, dimension="").order_by().values_list("rule_id", "day")
    dirty = DirtyDay.objects.filter(days).order_by().values_list("rule_id", "day").distinct()
    none = Cast(Value(None), BigIntegerField())
    added_up = added_up.annotate(valid=Sum("business_evaluated"), hits=Sum("business_hits"))
    rows: list[tuple[Any, ...]] = list(added_up.union(dirty.annotate(valid=none, hits=none), all=True))
    changed = {(rule, day) for rule, day, valid, _ in rows if valid is None}
    for rule, day, valid, hits in rows:
        is_whole = valid is not None and (rule, day) not in changed and (rule, day) not in cut_days
        if is_whole and cuts[0] <= midnight(day) < cuts[-1]:
            found[rule, bisect_right(cuts, midnight(day)) - 1] += Tally(valid, valid - hits)
    return changed


def _count_records(
    found: Counted, rules: set[int], cuts: Sequence[datetime], instant: Instant, anew: Sequence[Days] | None
) -> None:
    """What runs, and of the settled ones those that began on the days `anew`; None: all of them."""
    whens = [When(started_at__lt=cut, then=Value(number)) for number, cut in enumerate(cuts[1:])]
    piece = Case(*whens, default=Value(-1), output_field=IntegerField())
    span = began_in(cuts[0], cuts[-1])
    handoffs = Handoff.objects.filter(span, rule__in=rules).alias(piece=piece)
    past = PastCycle.objects.filter(span, handoff__rule__in=rules).alias(piece=piece)
    if anew is not None:
        handoffs = handoffs.filter(reduce(or_, (one.began() for one in anew), RUNNING))
        past = past.filter(reduce(or_, (one.began("handoff__rule_id") for one in anew), Q(pk__in=())))
    for one in count([PIECE], of_handoffs(handoffs, [PIECE], instant), of_past_cycles(past, [PIECE], instant)):
        valid, hits = one.counts.business_evaluated, one.counts.business_hits
        found[one.rule, int(one.values[PIECE])] += Tally(valid, valid - hits)
