"""Letting the frozen payloads of a running plan go, in bounded stretches: as they were frozen, or not at all."""

from datetime import datetime
from uuid import UUID

from django.db.models import F, Q

from opsportal.audit.engine import Actor
from runbooks.models import Payload, PlanItem, ReplayItem, ReplayPlan
from runbooks.plans import freezing, queries
from runbooks.plans.engine import transform
from runbooks.queue import authority, lanes, vaulting
from runbooks.queue import operations as queue
from runbooks.states import UNDECIDED, ItemState

CHUNK = 500
_UNDECIDED = sorted(one.value for one in UNDECIDED)


def is_as_frozen(plan: ReplayPlan) -> bool:
    """Whether every body is the one that was looked at in the dry run, and nobody touched the plan's rows since."""
    same = Q(item__revision=F("revision"), item__sha256=F("sha256"))
    return not queries.going(plan).exclude(same).exists() and freezing.content_hash(plan) == plan.content_hash


def let_some_go(plan: ReplayPlan, *, limit: int, actor: Actor, now: datetime) -> int:
    """Let the next ones of the locked plan go; answers how many. What was sent or decided by others before its turn is
    marked as overtaken, and stays as it is.
    """
    rows = queries.going(plan).filter(let_go_at=None, is_overtaken=False, item__state__in=_UNDECIDED)
    if plan.is_in_canary:
        rows = rows.filter(is_canary=True)
    chosen = list(rows.order_by("position")[:limit])
    wanted = ReplayItem.objects.filter(pk__in=[row.item_id for row in chosen])
    lanes.lock_of(wanted)
    items = {item.pk: item for item in wanted.select_for_update().order_by("pk")}
    ready = [row for row in chosen if _is_ready(row, items[row.item_id], plan)]
    overtaken = {row.pk for row in chosen} - {row.pk for row in ready}
    PlanItem.objects.filter(pk__in=overtaken).update(is_overtaken=True)
    if not ready or plan.release is None:
        return 0
    failed = _put_transformed(plan, ready, items, now)
    PlanItem.objects.filter(pk__in=failed).update(is_overtaken=True)
    ready = [row for row in ready if row.pk not in failed]
    count = queue.let_go(plan.release, [row.item_id for row in ready], actor=actor, now=now)
    PlanItem.objects.filter(pk__in=[row.pk for row in ready]).update(let_go_at=now)
    return count


def let_in_flight_go(plan: ReplayPlan) -> None:
    """What was in flight when the plan was paused, and still is, may be tried again like the rest."""
    for item in ReplayItem.objects.filter(release=plan.release_id, state=ItemState.LEASED, authority=""):
        if plan.release is not None:
            ReplayItem.objects.filter(pk=item.pk, state=ItemState.LEASED).update(
                authority=authority.seal(item, plan.release)
            )


def _is_ready(row: PlanItem, item: ReplayItem, plan: ReplayPlan) -> bool:
    """Nobody has sent, decided or changed it since: or it was this plan itself, before a pause."""
    if item.state not in _UNDECIDED or (item.tries != row.tries and item.release_id != plan.release_id):
        return False
    known = {(row.revision, row.sha256)}
    if row.sent_sha256:
        known.add((row.sent_revision, row.sent_sha256))
    return (item.revision, item.sha256) in known


def _put_transformed(plan: ReplayPlan, rows: list[PlanItem], items: dict[UUID, ReplayItem], now: datetime) -> set[int]:
    """Give each its transformed body as a revision of its own, so that the receiver never takes it for the former.
    Answers the rows whose body is not what was approved.
    """
    wanted = [row for row in rows if row.sent_sha256 and items[row.item_id].revision == row.revision]
    if not wanted:
        return set()
    steps, wrong = transform.read_steps(plan.transform), set()
    chosen = PlanItem.objects.filter(pk__in=[row.pk for row in wanted])
    subjects = dict(Payload.objects.filter(item__in=[row.item_id for row in wanted]).values_list("item_id", "subject"))
    for row, body in freezing.bodies(chosen):
        made = _made(steps, body)
        if made is None or vaulting.sha256(made) != row.sent_sha256:
            wrong.add(row.pk)
            continue
        _revise(items[row.item_id], row, made, subjects[row.item_id], now)
    return wrong


def _made(steps: list[transform.Step], body: bytes | None) -> bytes | None:
    try:
        return None if body is None else transform.apply(steps, body)
    except transform.Untransformable:
        return None


def _revise(item: ReplayItem, row: PlanItem, body: bytes, subject: str, now: datetime) -> None:
    Payload.objects.create(
        item=item,
        revision=row.sent_revision,
        subject=subject,
        sealed=vaulting.close(subject, body),
        sha256=row.sent_sha256,
        created_at=now,
    )
    item.revision, item.sha256, item.size = row.sent_revision, row.sent_sha256, len(body)
    item.save(update_fields=["revision", "sha256", "size"])
