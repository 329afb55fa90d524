"""Warns ahead: credentials that end, automations that cost more than is set aside, releases after which more fails.

Each is one fact while it holds. One that has changed (a nearer warning, another amount) ends and begins anew, so that
it is told again. What goes on is read before what is found: several sweepers may run at once.
"""

import time
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeVar

from django.db import transaction
from django.db.models import prefetch_related_objects

from opsportal import trace
from opsportal.catalog import upkeep
from opsportal.catalog.models import Automation, Credential, Release
from opsportal.catalog.states import AutomationState
from opsportal.sweeps.registry import SweepResult
from opsportal.web import words
from slos.alarms.engine.releases import Outcome, is_worse, sentence
from slos.budgets import queries as budgets
from slos.budgets import spans
from slos.budgets.counting import JOIN
from slos.budgets.engine.buckets import cover
from slos.facts import News, end_facts, raise_facts
from slos.models import Fact
from slos.objectives.thresholds import TICKET
from slos.states import FactKind

BATCH = 200
LIMIT_SECONDS = 8.0
WEEK = timedelta(days=7)
T = TypeVar("T")
PREFIX = "upkeep:"
# What of a fact's data makes it another warning when it changes.
TOLD_ANEW = {
    FactKind.CREDENTIAL_EXPIRY: ("warning_days", "expires_at"),
    FactKind.COST: ("cost_per_month", "cost_budget", "currency"),
    FactKind.RELEASE_WATCH: (),
}
OUTCOMES = f"SELECT k.mark, SUM(b.succeeded + b.failed), SUM(b.failed) {JOIN} GROUP BY k.mark"


@dataclass(frozen=True, slots=True)
class Warned:
    """What is to be told of an automation now; one fact of an episode goes on at a time."""

    kind: FactKind
    episode: str
    automation: Automation
    sentence: str
    since: datetime
    data: dict[str, Any]

    def is_told_by(self, known: dict[str, Any]) -> bool:
        """Whether a fact with this data says the same."""
        return all(known.get(name) == self.data[name] for name in TOLD_ANEW[self.kind])


def sweep_upkeep(now: datetime) -> SweepResult:
    """Begin, renew and end these facts. What a round has no time for is left to the next one."""
    until = time.monotonic() + LIMIT_SECONDS
    known = _going_on()
    found = {one.episode: one for look in (_credentials, _costs, _releases) for one in look(now)}
    over = [key for episode, (key, _) in known.items() if episode not in found]
    fired = sum(end_facts(batch, at=now) for batch in _batches(over))
    fresh = [one for one in found.values() if one.episode not in known or not one.is_told_by(known[one.episode][1])]
    for batch in _batches(fresh):
        if time.monotonic() > until:
            break
        fired += _begin(batch, [known[one.episode][0] for one in batch if one.episode in known], now)
    return SweepResult(examined=len(found) + len(over), fired=fired)


def _batches(rows: Sequence[T]) -> Iterator[Sequence[T]]:
    return (rows[start : start + BATCH] for start in range(0, len(rows), BATCH))


def _going_on() -> dict[str, tuple[str, dict[str, Any]]]:
    """By episode the key and the data of what goes on."""
    rows = Fact.objects.going_on().filter(kind__in=[kind.value for kind in TOLD_ANEW], episode__startswith=PREFIX)
    return {episode: (key, data) for episode, key, data in rows.values_list("episode", "key", "data")}


@transaction.atomic
def _begin(fresh: Sequence[Warned], former: Collection[str], now: datetime) -> int:
    """`former` are the facts that these replace: closed without a word, for it is not over."""
    replaced = Fact.objects.going_on().filter(key__in=former, occurred_at__lte=now)
    replaced.update(ended_at=now, closed_at=now)
    prefetch_related_objects([one.automation for one in fresh], "team")
    return raise_facts([_news(one, now) for one in fresh], now=now)


def _news(one: Warned, now: datetime) -> News:
    return News(
        key=f"{one.episode}@{now:%Y%m%dT%H%M%S.%f}",
        kind=one.kind,
        episode=one.episode,
        sentence=one.sentence,
        occurred_at=min(one.since, now),
        automation=one.automation,
        trace_id=trace.current_trace_id(),
        data={"severity": TICKET, **one.data},
    )


