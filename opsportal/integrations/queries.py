"""Reads for the pages and the API."""

from typing import Any

from django.db.models import Q, QuerySet

from opsportal.errors import NotFound
from opsportal.identity.actors import Principal
from opsportal.identity.queries import visible_teams
from opsportal.integrations import registry
from opsportal.integrations.models import Integration, ReceivedMessage


def list_integrations(principal: Principal | None) -> QuerySet[Integration]:
    """Senders of visible teams, and those of no team."""
    rows = Integration.objects.select_related("team", "created_by")
    teams = visible_teams(principal)
    return rows if teams is None else rows.filter(Q(team=None) | Q(team__in=teams))


def get_integration(principal: Principal | None, pk: Any) -> Integration:
    """One sender; NotFound also when it is hidden."""
    row = list_integrations(principal).filter(pk=pk).first()
    if row is None:
        raise NotFound("unknown_integration", "There is no such integration.")
    return row


def path_of(integration: Integration) -> str:
    """The path it posts to; empty when no room serves its kind any more."""
    kind = registry.get_kind(integration.kind)
    return kind.path.format(key=integration.key) if kind else ""


def list_received(integration: Integration) -> list[ReceivedMessage]:
    """The last messages it sent, newest first."""
    return list(integration.received.order_by("-id")[:20])
