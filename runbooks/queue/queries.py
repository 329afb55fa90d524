"""Reads of the queue: who sees what, why an item waits, how much waits, and what fails alike."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import Count, Min, Q, QuerySet

from opsportal.audit.erasers import Found
from opsportal.audit.mentions import Mentions
from opsportal.audit.seeking import rows_naming
from opsportal.errors import NotFound
from opsportal.identity.actors import Principal
from opsportal.identity.models import Person
from opsportal.identity.roles import Role
from opsportal.web import words
from runbooks.models import Attempt, Delivered, Lane, Payload, ReplayItem, TargetHealth
from runbooks.states import FINAL, WORDS, ItemState
from runbooks.targets.queries import health_of

MOST_GROUPS = 20
# A group of so many that were given up for the same reason is poison: sending it again changes nothing.
POISON_AT = 5
OVER = sorted(one.value for one in FINAL)


def list_items(principal: Principal | None) -> QuerySet[ReplayItem]:
    """What `principal` may see, with what a row names."""
    return ReplayItem.objects.visible_to(principal).select_related("target__automation", "target__health", "automation")


def get_item(item_id: UUID | str, principal: Principal | None) -> ReplayItem:
    """Raises NotFound, also for what may not be seen."""
    found = (
        list_items(principal).select_related("release__requested_by", "lane", "target__team").filter(pk=item_id).first()
    )
    if found is None:
        raise NotFound("unknown_item", "There is no such replay item.")
    return found


def may_unmask(principal: Principal | None, item: ReplayItem) -> bool:
    """Who may read a payload, with a reason: ops leads, and the owner of the automation. Programs never."""
    if not isinstance(principal, Person) or not principal.allows("replay:read"):
        return False
    owner = item.automation.owner_id if item.automation is not None else None
    return Role.OPS_LEAD in principal.roles or (owner is not None and owner == principal.pk)


def may_hold(principal: Principal | None) -> bool:
    """Who may set and end a legal hold: ops leads and admins. Programs never."""
    return isinstance(principal, Person) and bool({Role.OPS_LEAD, Role.ADMIN} & set(principal.roles))


def list_attempts(item: ReplayItem) -> QuerySet[Attempt]:
    return Attempt.objects.filter(item=item).order_by("-number")


def ledger_of(item: ReplayItem) -> QuerySet[Delivered]:
    return Delivered.objects.filter(item=item).select_related("release__requested_by").order_by("-id")


def in_front(item: ReplayItem) -> QuerySet[ReplayItem]:
    """The unfinished items of its key that stand before it, the first of them first."""
    if item.lane_id is None or item.state in OVER:
        return ReplayItem.objects.none()
    return ReplayItem.objects.filter(lane=item.lane_id, finished_at=None, sequence__lt=item.sequence).order_by(
        "sequence"
    )


def why_it_waits(item: ReplayItem, at: datetime) -> str:
    """One sentence: where an item stands, and what has to happen for it to go on."""
    state = ItemState(item.state)
    if state not in (ItemState.PENDING, ItemState.FAILED):
        return _STANDING[state]
    first = in_front(item).first()
    if first is not None:
        return f"It waits behind an earlier payload of its record, which is {WORDS[ItemState(first.state)]}."
    if item.target.stopped_at is not None:
        return "Sending to its target is stopped."
    health = health_of(item.target)
    if health.opened_at is not None:
        return "Its target fails; one request at a time tries whether it works again."
    if item.due_at is not None and item.due_at > at:
        return f"The next attempt is due in {words.duration((item.due_at - at).total_seconds())}."
    return "It goes as soon as the rate of its target lets it."


_STANDING = {
    ItemState.HELD: "It is stored. It goes when somebody lets it go.",
    ItemState.LEASED: "It is being sent at this moment.",
    ItemState.DEAD: "It was given up. A person decides: send again, or discard.",
    ItemState.IN_DOUBT: "It may have arrived: there was no answer. A person decides, and its record waits until then.",
    ItemState.DELIVERED: "It has arrived.",
    ItemState.DISCARDED: "Somebody discarded it.",
    ItemState.SUPERSEDED: "A newer payload of its record took its place.",
}


@dataclass(frozen=True, slots=True)
class Waiting:
    """How much has not arrived, by state, and since when the oldest is there."""

    counts: dict[str, int]
    oldest_at: datetime | None
    open_breakers: int

    @property
    def total(self) -> int:
        return sum(self.counts.values())

    @property
    def undecided(self) -> int:
        return self.counts.get(ItemState.DEAD, 0) + self.counts.get(ItemState.IN_DOUBT, 0)


def waiting(principal: Principal | None) -> Waiting:
    rows = ReplayItem.objects.visible_to(principal).unfinished().order_by()
    grouped = list(rows.values("state").annotate(count=Count("pk"), oldest=Min("received_at")))
    targets = rows.values("target").distinct()
    return Waiting(
        {row["state"]: row["count"] for row in grouped},
        min((row["oldest"] for row in grouped), default=None),
        TargetHealth.objects.filter(pk__in=targets, opened_at__isnull=False).count(),
    )


def count_undecided_of(automations: Collection[int]) -> dict[int, int]:
    """By automation: how many were given up or are in doubt."""
    rows = ReplayItem.objects.unfinished().filter(state__in=[ItemState.DEAD, ItemState.IN_DOUBT])
    counted = rows.filter(automation__in=automations).order_by().values_list("automation_id")
    return {key: number for key, number in counted.annotate(number=Count("pk")) if key is not None}


def list_undecided(principal: Principal | None, now: datetime) -> QuerySet[ReplayItem]:
    """What was given up or is in doubt: the navigation counts it beside the link."""
    rows = ReplayItem.objects.visible_to(principal).unfinished()
    return rows.filter(state__in=[ItemState.DEAD, ItemState.IN_DOUBT])


@dataclass(frozen=True, slots=True)
class Group:
    """What fails alike: one automation or target, one class of error."""

    automation: str
    name: str
    target: str
    target_name: str
    error_class: str
    count: int
    dead: int
    held: int
    oldest_at: datetime

    @property
    def plannable(self) -> int:
        return self.dead + self.held

    @property
    def is_poison(self) -> bool:
        return self.dead >= POISON_AT


def groups(principal: Principal | None) -> list[Group]:
    """The unfinished items by automation, target and error, the largest group first."""
    rows = ReplayItem.objects.visible_to(principal).unfinished().order_by()
    names = ("automation__slug", "automation__name", "target__slug", "target__name", "error_class")
    dead, held = (Count("pk", filter=Q(state=state.value)) for state in (ItemState.DEAD, ItemState.HELD))
    found = rows.values(*names).annotate(count=Count("pk"), dead=dead, held=held, oldest=Min("received_at"))
    return [
        Group(
            row["automation__slug"] or "",
            row["automation__name"] or "",
            row["target__slug"],
            row["target__name"] or row["target__slug"],
            row["error_class"],
            row["count"],
            row["dead"],
            row["held"],
            row["oldest"],
        )
        for row in found.order_by("-count", *names)[:MOST_GROUPS]
    ]


def find_subject(keys: Sequence[str]) -> Found:
    """Items of these record keys and external ids, and whatever lies under the same vault keys or in the same lanes:
    it goes with them, or a hold on it refuses. What a legal hold keeps is spared, with all that belongs to it.
    """
    rows = _together(rows_naming(ReplayItem.objects.all(), "record_key", "external_id", mentions=Mentions(keys)))
    held = [item for item in rows if item.legal_hold]
    ids = [item.pk for item in held]
    return Found(
        records=frozenset(("replay_item", str(item.pk)) for item in rows if not item.legal_hold),
        names=frozenset(item.record_key for item in rows if item.record_key),
        held={("replay_item", str(item.pk)): item.legal_hold for item in held},
        spared={
            ReplayItem._meta.db_table: frozenset(ids),
            Lane._meta.db_table: frozenset(item.lane_id for item in held if item.lane_id is not None),
            Attempt._meta.db_table: frozenset(Attempt.objects.filter(item__in=ids).values_list("pk", flat=True)),
        },
    )


def _together(ids: Collection[UUID]) -> list[ReplayItem]:
    """These items with all that share a vault key or a lane with one of them: keys belong to records, not to items."""
    subjects = set(Payload.objects.filter(item__in=ids).values_list("subject", flat=True))
    lanes = set(ReplayItem.objects.filter(pk__in=ids).exclude(lane=None).order_by().values_list("lane_id", flat=True))
    beside = Payload.objects.filter(subject__in=subjects).order_by().values("item")
    return list(ReplayItem.objects.filter(Q(pk__in=ids) | Q(pk__in=beside) | Q(lane__in=lanes)).order_by("pk"))
