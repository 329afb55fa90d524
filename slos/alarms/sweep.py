"""The sweep of the burn alerts: which SLOs burn too fast or have spent their budget becomes a fact, once an episode.

Reads the rollups alone, a batch of SLOs by a constant number of queries. Where the portal itself saw too little, facts
are neither begun nor ended.
"""

import time
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal

from django.db import transaction
from django.db.models import Q

from opsportal import trace
from opsportal.catalog.states import AutomationState
from opsportal.sweeps.registry import SweepResult
from opsportal.web import words
from slos.alarms.engine import Look, Standing, standing_of
from slos.budgets import queries as budgets
from slos.budgets import terms
from slos.budgets.engine import Budget
from slos.budgets.engine.budgets import burn_of
from slos.budgets.queries import Asked
from slos.facts import News, end_episodes, raise_facts
from slos.models import Fact, Slo
from slos.objectives import thresholds
from slos.objectives.thresholds import PAGE, TICKET, BurnAlert, plain
from slos.states import BudgetState, FactKind, SliKind, SloState

BATCH = 100
LIMIT_SECONDS = 8.0
KINDS = (FactKind.BURN.value, FactKind.EXHAUSTED.value, FactKind.ERROR_DRIFT.value)
Looks = Mapping[tuple[int, int], Look]


def sweep_burns(now: datetime) -> SweepResult:
    """Look at every SLO in force. Rows that another sweeper holds are looked at there."""
    until = time.monotonic() + LIMIT_SECONDS
    mark = budgets.watermark()
    total = SweepResult(fired=_end_of_those_not_in_force(now))
    after = 0
    while mark is not None and time.monotonic() < until:
        keys = list(Slo.objects.in_force().filter(pk__gt=after).order_by("pk").values_list("pk", flat=True)[:BATCH])
        if not keys:
            break
        total += sweep_batch(keys, now, min(mark.at, now))
        after = keys[-1]
    return total


@transaction.atomic
def sweep_batch(keys: Sequence[int], now: datetime, at: datetime) -> SweepResult:
    """These SLOs as of `at`, up to where the rollups are complete."""
    locked = Slo.objects.in_force().filter(pk__in=keys).order_by("pk")
    locked_keys = list(locked.select_for_update(skip_locked=True, no_key=True).values_list("pk", flat=True))
    slos = list(Slo.objects.filter(pk__in=locked_keys).select_related("automation__team", "team"))
    if not slos:
        return SweepResult()
    found, looks = budgets.budgets(slos, at), _looks(slos, at)
    episodes = {name for slo in slos for name in _episodes(slo)}
    going_on = set(Fact.objects.going_on().filter(episode__in=episodes).values_list("episode", flat=True))
    news: list[News] = []
    over: list[str] = []
    for slo in slos:
        for each in (_burns(slo, found[slo.pk], looks, going_on, at), _spent(slo, found[slo.pk], going_on, at)):
            news += each[0]
            over += each[1]
    raised = raise_facts(news, now=now)
    return SweepResult(len(slos), raised + end_episodes(over, at=at))


def _end_of_those_not_in_force(now: datetime) -> int:
    """What is promised no more cannot be burnt, nor what a retired automation promised."""
    rows = Fact.objects.going_on().filter(kind__in=KINDS, slo__isnull=False)
    rows = rows.filter(~Q(slo__state=SloState.ACTIVE) | Q(automation__state=AutomationState.RETIRED))
    return rows.filter(occurred_at__lte=now).update(ended_at=now)


def _looks(slos: Sequence[Slo], at: datetime) -> dict[tuple[int, int], Look]:
    """What every window of every alert shows: (SLO, seconds) -> look. A composite is looked at through its parts."""
    asked = [Asked(slo, at - timedelta(seconds=width), at, at) for slo in slos for width in thresholds.widths([slo])]
    plain_ones = [one for one in asked if one.slo.kind != SliKind.COMPOSITE]
    composed = [one for one in asked if one.slo.kind == SliKind.COMPOSITE]
    looks = {}
    for one, tally in zip(plain_ones, budgets.tallies(plain_ones), strict=True):
        width = _width(one)
        burn = burn_of(one.slo.target, tally)
        looks[one.slo.pk, width] = Look.of(burn.exact, burn.bad, tally.unmeasured, width - tally.excluded)
    if composed:
        for one, burn in zip(composed, budgets.burns(composed), strict=True):
            looks[one.slo.pk, _width(one)] = Look(burn.exact, burn.bad)
    return looks


