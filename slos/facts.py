"""Facts: how the areas of this room report one and say that it is over. Who hears of it is in slos.telling."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction

from opsportal.catalog.models import Automation
from opsportal.catalog.states import AutomationState
from opsportal.identity.models import Team
from slos.models import Fact, Heartbeat, Slo
from slos.models.facts import FactQuerySet
from slos.states import OUTAGES, FactKind

GRACE = timedelta(minutes=5)
# What a paused automation does not raise: it is meant to do nothing. That it loops or burns is news all the same.
OF_IDLENESS = OUTAGES | {FactKind.EMPTY_OUTPUT, FactKind.VOLUME}


@dataclass(frozen=True, slots=True)
class News:
    """What an area reports. `key` makes it once, whatever reports it how often. Of one `episode` a second fact is not
    entered while the first goes on: two sweepers that notice the same at different instants enter one.
    """

    key: str
    kind: FactKind
    sentence: str
    occurred_at: datetime
    automation: Automation | None = None
    heartbeat: Heartbeat | None = None
    slo: Slo | None = None
    episode: str = ""
    trace_id: str = ""
    grace: timedelta = GRACE
    data: dict[str, Any] = field(default_factory=dict)


@transaction.atomic
def raise_facts(news: Sequence[News], *, now: datetime) -> int:
    """Enter what is new and concerns somebody; answers how many. Several sweepers may report the same."""
    news = [one for one in news if concerns(one.automation, one.kind)]
    known = set(Fact.objects.filter(key__in=[one.key for one in news]).values_list("key", flat=True))
    going_on = episodes_going_on([one.episode for one in news if one.episode])
    fresh = [one for one in news if one.key not in known and one.episode not in going_on]
    Fact.objects.bulk_create([_row(one, now) for one in fresh], ignore_conflicts=True)
    return len(fresh)


def concerns(automation: Automation | None, kind: str) -> bool:
    """Whether there is news of this kind: none of what is retired, none of its idleness of what is paused."""
    state = automation.state if automation is not None else AutomationState.ACTIVE
    return state != AutomationState.RETIRED and not (state == AutomationState.PAUSED and kind in OF_IDLENESS)


def end_facts(keys: Sequence[str], *, at: datetime) -> int:
    """Say that these are over since `at`; those that are over stay as they are."""
    return _end(Fact.objects.filter(key__in=keys), at)


def end_episodes(episodes: Collection[str], *, at: datetime) -> int:
    """Say that the facts of these episodes are over since `at`."""
    return _end(Fact.objects.filter(episode__in=episodes), at) if episodes else 0


def episodes_going_on(episodes: Collection[str]) -> set[str]:
    """Which of these episodes have a fact that goes on."""
    rows = Fact.objects.going_on().filter(episode__in=episodes)
    return set(rows.values_list("episode", flat=True)) if episodes else set()


def _end(facts: FactQuerySet, at: datetime) -> int:
    """One that began after `at` by another sweeper's clock stays for the next round."""
    return facts.going_on().filter(occurred_at__lte=at).update(ended_at=at)


def _row(news: News, now: datetime) -> Fact:
    team = _team_of(news)
    return Fact(
        key=news.key,
        kind=news.kind.value,
        episode=news.episode,
        automation=news.automation,
        heartbeat=news.heartbeat,
        slo=news.slo,
        team=team.slug if team else "",
        sentence=news.sentence[:240],
        trace_id=news.trace_id,
        occurred_at=news.occurred_at,
        noticed_at=now,
        grace_until=now + news.grace,
        data=news.data,
    )


def _team_of(news: News) -> Team | None:
    """Whose news it is: the automation's, else the SLO's or the heartbeat's own team."""
    holders = (news.automation, news.slo, news.heartbeat)
    return next((one.team for one in holders if one is not None and one.team is not None), None)


def address_of(fact: Fact, *, telemetry: bool = True) -> str:
    """The page of what a fact is about. Without `telemetry` one that leadership may read, too."""
    if fact.slo is not None:
        return fact.slo.get_absolute_url()
    if fact.heartbeat is not None and telemetry:
        return f"/heartbeats/{fact.heartbeat.slug}/"
    return f"/automations/{fact.automation.slug}/" if fact.automation else "/"
