"""Nothing waits unseen: who answers for it hears when the queue of a target grows, and when what is in it gets old."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count, Min, Q

from opsportal.identity.models import Person
from opsportal.identity.queries import people_with_role
from opsportal.identity.roles import Role
from opsportal.notify.engine import Notice
from opsportal.notify.operations import tell_many
from opsportal.sweeps.registry import SweepResult
from opsportal.web import words
from runbooks.models import ReplayItem, ReplayTarget
from runbooks.states import UNDECIDED
from runbooks.targets.queries import team_of

TOPIC = "replay"
# Growth: so many in an hour, and more than in the day before it. Age: what takes a person waits this long for one.
MOST_IN_AN_HOUR = 10
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
OLD_AFTER = timedelta(hours=4)


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


def watch(now: datetime) -> SweepResult:
    """Tell about growth once an hour and about age once a day, as long as it goes on."""
    standings = _standings(now)
    notices = [notice for one in standings for notice in _notices(one, now)]
    return SweepResult(examined=len(standings), fired=tell_many(notices, now) if notices else 0)


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
    targets = ReplayTarget.objects.filter(pk__in=by_key).select_related("automation__owner", "automation__team", "team")
    return [
        Standing(target, row["undecided"], row["oldest"], row["last_hour"], row["day_before"])
        for target in targets
        for row in [by_key[target.pk]]
    ]


def _notices(standing: Standing, now: datetime) -> Iterable[Notice]:
    target = standing.target
    if standing.grows:
        title = f"{standing.last_hour} payloads for {target} failed within an hour"
        body = f"In the day before there were {standing.day_before}."
        yield from _to_all(target, title, body, f"growth:{now:%Y%m%d%H}")
    if standing.is_old(now):
        age = words.duration((now - (standing.oldest_at or now)).total_seconds())
        verb = "waits" if standing.undecided == 1 else "wait"
        title = f"{words.count(standing.undecided, 'payload')} for {target} {verb} for a person"
        body = f"The oldest has waited {age}. Let it go, or decide that it has arrived or is not wanted."
        yield from _to_all(target, title, body, f"age:{now:%Y%m%d}")


def _to_all(target: ReplayTarget, title: str, body: str, what: str) -> Iterable[Notice]:
    """To the owner of the automation; where nobody owns it, to the ops leads: somebody always hears."""
    team = team_of(target)
    for person in _answer_for(target):
        yield Notice(
            person=person,
            topic=TOPIC,
            title=title,
            body=body,
            url=f"/replay/?target={target.slug}&state=open",
            key=f"replay:{target.slug}:{what}:{person.pk}",
            trace_id="",
            team=team.slug if team else "",
        )


def _answer_for(target: ReplayTarget) -> list[Person]:
    owner = target.automation.owner if target.automation is not None else None
    if owner is not None and owner.is_active:
        return [owner]
    return list(people_with_role(Role.OPS_LEAD))
