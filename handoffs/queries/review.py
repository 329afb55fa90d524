"""The week as the weekly review looks at it: what ran past its timer and why, and what nobody heard.

Page, API and CSV read `review`; it answers with a bounded number of queries, whatever lies in the week.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.db.models import Case, Count, OuterRef, Q, QuerySet, Subquery, Value, When, Window
from django.db.models.functions import Coalesce

from handoffs.engine.weeks import Week
from handoffs.models import BreachReason, Handoff, HandoffQuerySet, PastCycle, Rule
from handoffs.models.handoffs import RUNNING
from handoffs.queries.reasons import KnownReasons, fold, known_reasons
from handoffs.queries.silence import SilentStage, silent_stages
from handoffs.states import RuleMode
from opsportal.audit import queries as audit
from opsportal.audit import sentences
from opsportal.audit.models import Entry
from opsportal.identity.actors import Principal

MAX_OVERRUNS = 500  # rows that are read; all are counted, and the CSV has all
MAX_CHANGES = 60
LISTED = 6  # of what is only pointed at
IDLE = timedelta(days=28)  # a rule at work that opened nothing for so long is asked about
CHANGES = ("rule.", "calendar.", "reason.", "absence.", "team.", "person.", "handoff.sla_changed")
Span = tuple[datetime, datetime]
NO_CHANGES = ("person.signed_", "person.sign_in_", "person.locked", "person.unlocked", "person.password_")


@dataclass(frozen=True, slots=True)
class Overrun:
    """A record that ran past its timer in the week; breached ones count in the week they breached.

    `reason` is that of the list for what the record says; `text` is what it says, empty where nobody noted any.
    """

    handoff: Handoff
    ran_out_at: datetime
    breached: bool
    text: str
    reason: BreachReason | None


@dataclass(frozen=True, slots=True)
class ReasonCount:
    """A reason, or words that are not on the list, with how many records of the week say so."""

    text: str
    is_listed: bool
    records: int
    breached: int


@dataclass(frozen=True, slots=True)
class RuleWeek:
    """One rule's week beside the week before it, up to the same point where this one is not over."""

    rule: Rule
    started: int
    overran: int
    breached: int
    untagged: int
    started_before: int
    overran_before: int
    breached_before: int
    last_started_at: datetime | None

    def is_idle(self, at: datetime) -> bool:
        """Whether it is at work and has opened nothing for four weeks."""
        since = self.last_started_at or self.rule.activated_at or self.rule.created_at
        return self.rule.mode == RuleMode.ACTIVE and since < at - IDLE


class Tally(NamedTuple):
    """So many records of a rule, with this verdict, say this."""

    rule_id: int
    has_breached: bool
    breach_reason: str
    records: int


@dataclass(frozen=True, slots=True)
class Some:
    """The first few of something and how many there are."""

    count: int
    handoffs: list[Handoff]


@dataclass(frozen=True, slots=True)
class Review:
    """Everything the review of [from_at, until) shows; `until` lies before the week's end while it runs.

    `changes` are newest first and may be cut (`changes_cut`); `untagged_before` are those of the week before that
    nobody has named a reason for.
    """

    week: Week
    rule: Rule | None
    from_at: datetime
    until: datetime
    now: datetime
    overruns: list[Overrun]
    reasons: list[ReasonCount]
    rules: list[RuleWeek]
    untagged_before: int
    earlier_cycles: list[PastCycle]
    silent: list[SilentStage]
    changes: list[Entry]
    changes_cut: bool
    missing_backup: Some
    late_arrivals: Some
    historical_open: Some
    known: KnownReasons

    @property
    def is_running(self) -> bool:
        return self.until < self.week.until

    @property
    def overran(self) -> int:
        return sum(one.overran for one in self.rules)

    @property
    def breached(self) -> int:
        return sum(one.breached for one in self.rules)

    @property
    def untagged(self) -> int:
        return sum(one.untagged for one in self.rules)

    @property
    def top_reason(self) -> ReasonCount | None:
        return self.reasons[0] if self.reasons else None

    @property
    def top_records(self) -> list[Overrun]:
        """The records of the top reason, among those that were read."""
        top = self.top_reason
        return [one for one in self.overruns if top and fold(_said(one)) == fold(top.text)]

    @property
    def idle_rules(self) -> list[RuleWeek]:
        return [one for one in self.rules if one.is_idle(self.until)]


