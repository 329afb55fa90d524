"""What needs somebody now: the board, the late, the ones of a person. Each answer is one or two statements."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import quote

from django.db.models import Count, F, Min, Q
from django.urls import reverse

from handoffs.models import Handoff, HandoffQuerySet
from handoffs.models.handoffs import RUNNING
from handoffs.queries.records import list_handoffs
from handoffs.states import HandoffState
from opsportal.identity.actors import Principal
from opsportal.identity.models import Person
from opsportal.identity.ownership import Owned

RECENT = timedelta(days=7)  # the board shows what ended within


@dataclass(frozen=True, slots=True)
class Column:
    """One state of the board. `oldest_at` is the earliest start in it; `late` counts those past their timer."""

    state: str
    count: int
    late: int
    oldest_at: datetime | None
    handoffs: HandoffQuerySet


@dataclass(frozen=True, slots=True)
class Counts:
    """How many handoffs run, are past their timer, past twice it, on hold, or without a backup."""

    running: int
    late: int
    breached: int
    paused: int
    backup_missing: int


def board(principal: Principal | None, now: datetime) -> list[Column]:
    """The columns of the board, each with its rows still to be sliced: what runs by due instant, the rest by start."""
    seen = list_handoffs(principal)
    recent = seen.filter(RUNNING | Q(started_at__gt=now - RECENT))
    late = Count("pk", filter=RUNNING & Q(missed_from__lte=now))
    figures = recent.order_by().values("state").annotate(count=Count("pk"), late=late, oldest_at=Min("started_at"))
    rows = figures.values_list("state", "count", "late", "oldest_at")
    by_state = {state: {"count": count, "late": late, "oldest_at": oldest} for state, count, late, oldest in rows}
    nothing = {"count": 0, "late": 0, "oldest_at": None}
    return [
        Column(state=state, handoffs=_in_column(recent, state), **by_state.get(state, nothing))
        for state in HandoffState
    ]


def list_needing(person: Person, now: datetime) -> HandoffQuerySet:
    """What a person owns whose clock runs, soonest due first; what is on hold comes last. Shadows need nobody."""
    mine = list_handoffs(person).running().filter(owner=person, historical=False)
    return mine.order_by(F("due_at").asc(nulls_last=True), "started_at")


def list_owned(person_ids: Collection[int]) -> list[Owned]:
    """What these people have running, for the page of a person: one line each, by one query."""
    running = Handoff.objects.running().filter(owner__in=list(person_ids), historical=False).order_by()
    rows = running.values("owner_id", "owner__username").annotate(count=Count("pk"))
    address = reverse("handoffs:list")
    return [
        Owned(row["owner_id"], "handoffs", f"{row['count']} running",
              f"{address}?state=running&owner={quote(row['owner__username'])}")
        for row in rows
    ]  # fmt: skip


def list_late(principal: Principal | None, now: datetime) -> HandoffQuerySet:
    """Handoffs that still run and are past their timer, the longest first."""
    return list_handoffs(principal).running().filter(missed_from__lte=now, historical=False).order_by("missed_from")


def list_historical_open(principal: Principal | None) -> HandoffQuerySet:
    """Imported records whose clock still runs: nobody is told about them until somebody makes them live."""
    return list_handoffs(principal).running().filter(historical=True)


def list_missing_backup(principal: Principal | None) -> HandoffQuerySet:
    """Running records whose escalation would die with their owner."""
    return list_handoffs(principal).running().filter(backup_missing=True, historical=False)


def count_for(principal: Principal | None, now: datetime) -> Counts:
    """The counters of the running handoffs somebody may see, by one statement."""
    running = list_handoffs(principal).running().filter(historical=False).order_by()
    row = running.aggregate(  # no primary key: every column asked for is in the index handoffs_running
        running=Count("started_at"),
        late=Count("started_at", filter=Q(missed_from__lte=now)),
        breached=Count("started_at", filter=Q(breached_from__lte=now)),
        paused=Count("started_at", filter=Q(state=HandoffState.PAUSED)),
        backup_missing=Count("started_at", filter=Q(backup_missing=True)),
    )
    return Counts(**row)


def _in_column(handoffs: HandoffQuerySet, state: str) -> HandoffQuerySet:
    column = handoffs.filter(state=state)
    if state in (HandoffState.OPEN, HandoffState.PAUSED, HandoffState.RESPONDED):
        return column.order_by(F("due_at").asc(nulls_last=True), "started_at")
    return column.order_by("-started_at")
