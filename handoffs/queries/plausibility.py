"""A rule's calendar beside its stored history: which human answers, which records."""

from dataclasses import dataclass, replace
from datetime import datetime

from handoffs.engine import plausibility as engine
from handoffs.engine.plausibility import Plausibility
from handoffs.models import Handoff, Rule
from handoffs.queries.what_if import MAX_RECORDS, Reader, Terms, read_rows, span_of
from opsportal.calendars.models import CalendarVersion
from opsportal.calendars.queries import business_time, current_version


@dataclass(frozen=True, slots=True)
class CalendarCheck:
    """`version` is the one in force; `is_cut`: only the newest 20,000 were read; `unknown` answers have nobody's name
    and count as human.
    """

    rule: Rule
    version: CalendarVersion
    from_at: datetime
    until: datetime
    found: Plausibility
    records: int
    unknown: int
    is_cut: bool

    @property
    def verdict(self) -> tuple[str, str]:
        """(tone, sentence)"""
        return engine.verdict(self.found)


def calendar_check(
    rule: Rule, *, now: datetime, from_at: datetime | None = None, until: datetime | None = None
) -> CalendarCheck:
    """Hold the rule's calendar against the answers people gave to records that began in [from_at, until); without a
    start, in the last 91 days.
    """
    since, end = span_of(from_at, until, now)
    version = current_version(rule.terms.calendar.slug)
    hours = business_time(version.pk)
    rows = read_rows(rule, since, end)
    is_cut, rows = len(rows) > MAX_RECORDS, rows[:MAX_RECORDS]
    reader = Reader(rule, rows, Terms())
    clocks = [replace(reader.case(row).clock, hours=hours) for row in rows]
    answers = _answers(rule, since, end)
    found = engine.check(hours, [at for at, _ in answers], clocks, now)
    unknown = sum(kind == "unknown" for _, kind in answers)
    return CalendarCheck(rule, version, since, end, found, len(rows), unknown, is_cut)


def _answers(rule: Rule, since: datetime, until: datetime) -> list[tuple[datetime, str]]:
    """When people answered, and what kind of responder it was; a machine's answer is none."""
    span = {"started_at__gte": since, "started_at__lt": until}
    answered = Handoff.objects.filter(rule=rule, first_response_at__isnull=False, **span).exclude(
        responder_kind="system"
    )
    rows = answered.order_by("-started_at").values_list("first_response_at", "responder_kind")
    return [(at, kind) for at, kind in rows[:MAX_RECORDS] if at is not None]
