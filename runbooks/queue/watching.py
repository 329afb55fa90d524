"""Nothing waits unseen: facts that the queue of a target grows, that it gets old, that the same fails again and again.

A room above claims them; of what nobody claims within the grace whoever answers for the target hears.
"""

import hashlib
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Count, Min, Q

from opsportal.audit import operations as audit
from opsportal.audit.engine import Actor
from opsportal.facts.audit import draft
from opsportal.facts.operations import resolve_fact
from opsportal.identity.models import Person
from opsportal.identity.queries import people_with_role
from opsportal.identity.roles import Role
from opsportal.notify.engine import Notice
from opsportal.notify.operations import tell_many
from opsportal.sweeps.registry import SweepResult
from opsportal.web import words
from runbooks.models import ReplayFact, ReplayItem, ReplayTarget
from runbooks.models.facts import ReplayFactKind
from runbooks.queue.queries import POISON_AT
from runbooks.states import UNDECIDED, ItemState
from runbooks.targets.queries import team_of

TOPIC = "replay"
CLOCKWORK = Actor.system("replay")
GRACE = timedelta(minutes=5)
# Growth: so many in an hour, and more than in the day before it. Age: what takes a person waits this long for one.
MOST_IN_AN_HOUR = 10
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
OLD_AFTER = timedelta(hours=4)
OVER = "It is so no longer."


@dataclass(frozen=True, slots=True)
class Standing:
    """What is unfinished at one target: stored in the last hour, in the day before it, the oldest undecided."""

    target: ReplayTarget
    undecided: int
    oldest_at: datetime | None
    last_hour: int
    day_before: int

    @property
    def grows(self) -> bool:
        return self.last_hour >= MOST_IN_AN_HOUR and self.last_hour > self.day_before

    def is_old(self, now: datetime) -> bool:
        return self.oldest_at is not None and now - self.oldest_at >= OLD_AFTER


@transaction.atomic
def watch(now: datetime) -> SweepResult:
    """Report growth once an hour, age and poison once a day, as long as they go on; settle what is over."""
    standings = _standings(now)
    found = [fact for one in standings for fact in _facts(one, now)] + _poisoned(now)
    before = set(ReplayFact.objects.filter(key__in=[fact.key for fact in found]).values_list("key", flat=True))
    fresh = [fact for fact in found if fact.key not in before]
    ReplayFact.objects.bulk_create(fresh, ignore_conflicts=True)
    _settle({fact.episode for fact in found}, now)
    return SweepResult(examined=len(standings), fired=len(fresh))


def tell(facts: Sequence[ReplayFact], now: datetime) -> int:
    """The owner of the automation; where nobody owns it, the ops leads: somebody always hears."""
    hearers = {fact.pk: _answer_for(fact.target) for fact in facts}
    audit.record_many(
        draft(fact, "unclaimed", actor=CLOCKWORK, at=now, people=", ".join(str(one) for one in hearers[fact.pk]))
        for fact in facts
    )
    tell_many([_notice(fact, person) for fact in facts for person in hearers[fact.pk]], now)
    return len(facts)


def _standings(now: datetime) -> list[Standing]:
    undecided = Q(state__in=sorted(UNDECIDED), finished_at=None)
    recent = Q(received_at__gte=now - HOUR)
    before = Q(received_at__gte=now - HOUR - DAY, received_at__lt=now - HOUR)
    rows = ReplayItem.objects.filter(undecided | recent | before).order_by()
    counted = rows.values("target").annotate(
        undecided=Count("pk", filter=undecided),
        oldest=Min("received_at", filter=undecided),
        last_hour=Count("pk", filter=recent),
        day_before=Count("pk", filter=before),
    )
    by_key = {row["target"]: row for row in counted}
    targets = ReplayTarget.objects.filter(pk__in=by_key).select_related("automation__team", "team")
    return [
        Standing(target, row["undecided"], row["oldest"], row["last_hour"], row["day_before"])
        for target in targets
        for row in [by_key[target.pk]]
    ]


def _facts(standing: Standing, now: datetime) -> Iterable[ReplayFact]:
    target = standing.target
    if standing.grows:
        yield _fact(
            ReplayFactKind.GROWTH,
            target,
            "",
            f"{now:%Y%m%d%H}",
            f"{standing.last_hour} payloads for {target} failed within an hour",
            f"In the day before there were {standing.day_before}.",
            now,
        )
    if standing.is_old(now):
        age = words.duration((now - (standing.oldest_at or now)).total_seconds())
        verb = "waits" if standing.undecided == 1 else "wait"
        yield _fact(
            ReplayFactKind.AGE,
            target,
            "",
            f"{now:%Y%m%d}",
            f"{words.count(standing.undecided, 'payload')} for {target} {verb} for a person",
            f"The oldest has waited {age}. Let it go, or decide that it has arrived or is not wanted.",
            now,
        )


def _poisoned(now: datetime) -> list[ReplayFact]:
    """Groups that were given up for the same reason: sending them again changes nothing before the cause is found."""
    dead = ReplayItem.objects.filter(state=ItemState.DEAD, finished_at=None).order_by()
    groups = dead.values("target", "automation", "error_class").annotate(count=Count("pk"))
    found = list(groups.filter(count__gte=POISON_AT))
    targets = ReplayTarget.objects.select_related("automation__team", "team").in_bulk({row["target"] for row in found})
    return [
        _fact(
            ReplayFactKind.POISON,
            targets[row["target"]],
            hashlib.sha256(f"{row['automation']} {row['error_class']}".encode()).hexdigest()[:12],
            f"{now:%Y%m%d}",
            f"{row['count']} payloads for {targets[row['target']]} were given up for the same reason",
            f"{row['error_class'] or 'No class of error was named'}. Find the cause before you send them again.",
            now,
        )
        for row in found
    ]


def _fact(
    kind: ReplayFactKind, target: ReplayTarget, what: str, period: str, sentence: str, advice: str, now: datetime
) -> ReplayFact:
    episode, team = f"{kind}:{target.slug}:{what}", team_of(target)
    return ReplayFact(
        key=f"{episode}:{period}",
        kind=kind.value,
        episode=episode,
        target=target,
        team=team.slug if team else "",
        sentence=sentence[:240],
        advice=advice[:240],
        occurred_at=now,
        noticed_at=now,
        grace_until=now + GRACE,
    )


def _settle(going_on: Collection[str], now: datetime) -> None:
    over = ReplayFact.objects.filter(resolved_at=None).exclude(episode__in=going_on)
    for fact in over.select_related(*ReplayFact.NAMED):
        resolve_fact(fact, resolution=OVER, actor=CLOCKWORK, now=now)


def _notice(fact: ReplayFact, person: Person) -> Notice:
    return Notice(
        person=person,
        topic=TOPIC,
        title=fact.sentence,
        body=fact.advice,
        url=f"/replay/?target={fact.target.slug}&state=open",
        key=f"replay:{fact.key}:{person.pk}",
        trace_id="",
        team=fact.team,
    )


def _answer_for(target: ReplayTarget) -> list[Person]:
    owner = target.automation.owner if target.automation is not None else None
    if owner is not None and owner.is_active:
        return [owner]
    return list(people_with_role(Role.OPS_LEAD))
