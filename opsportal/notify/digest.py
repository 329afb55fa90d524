"""After the portal's own downtime: wait until everything due has been decided, then tell each person once.

Urgent messages never wait and are never merged. The inbox keeps every message by itself.
"""

from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Count, Min, QuerySet

from opsportal.notify.models import Delivery
from opsportal.notify.states import DeliveryState
from opsportal.sweeps import queries as sweeps
from opsportal.sweeps import registry
from opsportal.sweeps.models import Sweep, SweepRun

BATCH = 1_000
UNFINISHED_AFTER = timedelta(seconds=6)  # parts stop after about eight seconds; a run this long left something due


def prepare(now: datetime) -> bool:
    """While the portal catches up: merge what waits, or answer True when people's messages must still be held."""
    spell = sweeps.get_blind_spell(now)
    if spell is None:
        return False
    if _is_deciding(spell.until):
        return True
    for lane, place in _crowded_lanes():
        _merge(lane, place, now)
    return False


def _is_deciding(awake_since: datetime) -> bool:
    """Whether a sweep that comes before the outbox is still at work on what the downtime left due."""
    earlier = [sweep.name for sweep in registry.all_sweeps() if registry.NAMES.index(sweep.name) < _place()]
    states = Sweep.objects.filter(name__in=earlier, attempted_at__gte=awake_since)
    return any(_is_unfinished(state) for state in states)


def _is_unfinished(state: Sweep) -> bool:
    if state.failed_at is not None and state.attempted_at is not None and state.failed_at >= state.attempted_at:
        return False  # a sweep that fails must not silence everybody
    if state.finished_at is None or (state.attempted_at is not None and state.finished_at < state.attempted_at):
        return True
    last = SweepRun.objects.filter(name=state.name).order_by("-id").values_list("started_at", "finished_at").first()
    return last is not None and last[1] - last[0] > UNFINISHED_AFTER


def _place() -> int:
    return registry.NAMES.index("outbox")


def _waiting() -> QuerySet[Delivery]:
    return Delivery.objects.filter(
        finished_at=None, state=DeliveryState.PENDING, attempts=0, urgent=False, message__isnull=False
    )


def _crowded_lanes() -> list[tuple[str, str]]:
    """(lane, place of its head) of each person and channel with more than one message waiting."""
    lanes = _waiting().order_by().values("lane").annotate(head=Min("place"), count=Count("pk")).filter(count__gt=1)
    return list(lanes.values_list("lane", "head").order_by("head"))


@transaction.atomic
def _merge(lane: str, place: str, now: datetime) -> None:
    """Put what waits behind the head into it, unless a relay has taken it meanwhile."""
    head = _waiting().filter(lane=lane, place=place).select_for_update(of=("self",)).first()
    if head is None:
        return
    followers = _waiting().filter(lane=lane, place__gt=place).select_for_update(of=("self",))
    keys = list(followers.values_list("pk", flat=True))
    # By keys, in batches: right after a flood the planner knows nothing of the table, and a join may take minutes.
    for start in range(0, len(keys), BATCH):
        batch = keys[start : start + BATCH]
        # Who had merged others before hands them on.
        Delivery.objects.filter(merged_into__in=batch).update(merged_into=head)
        Delivery.objects.filter(pk__in=batch).update(state=DeliveryState.MERGED, merged_into=head, finished_at=now)
