"""What is known of some SLOs beside their buckets, read once for all of them: how far the portal looked, when it was
blind, what does not count, which heartbeats were missed, when runs violated a rule.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, NamedTuple

from django.db.models import BigIntegerField, DateTimeField, Exists, F, OuterRef, Q, QuerySet, Subquery, Value
from django.db.models.functions import Cast

from opsportal.catalog.models import Automation
from opsportal.sweeps.models import BlindSpell
from slos.budgets import terms
from slos.budgets.engine import Span, merge
from slos.budgets.engine import violations as rules
from slos.budgets.engine.buckets import DAY, MINUTE, ceil, floor
from slos.budgets.engine.violations import MISSED, Violation
from slos.models import DirtyMinute, Downtime, Exclusion, Fact, Run, RunBucket, RunHorizon, Slo, Watermark
from slos.states import OUTAGES, RunStatus

NEVER = datetime.min.replace(tzinfo=UTC)
Rows = QuerySet[Any, tuple[Any, ...]]


@dataclass(frozen=True, slots=True)
class Known:
    """Of [since, until): `seen_from` by automation is its first event, if that came before the portal's first sweep.

    `watermark` None: the portal has never swept.
    """

    watermark: datetime | None
    portal_since: datetime | None
    blind: Sequence[Span]
    excluded: dict[int, list[Span]] = field(default_factory=dict)
    violations: dict[int, list[Violation]] = field(default_factory=dict)
    first_events: dict[int, datetime] = field(default_factory=dict)
    rebuilding: frozenset[int] = frozenset()

    def measured_from(self, slo: Slo) -> datetime | None:
        """From when on silence means something: the portal's first sweep, or history from before it."""
        first = self.first_events.get(slo.automation_id or 0)
        known = [at for at in (self.portal_since, first) if at]
        return min(known, default=None)

    def up_to(self, at: datetime | None) -> datetime:
        """Where a rolling window ends."""
        ends = [one for one in (at, self.watermark) if one]
        return min(ends, default=NEVER)


def watermark() -> Watermark | None:
    return Watermark.objects.filter(pk=1).first()


def know(slos: Sequence[Slo], since: datetime, until: datetime) -> Known:
    """One statement, however many SLOs: each kind of knowledge is some of its rows."""
    timed = [one for one in slos if terms.counts_time(one)]
    parts = [*_of_all(slos, since, until), *_of_timed(timed, since, until)]
    rows: dict[str, list[_Row]] = defaultdict(list)
    for row in parts[0].union(*parts[1:], all=True):
        rows[row[0]].append(_Row(*row[1:]))
    mark = next(iter(rows["watermark"]), None)
    return Known(
        watermark=mark.end if mark else None,
        portal_since=mark.start if mark else None,
        blind=merge((one.start, one.end) for one in rows["blind"]),
        excluded=_excluded(slos, rows["excluded"]),
        violations=_violations(timed, rows, until),
        first_events=_first_events(rows["first"]),
        rebuilding=frozenset(one.owner for one in rows["rebuilding"]),
    )


# --- the rows, all of one shape ---


class _Row(NamedTuple):
    """`owner` is the key of an SLO, or of a heartbeat; what a kind does not have is None or empty."""

    owner: Any
    automation: Any
    start: Any
    end: Any
    rule: str
    error: str
    version: str


_KEY, _AT, _TEXT = Cast(Value(None), BigIntegerField()), Cast(Value(None), DateTimeField()), Value("")
_SHAPE: dict[str, Any] = {"owner": _KEY, "automation": _KEY, "start": _AT, "end": _AT} | dict.fromkeys(
    ("rule", "error", "version"), _TEXT
)


def _rows(what: str, found: QuerySet[Any], **columns: Any) -> Rows:
    """Named apart from the columns of the tables."""
    named: dict[str, Any] = {f"known_{name}": columns.get(name, nothing) for name, nothing in _SHAPE.items()}
    return found.order_by().annotate(known_what=Value(what), **named).values_list("known_what", *named)  # type: ignore[no-any-return]


def _of_all(slos: Sequence[Slo], since: datetime, until: datetime) -> Iterable[Rows]:
    ids, automations = [one.pk for one in slos], {one.automation_id for one in slos if one.automation_id}
    yield _rows("watermark", Watermark.objects.filter(pk=1), start=F("since"), end=F("at"))
    spells = BlindSpell.objects.filter(until__gt=since, from_at__lt=until)
    yield _rows("blind", spells, start=F("from_at"), end=F("until"))
    exclusions = Exclusion.objects.filter(
        Q(slo__in=ids) | Q(automation__in=automations),
        approved_at__isnull=False,
        withdrawn_at=None,
        until__gt=since,
        from_at__lt=until,
    )
    columns = {"owner": F("slo_id"), "automation": F("automation_id"), "start": F("from_at"), "end": F("until")}
    yield _rows("excluded", exclusions, **columns)
    dirty = DirtyMinute.objects.filter(slo=OuterRef("pk"))
    yield _rows("rebuilding", Slo.objects.filter(Exists(dirty), pk__in=ids), owner=F("pk"))
    if automations:
        yield _first(automations)


