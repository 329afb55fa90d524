"""What /metrics says, family by family. Labels are slugs, tiers, states and capped error classes, never a run's.

Reads what the sweep has added up (slos.exposition.totals); a constant number of queries, and never runs.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from django.db.models import Count

from opsportal.catalog import registry
from opsportal.catalog.models import Automation, Freeze
from opsportal.identity.actors import Principal
from slos.exposition import portal
from slos.exposition.engine.text import COUNTER, GAUGE, HISTOGRAM, INFO, Family, labels
from slos.exposition.engine.totals import EDGES, MICROS, cumulative, labelled
from slos.heartbeats import queries as heartbeats
from slos.models import ExportedTotal, Heartbeat, QueueGauge, Run, Slo
from slos.states import HeartbeatStatus, RunStatus

OUTCOMES = tuple(one.value for one in (RunStatus.SUCCEEDED, RunStatus.FAILED, RunStatus.CANCELLED))
SECONDS_OF_EDGES = tuple(f"{edge / 1000:.1f}" for edge in EDGES)
# Of the totals that are plain counters: their metric, and what it says.
PLAIN = {
    "attempts": ("opsportal_run_attempts", "Attempts of runs that ended."),
    "retries": ("opsportal_run_retries", "Retries within runs that ended."),
    "compensated": ("opsportal_runs_compensated", "Runs that were compensated (rolled back)."),
    "interventions": ("opsportal_run_interventions", "Steps that a person took by hand in runs that ended."),
    "items": ("opsportal_run_items", "Items that runs put out."),
    "empty": ("opsportal_runs_empty", "Runs that ended well and put nothing out."),
    "payload_bytes": ("opsportal_run_payload_bytes", "Bytes that runs took in."),
}
UP = frozenset({HeartbeatStatus.UP, HeartbeatStatus.LATE})


class Told(NamedTuple):
    """What is read of an automation."""

    pk: int
    slug: str
    tier: str
    platform: str
    state: str
    team_id: int | None
    team: str | None


@dataclass(frozen=True, slots=True)
class Seen:
    """What somebody may see of the catalogue, read once: (automation, its labels as written)."""

    automations: Sequence[tuple[Told, str]]
    totals: dict[int, dict[str, int]]
    now: datetime


def families(principal: Principal | None, now: datetime) -> Iterator[Family]:
    """Everything `principal` may see (None: everything there is). What runs and heartbeats tell takes their scopes."""
    seen = _see(principal, now)
    yield from _catalogue(seen)
    if principal is None or principal.allows("runs:read"):
        yield from _runs(seen)
        yield from _work_in_hand(seen)
    yield from _slos(principal)
    if principal is None or principal.allows("heartbeats:read"):
        yield from _heartbeats(principal, now)
    yield from portal.families(now)


def _see(principal: Principal | None, now: datetime) -> Seen:
    rows = Automation.objects.all() if principal is None else Automation.objects.visible_to(principal)
    read = rows.order_by("slug").values_list("pk", "slug", "tier", "platform", "state", "team_id", "team__slug")
    found = [Told(*row) for row in read]
    totals = dict(ExportedTotal.objects.filter(slo=None).values_list("automation_id", "totals"))
    return Seen([(one, labels(automation=one.slug, tier=one.tier)) for one in found], totals, now)


def _catalogue(seen: Seen) -> Iterator[Family]:
    info = Family("opsportal_automation", INFO, "An automation.")
    frozen = Family("opsportal_freeze_active", GAUGE, "1 while a freeze holds changes back.")
    freezes = list(Freeze.objects.in_force(seen.now))
    for one, own in seen.automations:
        info.add(f"{own},{labels(platform=one.platform, team=one.team or '', state=one.state)}", 1)
        frozen.add(own, int(any(_covers(freeze, one) for freeze in freezes)))
    yield from (info, frozen)


def _runs(seen: Seen) -> Iterator[Family]:
    runs = Family("opsportal_runs", COUNTER, "Runs that ended, by how.")
    errors = Family("opsportal_run_errors", COUNTER, "Failed runs by error class.")
    took = Family("opsportal_run_duration_seconds", HISTOGRAM, "How long runs took that ended well.")
    cost = Family("opsportal_run_cost", COUNTER, "What runs cost, in the currency they report.")
    plain = {name: Family(metric, COUNTER, text) for name, (metric, text) in PLAIN.items()}
    for one, own in seen.automations:
        totals = seen.totals.get(one.pk, {})
        for status in OUTCOMES:
            runs.add(f'{own},status="{status}"', totals.get(status, 0))
        for error_type, count in labelled(totals, "error").items():
            errors.add(f"{own},{labels(error_type=error_type)}", count)
        for name, family in plain.items():
            family.add(own, totals.get(name, 0))
        cost.add(own, totals.get("cost", 0) / MICROS)
        below, count, milliseconds = cumulative(totals)
        took.add_histogram(own, dict(zip(SECONDS_OF_EDGES, below, strict=True)), count, milliseconds / 1000)
    yield from (runs, errors, took, cost, *plain.values())


def _work_in_hand(seen: Seen) -> Iterator[Family]:
    running = Family("opsportal_runs_running", GAUGE, "Runs that have started and not ended.")
    depth = Family("opsportal_queue_depth", GAUGE, "What waits before an automation, as last reported.")
    age = Family("opsportal_queue_oldest_seconds", GAUGE, "Age of the oldest that waits.")
    going_on = Run.objects.filter(status=RunStatus.RUNNING.value).order_by().values_list("automation_id")
    open_runs = dict(going_on.annotate(count=Count("pk")))
    gauges = {gauge.automation_id: gauge for gauge in QueueGauge.objects.all()}
    for one, own in seen.automations:
        running.add(own, open_runs.get(one.pk, 0))
        if gauge := gauges.get(one.pk):
            depth.add(own, gauge.depth)
            if gauge.oldest_age_seconds is not None:
                age.add(own, gauge.oldest_age_seconds)
    yield from (running, depth, age, _dead_letters(seen))


def _dead_letters(seen: Seen) -> Family:
    dead = Family("opsportal_dead_letters", GAUGE, "Payloads given up or in doubt: they wait for a person.")
    counted = registry.dead_letters_of([one.pk for one, _ in seen.automations])
    for one, own in seen.automations:
        dead.add(own, counted.get(one.pk, 0))
    return dead


def _slos(principal: Principal | None) -> Iterator[Family]:
    """As of the last sweep, which reads every budget once a minute."""
    target = Family("opsportal_slo_target_ratio", GAUGE, "The target of an SLO (0-1).")
    sli = Family("opsportal_slo_sli_ratio", GAUGE, "Good / valid in the window so far; absent without data.")
    left = Family("opsportal_slo_budget_remaining_ratio", GAUGE, "What remains of the budget, signed (1 = all).")
    burn = Family("opsportal_slo_burn_rate", GAUGE, "How many times faster than allowed.")
    state = Family("opsportal_slo_state", GAUGE, "1 for the state the budget is in.")
    valid = Family("opsportal_slo_valid", COUNTER, "Valid events, or seconds where time is counted.")
    bad = Family("opsportal_slo_bad", COUNTER, "Bad events, or seconds where time is counted.")
    slos = Slo.objects.in_force() if principal is None else Slo.objects.in_force().visible_to(principal)
    known = {pk: (totals, gauges) for pk, totals, gauges in _exported_slos()}
    read = slos.order_by("slug").values_list("pk", "slug", "target", "automation__slug", "automation__tier")
    for pk, slug, percent, automation, tier in read:
        own = labels(slo=slug, automation=automation or "", tier=tier or "")
        target.add(own, float(percent / 100))
        totals, gauges = known.get(pk, ({}, {}))
        if totals:
            valid.add(own, totals["valid"])
            bad.add(own, totals["bad"])
        if "state" in gauges:
            state.add(f'{own},state="{gauges["state"]}"', 1)
        for family, name in ((sli, "sli"), (left, "remaining")):
            if name in gauges:
                family.add(own, gauges[name])
        for window, rate in gauges.get("burn", {}).items():
            burn.add(f'{own},window="{window}"', rate)
    yield from (target, sli, left, burn, state, valid, bad)


def _exported_slos() -> Any:
    return ExportedTotal.objects.filter(automation=None).values_list("slo_id", "totals", "gauges")


def labels_of(slo: Slo) -> tuple[str, str, str]:
    """Of an SLO: its slug, its automation's, its tier."""
    return slo.slug, slo.automation.slug if slo.automation else "", slo.automation.tier if slo.automation else ""


