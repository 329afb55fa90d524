"""The hit rate of a cohort: one answer for page, API and CSV.

What is settled comes from the days added up; days that changed since, the edges of the span and whatever still runs are
counted on the spot, all in one snapshot. Past instants and splits that are not added up by day are counted wholly.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import reduce
from itertools import islice
from operator import or_
from typing import Any

from django.db.models import Case, DateField, Exists, OuterRef, Q, QuerySet, Sum, Value, When
from django.db.models.functions import Cast, TruncWeek

from handoffs.cohort import (
    ATTRIBUTE,
    ROLLED,
    Days,
    Instant,
    began_in,
    count,
    counts_of,
    in_band,
    midnight,
    names_in,
    of_handoffs,
    of_past_cycles,
    snapshot,
    spans_of,
    start_day,
)
from handoffs.engine.rates import COUNTED, OUTCOME, Cohort, Dimension, Group, Tally, fan_out, fold
from handoffs.engine.rates import Value as Values
from handoffs.models import DirtyDay, Handoff, HandoffQuerySet, PastCycle, RateDay, Rule
from handoffs.models.handoffs import RUNNING
from opsportal.identity.models import Person

MANY_SPANS = 50  # beyond, days that changed are looked up row by row
WEEK = timedelta(days=7)
MAX_WEEKS = 520  # weeks without anything are filled in up to so many
SAMPLE = 400  # records in which attributes are looked for
FEW = 12  # values that an attribute to split by may have among them


@dataclass(frozen=True, slots=True)
class Question:
    """A cohort: what began in [since, until) under these rules, as `instant` sees it. `since` None: from the first."""

    rules: Sequence[Rule]
    since: datetime | None
    until: datetime
    instant: Instant

    @property
    def rule_ids(self) -> list[int]:
        return [rule.pk for rule in self.rules]

    @property
    def cohort(self) -> Q:
        return began_in(self.since, self.until)

    @property
    def whole_days(self) -> tuple[date | None, date]:
        """The UTC days that lie wholly within: [first, end)."""
        end = self.until.astimezone(UTC).date()
        if self.since is None:
            return None, end
        first = self.since.astimezone(UTC).date()
        is_whole = midnight(first) == self.since or first == date.max
        return (first if is_whole else first + timedelta(days=1)), end


@dataclass(frozen=True, slots=True)
class Week:
    """One week of a trend, cut to the cohort's span."""

    since: datetime
    until: datetime
    tally: Tally


@dataclass(frozen=True, slots=True)
class HitRate:
    """The answer. `groups` are the values of `group_by`, the largest first."""

    question: Question
    total: Tally
    weeks: list[Week]
    groups: list[tuple[dict[str, Any], Tally]] = field(default_factory=list)


def hit_rate(question: Question, group_by: Sequence[str] = (), *, most: int | None = None) -> HitRate:
    """The rates of a cohort by `group_by`: `rule`, columns of handoffs.cohort, `attribute:<name>`.

    With `most`, one group more than that is enough: the caller refuses.
    """
    dimension = tuple(name for name in group_by if name != "rule")
    cohort = read_cohort(question, [dimension] if group_by else [])
    total, weeks = cohort.total(), weeks_of(question, cohort)
    if not group_by:
        return HitRate(question, total, weeks)
    by_rule = "rule" in group_by
    tallies: Mapping[Any, Tally]
    tallies = cohort.by_rule(dimension) if by_rule else {(None, v): one for v, one in cohort.by(dimension).items()}
    largest = sorted(tallies.items(), key=lambda item: (-item[1].counts.n, item[0][1], item[0][0] or 0))
    chosen = largest if most is None else list(islice(largest, most + 1))
    reader = _Reader(
        question.rules, people_of(value for (_, values), _ in chosen for value in _owners(dimension, values))
    )
    groups = [(reader.key(group_by, dimension, rule, value), one) for (rule, value), one in chosen]
    return HitRate(question, total, weeks, groups)


def read_cohort(question: Question, dimensions: Iterable[Dimension]) -> Cohort:
    """Tallies of everything, by week and with outcomes, and by each dimension asked for."""
    wanted = list(dict.fromkeys([(), OUTCOME, *dimensions]))
    kept = [one for one in wanted if _is_rolled(one)] if not question.instant.is_past else []
    counted = [one for one in wanted if one not in kept]
    if not question.rules:
        return fold(())
    with snapshot():
        groups = [*(_from_days(question, kept) if kept else ()), *(from_records(question, counted) if counted else ())]
    return fold(groups)


