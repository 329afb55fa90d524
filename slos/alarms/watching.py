"""The hourly look at volume and drift: is this hour's number of runs usual, have errors crept up for days?

A watch is claimed once an hour. Hours that the portal did not see, and planned maintenance, are neither judged nor
compared with.
"""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from functools import partial

from django.db import transaction
from django.db.models import Q

from opsportal import trace
from opsportal.catalog.models import Automation
from opsportal.catalog.states import AutomationState
from opsportal.sweeps.models import BlindSpell
from opsportal.sweeps.registry import SweepResult, in_batches
from slos.alarms.engine import Drift, Step, Volume, drift_of, volume_of
from slos.budgets import queries as budgets
from slos.budgets import terms
from slos.budgets.engine import Day
from slos.facts import News, end_episodes, episodes_going_on, raise_facts
from slos.models import Exclusion, Slo, Watch
from slos.objectives.thresholds import TICKET
from slos.states import FactKind, SliKind

BATCH = 50
HOUR, DAY, WEEK = timedelta(hours=1), timedelta(days=1), timedelta(days=7)
WEEKS = 6  # of the same weekday and hour that an hour is compared with
LATE = timedelta(minutes=10)  # runs may be reported so much later
MONITORED, COMPARED = 14, 28  # days that are judged, and days before them that say what is usual
Span = tuple[datetime, datetime]


def sweep_watches(now: datetime) -> SweepResult:
    """Judge the last whole hour of every automation at work, each once. Several sweepers may run at once."""
    mark = budgets.watermark()
    if mark is None:
        return SweepResult()
    hour = (min(mark.at, now) - LATE).replace(minute=0, second=0, microsecond=0)
    _begin_to_watch()
    return in_batches(partial(watch_batch, hour), now, size=BATCH)


@transaction.atomic
def watch_batch(hour: datetime, now: datetime) -> SweepResult:
    """Up to fifty watches that have not yet looked at the hour before `hour`."""
    due = Watch.objects.filter(Q(looked_until=None) | Q(looked_until__lt=hour)).order_by("looked_until", "pk")
    due = due.filter(automation__state=AutomationState.ACTIVE.value)
    keys = list(due.select_for_update(skip_locked=True, of=("self",)).values_list("pk", flat=True)[:BATCH])
    watches = list(Watch.objects.filter(pk__in=keys).select_related("automation__team"))
    if not watches:
        return SweepResult()
    Watch.objects.filter(pk__in=keys).update(looked_until=hour)
    volume = _watch_volume([one for one in watches if one.watches_volume], hour, now)
    drift = _watch_drift([one for one in watches if one.watches_drift], hour, now)
    return SweepResult(len(watches), volume + drift, hour - HOUR, hour)


def _begin_to_watch() -> None:
    """Whatever is at work is watched, as long as nobody says otherwise."""
    unwatched = Automation.objects.filter(state=AutomationState.ACTIVE.value, watch=None)
    keys = list(unwatched.values_list("pk", flat=True)[:500])
    Watch.objects.bulk_create([Watch(automation_id=key) for key in keys], ignore_conflicts=True)


# --- Volume ---


def _watch_volume(watches: Sequence[Watch], hour: datetime, now: datetime) -> int:
    if not watches:
        return 0
    start, going_on = hour - HOUR, episodes_going_on([_volume_episode(one) for one in watches])
    counted = [_totals(watches, start - number * WEEK) for number in range(WEEKS + 1)]
    hidden = [_hidden(watches, start - number * WEEK) for number in range(WEEKS + 1)]
    news, over = [], []
    for watch in watches:
        if watch.pk in hidden[0]:
            continue
        weeks = [counted[n][watch.pk] for n in range(1, WEEKS + 1) if watch.pk not in hidden[n]]
        found = volume_of(
            counted[0][watch.pk],
            _since_it_lives(weeks),
            false_alarms_per_year=float(watch.false_alarms_per_year),
            factor=float(watch.volume_factor),
            rule=watch.volume_rule,
        )
        if found is not None and found.fires:
            news.append(_volume_news(watch, found, hour))
        elif found is None or found.is_calm:
            over.append(_volume_episode(watch))
    return raise_facts(news, now=now) + end_episodes(going_on.intersection(over), at=hour)


def _totals(watches: Sequence[Watch], start: datetime) -> dict[int, int]:
    counts = budgets.count_runs([one.automation for one in watches], start, start + HOUR)
    return {key: one.total for key, one in counts.items()}


