"""What people read about a plan: its verdict, what became of its payloads, which they are, how they are changed."""

import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from django.utils.dateparse import parse_datetime

from opsportal.approvals.states import State
from opsportal.web import words
from runbooks.models import PlanItem, ReplayPlan
from runbooks.plans import freezing, queries
from runbooks.plans.engine.course import Progress
from runbooks.plans.selection import BOUNDS
from runbooks.states import WORDS as ITEM_WORDS
from runbooks.states import ItemState, PlanState

SELECTED = {
    "items": "Named",
    "state": "State",
    "automation": "Automation",
    "error_type": "Error",
    "record_key": "Record",
    "correlation_id": "Trace",
    "source": "Source",
    "failed_from": "Failed from",
    "failed_to": "Failed before",
    "from": "Stored from",
    "to": "Stored before",
}
APPROVALS = {
    State.PENDING: "asked for",
    State.APPROVED: "given",
    State.USED: "given, and used",
    State.REFUSED: "refused",
    State.EXPIRED: "out of time",
    State.VOIDED: "void",
}
CSV_HEADER = (
    "position", "item", "record", "id", "webhook_id", "state", "requests", "canary", "overtaken", "finding",
    "let_go_at",
)  # fmt: skip
BEFORE_START = (PlanState.DRY_RUN, PlanState.AWAITING_APPROVAL, PlanState.APPROVED)


def verdict(plan: ReplayPlan, progress: Progress) -> str:
    """Where a plan stands, in one sentence."""
    state, payloads = PlanState(plan.state), words.count(plan.item_count, "payload")
    if state == PlanState.DRAFT:
        return "A draft: nothing is frozen yet. A dry run shows what would be sent."
    if state in BEFORE_START:
        return f"{payloads} of {words.count(plan.key_count, 'record')} would be sent{pace(plan)}. {plan.note}".strip()
    told = f"{progress.delivered:,} of {payloads} arrived, {progress.bad:,} did not."
    return f"{told} {plan.note}".strip()


def pace(plan: ReplayPlan) -> str:
    """How long it takes at the least; nothing where that is no time at all."""
    seconds = queries.duration_of(plan).total_seconds()
    return f", which takes at least {words.duration(seconds)}" if seconds >= 1 else ""


def parts(progress: Progress) -> list[tuple[str, int]]:
    """What became of them, without what is nought."""
    named = [
        ("arrived", progress.delivered),
        ("on their way", progress.moving),
        ("to go", progress.to_go),
        ("behind a payload that a person decides", progress.blocked),
        ("given up", progress.dead),
        ("in doubt", progress.in_doubt),
        ("not sent by our own rules", progress.put_back),
        ("sent or decided by others", progress.decided),
    ]
    return [(word, count) for word, count in named if count]


def left_out(plan: ReplayPlan) -> list[tuple[str, int]]:
    return [(_left_out(name), count) for name, count in sorted(plan.left_out.items())]


def _left_out(name: str) -> str:
    return freezing.FINDINGS.get(name) or ITEM_WORDS[ItemState(name)]


def selected(said: Mapping[str, Any]) -> list[tuple[str, str, datetime | None]]:
    """The selection line by line: label, value in words, or an instant instead of it."""
    return [(SELECTED[name], *_value(name, said[name])) for name in SELECTED if name in said]


def _value(name: str, value: Any) -> tuple[str, datetime | None]:
    if name in BOUNDS:
        return "", parse_datetime(value)
    if name == "items":
        return words.count(len(value), "payload"), None
    return (ITEM_WORDS[ItemState(value)] if name == "state" else value), None


def steps(transform: list[dict[str, Any]]) -> Iterator[str]:
    """Each step as one writes it on the page."""
    for one in transform:
        if one["op"] == "set":
            yield f"set {one['field']} = {json.dumps(one['value'], ensure_ascii=False)}"
        else:
            yield f"{one['op']} {one['field']}" + (f" to {one['to']}" if "to" in one else "")


def csv_row(row: PlanItem) -> list[object]:
    """One payload of a plan under CSV_HEADER; `requests` since it was frozen."""
    item = row.item
    let_go_at = words.iso(row.let_go_at) if row.let_go_at else ""
    named = [row.position, item.pk, item.record_key, item.external_id, row.webhook_id, item.state]
    return [*named, item.tries - row.tries, row.is_canary, row.is_overtaken, row.finding, let_go_at]


def approval(plan: ReplayPlan) -> str:
    return APPROVALS[State(plan.approval.state)] if plan.approval is not None else ""
