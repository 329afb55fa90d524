"""What a person decides about one item: that it has arrived, that nobody wants it any more, that a newer one counts."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import transaction

from opsportal.audit import operations as audit
from opsportal.audit.engine import Actor, Draft, Subject
from opsportal.errors import Conflict, Forbidden, InvalidInput
from opsportal.identity.models import Team
from runbooks.models import ReplayItem
from runbooks.queue import authority, lanes, recording
from runbooks.states import TRANSITIONS, ItemState
from runbooks.targets.queries import team_of


@transaction.atomic
def mark_delivered(item: ReplayItem, *, reason: str, actor: Actor, now: datetime) -> ReplayItem:
    """Say that the target has it: somebody looked. Its key goes on. Raises Conflict `invalid_transition`."""
    decided = _decide(item, ItemState.DELIVERED, "marked_delivered", reason=reason, actor=actor, now=now)
    recording.enter(decided, how="by_person", now=now)
    return decided


@transaction.atomic
def discard_item(item: ReplayItem, *, reason: str, actor: Actor, now: datetime) -> ReplayItem:
    """Give a payload up for good; the row and the reason stay, and its key goes on."""
    return _decide(item, ItemState.DISCARDED, "discarded", reason=reason, actor=actor, now=now)


@transaction.atomic
def supersede_item(item: ReplayItem, *, reason: str, actor: Actor, now: datetime) -> ReplayItem:
    """Give a payload up because a newer one of its record is there. Raises Conflict `nothing_newer`; never for a P0."""
    if authority.is_critical(item):
        raise Forbidden("never_for_p0", "What belongs to a P0 is not superseded; discard it with a reason.")
    newer = ReplayItem.objects.filter(lane=item.lane_id, sequence__gt=item.sequence).exclude(
        state__in=[ItemState.DISCARDED, ItemState.SUPERSEDED]
    )
    successor = newer.order_by("-sequence").first() if item.lane_id is not None else None
    if successor is None:
        raise Conflict("nothing_newer", "There is no newer payload of this record.")
    extra = {"superseded_by": successor}
    return _decide(item, ItemState.SUPERSEDED, "superseded", reason=reason, actor=actor, now=now, values=extra)


def _decide(
    item: ReplayItem,
    state: ItemState,
    action: str,
    *,
    reason: str,
    actor: Actor,
    now: datetime,
    values: Mapping[str, Any] | None = None,
) -> ReplayItem:
    """One move under the lane's lock, with its entry; the next head may go at once."""
    if not reason.strip():
        raise InvalidInput("required", "Say why, for whoever reads this later.", field="reason")
    if item.lane_id is not None:
        lanes.lock({"pk": item.lane_id})
    found = ReplayItem.objects.select_for_update(of=("self",)).select_related("target__automation", "automation")
    current = found.get(pk=item.pk)
    before = ItemState(current.state)
    if state not in TRANSITIONS[before] or before is ItemState.LEASED:
        raise Conflict("invalid_transition", f"This item is {before}: it cannot become {state}.")
    changed: dict[str, Any] = {
        "state": state.value,
        "due_at": None,
        "authority": "",
        "finished_at": now,
        **(values or {}),
    }
    ReplayItem.objects.filter(pk=current.pk).update(**changed)
    for name, value in changed.items():
        setattr(current, name, value)
    if current.lane_id is not None:
        lanes.promote([current.lane_id], now)
    _record(current, action, before, reason=reason, actor=actor, now=now)
    return current


def _record(item: ReplayItem, action: str, before: ItemState, *, reason: str, actor: Actor, now: datetime) -> None:
    team = team_of_item(item)
    audit.record(
        Draft(
            actor,
            f"replay.{action}",
            Subject("replay_item", str(item.pk), str(item)),
            now,
            trace_id=item.correlation_id,
            team=team.slug if team else "",
            reason=reason,
            before={"state": before.value},
            after={"state": item.state},
        )
    )


def team_of_item(item: ReplayItem) -> Team | None:
    return item.automation.team if item.automation is not None else team_of(item.target)