def _heartbeats(principal: Principal | None, now: datetime) -> Iterator[Family]:
    up = Family("opsportal_heartbeat_up", GAUGE, "1 up or late, 0 down; absent while not known.")
    status = Family("opsportal_heartbeat_status", GAUGE, "1 for the state a heartbeat is in.")
    last = Family("opsportal_heartbeat_last_ping_timestamp_seconds", GAUGE, "When the last ping came.")
    rows = heartbeats.list_heartbeats(principal) if principal else Heartbeat.objects.with_runs()
    automations = dict(Automation.objects.filter(heartbeats__isnull=False).values_list("pk", "slug"))
    needed = ("slug", "automation_id", "status", "due_at", "down_at", "last_ping_at")
    for one in rows.select_related(None).only(*needed).order_by("slug"):
        own = labels(heartbeat=one.slug, automation=automations.get(one.automation_id or 0, ""))
        known = HeartbeatStatus(heartbeats.status_of(one, now))
        status.add(f'{own},status="{known.value}"', 1)
        if known in UP or known is HeartbeatStatus.DOWN:
            up.add(own, int(known in UP))
        if one.last_ping_at:
            last.add(own, one.last_ping_at.timestamp())
    yield from (up, status, last)


def _covers(freeze: Freeze, automation: Told) -> bool:
    if freeze.scope == Freeze.Scope.TEAM:
        return freeze.team_id is not None and freeze.team_id == automation.team_id
    return freeze.scope == Freeze.Scope.ALL or freeze.automation_id == automation.pk