def weeks_of(question: Question, cohort: Cohort, rule: int | None = None) -> list[Week]:
    """The trend by UTC weeks from Monday, weeks without anything included unless there are too many."""
    found = cohort.by_week(rule)
    if not found:
        return []
    first = monday_of(question.since) if question.since else min(found)
    last = max(max(found), monday_of(question.until - timedelta(microseconds=1)))
    if (last - first) / WEEK <= MAX_WEEKS:
        mondays = [first + number * WEEK for number in range((last - first) // WEEK + 1)]
    else:
        mondays = list(found)
    return [_week(question, monday, found.get(monday, Tally())) for monday in mondays]


def monday_of(instant: datetime) -> date:
    """The Monday of the UTC week an instant lies in."""
    day = instant.astimezone(UTC).date()
    return day - timedelta(days=day.weekday())


def attributes_to_split_by(question: Question) -> list[str]:
    """Names of attributes with a few plain values, as a sample of the newest records has them."""
    records = Handoff.objects.filter(question.cohort, rule__in=question.rule_ids).exclude(attributes={})
    values: dict[str, set[Any]] = {}
    sizes: dict[str, int] = {}
    for attributes in records.order_by("-started_at").values_list("attributes", flat=True)[:SAMPLE]:
        for name, value in attributes.items():
            if isinstance(value, str | int | float | bool):
                values.setdefault(name, set()).add(value)
                sizes[name] = sizes.get(name, 0) + 1
    return sorted(name for name, found in values.items() if len(found) <= FEW and len(found) < max(sizes[name], 2))


def newest_start(question: Question) -> datetime | None:
    """When the newest handoff under these rules began, whatever the span."""
    starts = Handoff.objects.filter(rule__in=question.rule_ids).order_by("-started_at")
    return starts.values_list("started_at", flat=True).first()


def list_records(question: Question, *, which: str = "", **said: str) -> HandoffQuerySet:
    """The handoffs of a cohort with a cycle that is `which` by the business clock: pending, missed, in_time, excluded.

    `said` narrows by reason (of the cancellation), channel, icp, amount (a band), owner (user name) and
    within_business_hours.
    """
    now = question.instant.at
    present = {
        "": Q(),
        "excluded": Q(cancelled_at__isnull=False),
        "pending": RUNNING & (Q(missed_from=None) | Q(missed_from__gt=now)),
        "missed": Q(business_hit=False) | (RUNNING & Q(missed_from__lte=now)),
        "in_time": Q(business_hit=True),
    }[which]
    earlier = {"": Q(), "missed": Q(business_hit=False), "in_time": Q(business_hit=True)}.get(which, Q(pk__in=()))
    if "reason" in said:
        present, earlier = present & Q(cancel_reason=said["reason"]), Q(pk__in=())
    own: dict[str, Any] = {}  # each cycle has its own
    if "owner" in said:
        own |= {"first_owner__username": said["owner"]} if said["owner"] else {"first_owner": None}
    if "within_business_hours" in said:
        own["within_business_hours"] = said["within_business_hours"] == "true"
    past = PastCycle.objects.filter(question.cohort, earlier, **own, handoff__rule__in=question.rule_ids)
    records = Handoff.objects.filter(rule__in=question.rule_ids)
    records = records.filter(**{name: said[name] for name in ("channel", "icp") if name in said})
    if "amount" in said:
        records = records.filter(in_band(said["amount"]))
    mine = question.cohort & present & Q(**own)
    # Few records were ever reopened: without any, the span alone is read by its index.
    return records.filter(mine | Q(pk__in=past.values("handoff")) if past.exists() else mine)


def people_of(keys: Iterable[str]) -> dict[str, Person]:
    """Owners by the text that stands for them."""
    ids = {int(key) for key in keys if key}
    return {str(person.pk): person for person in Person.objects.filter(pk__in=ids)} if ids else {}


# --- where the counts come from ---


def _is_rolled(dimension: Dimension) -> bool:
    return dimension == () or (len(dimension) == 1 and dimension[0] in ROLLED)


def from_records(question: Question, dimensions: list[Dimension]) -> Iterator[Group]:
    """Everything counted on the spot."""
    names, (handoffs, past) = names_in(dimensions), _cycles(question)
    rows = of_handoffs(handoffs, names, question.instant), of_past_cycles(past, names, question.instant)
    return fan_out(count(names, *rows), dimensions)


def _from_days(question: Question, dimensions: list[Dimension]) -> Iterator[Group]:
    """Days added up, and what is not in them: whatever runs, and the settled of changed days and of the edges."""
    first, end = question.whole_days
    if first is not None and first >= end:
        yield from from_records(question, dimensions)
        return
    days = {"rule__in": question.rule_ids, "day__lt": end, **({"day__gte": first} if first else {})}
    changed = DirtyDay.objects.filter(**days).order_by()
    yield from _added_up(RateDay.objects.filter(**days), changed, dimensions)
    spans, edges = spans_of(changed.values_list("rule_id", "day").distinct()), _edges(question, first, end)
    names, (handoffs, past) = names_in(dimensions), _cycles(question)
    rows = [of_handoffs(handoffs.filter(RUNNING), names, question.instant)]
    if spans or edges:
        settled = handoffs.exclude(RUNNING).filter(_within(spans, edges, "rule_id"))
        earlier = past.filter(_within(spans, edges, "handoff__rule_id"))
        rows += [of_handoffs(settled, names, question.instant), of_past_cycles(earlier, names, question.instant)]
    yield from fan_out(count(names, *rows), dimensions)


def _cycles(question: Question) -> tuple[QuerySet[Handoff], QuerySet[PastCycle]]:
    handoffs = Handoff.objects.filter(question.cohort, rule__in=question.rule_ids)
    past = PastCycle.objects.filter(question.cohort, handoff__rule__in=question.rule_ids)
    return handoffs.alias(began_on=start_day()), past.alias(began_on=start_day())


def _added_up(days: Any, changed: Any, dimensions: list[Dimension]) -> Iterator[Group]:
    named = {"".join(one): one for one in dimensions}
    same_day = changed.filter(rule=OuterRef("rule"), day=OuterRef("day"))
    monday = Cast(TruncWeek("day"), DateField())
    week = Case(When(dimension__in=["", "outcome"], then=monday), default=Value(None), output_field=DateField())
    rows = (
        days.filter(~Exists(same_day), dimension__in=list(named))
        .order_by()
        .values("rule_id", "dimension", "value", "reason", week=week)
        .annotate(**{f"sum_{name}": Sum(name) for name in COUNTED})
    )
    for row in rows:
        dimension = named[row["dimension"]]
        value = (row["value"],) if dimension else ()
        yield Group(row["rule_id"], row["week"], dimension, value, row["reason"], counts_of(row, "sum_"))


def _edges(question: Question, first: date | None, end: date) -> list[Q]:
    """The parts of the span that are no whole days."""
    edges = []
    if first is not None and question.since != midnight(first):
        edges.append(began_in(question.since, midnight(first)))
    if question.until != midnight(end):
        edges.append(began_in(midnight(end), question.until))
    return edges


def _within(spans: list[Days], edges: list[Q], rule: str) -> Q:
    if len(spans) <= MANY_SPANS:
        return reduce(or_, [*(one.began(rule) for one in spans), *edges])
    changed = Exists(DirtyDay.objects.filter(rule=OuterRef(rule), day=OuterRef("began_on")))
    return reduce(or_, [Q(changed), *edges])


# --- weeks and keys ---


def _week(question: Question, monday: date, tally: Tally) -> Week:
    since, until = midnight(monday), midnight(monday + WEEK)
    return Week(max(since, question.since) if question.since else since, min(until, question.until), tally)


def _owners(dimension: Dimension, values: Values) -> list[str]:
    return [value for name, value in zip(dimension, values, strict=True) if name == "owner"]


@dataclass(frozen=True, slots=True)
class _Reader:
    """Reads kept values back: user names, slugs, true and false."""

    rules: Sequence[Rule]
    people: Mapping[str, Person]

    def key(
        self, group_by: Sequence[str], dimension: Dimension, rule: int | None, values: tuple[str, ...]
    ) -> dict[str, Any]:
        said: dict[str, Any] = {name: self._read(name, value) for name, value in zip(dimension, values, strict=True)}
        if rule is not None:
            said["rule"] = next(one.slug for one in self.rules if one.pk == rule)
        return {name: said[name] for name in group_by}

    def _read(self, name: str, value: str) -> Any:
        if name == "owner":
            person = self.people.get(value)
            return person.username if person else None
        if name == "within_business_hours":
            return value == "true"
        return (value or None) if name == "amount" or name.startswith(ATTRIBUTE) else value
