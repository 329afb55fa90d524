"""Which payloads a plan is about: named one by one, or by what the queue is filtered by, within a window of time."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet
from django.utils.dateparse import parse_datetime

from opsportal.errors import InvalidInput
from opsportal.identity.actors import Principal
from opsportal.web import words
from runbooks.models import ReplayItem, ReplayTarget
from runbooks.states import ItemState

MOST_NAMED = 10_000
# What may be frozen. In doubt only where a second arrival does no harm: an idempotent target, and the same body.
TAKEN = (ItemState.HELD, ItemState.DEAD)
FILTERS: Mapping[str, str] = {
    "automation": "automation__slug",
    "error_type": "error_class",
    "record_key": "record_key",
    "correlation_id": "correlation_id",
    "source": "source",
    "state": "state",
}
# Two windows: when a payload was stored here, and when it failed there. An import stores late what failed long before.
BOUNDS: Mapping[str, str] = {
    "from": "received_at__gte",
    "to": "received_at__lt",
    "failed_from": "failed_at__gte",
    "failed_to": "failed_at__lt",
}


def check(raw: object) -> dict[str, Any]:
    """A selection as it is kept. Raises InvalidInput at `selection`."""
    if not isinstance(raw, dict):
        raise _refused("Say which payloads by a filter.")
    unknown = set(raw) - {*FILTERS, *BOUNDS, "items"}
    if unknown:
        raise _refused(f"A selection takes items, {', '.join([*FILTERS, *BOUNDS])}.")
    kept = {name: value for name, value in raw.items() if value not in (None, "", [])}
    for name in kept:
        if name == "items":
            kept["items"] = _ids(kept["items"])
        elif name in BOUNDS:
            kept[name] = _instant(kept[name]).isoformat()
        elif not isinstance(kept[name], str) or len(kept[name]) > 200 or "\x00" in kept[name]:
            raise _refused(f"“{name}” is a text.")
    if kept.get("state") and kept["state"] not in (ItemState.HELD, ItemState.DEAD, ItemState.IN_DOUBT):
        raise _refused("A plan takes what is held, dead or in_doubt.")
    return kept


def _ids(raw: Any) -> list[str]:
    if not isinstance(raw, list) or len(raw) > MOST_NAMED:
        raise _refused(f"Name at most {MOST_NAMED:,} payloads; more take a filter.")
    try:
        return sorted({str(UUID(str(one))) for one in raw})
    except ValueError:
        raise _refused("These are no ids of payloads.") from None


def _instant(raw: Any) -> datetime:
    if isinstance(raw, datetime):
        found: datetime | None = raw
    else:
        try:
            found = parse_datetime(raw) if isinstance(raw, str) else None
        except ValueError:
            found = None
    if found is None or found.tzinfo is None:
        raise _refused("A window has instants with an offset, such as 2026-11-22T08:00:00Z.")
    return found


def _refused(sentence: str) -> InvalidInput:
    return InvalidInput("selection", sentence, field="selection")


def matching(target: ReplayTarget, said: Mapping[str, Any], principal: Principal | None) -> QuerySet[ReplayItem]:
    """Every payload of the target that the selection means and `principal` may see, whatever became of it."""
    rows = ReplayItem.objects.visible_to(principal) if principal is not None else ReplayItem.objects.all()
    rows = rows.filter(target=target)
    if "items" in said:
        rows = rows.filter(pk__in=said["items"])
    chosen = Q(**{lookup: said[name] for name, lookup in FILTERS.items() if name in said})
    within = Q(**{lookup: parse_datetime(said[name]) for name, lookup in BOUNDS.items() if name in said})
    return rows.filter(chosen, within)


def takes(target: ReplayTarget, *, is_transformed: bool) -> list[str]:
    """The states that are frozen; all others are left out, and counted."""
    doubtful = [ItemState.IN_DOUBT] if target.idempotent and not is_transformed else []
    return [one.value for one in (*TAKEN, *doubtful)]


def _told(text: str) -> str:
    instant = parse_datetime(text)
    return words.utc(instant) if instant is not None else text


def sentence(said: Mapping[str, Any]) -> str:
    """The selection in words."""
    if not said:
        return "everything that waits for the target"
    parts = [f"{name} {value}" for name, value in said.items() if name not in ("items", *BOUNDS)]
    if "items" in said:
        parts.insert(0, f"{len(said['items'])} named")
    parts += [f"{name} {_told(said[name])}" for name in BOUNDS if name in said]
    return ", ".join(parts)
