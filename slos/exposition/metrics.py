"""What /metrics says, family by family. Labels are slugs, tiers, states and capped error classes, never a run's.

Reads running totals and the budgets that the sweep has read; a constant number of queries, and never runs.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count

from opsportal.catalog.models import Automation, Freeze
from opsportal.identity.actors import Principal
from slos.budgets import queries as budgets
from slos.budgets.engine import Budget
from slos.exposition import portal
from slos.exposition.engine.text import COUNTER, GAUGE, HISTOGRAM, INFO, Family
from slos.exposition.engine.totals import EDGES, MICROS, cumulative, labelled
from slos.heartbeats import queries as heartbeats
from slos.models import ExportedTotal, Heartbeat, QueueGauge, Run, Slo
from slos.states import HeartbeatStatus, RunStatus

OF_AUTOMATION = ("automation", "tier")
OF_SLO = ("slo", "automation", "tier")
OUTCOMES = (RunStatus.SUCCEEDED, RunStatus.FAILED, RunStatus.CANCELLED)
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


@dataclass(frozen=True, slots=True)
class Seen:
    """What somebody may see of the catalogue, read once."""

    automations: Sequence[Automation]
    slos: Sequence[Slo]
    totals: dict[int, dict[str, int]]
    slo_totals: dict[int, dict[str, int]]
    now: datetime

    def labels(self) -> Iterator[tuple[int, tuple[str, str]]]:
        return ((one.pk, (one.slug, one.tier)) for one in self.automations)


def families(principal: Principal | None, now: datetime) -> Iterator[Family]:
    """Everything `principal` may see (None: everything there is). What runs and heartbeats tell takes their scopes."""
    seen = _see(principal, now)
    yield from _catalogue(seen)
    if principal is None or principal.allows("runs:read"):
        yield from _runs(seen)
        yield from _work_in_hand(seen)
    yield from _slos(seen)
    if principal is None or principal.allows("heartbeats:read"):
        yield from _heartbeats(principal, now)
    yield from portal.families(now)


def _see(principal: Principal | None, now: datetime) -> Seen:
    automations, slos = Automation.objects.all(), Slo.objects.in_force()
    if principal is not None:
        automations, slos = automations.visible_to(principal), slos.visible_to(principal)
    found = list(automations.select_related("team").order_by("slug"))
    targets = list(slos.select_related("automation", "heartbeat", "rule", "team").order_by("slug"))
    totals = list(ExportedTotal.objects.values_list("automation_id", "slo_id", "totals"))
    return Seen(
        found,
        targets,
        {automation: figures for automation, _, figures in totals if automation},
        {slo: figures for _, slo, figures in totals if slo},
        now,
    )


def _catalogue(seen: Seen) -> Iterator[Family]:
    info = Family("opsportal_automation", INFO, "An automation.", (*OF_AUTOMATION, "platform", "team", "state"))
    frozen = Family("opsportal_freeze_active", GAUGE, "1 while a freeze holds changes back.", OF_AUTOMATION)
    freezes = list(Freeze.objects.in_force(seen.now))
    for one in seen.automations:
        team = one.team.slug if one.team else ""
        info.add((one.slug, one.tier, one.platform, team, one.state), 1)
        frozen.add((one.slug, one.tier), int(any(_covers(freeze, one) for freeze in freezes)))
    yield from (info, frozen)


def _runs(seen: Seen) -> Iterator[Family]:
    runs = Family("opsportal_runs", COUNTER, "Runs that ended, by how.", (*OF_AUTOMATION, "status"))
    errors = Family("opsportal_run_errors", COUNTER, "Failed runs by error class.", (*OF_AUTOMATION, "error_type"))
    took = Family(
        "opsportal_run_duration_seconds", HISTOGRAM, "How long runs that ended well took, true to 1%.", OF_AUTOMATION
    )
    cost = Family("opsportal_run_cost", COUNTER, "What runs cost, in the currency they report.", OF_AUTOMATION)
    plain = {name: Family(metric, COUNTER, text, OF_AUTOMATION) for name, (metric, text) in PLAIN.items()}
    for pk, labels in seen.labels():
        totals = seen.totals.get(pk, {})
        for status in OUTCOMES:
            runs.add((*labels, status.value), totals.get(status.value, 0))
        for error_type, count in labelled(totals, "error").items():
            errors.add((*labels, error_type), count)
        for name, family in plain.items():
            family.add(labels, totals.get(name, 0))
        cost.add(labels, totals.get("cost", 0) / MICROS)
        below, count, milliseconds = cumulative(totals)
        took.add_histogram(labels, dict(zip(SECONDS_OF_EDGES, below, strict=True)), count, milliseconds / 1000)
    yield from (runs, errors, took, cost, *plain.values())


def _work_in_hand(seen: Seen) -> Iterator[Family]:
    running = Family("opsportal_runs_running", GAUGE, "Runs that have started and not ended.", OF_AUTOMATION)
    depth = Family("opsportal_queue_depth", GAUGE, "What waits before an automation, as last reported.", OF_AUTOMATION)
    age = Family("opsportal_queue_oldest_seconds", GAUGE, "Age of the oldest that waits.", OF_AUTOMATION)
    going_on = Run.objects.filter(status=RunStatus.RUNNING.value).order_by().values_list("automation_id")
    open_runs = dict(going_on.annotate(count=Count("pk")))
    gauges = {gauge.automation_id: gauge for gauge in QueueGauge.objects.all()}
    for pk, labels in seen.labels():
        running.add(labels, open_runs.get(pk, 0))
        if gauge := gauges.get(pk):
            depth.add(labels, gauge.depth)
            if gauge.oldest_age_seconds is not None:
                age.add(labels, gauge.oldest_age_seconds)
    yield from (running, depth, age)


def _slos(seen: Seen) -> Iterator[Family]:
    target = Family("opsportal_slo_target_ratio", GAUGE, "The target of an SLO (0-1).", OF_SLO)
    sli = Family("opsportal_slo_sli_ratio", GAUGE, "Good / valid in the window so far; absent without data.", OF_SLO)
    left = Family(
        "opsportal_slo_budget_remaining_ratio", GAUGE, "What remains of the budget, signed (1 = all).", OF_SLO
    )
    burn = Family("opsportal_slo_burn_rate", GAUGE, "How many times faster than allowed.", (*OF_SLO, "window"))
    state = Family("opsportal_slo_state", GAUGE, "1 for the state the budget is in.", (*OF_SLO, "state"))
    valid = Family("opsportal_slo_valid", COUNTER, "Valid events, or seconds where time is counted.", OF_SLO)
    bad = Family("opsportal_slo_bad", COUNTER, "Bad events, or seconds where time is counted.", OF_SLO)
    judged = budgets.budgets(seen.slos, seen.now)
    for slo in seen.slos:
        labels, budget = labels_of(slo), judged[slo.pk]
        target.add(labels, float(slo.target / 100))
        _add_budget(budget, labels, sli=sli, left=left, burn=burn)
        state.add((*labels, budget.state.value), 1)
        if figures := seen.slo_totals.get(slo.pk):
            valid.add(labels, figures["valid"])
            bad.add(labels, figures["bad"])
    yield from (target, sli, left, burn, state, valid, bad)


def _add_budget(budget: Budget, labels: tuple[str, str, str], *, sli: Family, left: Family, burn: Family) -> None:
    if budget.sli is not None:
        sli.add(labels, float(budget.sli))
    if budget.remaining is not None:
        left.add(labels, float(budget.remaining))
    for window, one in budget.burn.items():
        if one.rate is not None:
            burn.add((*labels, window), float(one.rate))


def labels_of(slo: Slo) -> tuple[str, str, str]:
    return slo.slug, slo.automation.slug if slo.automation else "", slo.automation.tier if slo.automation else ""


def _heartbeats(principal: Principal | None, now: datetime) -> Iterator[Family]:
    labels = ("heartbeat", "automation")
    up = Family("opsportal_heartbeat_up", GAUGE, "1 up or late, 0 down; absent while not known.", labels)
    status = Family("opsportal_heartbeat_status", GAUGE, "1 for the state a heartbeat is in.", (*labels, "status"))
    last = Family("opsportal_heartbeat_last_ping_timestamp_seconds", GAUGE, "When the last ping came.", labels)
    every = Heartbeat.objects.with_runs().select_related("automation")
    for one in every if principal is None else heartbeats.list_heartbeats(principal):
        values = (one.slug, one.automation.slug if one.automation else "")
        known = HeartbeatStatus(heartbeats.status_of(one, now))
        status.add((*values, known.value), 1)
        if known in UP or known is HeartbeatStatus.DOWN:
            up.add(values, int(known in UP))
        if one.last_ping_at:
            last.add(values, one.last_ping_at.timestamp())
    yield from (up, status, last)


def _covers(freeze: Freeze, automation: Automation) -> bool:
    if freeze.scope == Freeze.Scope.TEAM:
        return freeze.team_id is not None and freeze.team_id == automation.team_id
    return freeze.scope == Freeze.Scope.ALL or freeze.automation_id == automation.pk
