"""What leadership and whoever debugs look at, for all automations at once: a constant number of queries."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from statistics import median_low

from django.db.models import Count, OuterRef, QuerySet, Subquery, Sum

from opsportal.catalog.models import Automation, Freeze
from opsportal.catalog.states import AutomationState
from opsportal.identity.actors import Principal
from opsportal.web import words as web
from slos.budgets import queries as budgets
from slos.budgets.engine import Budget, RunCounts
from slos.models import Decision, QueueGauge, Run, RunBucket, Slo, Watermark
from slos.policy.queries import list_decisions
from slos.policy.rules import Verdict
from slos.policy.scope import holds_back
from slos.reports import words
from slos.runs.queries import last_runs
from slos.states import BudgetState, RunStatus

DAY, WEEK = timedelta(days=1), timedelta(days=7)
DAY_SECONDS = 86_400
SPAN = timedelta(days=28)
TREND_WEEKS = 8
WORST, TOP = 3, 5
LAST_RUNS = 200
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


def shown_slos(principal: Principal | None) -> list[Slo]:
    """SLOs in force of automations that are not retired, as far as somebody may see them."""
    rows = Slo.objects.in_force().visible_to(principal).filter(automation__isnull=False)
    rows = rows.exclude(automation__state=AutomationState.RETIRED.value)
    return list(rows.select_related("automation", "rule").defer("description", "openslo"))


def lines_of(principal: Principal | None, at: datetime) -> list[Line]:
    """A line for each workflow, the worst first."""
    slos = shown_slos(principal)
    return _lines(slos, budgets.budgets(slos, at), list(Freeze.objects.in_force(at)), at)


def _lines(slos: Iterable[Slo], judged: dict[int, Budget], freezes: Sequence[Freeze], at: datetime) -> list[Line]:
    by_automation: dict[int, list[Slo]] = defaultdict(list)
    for slo in slos:
        by_automation[slo.automation_id or 0].append(slo)
    lines = [_line(found, judged, freezes, at) for found in by_automation.values()]
    return sorted(lines, key=lambda one: (*_rank(one.budget), one.automation.name))


def _line(slos: list[Slo], judged: dict[int, Budget], freezes: Sequence[Freeze], at: datetime) -> Line:
    worst = min(slos, key=lambda slo: (*_rank(judged[slo.pk]), slo.pk))
    automation = worst.automation
    assert automation is not None  # noqa: S101 - shown_slos() has only those
    is_frozen = any(holds_back(freeze, automation) for freeze in freezes)
    return Line(automation, worst, judged[worst.pk], len(slos) - 1, is_frozen, automation.degraded_at(at))


def _rank(budget: Budget) -> tuple[int, Decimal]:
    return SEVERITY[budget.state], budget.remaining if budget.remaining is not None else Decimal(1)


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
    lines: list[Line]
    currency: str  # of every cost; blank where automations differ


def executive(principal: Principal | None, at: datetime) -> Executive:
    automations = list(Automation.objects.visible_to(principal).exclude(state=AutomationState.RETIRED.value))
    weeks = weeks_until(automations, at)
    half = TREND_WEEKS // 2
    slos = shown_slos(principal)
    judged = budgets.budgets(slos, at)
    return Executive(
        now=_together(weeks[half:]),
        before=_together(weeks[:half]),
        weeks=weeks,
        failing=_failing(automations, at),
        worst=_worst_burn(slos, judged),
        lines=_lines(slos, judged, [], at),
        currency=_one_of({one.currency for one in automations}),
    )


def _one_of(currencies: set[str]) -> str:
    return currencies.pop() if len(currencies) == 1 else ""


def _failing(automations: Sequence[Automation], at: datetime) -> list[Failing]:
    """Those that failed most in the last four weeks of complete days."""
    rows = _complete_days(automations, at, SPAN).values("automation")
    sums = rows.annotate(ok=Sum("succeeded"), bad=Sum("failed")).filter(bad__gt=0).order_by("-bad", "automation")[:TOP]
    by_key = {one.pk: one for one in automations}
    return [Failing(by_key[row["automation"]], int(row["bad"]), int(row["ok"] + row["bad"])) for row in sums]


def _complete_days(automations: Iterable[Automation], at: datetime, span: timedelta) -> QuerySet[RunBucket]:
    midnight = at.replace(hour=0, minute=0, second=0, microsecond=0)
    rows = RunBucket.objects.filter(automation__in=[one.pk for one in automations], width=DAY_SECONDS)
    return rows.filter(start__gte=midnight - span, start__lt=midnight).order_by()


def _together(weeks: Sequence[Week]) -> Week:
    return Week(
        weeks[0].first,
        sum(one.succeeded for one in weeks),
        sum(one.failed for one in weeks),
        sum((one.cost for one in weeks), Decimal()),
    )


def weeks_until(automations: Iterable[Automation], at: datetime) -> list[Week]:
    """The last eight times seven complete days of UTC, oldest first."""
    start = at.replace(hour=0, minute=0, second=0, microsecond=0) - TREND_WEEKS * WEEK
    rows = _complete_days(automations, at, TREND_WEEKS * WEEK).values("start")
    sums = rows.annotate(ok=Sum("succeeded"), bad=Sum("failed"), spent=Sum("cost"))
    counted = {n: Week((start + n * WEEK).date(), 0, 0, Decimal()) for n in range(TREND_WEEKS)}
    for row in sums:
        number = (row["start"] - start) // WEEK
        one = counted[number]
        cost = one.cost + (row["spent"] or 0)
        counted[number] = replace(one, succeeded=one.succeeded + row["ok"], failed=one.failed + row["bad"], cost=cost)
    return list(counted.values())


def _worst_burn(slos: Iterable[Slo], judged: dict[int, Budget]) -> list[tuple[Slo, Decimal]]:
    """The fastest burn rates of the last seven days, whatever else is promised of the same workflow."""
    rates = [(slo, judged[slo.pk].burn["7d"].rate) for slo in slos if "7d" in judged[slo.pk].burn]
    found = [(slo, rate) for slo, rate in rates if rate]
    return sorted(found, key=lambda pair: (-pair[1], pair[0].slug))[:WORST]


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
    failures = _last_failures([one for one in automations if counted[one.pk].failed], at)
    return [
        Trouble(
            one,
            counted[one.pk],
            running.get(one.pk, 0),
            getattr(one, "queue_gauge", None),  # read with it
            failures.get(one.pk),
            sorted(counted[one.pk].errors.items(), key=lambda item: (-item[1], item[0]))[:3],
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
