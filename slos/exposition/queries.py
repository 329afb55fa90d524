"""Reads of this area: which automation a workflow is, and what is kept of workflows that are none yet."""

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, Max

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
