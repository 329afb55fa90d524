"""What leadership and whoever debugs look at, for all automations at once: a constant number of queries."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from heapq import nlargest
from statistics import median_low
from typing import Any, NamedTuple

from django.db.models import Count, OuterRef, Q, QuerySet, Subquery

from opsportal.catalog import registry
from opsportal.catalog.models import Automation, Freeze
from opsportal.catalog.states import AutomationState
from opsportal.identity.actors import Principal
from opsportal.web import words as web
from slos.budgets import queries as budgets
from slos.budgets import spans
from slos.budgets.engine import Budget, RunCounts
from slos.budgets.standings import Standing, standings
from slos.models import Decision, Fact, QueueGauge, Run, Slo, Watermark
from slos.policy.queries import list_decisions
from slos.policy.rules import Verdict
from slos.policy.scope import holds_back
from slos.reports import words
from slos.runs.queries import last_runs
from slos.states import DISRUPTIONS, BudgetState, RunStatus

DAY, WEEK = timedelta(days=1), timedelta(days=7)
DAY_SECONDS = 86_400
SPAN = timedelta(days=28)
TREND_WEEKS = 8
WORST, TOP = 3, 5
TIES = 20  # of equal burn rates that are put in order by name
LAST_RUNS = 200
# The width as a figure, so that the index of days serves it; the ends as parameters, so that PostgreSQL can guess how
# many days there are.
DAYS = spans.rows_in(
    "slos_runbucket", "b.automation_id = k.owner AND b.width = 86400 AND b.start >= %s AND b.start < %s"
)
BY_DAY = f"SELECT b.start, SUM(b.succeeded), SUM(b.failed), SUM(b.cost) {DAYS} GROUP BY b.start"
MOST_FAILED = f"""
SELECT k.owner, SUM(b.failed) AS bad, SUM(b.succeeded) + SUM(b.failed) {DAYS}
GROUP BY k.owner HAVING SUM(b.failed) > 0 ORDER BY bad DESC, k.owner LIMIT {TOP}
"""
SEVERITY = {BudgetState.EXHAUSTED: 0, BudgetState.AT_RISK: 1, BudgetState.OK: 2, BudgetState.NO_DATA: 3}


@dataclass(frozen=True, slots=True)
class Line:
    """A workflow on the page of budgets: the SLO of it that stands worst."""

    automation: Automation
    slo: Slo
    budget: Budget
    others: int
    frozen: bool
    degraded: str

    @property
    def sentence(self) -> str:
        return words.sentence(self.slo, self.budget)

    @property
    def word(self) -> str:
        return words.VERDICTS[self.budget.state][0]

    @property
    def tone(self) -> str:
        return words.VERDICTS[self.budget.state][1]

    @property
    def left(self) -> str:
        return words.left(self.budget)

    @property
    def left_in_words(self) -> str:
        return words.left_in_words(self.budget)


@dataclass(frozen=True, slots=True)
class Turn:
    """Something that was decided, once for as long as it lasted."""

    decision: Decision
    verdict: Verdict


class Workflow(NamedTuple):
    """How a workflow stands: by the SLO of it that stands worst."""

    pk: int
    team_id: int | None
    name: str
    slo: int
    standing: Standing
    others: int = 0


def shown_slos(principal: Principal | None) -> QuerySet[Slo]:
    """SLOs in force of automations that are not retired, as far as somebody may see them."""
    rows = Slo.objects.in_force().visible_to(principal).filter(automation__isnull=False)
    return rows.exclude(automation__state=AutomationState.RETIRED.value)


def workflows(principal: Principal | None, at: datetime) -> list[Workflow]:
    """Each once, the worst first."""
    return _ranked(_standings(principal, at))


def lines_of(shown: Iterable[Workflow], freezes: Sequence[Freeze], at: datetime) -> dict[int, Line]:
    """What the page says of these, by automation."""
    wanted = {one.slo: one for one in shown}
    rows = Slo.objects.filter(pk__in=wanted).select_related("automation", "rule", "reading")
    slos = list(rows.defer("description", "openslo"))
    judged = budgets.budgets(slos, at)
    lines = [_line(slo, judged[slo.pk], wanted[slo.pk], freezes, at) for slo in slos]
    return {one.automation.pk: one for one in lines}


def _line(slo: Slo, budget: Budget, one: Workflow, freezes: Sequence[Freeze], at: datetime) -> Line:
    automation = slo.automation
    assert automation is not None  # noqa: S101 - shown_slos() has only those
    return Line(automation, slo, budget, one.others, is_frozen(one, freezes), automation.degraded_at(at))


def is_frozen(one: Workflow, freezes: Iterable[Freeze]) -> bool:
    return any(holds_back(freeze, one) for freeze in freezes)


def _standings(principal: Principal | None, at: datetime) -> list[Workflow]:
    """One for each SLO."""
    columns = ("automation_id", "automation__team_id", "automation__name", "pk")
    found = standings(shown_slos(principal), at, *columns)
    return [Workflow(pk, team, name, slo, standing) for standing, (pk, team, name, slo) in found]


def _ranked(found: Iterable[Workflow]) -> list[Workflow]:
    worst: dict[int, Workflow] = {}
    for one in sorted(found, key=_rank):
        first = worst.setdefault(one.pk, one)
        if first is not one:
            worst[one.pk] = first._replace(others=worst[one.pk].others + 1)
    return list(worst.values())


def _rank(one: Workflow) -> tuple[int, Decimal, str, int]:
    left = one.standing.remaining
    return SEVERITY[one.standing.state], left if left is not None else Decimal(1), one.name, one.slo


def turns(principal: Principal | None, since: datetime, *, most: int = 12) -> list[Turn]:
    """What has been decided since then, newest first; what went on for days is told once, where it began."""
    rows = list_decisions(principal).filter(at__gte=since, held=False).exclude(verdict=Verdict.NONE)
    found: dict[tuple[int | None, str, str], Decision] = {}
    for decision in rows.order_by("day", "pk")[:2_000]:
        found.setdefault((decision.slo_id, decision.rule, decision.verdict), decision)
    newest = sorted(found.values(), key=lambda one: (one.at, one.pk), reverse=True)
    return [Turn(one, Verdict(one.verdict)) for one in newest[:most]]


# --- the executive page ---


@dataclass(frozen=True, slots=True)
class Week:
    """Runs that ended in the days from `first` on, in UTC."""

    first: date
    succeeded: int
    failed: int
    cost: Decimal

    @property
    def ratio(self) -> float | None:
        ended = self.succeeded + self.failed
        return self.succeeded / ended if ended else None


@dataclass(frozen=True, slots=True)
class Failing:
    """How often an automation failed, of how many runs that ended."""

    automation: Automation
    failed: int
    ended: int


@dataclass(frozen=True, slots=True)
class Executive:
    """The last four weeks of complete days of UTC, the four before, and how budgets stand now."""

    now: Week
    before: Week
    weeks: list[Week]
    failing: list[Failing]
    worst: list[tuple[Slo, Decimal]]
    states: list[BudgetState]
    currency: str  # of every cost; blank where automations differ
    disruptions: tuple[int, int]  # that began in these weeks, and in those before


def executive(principal: Principal | None, at: datetime) -> Executive:
    rows = Automation.objects.visible_to(principal).exclude(state=AutomationState.RETIRED.value)
    automations = dict(rows.order_by().values_list("pk", "currency"))
    midnight = at.replace(hour=0, minute=0, second=0, microsecond=0)
    weeks = _weeks(automations, midnight - 2 * SPAN, midnight)
    found = _standings(principal, at)
    return Executive(
        now=_together(weeks[TREND_WEEKS // 2 :]),
        before=_together(weeks[: TREND_WEEKS // 2]),
        weeks=weeks,
        failing=_failing(rows, automations, midnight - SPAN, midnight),
        worst=_worst_burn(found),
        states=[one.standing.state for one in _ranked(found)],
        currency=_one_of(set(automations.values())),
        disruptions=_disruptions(principal, midnight - SPAN, at),
    )


def _disruptions(principal: Principal | None, since: datetime, at: datetime) -> tuple[int, int]:
    """Those of today, too: what is down at this moment is not told tomorrow."""
    span = {"occurred_at__gte": since - SPAN, "occurred_at__lte": at}
    rows = Fact.objects.visible_to(principal).filter(kind__in=DISRUPTIONS, **span)
    told = rows.order_by().aggregate(
        now=Count("pk", filter=Q(occurred_at__gte=since)),
        before=Count("pk", filter=Q(occurred_at__lt=since)),
    )
    return told["now"], told["before"]


def _one_of(currencies: set[str]) -> str:
    return currencies.pop() if len(currencies) == 1 else ""


def _weeks(automations: Iterable[int], first: datetime, end: datetime) -> list[Week]:
    """What complete days of UTC came to, by seven of them, oldest first."""
    weeks = [Week((first + n * WEEK).date(), 0, 0, Decimal()) for n in range(TREND_WEEKS)]
    for day, ok, bad, spent in _days(BY_DAY, automations, first, end):
        number = (spans.instant(day) - first) // WEEK
        one = weeks[number]
        cost = one.cost + Decimal(str(spent or 0))
        weeks[number] = Week(one.first, one.succeeded + int(ok), one.failed + int(bad), cost)
    return weeks


def _days(statement: str, automations: Iterable[int], since: datetime, until: datetime) -> list[tuple[Any, ...]]:
    return spans.fetch(statement, [(0, pk, DAY_SECONDS, since, until) for pk in automations], since, until)


def _failing(automations: QuerySet[Automation], keys: Iterable[int], first: datetime, end: datetime) -> list[Failing]:
    """Those that failed most often."""
    most = _days(MOST_FAILED, keys, first, end)
    by_key = automations.in_bulk([pk for pk, _, _ in most])
    return [Failing(by_key[pk], int(failed), int(ended)) for pk, failed, ended in most if pk in by_key]


def _together(weeks: Sequence[Week]) -> Week:
    return Week(
        weeks[0].first,
        sum(one.succeeded for one in weeks),
        sum(one.failed for one in weeks),
        sum((one.cost for one in weeks), Decimal()),
    )


def _worst_burn(found: Iterable[Workflow]) -> list[tuple[Slo, Decimal]]:
    """The fastest burn rates of the last seven days, whatever else is promised of the same workflow."""
    rates = {one.slo: one.standing.burn for one in found if one.standing.burn}
    fastest = nlargest(WORST + TIES, rates, key=lambda pk: rates[pk] or 0)
    slos = Slo.objects.filter(pk__in=fastest).select_related("automation")
    burning = [(slo, rates[slo.pk] or Decimal()) for slo in slos]
    return sorted(burning, key=lambda pair: (-pair[1], pair[0].slug))[:WORST]


# --- the debug page ---


@dataclass(frozen=True, slots=True)
class Trouble:
    """What somebody who debugs an automation asks first, of the last 24 hours."""

    automation: Automation
    counts: RunCounts
    running: int = 0
    queue: QueueGauge | None = None
    last_failure: Run | None = None
    errors: list[tuple[str, int]] = field(default_factory=list)
    dead_letters: int = 0

    @property
    def dead_letters_url(self) -> str:
        return registry.dead_letters_url(self.automation.slug)

    @property
    def p50(self) -> str:
        return _span(self.counts.p50)

    @property
    def p95(self) -> str:
        return _span(self.counts.p95)

    @property
    def oldest(self) -> str:
        """How long the oldest waiting item has waited."""
        age = self.queue.oldest_age_seconds if self.queue else None
        return "" if age is None else web.duration(age)


def troubles(automations: Sequence[Automation], at: datetime, mark: Watermark | None) -> list[Trouble]:
    """In the order given: durations, retries, errors, what waits and what runs."""
    counted = budgets.count_runs(automations, at - DAY, at, details=True, mark=mark)
    running = dict(
        Run.objects.filter(automation__in=automations, status=RunStatus.RUNNING.value, started_at__gte=at - 7 * DAY)
        .order_by()
        .values_list("automation_id")
        .annotate(count=Count("pk"))
    )
    dead = registry.dead_letters_of([one.pk for one in automations])
    failures = _last_failures([one for one in automations if counted[one.pk].failed], at)
    return [
        Trouble(
            one,
            counted[one.pk],
            running.get(one.pk, 0),
            getattr(one, "queue_gauge", None),  # read with it
            failures.get(one.pk),
            sorted(counted[one.pk].errors.items(), key=lambda item: (-item[1], item[0]))[:3],
            dead.get(one.pk, 0),
        )
        for one in automations
    ]


@dataclass(frozen=True, slots=True)
class Step:
    """How long a step took in the last runs of an automation."""

    name: str
    times: int
    p50: str
    longest: str


def slowest_steps(automation: Automation) -> list[Step]:
    """Of its last runs, those first that take longest half of the time."""
    took: dict[str, list[int]] = defaultdict(list)
    for run in last_runs(automation, LAST_RUNS):
        for step in run.steps:
            if step.get("duration") is not None:
                took[step["name"]].append(round(float(step["duration"]) * 1_000))
    slowest = sorted(took.items(), key=lambda item: (-median_low(item[1]), item[0]))[:TOP]
    return [Step(name, len(all_), _span(median_low(all_)), _span(max(all_))) for name, all_ in slowest]


def by_failures(
    principal: Principal | None, at: datetime, mark: Watermark | None, name: str = ""
) -> list[tuple[Automation, RunCounts]]:
    """Automations in service with their queues, those first that failed most in the last 24 hours."""
    rows = Automation.objects.visible_to(principal).exclude(state=AutomationState.RETIRED.value)
    rows = rows.select_related("queue_gauge").order_by("name")
    automations = list(rows.filter(name__icontains=name) if name else rows)
    counted = budgets.count_runs(automations, at - DAY, at, mark=mark)
    found = [(one, counted[one.pk]) for one in automations]
    return sorted(found, key=lambda pair: (-pair[1].failed, -pair[1].retries, pair[0].name))


def _last_failures(automations: Sequence[Automation], at: datetime) -> dict[int, Run]:
    """By automation, within the last day."""
    failed = Run.objects.filter(
        automation=OuterRef("pk"), status=RunStatus.FAILED.value, finished_at__gte=at - DAY, finished_at__lte=at
    ).order_by("-finished_at")
    found = Automation.objects.filter(pk__in=[one.pk for one in automations]).order_by()
    keys = found.annotate(failed_run=Subquery(failed.values("pk")[:1])).values("failed_run")
    return {run.automation_id: run for run in Run.objects.filter(pk__in=keys).order_by()}


def _span(milliseconds: int | None) -> str:
    if milliseconds is None:
        return "–"
    return f"{milliseconds} ms" if milliseconds < 1_000 else web.duration(milliseconds / 1_000)
