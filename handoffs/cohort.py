"""Counting cycles in the database: one grouped statement over handoffs, one over their earlier cycles, with the same
expressions. What counts as hit, missed, pending and excluded is decided here alone.
"""

# A cycle is judged at the instant it stopped or was cancelled, else at `at`: missed from `missed_from` on by the
# business clock, from a second after start + timer on by the wall clock. Both depend only on what came before them, so
# a past `at` is as exact as the present.

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from django.db import connection, transaction
from django.db.models import (
    Case,
    CharField,
    Count,
    DateField,
    DateTimeField,
    DurationField,
    ExpressionWrapper,
    F,
    IntegerField,
    Q,
    QuerySet,
    Sum,
    Value,
    When,
)
from django.db.models.expressions import Combinable
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import Coalesce, Greatest, Least, TruncDate, TruncWeek

from handoffs.engine.rates import COUNTED, Counts, Dimension, Product
from handoffs.models import Handoff, PastCycle
from handoffs.states import StopClock

ATTRIBUTE = "attribute:"
# What pages and API may split by beside the rule, and what is kept added up by day.
COLUMNS = ("channel", "icp", "owner", "amount", "within_business_hours")
ROLLED = (*COLUMNS, "outcome", "breach_reason")
SECOND, MINUTE, DAY = timedelta(seconds=1), timedelta(minutes=1), timedelta(days=1)
NEVER = Q(pk__in=())
# Amounts are split into these, each from its first number on, up to but without the next one's.
BANDS = {"0-1000": 0, "1000-5000": 1_000, "5000-10000": 5_000, "10000-25000": 10_000, "25000-100000": 25_000,
         "100000-": 100_000}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Instant:
    """When to judge. `is_past`: what happened after `at` is left out; else what is recorded counts, however new."""

    at: datetime
    is_past: bool = False

    def has(self, name: str) -> Q:
        """That the instant in column `name` has come."""
        return Q(**{f"{name}__lte": self.at} if self.is_past else {f"{name}__isnull": False})


def of_handoffs(
    handoffs: QuerySet[Handoff], names: Sequence[str], instant: Instant, *, by_day: bool = False
) -> QuerySet[Any]:
    """The present cycles of these records, to be counted by rule, week (or day) and the named values."""
    arrived = Q(stop__gte=F("started_at"), stop__gt=F("ingested_at"), historical=False)
    return _grouped(_Cycles(handoffs, "", instant, instant.has("cancelled_at"), arrived), names, by_day)


def of_past_cycles(
    cycles: QuerySet[PastCycle], names: Sequence[str], instant: Instant, *, by_day: bool = False
) -> QuerySet[Any]:
    """The same of earlier cycles: each counts once, on the day it began. None of them was cancelled."""
    arrived = Q(stop__gte=F("started_at"), stop__gt=F("handoff__ingested_at"))
    return _grouped(_Cycles(cycles, "handoff__", instant, None, arrived), names, by_day)


def count(names: Sequence[str], first: QuerySet[Any], *others: QuerySet[Any]) -> Iterator[Product]:
    """Count these cycles in one statement; no cycle may be in two of them."""
    rows = first.union(*others, all=True) if others else first
    for row in rows:
        values = {name: spell(row[f"cell_{number}"]) for number, name in enumerate(names)}
        yield Product(row["cell_rule"], row["cell_since"], values, row["cell_reason"], counts_of(row))


def names_in(dimensions: Iterable[Dimension]) -> list[str]:
    """The columns that these dimensions need, each once."""
    return list(dict.fromkeys(name for dimension in dimensions for name in dimension))


# --- spans of days ---


@dataclass(frozen=True, slots=True)
class Days:
    """Whole UTC days [first, until) of one rule."""

    rule: int
    first: date
    until: date

    def began(self, rule: str = "rule_id") -> Q:
        return Q(**{rule: self.rule}) & began_in(midnight(self.first), midnight(self.until))


def spans_of(days: Iterable[tuple[int, date]]) -> list[Days]:
    """Days by rule, neighbours joined."""
    spans: list[Days] = []
    for rule, day in sorted(set(days)):
        if spans and (spans[-1].rule, spans[-1].until) == (rule, day):
            spans[-1] = Days(rule, spans[-1].first, day + DAY)
        else:
            spans.append(Days(rule, day, day + DAY))
    return spans


def began_in(since: datetime | None, until: datetime | None) -> Q:
    """The cohort of [since, until); an end left out is open."""
    ends = {"started_at__gte": since, "started_at__lt": until}
    return Q(**{name: end for name, end in ends.items() if end is not None})


def midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def start_day() -> TruncDate:
    """The UTC day a cycle began on."""
    return TruncDate("started_at", tzinfo=UTC)


@contextmanager
def snapshot() -> Iterator[None]:
    """All reads within see one state of the database, unless a transaction is open already."""
    if connection.in_atomic_block:
        yield
    elif connection.vendor == "postgresql":
        with transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            yield
    else:
        with connection.cursor() as cursor:
            cursor.execute("BEGIN DEFERRED")  # atomic() would take the write lock here
            try:
                yield
            finally:
                cursor.execute("ROLLBACK")


# --- the statement ---