def _first(automations: Collection[int]) -> Rows:
    """The first minute with a run, and the first day with one."""
    firsts = {"start": _first_bucket(MINUTE), "end": _first_bucket(DAY)}
    return _rows("first", Automation.objects.filter(pk__in=automations), automation=F("pk"), **firsts)


def _first_bucket(width: int) -> Subquery:
    buckets = RunBucket.objects.filter(automation=OuterRef("pk"), width=width).order_by("start")
    return Subquery(buckets.values("start")[:1])


def _of_timed(timed: Sequence[Slo], since: datetime, until: datetime) -> Iterable[Rows]:
    down = [one for one in timed if terms.counts_downtime(one)]
    if down:
        kept = Downtime.objects.filter(
            Q(until__gt=since) | Q(until=None), slo__in=[one.pk for one in down], from_at__lt=until
        )
        told = {"rule": F("rule"), "error": F("error"), "version": F("version")}
        yield _rows("downtime", kept, owner=F("slo_id"), start=F("from_at"), end=F("until"), **told)
    limits = [(limit, one.automation_id) for one in down if (limit := terms.run_limit(one))]
    if limits:
        shortest = min(limit for limit, _ in limits)
        running = Run.objects.filter(
            status=RunStatus.RUNNING.value,
            started_at__lt=until - shortest,
            automation__in={automation for _, automation in limits},
        )
        columns = {"automation": F("automation_id"), "start": F("started_at"), "version": F("version")}
        yield _rows("running", running, **columns)
    if minding := [one for one in timed if terms.minds_heartbeats(one)]:
        yield _outages(minding, since, until)


def _outages(slos: Sequence[Slo], since: datetime, until: datetime) -> Rows:
    """Missed heartbeats: of an SLO's own heartbeat, or of all of its automation's."""
    owners = Q(heartbeat__in=[one.heartbeat_id for one in slos if one.heartbeat_id]) | Q(
        automation__in=[one.automation_id for one in slos if one.automation_id and not one.heartbeat_id]
    )
    facts = Fact.objects.filter(
        owners,
        Q(ended_at__gt=since) | Q(ended_at=None),
        kind__in=OUTAGES,
        occurred_at__lt=until,
    )
    columns = {"owner": F("heartbeat_id"), "automation": F("automation_id")}
    return _rows("outage", facts, **columns, start=F("occurred_at"), end=F("ended_at"))


# --- what they tell ---


def _excluded(slos: Sequence[Slo], rows: Iterable[_Row]) -> dict[int, list[Span]]:
    """By SLO: its own and its automation's."""
    of_slo: dict[int | None, list[Span]] = defaultdict(list)
    of_automation: dict[int | None, list[Span]] = defaultdict(list)
    for one in rows:
        (of_slo[one.owner] if one.owner else of_automation[one.automation]).append((one.start, one.end))
    if not of_slo and not of_automation:
        return {}
    return {one.pk: merge([*of_slo[one.pk], *of_automation[one.automation_id]]) for one in slos}


def _first_events(rows: Iterable[_Row]) -> dict[int, datetime]:
    """The first minute with a run; where minutes that old are no longer kept, the first day with one."""
    found = {}
    for one in rows:
        minute, day = one.start, one.end
        is_older = day is not None and (minute is None or day < floor(minute, DAY))
        first = day if is_older else minute
        if first is not None:
            found[one.automation] = first
    return found


def _violations(slos: Sequence[Slo], rows: Mapping[str, list[_Row]], until: datetime) -> dict[int, list[Violation]]:
    found: dict[int, list[Violation]] = defaultdict(list)
    for one in rows.get("downtime", ()):
        found[one.owner].append(Violation(one.rule, one.start, one.end, one.error, one.version))
    running, missed, silent = (defaultdict[Any, list[_Row]](list) for _ in range(3))
    for one in rows.get("running", ()):
        running[one.automation].append(one)
    for one in rows.get("outage", ()):
        missed[one.automation].append(one)
        silent[one.owner].append(one)
    for slo in slos:
        mine = [*_over_limit(slo, running.get(slo.automation_id, ()), until)]
        if terms.minds_heartbeats(slo):
            outages = silent.get(slo.heartbeat_id, ()) if slo.heartbeat_id else missed.get(slo.automation_id, ())
            mine += [Violation(rules.HEARTBEAT, one.start, one.end, MISSED) for one in outages]
        if mine:
            found[slo.pk] += mine
    return found


def _over_limit(slo: Slo, running: Iterable[_Row], until: datetime) -> Iterable[Violation]:
    """Runs that have not ended and are over their limit already."""
    limit = terms.run_limit(slo) if terms.counts_downtime(slo) else None
    for one in running if limit else ():
        if limit and one.start + limit < until:
            yield Violation(rules.LIMIT, one.start + limit, None, rules.OVER_LIMIT, one.version)


def runs_kept_from(automations: Iterable[int]) -> dict[int, datetime]:
    """The first day of which all runs are still there, where some were deleted. Older ones stay as they were."""
    rows = RunHorizon.objects.filter(automation__in=list(automations)).values_list("automation_id", "until")
    return {automation: ceil(until, DAY) for automation, until in rows}


def first_event(automation: int) -> datetime | None:
    return _first_events(_Row(*row[1:]) for row in _first({automation})).get(automation)