def _since_it_lives(weeks: Sequence[int]) -> list[int]:
    """Newest first; the empty weeks before its first run say nothing."""
    kept = list(weeks)
    while kept and kept[-1] == 0:
        kept.pop()
    return kept


def _hidden(watches: Sequence[Watch], start: datetime) -> set[int]:
    """The automations whose hour from `start` was not seen by the portal, or was left out."""
    within = {"from_at__lt": start + HOUR, "until__gt": start}
    if BlindSpell.objects.filter(**within).exists():
        return {one.pk for one in watches}
    rows = Exclusion.objects.in_force().filter(automation__in=[one.pk for one in watches], **within)
    return set(rows.values_list("automation_id", flat=True))


def _volume_news(watch: Watch, found: Volume, hour: datetime) -> News:
    ratio = f"{found.ratio:.1f} times" if found.ratio is not None else "instead of none at all,"
    return News(
        key=f"{_volume_episode(watch)}:{hour.timestamp():.0f}",
        kind=FactKind.VOLUME,
        episode=_volume_episode(watch),
        sentence=f"{watch.automation} ran {found.count:,} times in an hour: {ratio} the usual {found.mean:,.0f}.",
        occurred_at=hour - HOUR,
        automation=watch.automation,
        trace_id=trace.current_trace_id(),
        data={
            "severity": TICKET,
            "count": found.count,
            "usual": round(found.mean, 2),
            "direction": found.direction,
            "p": float(f"{found.p:.3g}"),
            "beyond_factor": found.beyond_factor,
            "rule": watch.volume_rule,
        },
    )


def _volume_episode(watch: Watch) -> str:
    return f"volume:{watch.pk}"


# --- Drift ---


def _watch_drift(watches: Sequence[Watch], hour: datetime, now: datetime) -> int:
    """Every SLO that counts events, day by day. Seconds of downtime hang together and are no evidence each."""
    watch_of = {one.pk: one for one in watches}
    rows = Slo.objects.in_force().filter(automation__in=watch_of).exclude(kind=SliKind.COMPOSITE.value)
    slos = [one for one in rows.select_related("automation__team", "team") if not terms.counts_time(one)]
    if not slos:
        return 0
    today = hour.date()
    days = budgets.days_of_many(slos, today - timedelta(days=MONITORED + COMPARED - 1), today + DAY)
    going_on = episodes_going_on([_drift_episode(one) for one in slos])
    news, over = [], []
    for slo in slos:
        watch = watch_of[slo.automation_id or 0]
        steps = [(one.date, _step(one, today)) for one in days[slo.pk]]
        found = drift_of(
            [step for _, step in steps[:COMPARED]],
            [step for _, step in steps[COMPARED:]],
            factor=float(watch.drift_factor),
            false_alarms_per_year=float(watch.false_alarms_per_year),
        )
        if found is not None and found.fires:
            since = steps[COMPARED + found.since][0] if found.since is not None else today
            news.append(_drift_news(slo, found, since, hour))
        elif found is None or found.is_calm:
            over.append(_drift_episode(slo))
    return raise_facts(news, now=now) + end_episodes(going_on.intersection(over), at=hour)


def _step(day: Day, today: date) -> Step:
    """Today as far as it has come; of earlier days those that the portal saw."""
    seen = day.complete or day.date >= today
    return Step(day.tally.valid, day.tally.bad) if seen else Step(0, 0)


def _drift_news(slo: Slo, found: Drift, since: date, hour: datetime) -> News:
    return News(
        key=f"{_drift_episode(slo)}:{hour.timestamp():.0f}",
        kind=FactKind.ERROR_DRIFT,
        episode=_drift_episode(slo),
        sentence=f"{slo.name[:120]}: {found.present:.2%} are bad since {since}, {found.usual:.2%} were usual.",
        occurred_at=hour,
        automation=slo.automation,
        slo=slo,
        trace_id=trace.current_trace_id(),
        data={
            "severity": TICKET,
            "usual": float(f"{found.usual:.4g}"),
            "present": float(f"{found.present:.4g}"),
            "since": str(since),
            "evidence": round(found.evidence, 2),
            "limit": round(found.limit, 2),
        },
    )


def _drift_episode(slo: Slo) -> str:
    return f"drift:{slo.pk}"
