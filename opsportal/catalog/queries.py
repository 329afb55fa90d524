"""Reads about automations, and the gate: whether a change may go ahead now."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from django.db.models import Q
from django.urls import reverse

from opsportal.catalog import registry
from opsportal.catalog.models import Automation, ExperimentPermission, Freeze
from opsportal.catalog.states import AutomationState
from opsportal.errors import InvalidInput, NotFound
from opsportal.identity.actors import Principal
from opsportal.identity.models import Person
from opsportal.identity.ownership import Owned
from opsportal.web import words


class Change(StrEnum):
    """What kind of change asks to pass the gate."""

    FEATURE = "feature"
    FIX = "fix"
    SECURITY = "security"
    EXPERIMENT = "experiment"


# The people and the team an automation names, read with it.
NAMES = ("team", "owner", "backup_owner", "accountable", "cost_owner", "tier_agreed_revops", "tier_agreed_sales")
NEVER_FROZEN = frozenset({Change.FIX, Change.SECURITY})


@dataclass(frozen=True, slots=True)
class Gate:
    """Whether a change may go ahead, why as one sentence, and the freeze that holds it back."""

    allowed: bool
    reason: str
    freeze: Freeze | None = None


def get_automation(slug: str, *, principal: Principal | None) -> Automation:
    """The automation of that slug as far as `principal` may see it; raises NotFound."""
    rows = Automation.objects.visible_to(principal).select_related(*NAMES)
    automation = rows.filter(slug=slug).first() if "\x00" not in slug else None
    if automation is None:
        raise NotFound("unknown_automation", f"There is no automation “{slug[:60]}”.")
    return automation


def gate(automation: Automation, *, change: str, at: datetime) -> Gate:
    """The one answer for pages, API, admin, CSV and command line; operations ask it before they write.

    Fixes and security changes always pass. Of several freezes the one that ends last is named.
    """
    if change not in list(Change):
        raise InvalidInput("unknown_change", f"A change is one of {', '.join(Change)}.", field="change")
    if change in NEVER_FROZEN:
        return Gate(True, "Fixes and security changes are never held back.")
    freeze = get_freeze(automation, at)
    if freeze is None and change == Change.EXPERIMENT:
        return _experiment(get_permission(automation, at))
    return feature_gate(freeze)


def feature_gate(freeze: Freeze | None) -> Gate:
    """The answer to a feature where this freeze is in force, or none is."""
    return Gate(True, "No freeze is in force here.") if freeze is None else Gate(False, _held_back(freeze), freeze)


def _experiment(permission: ExperimentPermission | None) -> Gate:
    """Experiments spend budget on purpose: they wait for a policy's explicit permission."""
    if permission is None:
        return Gate(False, "Experiments need the permission of a budget policy, and none has been given.")
    return Gate(True, f"A budget policy allows experiments here: {permission.reason.rstrip('.')}.")


def get_permission(automation: Automation, at: datetime) -> ExperimentPermission | None:
    """What a budget policy says in favour of experiments with an automation, or None."""
    rows = ExperimentPermission.objects.filter(Q(until=None) | Q(until__gt=at), automation=automation, from_at__lte=at)
    return rows.first()


def get_freeze(automation: Automation, at: datetime) -> Freeze | None:
    """The freeze in force over an automation that ends last, or None."""
    rows = Freeze.objects.in_force(at).covering(automation).select_related("team", "automation")
    return rows.order_by("-until", "-id").first()


def may_edit(automation: Automation, principal: Principal | None) -> bool:
    """Whoever may write the catalogue, and the owner and backup of this automation."""
    if principal is None:
        return False
    if principal.allows("catalog:write"):
        return True
    return isinstance(principal, Person) and principal.pk in (automation.owner_id, automation.backup_owner_id)


def needs_agreement(automation: Automation) -> bool:
    """Whether two people decide about its tier. A draft nobody has agreed on may be set to anything."""
    return automation.tier_agreed_at is not None or automation.state != AutomationState.DRAFT


def may_operate(automation: Automation, principal: Principal | None, now: datetime) -> bool:
    """Whoever may edit it, and who a room above names as responder now: pause, switches, fallback, degraded status."""
    if may_edit(automation, principal):
        return True
    return isinstance(principal, Person) and registry.is_responder(automation, principal, now)


def may_see_credentials(principal: Principal | None) -> bool:
    """Names and references of credentials are not for leadership, who reads verdicts."""
    if principal is None:
        return False
    return principal.allows("runs:read") if isinstance(principal, Person) else principal.allows("catalog:read")


def _held_back(freeze: Freeze) -> str:
    over = {
        Freeze.Scope.ALL: "Changes to all automations",
        Freeze.Scope.TEAM: f"Changes to the automations of {freeze.team}",
        Freeze.Scope.AUTOMATION: f"Changes to {freeze.automation}",
    }[Freeze.Scope(freeze.scope)]
    reason = freeze.reason.rstrip(".")
    return f"{over} are frozen until {words.utc(freeze.until)}: {reason}. Fixes and security changes may go ahead."


def list_owned(person_ids: Collection[int]) -> list[Owned]:
    """The automations these people own, for the page of a person."""
    rows = Automation.objects.filter(owner__in=list(person_ids)).values_list("owner_id", "name", "slug")
    return [Owned(owner, "automation", name, reverse("catalog:automation", args=[slug])) for owner, name, slug in rows]