@dataclass(frozen=True, slots=True)
class _Cycles:
    """What the two tables of cycles differ in. `prefix` leads to the handoff's own columns; `arrived` says that a cycle
    came through the portal before it stopped, so that its time can be split.
    """

    rows: QuerySet[Any]
    prefix: str
    instant: Instant
    cancelled: Q | None
    arrived: Q

    @property
    def stopped(self) -> Q:
        return self.instant.has("stop")

    @property
    def counted(self) -> Q:
        return Q() if self.cancelled is None else ~self.cancelled

    @property
    def reason(self) -> Combinable:
        if self.cancelled is None:
            return Value("")
        return Case(When(self.cancelled, then=F("cancel_reason")), default=Value(""))

    def judged(self) -> QuerySet[Any]:
        """With `stop` (when the rule's clock stopped), `judged_at`, and `late_from`: a stop from here on is late on
        the wall.
        """
        ends = [When(self.stopped, then=F("stop"))]
        if self.cancelled is not None:
            ends.append(When(self.cancelled, then=F("cancelled_at")))
        judged_at = Case(*ends, default=Value(self.instant.at), output_field=DateTimeField())
        minutes = ExpressionWrapper(F("sla_minutes"), IntegerField())  # SQLite multiplies no other kind of number
        timer = ExpressionWrapper(minutes * Value(MINUTE, DurationField()), DurationField())
        late_from = _later(_later(F("started_at"), timer), Value(SECOND, DurationField()))
        rows = self.rows.filter(started_at__lte=self.instant.at) if self.instant.is_past else self.rows
        judged: QuerySet[Any] = rows.order_by().alias(stop=_stop()).alias(judged_at=judged_at, late_from=late_from)
        return judged


def _stop() -> Combinable:
    """Handoff.stopped_at: the earliest answer or completion, or completion alone."""
    first = Least(Coalesce("first_response_at", "completed_at"), Coalesce("completed_at", "first_response_at"))
    completed = When(stop_clock=StopClock.COMPLETION, then=F("completed_at"))
    return Case(completed, default=first, output_field=DateTimeField())


def _later(instant: Combinable, length: Combinable) -> Combinable:
    return ExpressionWrapper(instant + length, DateTimeField())


def _grouped(cycles: _Cycles, names: Sequence[str], by_day: bool) -> QuerySet[Any]:
    rows: QuerySet[Any] = (
        cycles.judged()
        .values(
            cell_rule=F(f"{cycles.prefix}rule_id"),
            cell_since=start_day() if by_day else TruncWeek(start_day(), output_field=DateField()),
            cell_reason=cycles.reason,
            **{f"cell_{number}": _column(name, cycles.prefix) for number, name in enumerate(names)},
        )
        .annotate(**_verdicts(cycles), **_lags(cycles))
    )
    return rows


def counts_of(row: Mapping[str, Any], prefix: str = "") -> Counts:
    """Counts out of a row of aggregates; a sum over nothing is nothing."""
    return Counts(**{name: row[f"{prefix}{name}"] or NONE[name] for name in COUNTED})


NONE: Mapping[str, Any] = asdict(Counts())


def spell(value: Any) -> str:
    """A value as it is kept and compared: true, false, the text of a number, "" for none."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)


def in_band(band: str, amount: str = "amount") -> Q:
    """Amounts of a band; "" are those of none. What lies below nothing is in the first."""
    if not band:
        return Q(**{f"{amount}__isnull": True})
    ends = [*BANDS.values()]
    number = ends.index(BANDS[band])
    low = Q(**{f"{amount}__gte": ends[number]}) if number else Q(**{f"{amount}__isnull": False})
    return low & Q(**{f"{amount}__lt": ends[number + 1]}) if number + 1 < len(ends) else low


def _column(name: str, prefix: str) -> Combinable:
    """Channel, ICP, amount and attributes stand on the handoff; the rest each cycle has of its own."""
    if name == "amount":
        bands = [When(in_band(band, f"{prefix}amount"), then=Value(band)) for band in BANDS]
        return Case(*bands, default=Value(""), output_field=CharField())
    if name.startswith(ATTRIBUTE):
        return KeyTextTransform(name.removeprefix(ATTRIBUTE), f"{prefix}attributes")
    return F({"channel": f"{prefix}channel", "icp": f"{prefix}icp", "owner": "first_owner_id"}.get(name, name))


def _verdicts(cycles: _Cycles) -> dict[str, Any]:
    counted, stopped, excluded = cycles.counted, cycles.stopped, cycles.cancelled or NEVER
    missed, late = Q(missed_from__lte=F("judged_at")), Q(late_from__lte=F("judged_at"))
    in_time = stopped & (Q(missed_from__isnull=True) | Q(missed_from__gt=F("judged_at")))
    on_time = stopped & Q(late_from__gt=F("judged_at"))
    in_hours = Q(within_business_hours=True)
    conditions = {
        "excluded": excluded,
        "strict_misses": excluded & missed,
        "business_evaluated": counted & (stopped | missed),
        "business_hits": counted & in_time,
        "absolute_evaluated": counted & (stopped | late),
        "absolute_hits": counted & on_time,
        "in_hours_evaluated": counted & in_hours & (stopped | late),
        "in_hours_hits": counted & in_hours & on_time,
    }
    return {"n": Count("pk"), **{name: Count("pk", filter=condition) for name, condition in conditions.items()}}


def _lags(cycles: _Cycles) -> dict[str, Any]:
    """Wall-clock time from start to stop in three parts: until it arrived, until it had an owner, until it stopped."""
    measured = cycles.stopped & cycles.arrived & cycles.counted
    got = Greatest(F(f"{cycles.prefix}ingested_at"), F("started_at"))
    given = Least(Greatest(Coalesce(F("assigned_at"), F("stop")), got), F("stop"))
    parts: dict[str, tuple[Combinable, Combinable]]
    parts = {"ingest": (F("started_at"), got), "routing": (got, given), "human": (given, F("stop"))}
    lengths = {name: ExpressionWrapper(until - since, DurationField()) for name, (since, until) in parts.items()}
    return {
        "measured": Count("pk", filter=measured),
        **{name: Sum(length, filter=measured) for name, length in lengths.items()},
    }
