"""The week as the weekly review looks at it: what ran past its timer and why, and what nobody heard.

Page, API and CSV read `review`; it answers with a bounded number of queries, whatever lies in the week.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.db.models import Case, Count, F, OuterRef, Q, QuerySet, Subquery, Value, When
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
# What lacks a backup longest comes first, of the rest the newest.
ORDER = {"missing_backup": "started_at", "late_arrivals": "-started_at", "historical_open": "-started_at"}
HERE, BEFORE, EARLIER_CYCLES = 0, 1, 2
TALLIED = ("rule_id", "has_breached", "breach_reason")
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

    `rules` are at work or something happened to them, `choices` are all one may ask for; `changes` are newest first
    and may be cut (`changes_cut`); `untagged_before` are those of the week before that nobody has named a reason for.
    """

    week: Week
    rule: Rule | None
    from_at: datetime
    until: datetime
    now: datetime
    overruns: list[Overrun]
    reasons: list[ReasonCount]
    rules: list[RuleWeek]
    choices: list[Rule]
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
    span, before = (from_at, until), (week.before.from_at, week.before.from_at + (until - from_at))
    seen, rules = Handoff.objects.visible_to(principal), Rule.objects.visible_to(principal)
    chosen = rules
    if rule is not None:
        seen, chosen = seen.filter(rule=rule), rules.filter(pk=rule.pk)
    known = known_reasons()
    tallies = _tallies(seen, chosen, span, before, now)
    found = _records(seen, span, now)
    weeks = _rule_weeks(rules, tallies, span, before)
    changes = _changes(principal, from_at, until)
    return Review(
        week=week,
        rule=rule,
        from_at=from_at,
        until=until,
        now=now,
        overruns=_read(_overruns_among(found), known),
        reasons=_reasons(tallies[HERE], known),
        rules=_told(weeks, rule),
        choices=sorted((one.rule for one in weeks), key=lambda one: one.name),
        untagged_before=sum(one.records for one in tallies[BEFORE] if not one.breach_reason),
        earlier_cycles=_earlier_cycles(chosen, span) if tallies[EARLIER_CYCLES] else [],
        silent=silent_stages(chosen, from_at, until),
        changes=changes[:MAX_CHANGES],
        changes_cut=len(changes) > MAX_CHANGES,
        missing_backup=_some(found, "missing_backup"),
        late_arrivals=_some(found, "late_arrivals"),
        historical_open=_some(found, "historical_open"),
        known=known,
    )


def list_overruns(seen: HandoffQuerySet, from_at: datetime, until: datetime, *, now: datetime) -> HandoffQuerySet:
    """Records that breached in [from_at, until), and those that missed in it and have not breached by `now`.

    Shadows count nowhere; history that has stopped counts like the rest. `ran_out_at` and `has_breached` are added.
    """
    rows: Any = seen.filter(_overran(from_at, until, now), shadow=False).annotate(**_verdict(now))
    ordered: HandoffQuerySet = _lean(rows).order_by("-has_breached", "-ran_out_at", "pk")
    return ordered


def _lean(rows: Any) -> Any:
    """With the names a list shows, and without the columns it does not: there may be hundreds."""
    return rows.select_related("rule", "owner").defer("deadlines", "attributes", "held_by", "owner__password")


def read_overruns(rows: Iterable[Handoff]) -> list[Overrun]:
    """Rows of `list_overruns` with their reasons."""
    return _read(rows, known_reasons())


def _verdict(now: datetime) -> dict[str, Any]:
    has_breached = Q(breached=True) | RUNNING & Q(breached_from__lte=now)
    ran_out_at = Case(When(has_breached, then="breached_from"), default="missed_from")
    return {"ran_out_at": ran_out_at, "has_breached": Case(When(has_breached, then=True), default=False)}


def _records(seen: HandoffQuerySet, span: Span, now: datetime) -> list[Any]:
    """Every record the review names, each once, oldest start first, by one statement.

    `is_overrun`, `is_missing_backup`, … say what for, `all_missing_backup`, … how many there are of the kind.
    """
    from_at, until = span
    kinds = {
        "missing_backup": RUNNING & Q(backup_missing=True, historical=False),
        "late_arrivals": Q(late_on_arrival=True, ingested_at__gte=from_at, ingested_at__lt=until),
        "historical_open": RUNNING & Q(historical=True),
    }
    parts: list[Any] = [list_overruns(seen, from_at, until, now=now)[:MAX_OVERRUNS]]
    parts += [seen.filter(kind).order_by(ORDER[name])[:LISTED] for name, kind in kinds.items()]
    keys = [Handoff.objects.filter(pk__in=part.values("pk")).order_by().values("pk") for part in parts]
    kinds["overrun"] = _overran(from_at, until, now) & Q(shadow=False)
    rows: Any = Handoff.objects.filter(pk__in=keys[0].union(*keys[1:])).annotate(
        **_verdict(now),
        **{f"is_{name}": Case(When(kind, then=True), default=False) for name, kind in kinds.items()},
        **{f"all_{name}": _count(seen.filter(kinds[name])) for name in ORDER},
    )
    return sorted(_lean(rows), key=lambda one: (one.started_at, one.pk))


