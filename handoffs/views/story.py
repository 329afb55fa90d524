"""What the page of one handoff and the board show, assembled from queries and words."""

from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from django.db.models import Count, Min, Q, QuerySet, Value
from django.urls import reverse

from handoffs import pages, queries, timers, words
from handoffs.engine.clock import Verdict
from handoffs.filters import LATE
from handoffs.models import Handoff
from handoffs.models.handoffs import RUNNING
from handoffs.queries import Step
from handoffs.queries.boards import RECENT
from handoffs.states import HandoffState
from handoffs.views.moves import offered
from opsportal.approvals.queries import list_waiting
from opsportal.identity.models import Person
from opsportal.notify.models import Delivery
from opsportal.notify.states import DeliveryState

SHOWN_PER_COLUMN = 12
SHOWN_DELIVERIES = 30
DELIVERY_TONES: dict[str, str] = {DeliveryState.DELIVERED: "good", DeliveryState.DEAD: "bad"}
# Columns of the board: key, what it is called, tone, what an empty one means.
COLUMNS = (
    (LATE, "Late", "bad", "Nobody is waiting past a timer."),
    (str(HandoffState.OPEN), "Open", "calm", "Nothing waits for an answer."),
    (str(HandoffState.PAUSED), "On hold", "calm", "No clock is held."),
    (str(HandoffState.RESPONDED), "Answered", "good", "Nothing was answered lately."),
    (str(HandoffState.COMPLETED), "Completed", "good", "Nothing was completed lately."),
)
RUNNING_COLUMNS = (LATE, str(HandoffState.OPEN), str(HandoffState.PAUSED))
ENDED_COLUMNS = (str(HandoffState.RESPONDED), str(HandoffState.COMPLETED))
ORDER = {
    LATE: ("missed_from",),
    HandoffState.OPEN: ("due_at",),
    HandoffState.PAUSED: ("-started_at",),
    HandoffState.RESPONDED: ("-started_at",),
    HandoffState.COMPLETED: ("-started_at",),
}


@dataclass(frozen=True, slots=True)
class BoardColumn:
    key: str
    label: str
    tone: str
    note: str
    empty: str
    total: int
    handoffs: list[Handoff]
    more_url: str


@dataclass(frozen=True, slots=True)
class StoryStep:
    """A step as the page shows it; `noticed_later` says how long after it happened the portal heard of it."""

    id: int
    step: Step
    tone: str
    occurred_at: datetime
    noticed_later: str


@dataclass(frozen=True, slots=True)
class Upcoming:
    at: datetime
    sentence: str


@dataclass(frozen=True, slots=True)
class Told:
    word: str
    tone: str
    sentence: str
    at: datetime


def context(handoff: Handoff, person: Person, now: datetime) -> dict[str, Any]:
    """Everything templates/handoffs/story.html reads."""
    verdict = queries.verdict_of(handoff, now)
    badge, tone = pages.state_badge(handoff, verdict)
    moves = offered(handoff, person)
    return {
        "handoff": handoff,
        "badge": badge,
        "tone": tone,
        "sentence": pages.verdict_sentence(handoff, verdict, now),
        "figures": pages.figures_of(handoff, verdict),
        "steps": _steps(handoff),
        "upcoming": _upcoming(handoff, now),
        "flags": _flags(handoff),
        "proposals": list_waiting("handoff", str(handoff.pk), now) if handoff.is_running else [],
        "explanation": queries.explain_deadline(handoff, now=now),
        "deliveries": _deliveries(handoff),
        "record": _record(handoff, verdict),
        "safe_url": handoff.url if handoff.url.startswith(("https://", "http://")) else "",
        "primary_actions": [move for move in moves if move.is_primary],
        "other_actions": [move for move in moves if not move.is_primary],
    }


def board_columns(handoffs: QuerySet[Handoff], now: datetime) -> list[BoardColumn]:
    """The columns of the board over what the filters left: two queries for the figures, one for all the rows."""
    conditions = _conditions(now)
    figures = _figures(handoffs.filter(RUNNING), conditions, RUNNING_COLUMNS)
    figures |= _figures(handoffs.filter(_ended_lately(now)), conditions, ENDED_COLUMNS)
    rows = _rows(handoffs, {key: conditions[key] for key, (total, _) in figures.items() if total})
    columns = []
    for key, label, tone, empty in COLUMNS:
        (total, oldest), shown = figures[key], rows.get(key, [])
        note = f"Oldest started {words.duration((now - oldest).total_seconds())} ago" if oldest else ""
        more = f"{reverse('handoffs:list')}?state={key}" if total > len(shown) else ""
        columns.append(BoardColumn(key, label, tone, note, empty, total, shown, more))
    return columns


def _figures(
    handoffs: QuerySet[Handoff], conditions: dict[str, Q], keys: tuple[str, ...]
) -> dict[str, tuple[int, datetime | None]]:
    """How many stand in each column, and the earliest start among them. Each half is read from one index."""
    found = handoffs.order_by().aggregate(
        **{f"{key}_total": Count("started_at", filter=conditions[key]) for key in keys},
        **{f"{key}_oldest": Min("started_at", filter=conditions[key]) for key in keys},
    )
    return {key: (found[f"{key}_total"], found[f"{key}_oldest"]) for key in keys}


