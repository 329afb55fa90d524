"""Reads for the pages and the API."""

from typing import Any

from django.db.models import Q, QuerySet

from opsportal.errors import InvalidInput, NotFound
from opsportal.identity.actors import Principal
from opsportal.identity.models import Team
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


def team_for(principal: Principal | None, slug: str | None) -> Team | None:
    """The team a principal may make things for. Whoever sees some teams only has to stay within them.

    Raises InvalidInput at team.
    """
    choices = list_teams(principal)
    if slug is None:
        own = list(choices[:2])
        if visible_teams(principal) is None:
            return None
        if len(own) == 1:
            return own[0]
        raise InvalidInput("blank", "Name a team that you belong to.", field="team")
    team = choices.filter(slug=slug).first()
    if team is None:
        raise InvalidInput("unknown_team", f"There is no team “{slug}”.", field="team")
    return team


def list_teams(principal: Principal | None) -> QuerySet[Team]:
    """The teams a principal may name."""
    teams = visible_teams(principal)
    return Team.objects.all() if teams is None else Team.objects.filter(pk__in=teams)


def list_received(integration: Integration) -> list[ReceivedMessage]:
    """The last messages it sent, newest first."""
    return list(integration.received.order_by("-id")[:20])