def review(principal: Principal | None, week: Week, *, now: datetime, rule: Rule | None = None) -> Review:
    """The review of a week as somebody may see it, of one rule if asked."""
    from_at, until = week.from_at, max(week.from_at, min(week.until, now))
    seen = Handoff.objects.visible_to(principal)
    rules = Rule.objects.visible_to(principal)
    if rule is not None:
        seen, rules = seen.filter(rule=rule), rules.filter(pk=rule.pk)
    known = known_reasons()
    before = (week.before.from_at, week.before.from_at + (until - from_at))
    tallies = _tallies(seen, [(from_at, until), before], now)
    changes = _changes(principal, from_at, until)
    return Review(
        week=week,
        rule=rule,
        from_at=from_at,
        until=until,
        now=now,
        overruns=_read(list_overruns(seen, from_at, until, now=now)[:MAX_OVERRUNS], known),
        reasons=_reasons(tallies[0], known),
        rules=_rule_weeks(rules, tallies, (from_at, until), before),
        untagged_before=sum(one.records for one in tallies[1] if not one.breach_reason),
        earlier_cycles=_earlier_cycles(rules, from_at, until),
        silent=silent_stages(rules, from_at, until),
        changes=changes[:MAX_CHANGES],
        changes_cut=len(changes) > MAX_CHANGES,
        missing_backup=_some(seen.running().filter(backup_missing=True, historical=False).order_by("started_at")),
        late_arrivals=_some(
            seen.filter(late_on_arrival=True, ingested_at__gte=from_at, ingested_at__lt=until).order_by("-ingested_at")
        ),
        historical_open=_some(seen.running().filter(historical=True).order_by("-started_at")),
        known=known,
    )


def list_overruns(seen: HandoffQuerySet, from_at: datetime, until: datetime, *, now: datetime) -> HandoffQuerySet:
    """Records that breached in [from_at, until), and those that missed in it and have not breached by `now`.

    Shadows count nowhere; history that has stopped counts like the rest. `ran_out_at` and `has_breached` are added.
    """
    has_breached = Q(breached=True) | RUNNING & Q(breached_from__lte=now)
    ran_out_at = Case(When(has_breached, then="breached_from"), default="missed_from")
    verdict = {"ran_out_at": ran_out_at, "has_breached": Case(When(has_breached, then=True), default=False)}
    rows: Any = seen.filter(_overran(from_at, until, now), shadow=False).annotate(**verdict).with_names()
    ordered: HandoffQuerySet = rows.order_by("-has_breached", "-ran_out_at", "pk")
    return ordered


def read_overruns(rows: Iterable[Handoff]) -> list[Overrun]:
    """Rows of `list_overruns` with their reasons."""
    return _read(rows, known_reasons())


def _overran(from_at: datetime, until: datetime, now: datetime) -> Q:
    """Four ranges of an index each: what stopped, and what runs and is judged as of `now`."""

    def within(name: str) -> Q:
        return Q(**{f"{name}__gte": from_at, f"{name}__lt": until})

    unmarked = RUNNING & Q(historical=False, breached=False, missed_from__lte=now)  # the next sweep marks them
    return (
        Q(breached=True) & within("breached_from")
        | Q(missed=True, breached=False) & within("missed_from")
        | unmarked & within("breached_from") & Q(breached_from__lte=now)
        | unmarked & within("missed_from") & (Q(breached_from=None) | Q(breached_from__gt=now))
    )


def _read(rows: Iterable[Handoff], known: KnownReasons) -> list[Overrun]:
    return [
        Overrun(
            handoff=one,
            ran_out_at=one.ran_out_at,  # type: ignore[attr-defined]
            breached=one.has_breached,  # type: ignore[attr-defined]
            text=one.breach_reason,
            reason=known.find(one.breach_reason) if one.breach_reason else None,
        )
        for one in rows
    ]


def _tallies(seen: HandoffQuerySet, spans: list[Span], now: datetime) -> list[list[Tally]]:
    """How many ran out per rule, verdict and reason, for each span: one statement."""
    tallies: list[list[Tally]] = [[] for _ in spans]
    parts = [_counted(list_overruns(seen, *span, now=now), number) for number, span in enumerate(spans)]
    for row in parts[0].union(*parts[1:], all=True):
        tallies[row.pop("span")].append(Tally(**row))
    return tallies


