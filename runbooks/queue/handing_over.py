"""What is filtered in the queue, handed over to the form of a plan: its address, and how many a plan takes of them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.db.models import Q, QuerySet

from runbooks.models import ReplayItem
from runbooks.states import ItemState

FORM = "/replay/plans/new/"
# What a plan takes: in doubt only where a second arrival does no harm.
PLANNABLE = Q(state__in=[ItemState.HELD, ItemState.DEAD]) | Q(state=ItemState.IN_DOUBT, target__idempotent=True)
# A filter of the queue, as a plan says it. Waiting for a decision: what was given up; in doubt is decided one by one.
STATES: Mapping[str, str] = {
    "": "",
    "open": "",
    "undecided": ItemState.DEAD,
    "held": ItemState.HELD,
    "dead": ItemState.DEAD,
    "in_doubt": ItemState.IN_DOUBT,
}
SEARCHED = {"record_key": "record_key", "error_type": "error_class", "correlation_id": "correlation_id"}
MOST_NAMED = 20


@dataclass(frozen=True, slots=True)
class HandOver:
    """`count` is None where the rows are of several targets: a plan is for one of them, which its form asks for."""

    url: str
    count: int | None


def hand_over(query: Mapping[str, str], rows: QuerySet[ReplayItem]) -> HandOver | None:
    """The plan of the filtered `rows`; None where a plan takes none of them."""
    state = STATES.get(query.get("state", ""))
    if state is None:
        return None
    wanted = rows.filter(PLANNABLE, **({"state": state} if state else {})).order_by()
    said: dict[str, Any] = {"automation": query.get("automation", ""), "error_type": query.get("error", "")}
    said |= {"state": state, **_searched(query.get("q", ""), wanted)}
    targets = list(wanted.values_list("target__slug", flat=True).distinct()[:2])
    if not targets:
        return None
    if len(targets) == 1:
        said["target"] = targets[0]
    kept = {name: str(value) for name, value in said.items() if value}
    return HandOver(f"{FORM}?{urlencode(kept)}", wanted.count() if len(targets) == 1 else None)


def _searched(text: str, rows: QuerySet[ReplayItem]) -> dict[str, str]:
    """What a searched text names: a record, an error, a trace; else payloads by their own id."""
    if not text:
        return {}
    for name, field in SEARCHED.items():
        if rows.filter(**{field: text}).exists():
            return {name: text}
    found = rows.filter(external_id=text).values_list("pk", flat=True)[:MOST_NAMED]
    return {"items": ",".join(str(pk) for pk in found)}
