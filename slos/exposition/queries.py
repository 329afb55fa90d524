"""Reads of this area: which automation a workflow is, and what is kept of workflows that are none yet."""

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, Max, Q
from django.utils.text import slugify

from opsportal.catalog.models import Automation
from opsportal.identity.actors import Principal
from opsportal.integrations.models import Integration
from opsportal.integrations.queries import list_integrations
from slos.models import UnmatchedReport

KIND = "n8n"


@dataclass(frozen=True, slots=True)
class Unmatched:
    """A workflow that reports, and whose automation nobody has named."""

    integration: Integration
    workflow_id: str
    workflow_name: str
    count: int
    last_at: datetime


def list_senders(principal: Principal | None) -> list[Integration]:
    """The n8n servers somebody may see."""
    return list(list_integrations(principal).filter(kind=KIND))


def list_unmatched(senders: list[Integration], limit: int = 100) -> list[Unmatched]:
    """Workflows without an automation, the one that reported last first."""
    rows = (
        UnmatchedReport.objects.filter(integration__in=senders)
        .order_by()
        .values("integration_id", "workflow_id")
        .annotate(name=Max("workflow_name"), count=Count("pk"), last_at=Max("received_at"))
        .order_by("-last_at")[:limit]
    )
    by_id = {sender.pk: sender for sender in senders}
    return [
        Unmatched(by_id[row["integration_id"]], row["workflow_id"], row["name"], row["count"], row["last_at"])
        for row in rows
    ]


def find_automation(integration: Integration, workflow_id: str, workflow_name: str) -> Automation | None:
    """What the integration's mapping names, else the automation whose workflow was imported under this id, else the
    one whose slug the workflow's name is. Within the integration's team, where it has one.
    """
    rows = Automation.objects.select_related("team")
    if integration.team_id is not None:
        rows = rows.filter(Q(team=None) | Q(team=integration.team_id))
    told = {workflow_id, workflow_name} - {""}
    for slug, workflows in integration.mapping.items():
        if told & {part.strip() for part in str(workflows).split(",")}:
            return rows.filter(slug=slug).first()
    imported = rows.filter(workflow__external_id__in=told).first()
    return imported or rows.filter(slug=slugify(workflow_name)[:60] or "-").first()
