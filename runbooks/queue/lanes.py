"""The order of each record key: one counter, one head. Whoever changes what stands in a lane locks the lane first."""

from collections import defaultdict
from collections.abc import Collection, Iterable
from datetime import datetime

from django.db.models import OuterRef, QuerySet, Subquery

from runbooks.models import Lane, ReplayItem, ReplayTarget
from runbooks.states import ItemState

CHUNK = 500


def take_places(target: ReplayTarget, record_keys: Iterable[str]) -> list[tuple[Lane | None, int]]:
    """The lane and the next place in it for each of these keys, in their order. An empty key has no order.

    Call it in the transaction that adds the items: the lanes stay locked until they are there.
    """
    keys = list(record_keys)
    wanted = sorted({key for key in keys if key})
    lanes = lock({"target": target, "record_key__in": wanted}) if wanted else {}
    missing = [key for key in wanted if key not in lanes]
    if missing:
        Lane.objects.bulk_create([Lane(target=target, record_key=key) for key in missing], ignore_conflicts=True)
        lanes = lock({"target": target, "record_key__in": wanted})
    places: list[tuple[Lane | None, int]] = []
    for key in keys:
        lane = lanes.get(key)
        if lane is not None:
            lane.last_sequence += 1
        places.append((lane, lane.last_sequence if lane is not None else 0))
    Lane.objects.bulk_update(lanes.values(), ["last_sequence"], batch_size=CHUNK)
    return places


def lock(which: dict[str, object]) -> dict[str, Lane]:
    """Lock lanes, always in the same order, so that two who need several never wait for each other in a circle."""
    return {lane.record_key: lane for lane in Lane.objects.select_for_update().filter(**which).order_by("pk")}


def lock_of(items: QuerySet[ReplayItem]) -> list[int]:
    """Lock the lanes that these items stand in; answers their keys."""
    ordered = sorted(set(items.order_by().exclude(lane=None).values_list("lane_id", flat=True)))
    for start in range(0, len(ordered), CHUNK):
        lock({"pk__in": ordered[start : start + CHUNK]})
    return ordered


def promote(lane_ids: Collection[int], now: datetime) -> int:
    """Let the first unfinished item of each lane be taken, if it waits; answers how many heads became due.

    The lanes must be locked, or an item added or let go at the same moment could be missed by both sides.
    """
    ids, count = sorted(lane_ids), 0
    for start in range(0, len(ids), CHUNK):
        heads = ReplayItem.objects.filter(lane=OuterRef("pk"), finished_at=None).order_by("sequence").values("pk")[:1]
        lanes = Lane.objects.filter(pk__in=ids[start : start + CHUNK]).order_by()
        found = [head for (head,) in lanes.values_list(Subquery(heads)) if head is not None]
        waiting = ReplayItem.objects.filter(pk__in=found, state__in=[ItemState.PENDING, ItemState.FAILED], due_at=None)
        count += waiting.update(due_at=now)
    return count


def stranded() -> dict[int, list[int]]:
    """Lanes whose head waits without being due, by target: there must be none. The sweep mends what a person's own
    change to the tables left behind.
    """
    before = ReplayItem.objects.filter(lane=OuterRef("lane"), finished_at=None).order_by("sequence").values("pk")[:1]
    waiting = ReplayItem.objects.filter(
        state__in=[ItemState.PENDING, ItemState.FAILED], due_at=None, lane__isnull=False, pk=Subquery(before)
    )
    found = defaultdict(list)
    for target, lane in waiting.values_list("target_id", "lane_id"):
        found[target].append(lane)
    return dict(found)