def _counted(rows: Any, span: int) -> QuerySet[Any, dict[str, Any]]:
    grouped = rows.select_related(None).order_by().values("rule_id", "has_breached", "breach_reason")
    counted: QuerySet[Any, dict[str, Any]] = grouped.annotate(records=Count("pk"), span=Value(span))
    return counted


def _reasons(tally: list[Tally], known: KnownReasons) -> list[ReasonCount]:
    """The reasons of a week, the most frequent first; of equals, the one with more breaches."""
    records, breached = Counter[str](), Counter[str]()
    spelled: dict[str, tuple[str, bool]] = {}
    for row in tally:
        if not row.breach_reason:
            continue
        listed = known.find(row.breach_reason)
        text = listed.label if listed else row.breach_reason
        key = fold(text)
        spelled.setdefault(key, (text, listed is not None))
        records[key] += row.records
        breached[key] += row.records if row.has_breached else 0
    order = sorted(records, key=lambda key: (-records[key], -breached[key], key))
    return [
        ReasonCount(text, is_listed, records[key], breached[key]) for key in order for text, is_listed in [spelled[key]]
    ]


def _rule_weeks(
    rules: QuerySet[Rule],
    tallies: list[list[Tally]],
    span: Span,
    before: Span,
) -> list[RuleWeek]:
    """One line for each rule that is at work or to which something happened, the busiest with overruns first."""
    latest = Handoff.objects.filter(rule=OuterRef("pk")).order_by("-started_at").values("started_at")[:1]
    counted = rules.annotate(started=_started(*span), started_before=_started(*before), latest=Subquery(latest))
    weeks = []
    for rule in counted.select_related("team"):
        here, there = ([row for row in tally if row.rule_id == rule.pk] for tally in tallies)
        weeks.append(
            RuleWeek(
                rule=rule,
                started=rule.started,
                overran=_sum(here),
                breached=_sum(row for row in here if row.has_breached),
                untagged=_sum(row for row in here if not row.breach_reason),
                started_before=rule.started_before,
                overran_before=_sum(there),
                breached_before=_sum(row for row in there if row.has_breached),
                last_started_at=rule.latest,
            )
        )
    told = [one for one in weeks if one.rule.mode == RuleMode.ACTIVE or one.started or one.overran]
    return sorted(told, key=lambda one: (-one.overran, -one.started, one.rule.name))


def _started(from_at: datetime, until: datetime) -> Coalesce:
    rows = Handoff.objects.filter(rule=OuterRef("pk"), shadow=False, started_at__gte=from_at, started_at__lt=until)
    return Coalesce(Subquery(rows.order_by().values("rule").annotate(n=Count("pk")).values("n")), 0)


def _sum(rows: Iterable[Tally]) -> int:
    return sum(row.records for row in rows)


def _earlier_cycles(rules: QuerySet[Rule], from_at: datetime, until: datetime) -> list[PastCycle]:
    """Cycles of reopened records that missed and were closed in the week: their verdict stays, the record goes on."""
    missed = PastCycle.objects.filter(missed=True, handoff__shadow=False, handoff__rule__in=rules)
    return list(
        missed.filter(closed_at__gte=from_at, closed_at__lt=until).select_related("handoff").order_by("-closed_at")[:20]
    )


def _changes(principal: Principal | None, from_at: datetime, until: datetime) -> list[Entry]:
    """What people changed about rules, calendars, people and timers, newest first; one more than is shown."""
    actions = [one for one in sentences.actions() if one.startswith(CHANGES) and not one.startswith(NO_CHANGES)]
    entries = audit.list_entries(teams=audit.visible_teams(principal), from_at=from_at, until=until)
    return list(entries.filter(action__in=actions)[: MAX_CHANGES + 1])


def _some(rows: HandoffQuerySet) -> Some:
    """The first few and the count of all, by one statement."""
    found = list(rows.with_names().annotate(total=Window(Count("pk")))[:LISTED])
    return Some(found[0].total if found else 0, found)  # type: ignore[attr-defined]


def _said(one: Overrun) -> str:
    return one.reason.label if one.reason else one.text