def _width(asked: Asked) -> int:
    return round((asked.end - asked.start).total_seconds())


def _burns(slo: Slo, budget: Budget, looks: Looks, going_on: set[str], at: datetime) -> tuple[list[News], list[str]]:
    """What begins and what ends. A ticket is not written while its page goes on, nor once nothing is left to spend."""
    news: list[News] = []
    over: list[str] = []
    alerts = thresholds.of(slo).alerts
    own = {one.long_seconds: looks[slo.pk, one.long_seconds] for one in alerts}
    own |= {one.short_seconds: looks[slo.pk, one.short_seconds] for one in alerts}
    louder = _burn_episode(slo, PAGE) in going_on
    for severity in (PAGE, TICKET):
        episode = _burn_episode(slo, severity)
        some = [one for one in alerts if one.severity == severity]
        goes_on = episode in going_on
        standing, alert = standing_of(some, own, counts_time=terms.counts_time(slo), goes_on=goes_on)
        if standing == Standing.FIRING and alert is not None and not goes_on and budget.is_judged and not louder:
            news.append(_burn_news(slo, alert, own, budget, at))
        if standing == Standing.CALM and goes_on:
            over.append(episode)
        louder = louder or bool(news) or budget.state == BudgetState.EXHAUSTED
    return news, over


def _burn_news(slo: Slo, alert: BurnAlert, looks: Mapping[int, Look], budget: Budget, at: datetime) -> News:
    long, short = looks[alert.long_seconds], looks[alert.short_seconds]
    rate = _rounded(long)
    left = budget.remaining or Decimal(0)
    remains = f"{plain(round(left * 100, 1))}% of it remains" if left > 0 else "nothing of it remains"
    return News(
        key=f"{_burn_episode(slo, alert.severity)}:{at.timestamp():.0f}",
        kind=FactKind.BURN,
        episode=_burn_episode(slo, alert.severity),
        sentence=f"{slo.name[:100]} spends its error budget {rate} times too fast over the last "
        f"{words.duration(alert.long_seconds)}; {remains}.",
        occurred_at=at,
        automation=slo.automation,
        slo=slo,
        trace_id=trace.current_trace_id(),
        data={
            "severity": alert.severity,
            "threshold": plain(alert.burn),
            "long_seconds": alert.long_seconds,
            "short_seconds": alert.short_seconds,
            "burn_long": rate,
            "burn_short": _rounded(short),
            "bad": long.bad,
            "remaining": None if budget.remaining is None else plain(budget.remaining),
        },
    )


def _spent(slo: Slo, budget: Budget, going_on: Iterable[str], at: datetime) -> tuple[list[News], list[str]]:
    """The budget is used up; over when some of it remains again. Without data it stays as it is."""
    episode = _spent_episode(slo)
    if budget.state == BudgetState.EXHAUSTED and episode not in going_on:
        remaining = plain(budget.remaining) if budget.remaining is not None else None
        news = News(
            key=f"{episode}:{at.timestamp():.0f}",
            kind=FactKind.EXHAUSTED,
            episode=episode,
            sentence=f"The error budget of {slo.name[:120]} is used up.",
            occurred_at=at,
            automation=slo.automation,
            slo=slo,
            trace_id=trace.current_trace_id(),
            data={"severity": PAGE, "remaining": remaining, "window_end": words.iso(budget.window.end)},
        )
        return [news], []
    has_some = budget.state in (BudgetState.OK, BudgetState.AT_RISK)
    return [], [episode] if has_some and episode in going_on else []


def _episodes(slo: Slo) -> tuple[str, ...]:
    return _burn_episode(slo, PAGE), _burn_episode(slo, TICKET), _spent_episode(slo)


def _burn_episode(slo: Slo, severity: str) -> str:
    return f"burn:{slo.pk}:{severity}"


def _spent_episode(slo: Slo) -> str:
    return f"exhausted:{slo.pk}"


def _rounded(look: Look) -> str:
    return plain(round(look.decimal, 2))