def _rows(handoffs: QuerySet[Handoff], conditions: dict[str, Q]) -> dict[str, list[Handoff]]:
    """The first rows of each column, in its order. Keys are cut first: SQLite takes no LIMIT inside a union."""
    parts = []
    for key, condition in conditions.items():
        keys = handoffs.filter(condition).order_by(*ORDER[key]).values("pk")[:SHOWN_PER_COLUMN]
        parts.append(handoffs.filter(pk__in=keys).order_by().annotate(column=Value(key)))
    rows: dict[str, list[Any]] = {key: [] for key in conditions}
    found: Any = parts[0].union(*parts[1:], all=True) if parts else []
    for one in found:
        rows[one.column].append(one)
    for key, shown in rows.items():
        shown.sort(key=partial(_place, ORDER[key][0].lstrip("-")), reverse=ORDER[key][0].startswith("-"))
    return rows


def _place(name: str, handoff: Handoff) -> tuple[bool, Any]:
    """What a column is sorted by; records without such an instant come last."""
    value = getattr(handoff, name)
    return value is None, value


def _ended_lately(now: datetime) -> Q:
    return Q(state__in=ENDED_COLUMNS, started_at__gt=now - RECENT)


def _conditions(now: datetime) -> dict[str, Q]:
    """What stands in which column. What has ended is shown for a week."""
    in_time = Q(missed_from=None) | Q(missed_from__gt=now)
    recent = Q(started_at__gt=now - RECENT)
    return {
        LATE: RUNNING & Q(missed_from__lte=now, historical=False),
        HandoffState.OPEN: Q(state=HandoffState.OPEN) & in_time,
        HandoffState.PAUSED: Q(state=HandoffState.PAUSED) & in_time,
        HandoffState.RESPONDED: Q(state=HandoffState.RESPONDED) & recent,
        HandoffState.COMPLETED: Q(state=HandoffState.COMPLETED) & recent,
    }


def _steps(handoff: Handoff) -> list[StoryStep]:
    steps = queries.timeline_of(handoff)
    return [_story_step(number, step) for number, step in enumerate(steps, start=1)]


def _story_step(number: int, step: Step) -> StoryStep:
    occurred_at = timers.read_instant(step.occurred_at) or step.at
    lag = (step.at - occurred_at).total_seconds()
    later = words.duration(lag) if lag >= 60 and step.actor["kind"] != "system" else ""
    return StoryStep(number, step, pages.ACTION_TONES.get(step.action, "calm"), occurred_at, later)


def _upcoming(handoff: Handoff, now: datetime) -> list[Upcoming]:
    """What the ladder will do if nobody acts."""
    if not handoff.is_running or handoff.historical or handoff.next_fire_at is None:
        return []
    ladder = {stage.percent: stage for stage in timers.stages_of(handoff.rule_version)}
    ahead = [one for one in timers.read_deadlines(handoff.deadlines) if one.percent > handoff.fired_percent and one.at]
    return [Upcoming(one.at, pages.upcoming_sentence(one.percent, ladder.get(one.percent))) for one in ahead if one.at]


def _flags(handoff: Handoff) -> list[tuple[str, str]]:
    """What a reader should know about the record itself: (tone, sentence)."""
    flags = []
    if handoff.backup_missing and handoff.is_running:
        flags.append(("warn", "Nobody stands by: if the owner does not act, there is no one to take over."))
    if handoff.late_on_arrival:
        flags.append(
            ("warn", f"It arrived {words.duration(handoff.ingest_lag_seconds)} after it began, past a stage already.")
        )
    if handoff.responder_unknown:
        flags.append(("calm", "Who answered is not known; the answer counts all the same."))
    if handoff.clock_skew:
        flags.append(("calm", "The sender's clock and ours disagree by up to five minutes."))
    return flags


def _deliveries(handoff: Handoff) -> list[Told]:
    """Every message and webhook about this record, and how it went."""
    about = Q(message__about=str(handoff.pk)) | Q(event__about=str(handoff.pk))
    rows = Delivery.objects.filter(about).select_related("message", "event", "subscription", "recipient")
    return [_told(row) for row in rows.order_by("-id")[:SHOWN_DELIVERIES]]


def _told(row: Delivery) -> Told:
    whom = str(row.recipient or row.subscription or row.destination)
    what = row.message.title if row.message else row.event.type if row.event else ""
    return Told(row.get_state_display(), DELIVERY_TONES.get(row.state, "calm"),
                f"{whom} by {row.get_channel_display()}: {what}", row.finished_at or row.created_at)  # fmt: skip


def _record(handoff: Handoff, verdict: Verdict) -> list[tuple[str, str]]:
    amount = f"{handoff.amount:,.2f}" if handoff.amount is not None else ""
    lag = words.duration(handoff.ingest_lag_seconds) if handoff.ingest_lag_seconds >= 60 else ""
    shown = [
        ("Reference", handoff.external_ref),
        ("Channel", handoff.channel),
        ("ICP", handoff.icp),
        ("Amount", amount),
        ("Outcome", handoff.outcome),
        ("Why it ran late", handoff.breach_reason),
        ("Source", handoff.source),
        ("Arrived", f"{lag} after it began" if lag else ""),
        ("Cycle", str(handoff.cycle) if handoff.cycle > 1 else ""),
        ("In business hours", "started inside" if handoff.within_business_hours else "started outside"),
    ]
    return [(label, value) for label, value in shown if value]
