"""What-if over stored history: which records, with which terms they had, under which they are judged again."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from handoffs.engine.clock import Clock, Interval
from handoffs.engine.ladder import Stage, choose_minutes, effective_stages, is_minutes, read_stages
from handoffs.engine.what_if import Case, Comparison, compare
from handoffs.models import Handoff, PastCycle, Pause, Rule, RuleVersion
from handoffs.states import StopClock
from handoffs.timers import SKEW
from opsportal.calendars.engine import BusinessTime
from opsportal.calendars.models import Calendar
from opsportal.calendars.queries import business_times, current_version
from opsportal.errors import InvalidInput

MAX_RECORDS = 20_000
QUARTER = timedelta(days=91)
COLUMNS = (
    "pk", "cycle", "rule_version_id", "calendar_version_id", "sla_minutes", "sla_is_own", "grace_seconds", "channel",
    "icp", "stop_clock", "started_at", "first_response_at", "completed_at", "first_owner_id",
    "backup_owner_id",
)  # fmt: skip
OF_THE_HANDOFF = ("pk", "sla_is_own", "grace_seconds", "channel", "icp", "backup_owner_id")


@dataclass(frozen=True, slots=True)
class Terms:
    """What to try. What is None stays as each record had it."""

    sla_minutes: int | None = None
    calendar: Calendar | None = None
    percents: tuple[int, ...] | None = None

    @property
    def is_empty(self) -> bool:
        return self.sla_minutes is None and self.calendar is None and self.percents is None


@dataclass(frozen=True, slots=True)
class WhatIf:
    """The answer. `is_cut`: there were more records than are read, and these are the newest; `kept_own` of them have a
    timer of their own (set for the record, or by a segment of the rule) and keep it.
    """

    rule: Rule
    terms: Terms
    from_at: datetime
    until: datetime
    comparison: Comparison
    is_cut: bool
    kept_own: int

    @property
    def records(self) -> int:
        return self.comparison.before.n


class Row(NamedTuple):
    """A cycle as it is stored, present or past."""

    pk: UUID
    cycle: int
    rule_version_id: int
    calendar_version_id: UUID
    sla_minutes: int
    sla_is_own: bool
    grace_seconds: int
    channel: str
    icp: str
    stop_clock: str
    started_at: datetime
    first_response_at: datetime | None
    completed_at: datetime | None
    first_owner_id: int | None
    backup_owner_id: int | None
    cancelled_at: datetime | None = None

    @property
    def stopped_at(self) -> datetime | None:
        if self.stop_clock == StopClock.COMPLETION:
            return self.completed_at
        return min(filter(None, (self.first_response_at, self.completed_at)), default=None)


def what_if(
    rule: Rule, terms: Terms, *, now: datetime, from_at: datetime | None = None, until: datetime | None = None
) -> WhatIf:
    """Judge the rule's records that began in [from_at, until) again under other terms, at most 20,000 newest ones;
    without a start those of the last 91 days.

    Every cycle counts once. Raises InvalidInput at `sla_minutes` or `percents`, NotFound for the calendar.
    """
    _check(rule, terms)
    since, end = span_of(from_at, until, now)
    rows = read_rows(rule, since, end)
    is_cut, rows = len(rows) > MAX_RECORDS, rows[:MAX_RECORDS]
    reader = Reader(rule, rows, terms)
    comparison = compare(reader.pairs(rows), now)
    return WhatIf(rule, terms, since, end, comparison, is_cut, reader.kept_own)


def span_of(from_at: datetime | None, until: datetime | None, now: datetime) -> tuple[datetime, datetime]:
    """The time that is looked at: up to now, and from a quarter of a year before."""
    end = min(until, now) if until is not None else now
    return from_at or end - QUARTER, end


def read_rows(rule: Rule, since: datetime, until: datetime) -> list[Row]:
    """Present and past cycles that began in [since, until), newest first; one more than is read if there are more."""
    span: dict[str, Any] = {"started_at__gte": since, "started_at__lt": until}
    present = Handoff.objects.filter(rule=rule, **span).order_by("-started_at")
    past = PastCycle.objects.filter(handoff__rule=rule, **span).order_by("-started_at")
    rows = [Row(*values) for values in present.values_list(*COLUMNS, "cancelled_at")[: MAX_RECORDS + 1]]
    rows += [Row(*values) for values in past.values_list(*map(_of_past, COLUMNS))[: MAX_RECORDS + 1]]
    rows.sort(key=lambda row: row.started_at, reverse=True)
    return rows[: MAX_RECORDS + 1]


class Reader:
    """Turns rows into cases, as they were and as they would have been."""

    def __init__(self, rule: Rule, rows: Sequence[Row], terms: Terms) -> None:
        self.terms, self.kept_own = terms, 0
        self.segments, self.default = rule.terms.segments, rule.terms.sla_minutes
        self.fallback = rule.terms.fallback_person_id
        self.hours = business_times({row.calendar_version_id for row in rows})
        self.other_hours = _hours_of(terms.calendar) if terms.calendar else None
        versions = RuleVersion.objects.filter(pk__in={row.rule_version_id for row in rows})
        self.stages = {version.pk: effective_stages(version.stages) for version in versions}
        self.other_stages = _moved(rule.terms.stages, terms.percents) if terms.percents is not None else None
        self.pauses = _pauses({row.pk for row in rows}, rule, rows[-1].started_at - SKEW) if rows else {}

    def pairs(self, rows: Sequence[Row]) -> Iterator[tuple[Case, Case]]:
        for row in rows:
            was = self.case(row)
            yield was, self._other(row, was)

    def case(self, row: Row) -> Case:
        """The cycle under the terms it had."""
        clock = Clock(
            hours=self.hours[row.calendar_version_id],
            started_at=row.started_at,
            sla_seconds=row.sla_minutes * 60,
            pauses=tuple(self.pauses.get((row.pk, row.cycle), ())),
            stopped_at=row.stopped_at,
            cancelled_at=row.cancelled_at,
            grace_seconds=row.grace_seconds,
        )
        return Case(clock, self.stages[row.rule_version_id], self._can_move(row))

    def _other(self, row: Row, was: Case) -> Case:
        minutes = self._minutes(row)
        clock = replace(was.clock, hours=self.other_hours or was.clock.hours, sla_seconds=minutes * 60)
        return Case(clock, self.other_stages or was.stages, was.can_move)

    def _minutes(self, row: Row) -> int:
        """The timer tried, except where the record or a segment of the rule has one of its own."""
        if self.terms.sla_minutes is None:
            return row.sla_minutes
        chosen = choose_minutes(self.segments, 0, channel=row.channel, icp=row.icp)
        if row.sla_is_own or chosen:
            self.kept_own += 1
            return row.sla_minutes
        return self.terms.sla_minutes

    def _can_move(self, row: Row) -> bool:
        """Whether the ladder finds somebody: backup or fallback, if not the owner. Absences are not replayed."""
        return any(person not in (None, row.first_owner_id) for person in (row.backup_owner_id, self.fallback))


def _check(rule: Rule, terms: Terms) -> None:
    if terms.sla_minutes is not None and not is_minutes(terms.sla_minutes):
        raise InvalidInput("bad_minutes", "A timer is a whole number of minutes, from 1.", field="sla_minutes")
    if terms.percents is not None:
        _moved(rule.terms.stages, terms.percents)


def _moved(stages: Sequence[dict[str, Any]], percents: Sequence[int]) -> tuple[Stage, ...]:
    """The rule's stages at other percentages, in order. Raises InvalidInput `bad_percents`."""
    if len(stages) != len(percents):
        text = f"The ladder has {len(stages)} stages: give as many percentages, in order."
        raise InvalidInput("bad_percents", text, field="percents")
    moved = [{**stage, "percent": percent} for stage, percent in zip(stages, percents, strict=True)]
    try:
        return effective_stages(read_stages(moved))
    except InvalidInput as error:
        raise InvalidInput("bad_percents", error.message, field="percents") from None


def _hours_of(calendar: Calendar) -> BusinessTime:
    key = current_version(calendar.slug).pk
    return business_times([key])[key]


def _pauses(keys: set[UUID], rule: Rule, since: datetime) -> dict[tuple[UUID, int], list[Interval]]:
    """The pauses of these cycles, sorted. One statement reads all since the first began: pauses are few."""
    found: dict[tuple[UUID, int], list[Interval]] = {}
    rows = Pause.objects.filter(handoff__rule=rule, from_at__gte=since).order_by("from_at", "id")
    for handoff_id, cycle, from_at, until in rows.values_list("handoff_id", "cycle", "from_at", "until"):
        if handoff_id in keys:
            found.setdefault((handoff_id, cycle), []).append((from_at, until))
    return found


def _of_past(column: str) -> str:
    """Where a past cycle finds what a handoff has in `column`. It was never cancelled: that ends a record for good."""
    return f"handoff__{column}" if column in OF_THE_HANDOFF else column
