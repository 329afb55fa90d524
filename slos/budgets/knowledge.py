"""What is known of some SLOs beside their buckets, read once for all of them: how far the portal looked, when it was
blind, what does not count, which heartbeats were missed, when runs violated a rule.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from django.db.models import OuterRef, Q, Subquery

from opsportal.catalog.models import Automation
from opsportal.sweeps.models import BlindSpell
from slos.budgets import terms
from slos.budgets.engine import Span, merge
from slos.budgets.engine import violations as rules
from slos.budgets.engine.buckets import DAY, MINUTE, ceil, floor
from slos.budgets.engine.violations import MISSED, Violation
from slos.models import DirtyMinute, Downtime, Exclusion, Fact, Run, RunBucket, RunHorizon, Slo, Watermark
from slos.states import FactKind, RunStatus

NEVER = datetime.min.replace(tzinfo=UTC)


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
    """Seven queries at most, however many SLOs."""
    mark = watermark()
    timed = [one for one in slos if terms.counts_time(one)]
    ids = [one.pk for one in slos]
    return Known(
        watermark=mark.at if mark else None,
        portal_since=mark.since if mark else None,
        blind=_blind(since, until),
        excluded=_excluded(slos, since, until),
        violations=_violations(timed, since, until),
        first_events=_first_events({one.automation_id for one in slos if one.automation_id}),
        rebuilding=frozenset(DirtyMinute.objects.filter(slo__in=ids).values_list("slo_id", flat=True).distinct()),
    )


def _blind(since: datetime, until: datetime) -> list[Span]:
    spells = BlindSpell.objects.filter(until__gt=since, from_at__lt=until)
    return merge(spells.values_list("from_at", "until"))


def _excluded(slos: Sequence[Slo], since: datetime, until: datetime) -> dict[int, list[Span]]:
    """By SLO: its own and its automation's."""
    owners = Q(slo__in=[one.pk for one in slos]) | Q(automation__in={one.automation_id for one in slos} - {None})
    rows = Exclusion.objects.filter(
        owners, approved_at__isnull=False, withdrawn_at=None, until__gt=since, from_at__lt=until
    ).order_by()
    of_slo: dict[int | None, list[Span]] = defaultdict(list)
    of_automation: dict[int | None, list[Span]] = defaultdict(list)
    for slo, automation, start, end in rows.values_list("slo_id", "automation_id", "from_at", "until"):
        (of_slo[slo] if slo else of_automation[automation]).append((start, end))
    if not of_slo and not of_automation:
        return {}
    return {one.pk: merge([*of_slo[one.pk], *of_automation[one.automation_id]]) for one in slos}


def _first_events(automations: set[int]) -> dict[int, datetime]:
    """The first minute with a run; where minutes that old are no longer kept, the first day with one."""
    if not automations:
        return {}
    rows = Automation.objects.filter(pk__in=automations).order_by().values_list("pk", _first(MINUTE), _first(DAY))
    found = {}
    for automation, minute, day in rows:
        is_older = day is not None and (minute is None or day < floor(minute, DAY))
        first = day if is_older else minute
        if first is not None:
            found[automation] = first
    return found


def _first(width: int) -> Subquery:
    buckets = RunBucket.objects.filter(automation=OuterRef("pk"), width=width).order_by("start")
    return Subquery(buckets.values("start")[:1])


def _violations(slos: Sequence[Slo], since: datetime, until: datetime) -> dict[int, list[Violation]]:
    found: dict[int, list[Violation]] = defaultdict(list)
    if slos:
        _add_downtimes(found, [one for one in slos if terms.counts_downtime(one)], since, until)
        _add_running(found, [one for one in slos if terms.counts_downtime(one) and terms.run_limit(one)], until)
        _add_outages(found, [one for one in slos if terms.minds_heartbeats(one)], since, until)
    return found


def _add_downtimes(found: dict[int, list[Violation]], slos: Sequence[Slo], since: datetime, until: datetime) -> None:
    rows = Downtime.objects.filter(
        Q(until__gt=since) | Q(until=None), slo__in=[one.pk for one in slos], from_at__lt=until
    ).order_by()
    for slo, rule, start, end, error, version in rows.values_list(
        "slo_id", "rule", "from_at", "until", "error", "version"
    ):
        found[slo].append(Violation(rule, start, end, error, version))


def _add_running(found: dict[int, list[Violation]], slos: Sequence[Slo], until: datetime) -> None:
    """Runs that have not ended and are over their limit already."""
    if not slos:
        return
    by_automation: dict[int, list[Slo]] = defaultdict(list)
    for one in slos:
        by_automation[one.automation_id or 0].append(one)
    shortest = min(limit for one in slos if (limit := terms.run_limit(one)))
    running = Run.objects.filter(
        status=RunStatus.RUNNING.value, started_at__lt=until - shortest, automation__in=list(by_automation)
    ).order_by()
    for automation, started_at, version in running.values_list("automation_id", "started_at", "version"):
        for slo in by_automation[automation]:
            limit = terms.run_limit(slo)
            if limit and started_at + limit < until:
                over = Violation(rules.LIMIT, started_at + limit, None, rules.OVER_LIMIT, version)
                found[slo.pk].append(over)


def _add_outages(found: dict[int, list[Violation]], slos: Sequence[Slo], since: datetime, until: datetime) -> None:
    """Missed heartbeats: of the SLO's own heartbeat, or of all of its automation's."""
    if not slos:
        return
    owners = Q(heartbeat__in=[one.heartbeat_id for one in slos if one.heartbeat_id]) | Q(
        automation__in=[one.automation_id for one in slos if one.automation_id and not one.heartbeat_id]
    )
    facts = Fact.objects.filter(
        owners,
        Q(ended_at__gt=since) | Q(ended_at=None),
        kind=FactKind.HEARTBEAT_DOWN.value,
        occurred_at__lt=until,
    ).order_by()
    rows = list(facts.values_list("heartbeat_id", "automation_id", "occurred_at", "ended_at"))
    for slo in slos:
        for heartbeat, automation, start, end in rows:
            mine = heartbeat == slo.heartbeat_id if slo.heartbeat_id else automation == slo.automation_id
            if mine:
                found[slo.pk].append(Violation(rules.HEARTBEAT, start, end, MISSED))


def runs_kept_from(automations: Iterable[int]) -> dict[int, datetime]:
    """The first day of which all runs are still there, where some were deleted. Older ones stay as they were."""
    rows = RunHorizon.objects.filter(automation__in=list(automations)).values_list("automation_id", "until")
    return {automation: ceil(until, DAY) for automation, until in rows}


def first_event(automation: int) -> datetime | None:
    return _first_events({automation}).get(automation)
