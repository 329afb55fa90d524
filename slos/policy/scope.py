"""Whom a policy covers, which SLOs it judges, and what a freeze by one of its rules holds back."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Protocol

from django.db.models import Exists, Q, QuerySet

from opsportal.catalog.models import Automation, Freeze, FreezeQuerySet
from opsportal.catalog.states import AutomationState
from opsportal.errors import Forbidden
from opsportal.identity.actors import Principal
from opsportal.identity.models import Team
from opsportal.identity.queries import visible_teams
from slos.models import Policy, Slo
from slos.policy.rules import Rule
from slos.states import SliKind


def judged_slos() -> QuerySet[Slo]:
    """SLOs in force of automations in service or on their way. A composite is judged through its parts."""
    rows = Slo.objects.in_force().filter(automation__isnull=False)
    rows = rows.exclude(kind=SliKind.COMPOSITE.value).exclude(automation__state=AutomationState.RETIRED.value)
    return rows.select_related("automation__team", "automation__owner__team", "automation__backup_owner").order_by("pk")


def slos_of(policy: Policy) -> QuerySet[Slo]:
    """The SLOs a policy judges."""
    if policy.scope == Freeze.Scope.TEAM:
        return judged_slos().filter(automation__team=policy.team_id)
    if policy.scope == Freeze.Scope.AUTOMATION:
        return judged_slos().filter(automation=policy.automation_id)
    return judged_slos()


def covers(policy: Policy, automation: Automation) -> bool:
    if policy.scope == Freeze.Scope.TEAM:
        return automation.team_id is not None and automation.team_id == policy.team_id
    return policy.scope == Freeze.Scope.ALL or policy.automation_id == automation.pk


def check_may_cover(principal: Principal | None, scope: str, team: Team | None) -> None:
    """A policy over everything is for whoever sees every team. Raises Forbidden `other_teams`."""
    visible = visible_teams(principal)
    if visible is not None and (scope == Freeze.Scope.ALL or (team is not None and team.pk not in visible)):
        raise Forbidden("other_teams", "This policy covers teams you do not belong to.")


def team_of(automation: Automation) -> Team | None:
    """The owner's team: the automation's own, else the one its owner belongs to."""
    return automation.team or (automation.owner.team if automation.owner else None)


def freeze_scope(rule: Rule, automation: Automation) -> dict[str, Any]:
    """What a freeze covers. Without a team there is nobody to share it with, so it covers the automation alone."""
    if rule.scope == Freeze.Scope.ALL:
        return {"scope": "all", "team": None, "automation": None}
    # The gate goes by the automation's own team: a freeze over a team it is not in would not hold it back.
    if rule.scope == Freeze.Scope.TEAM and automation.team is not None:
        return {"scope": "team", "team": automation.team, "automation": None}
    return {"scope": "automation", "team": None, "automation": automation}


def visible_freezes(principal: Principal | None) -> FreezeQuerySet:
    """Those over everything, over one's teams, over automations one may see."""
    rows = Freeze.objects.select_related("team", "automation", "acknowledged_by")
    teams = visible_teams(principal)
    if teams is None:
        return rows
    own = Q(automation__in=Automation.objects.visible_to(principal))
    return rows.filter(Q(scope=Freeze.Scope.ALL) | Q(team__in=teams) | own)


def covered_automations(freeze: Freeze) -> QuerySet[Automation]:
    """What a freeze holds back."""
    rows = Automation.objects.exclude(state=AutomationState.RETIRED.value)
    if freeze.scope == Freeze.Scope.TEAM:
        return rows.filter(team=freeze.team_id)
    return rows if freeze.scope == Freeze.Scope.ALL else rows.filter(pk__in=[freeze.automation_id])


def other_freezes(freeze: Freeze, at: datetime) -> list[tuple[Freeze, int]]:
    """Other freezes in force over what this one holds back, each with how many of its automations it covers."""
    return still_holding([freeze], at)


def still_holding(freezes: Sequence[Freeze], at: datetime) -> list[tuple[Freeze, int]]:
    """Freezes in force besides these over what these hold back, each with how many of the automations it covers."""
    covered = {one.pk: one for freeze in freezes for one in covered_automations(freeze)}
    others = Freeze.objects.in_force(at).exclude(pk__in=[one.pk for one in freezes])
    # One that another sweeper has just closed by a later clock is over, too.
    others = others.exclude(budget__ended_at__isnull=False).select_related("team", "automation").order_by("pk")
    found = [(one, sum(holds_back(one, automation) for automation in covered.values())) for one in others]
    return [(one, count) for one, count in found if count]


def freed_by(freezes: Sequence[Freeze], at: datetime) -> set[int]:
    """The automations that may be changed again once these freezes are set aside: no other in force covers them."""
    others = Freeze.objects.in_force(at).exclude(pk__in=[one.pk for one in freezes])
    freed = [covered_automations(one).exclude(Exists(others.covering_outer())) for one in freezes]
    return {key for each in freed for key in each.values_list("pk", flat=True)}


class Held(Protocol):
    """An automation, or a row of one."""

    @property
    def pk(self) -> int: ...
    @property
    def team_id(self) -> int | None: ...


def holds_back(freeze: Freeze, automation: Held) -> bool:
    """The same for one automation, without asking the database."""
    if freeze.scope == Freeze.Scope.TEAM:
        return freeze.team_id == automation.team_id
    return freeze.scope == Freeze.Scope.ALL or freeze.automation_id == automation.pk