# --- Credentials ---


def _credentials(now: datetime) -> Iterator[Warned]:
    for credential in upkeep.expiring(now):
        days = upkeep.warning_of(credential, now)
        if days is not None and credential.expires_at is not None:
            yield _expiry(credential, credential.expires_at, days)


def _expiry(credential: Credential, end: datetime, days: int) -> Warned:
    """Neither its reference nor what it may do is told: a fact travels farther than the catalogue."""
    automation = credential.automation
    return Warned(
        kind=FactKind.CREDENTIAL_EXPIRY,
        episode=f"{PREFIX}credential:{credential.pk}",
        automation=automation,
        sentence=f"The credential {credential.name} of {automation.name[:80]} {_when(end, days)}.",
        since=max(end - timedelta(days=days), credential.created_at),
        data={"credential": credential.name, "warning_days": days, "expires_at": words.iso(end)},
    )


def _when(end: datetime, days: int) -> str:
    """True as long as this warning stands, and not on its first day alone."""
    if days == 0:
        return f"has expired: {words.utc(end)}"
    return f"expires within {words.count(days, 'day')}: {words.utc(end)}"


# --- Cost ---


def _costs(now: datetime) -> Iterator[Warned]:
    """What the catalogue notes a month, whatever runs report of their own cost: that is looked at in slos.runs."""
    for one in Automation.objects.over_budget().select_related("cost_owner"):
        amounts = {"cost_per_month": str(one.cost_per_month), "cost_budget": str(one.cost_budget)}
        yield Warned(
            kind=FactKind.COST,
            episode=f"{PREFIX}cost:{one.pk}",
            automation=one,
            sentence=f"{one.name[:80]} is noted to cost {one.cost_per_month:,.2f} {one.currency} a month, "
            f"and {one.cost_budget:,.2f} are set aside.",
            since=now,
            data={
                **amounts,
                "currency": one.currency,
                "cost_owner": one.cost_owner.username if one.cost_owner else None,
            },
        )


# --- Releases ---


def _releases(now: datetime) -> Iterator[Warned]:
    """Of each automation the newest release that is watched: what runs since is that one."""
    newest: dict[int, Release] = {}
    for release in upkeep.watched(now):
        if release.automation.state != AutomationState.RETIRED:
            newest.setdefault(release.automation_id, release)
    outcomes = _outcomes(newest.values(), now)
    for release in newest.values():
        since, before = outcomes[release.pk]
        if is_worse(since, before):
            yield _went_worse(release, since, before, now)


def _outcomes(releases: Iterable[Release], now: datetime) -> dict[int, tuple[Outcome, Outcome]]:
    """Of each release what ended since and in the week before, in two queries; as far as the rollups are complete."""
    mark = budgets.watermark()
    stretches: list[spans.Stretch] = []
    pairs: dict[int, tuple[int, int]] = {}
    for number, release in enumerate(releases):
        pairs[release.pk] = after, before = 2 * number, 2 * number + 1
        out = release.released_at
        if mark is None or out is None:
            continue
        for which, start, end in ((after, out, min(mark.at, now)), (before, out - WEEK, out)):
            pieces = cover(start, end)
            stretches += [(which, release.automation_id, one.width, one.start, one.end) for one in pieces]
    found = {which: Outcome(int(runs), int(failed)) for which, runs, failed in spans.fetch(OUTCOMES, stretches)}
    none = Outcome(0, 0)
    return {pk: (found.get(after, none), found.get(before, none)) for pk, (after, before) in pairs.items()}


def _went_worse(release: Release, since: Outcome, before: Outcome, now: datetime) -> Warned:
    return Warned(
        kind=FactKind.RELEASE_WATCH,
        episode=f"{PREFIX}release:{release.pk}",
        automation=release.automation,
        sentence=sentence(release.automation.name[:80], release.version[:60], since, before),
        since=now,
        data={
            "version": release.version,
            "released_at": words.iso(release.released_at) if release.released_at else None,
            "runs": since.runs,
            "failed": since.failed,
            "runs_before": before.runs,
            "failed_before": before.failed,
        },
    )