def _count(rows: HandoffQuerySet) -> Coalesce:
    """How many there are, counted once beside whatever else is read."""
    one = rows.order_by().annotate(all=Value(1)).values("all").annotate(n=Count("pk")).values("n")
    return Coalesce(Subquery(one), 0)


def _overruns_among(found: list[Any]) -> list[Any]:
    overrun = [one for one in found if one.is_overrun]
    return sorted(overrun, key=lambda one: (one.has_breached, one.ran_out_at), reverse=True)[:MAX_OVERRUNS]


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


def _tallies(
    seen: HandoffQuerySet, rules: QuerySet[Rule], span: Span, before: Span, now: datetime
) -> list[list[Tally]]:
    """How many ran out per rule, verdict and reason: in the week, in the one before, and of earlier cycles; one
    statement.
    """
    tallies: list[list[Tally]] = [[], [], []]
    parts = [
        _counted(list_overruns(seen, *span, now=now).values(*TALLIED), HERE),
        _counted(list_overruns(seen, *before, now=now).values(*TALLIED), BEFORE),
        _counted(_past_misses(rules, span).values(*TALLIED), EARLIER_CYCLES),
    ]
    for row in parts[0].union(*parts[1:], all=True):
        tallies[row.pop("span")].append(Tally(**row))
    return tallies


def _counted(rows: Any, span: int) -> QuerySet[Any, dict[str, Any]]:
    counted: QuerySet[Any, dict[str, Any]] = rows.order_by().annotate(records=Count("pk"), span=Value(span))
    return counted


def _past_misses(rules: QuerySet[Rule], span: Span) -> Any:
    """Cycles of reopened records that missed and were closed in the week: their verdict stays, the record goes on."""
    closed = {"closed_at__gte": span[0], "closed_at__lt": span[1]}
    missed = PastCycle.objects.filter(
        missed=True, handoff__shadow=False, handoff__rule__in=rules.values("pk"), **closed
    )
    return missed.annotate(rule_id=F("handoff__rule_id"), has_breached=F("breached"))


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
    """One line for each rule, the one with most overruns first."""
    latest = Handoff.objects.filter(rule=OuterRef("pk")).order_by("-started_at").values("started_at")[:1]
    counted = rules.annotate(started=_started(*span), started_before=_started(*before), latest=Subquery(latest))
    weeks = []
    for rule in counted.select_related("team"):
        here, there = ([row for row in tally if row.rule_id == rule.pk] for tally in tallies[:EARLIER_CYCLES])
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
    return sorted(weeks, key=lambda one: (-one.overran, -one.started, one.rule.name))


def _told(weeks: list[RuleWeek], rule: Rule | None) -> list[RuleWeek]:
    """The rules that are at work or to which something happened; the one asked for in any case."""
    if rule is not None:
        return [one for one in weeks if one.rule == rule]
    return [one for one in weeks if one.rule.mode == RuleMode.ACTIVE or one.started or one.overran]


def _started(from_at: datetime, until: datetime) -> Coalesce:
    rows = Handoff.objects.filter(rule=OuterRef("pk"), shadow=False, started_at__gte=from_at, started_at__lt=until)
    return Coalesce(Subquery(rows.order_by().values("rule").annotate(n=Count("pk")).values("n")), 0)


def _sum(rows: Iterable[Tally]) -> int:
    return sum(row.records for row in rows)


def _earlier_cycles(rules: QuerySet[Rule], span: Span) -> list[PastCycle]:
    return list(_past_misses(rules, span).select_related("handoff").order_by("-closed_at")[:20])


def _changes(principal: Principal | None, from_at: datetime, until: datetime) -> list[Entry]:
    """What people changed about rules, calendars, people and timers, newest first; one more than is shown."""
    actions = [one for one in sentences.actions() if one.startswith(CHANGES) and not one.startswith(NO_CHANGES)]
    entries = audit.list_entries(teams=audit.visible_teams(principal), from_at=from_at, until=until)
    return list(entries.filter(action__in=actions)[: MAX_CHANGES + 1])


def _some(found: list[Any], name: str) -> Some:
    """The first few of a kind; `found` holds at least those, and the count of all beside each row."""
    of_kind = [one for one in found if getattr(one, f"is_{name}")]
    if ORDER[name].startswith("-"):
        of_kind.reverse()
    return Some(getattr(of_kind[0], f"all_{name}") if of_kind else 0, of_kind[:LISTED])


def _said(one: Overrun) -> str:
    return one.reason.label if one.reason else one.text
