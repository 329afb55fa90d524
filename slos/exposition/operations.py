"""Failures of n8n taken in: of a known workflow as a run, of any other kept until somebody names its automation."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import QuerySet

from opsportal import trace
from opsportal.audit import operations as audit
from opsportal.audit.engine import Actor, Draft, Subject
from opsportal.catalog.models import Automation
from opsportal.integrations import operations as integrations
from opsportal.integrations.models import Integration
from opsportal.integrations.workflows import find_automation
from slos.exposition.n8n import Failure, read_failure
from slos.models import Run, UnmatchedReport
from slos.runs.intake import read_run
from slos.runs.operations import record_runs
from slos.states import RunStatus

# An address of ours cannot be filled with reports of workflows that nobody will ever name: the oldest give way.
MOST_KEPT = 1_000
UNMATCHED = "unmatched"


@dataclass(frozen=True, slots=True)
class Reported:
    """What became of a report: created, updated, duplicate, conflict, unmatched; the automation where one is known."""

    status: str
    automation: str = ""
    workflow: str = ""
    run_id: str = ""


@transaction.atomic
def record_failure(integration: Integration, payload: Any, now: datetime) -> Reported:
    """Take what an error workflow sends. Raises InvalidInput for what is no such thing."""
    failure = read_failure(payload, now)
    integrations.note_seen(integration, now=now)
    automation = find_automation(integration, failure.workflow_id, failure.workflow_name)
    if automation is None:
        _keep(integration, failure, now)
        return Reported(UNMATCHED, "", failure.workflow_name or failure.workflow_id, failure.run["run_id"])
    run = {"correlation_id": trace.current_trace_id(), **failure.run}
    status = _take(run, automation, now)
    return Reported(status, automation.slug, failure.workflow_name, failure.run["run_id"])


@transaction.atomic
def name_workflow(
    integration: Integration, *, workflow_id: str, automation: Automation, actor: Actor, now: datetime
) -> int:
    """Say which automation a workflow is: reports to come become its runs, and so do those that were kept."""
    mapping = dict(integration.mapping)
    named = [part.strip() for part in mapping.get(automation.slug, "").split(",") if part.strip()]
    if workflow_id not in named:
        mapping[automation.slug] = ", ".join([*named, workflow_id])
        integrations.change_integration(integration, mapping=mapping, actor=actor, now=now)
    kept = list(UnmatchedReport.objects.select_for_update().filter(integration=integration, workflow_id=workflow_id))
    for report in reversed(kept):
        _take({"correlation_id": report.trace_id, **report.run}, automation, now)
    name = kept[0].workflow_name if kept else ""
    UnmatchedReport.objects.filter(pk__in=[report.pk for report in kept]).delete()
    _record("n8n.workflow_named", automation, name or workflow_id, {"runs": len(kept)}, actor=actor, now=now)
    return len(kept)


@transaction.atomic
def drop_reports(integration: Integration, *, workflow_id: str, actor: Actor, now: datetime) -> int:
    """Forget what was kept of a workflow that is none of ours."""
    rows = UnmatchedReport.objects.filter(integration=integration, workflow_id=workflow_id)
    name = rows.values_list("workflow_name", flat=True).first() or workflow_id
    count, _ = rows.delete()
    if count:
        _record("n8n.reports_dropped", integration, name, {"reports": count}, actor=actor, now=now)
    return count


def _take(run: dict[str, Any], automation: Automation, now: datetime) -> str:
    """One run in; a second report of a failure that is known says nothing new, whatever its clock says."""
    among: QuerySet[Automation] = Automation.objects.filter(pk=automation.pk)
    (recorded,) = record_runs([read_run({**run, "automation": automation.slug})], among=among, now=now)
    if recorded.status == "conflict":
        known = Run.objects.filter(automation=automation, run_id=run["run_id"], status=RunStatus.FAILED.value)
        return "duplicate" if known.exists() else "conflict"
    return recorded.status


def _keep(integration: Integration, failure: Failure, now: datetime) -> None:
    UnmatchedReport.objects.get_or_create(
        integration=integration,
        workflow_id=failure.workflow_id,
        run_id=failure.run["run_id"],
        defaults={
            "workflow_name": failure.workflow_name,
            "run": failure.run,
            "trace_id": trace.current_trace_id(),
            "received_at": now,
        },
    )
    kept = UnmatchedReport.objects.filter(integration=integration).order_by("-received_at", "-id")
    oldest = kept.values_list("pk", flat=True)[MOST_KEPT : MOST_KEPT + 100]
    UnmatchedReport.objects.filter(pk__in=list(oldest)).delete()


def _record(
    action: str, about: Automation | Integration, workflow: str, after: dict[str, Any], *, actor: Actor, now: datetime
) -> None:
    if isinstance(about, Automation):
        subject = Subject("automation", about.slug, about.name)
    else:
        subject = Subject("integration", str(about.pk), about.name)
    team = about.team.slug if about.team else ""
    audit.record(
        Draft(actor=actor, action=action, subject=subject, at=now, team=team, after={"workflow": workflow, **after})
    )
