"""Reads for whoever looks after automations: what expires, what is announced, what is watched, what it costs."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from opsportal.catalog import registry
from opsportal.catalog.limits import LIMITS
from opsportal.catalog.models import Automation, CostLine, Credential, Release, Workflow
from opsportal.identity.actors import Principal

# How long ahead an expiry is told: first a month, then a week, then a day.
WARNED_DAYS = (30, 7, 1)


def expiring(at: datetime, *, days: int = WARNED_DAYS[0]) -> list[Credential]:
    """Credentials in use that end within `days` or have ended, soonest first, with automation, owner and backup.

    Rooms above tell the owner at each of WARNED_DAYS: `warning_of` says which one has been reached.
    """
    rows = Credential.objects.expiring(at + timedelta(days=days)).exclude(automation__state="retired")
    return list(rows.select_related("automation__owner", "automation__backup_owner", "automation__team"))


def warning_of(credential: Credential, at: datetime) -> int | None:
    """The warning that is due at `at`: 30, 7 or 1 days ahead, 0 when it has ended, None while there is time."""
    if credential.expires_at is None or credential.retired_at is not None:
        return None
    left = credential.expires_at - at
    if left <= timedelta(0):
        return 0
    return next((days for days in sorted(WARNED_DAYS) if left <= timedelta(days=days)), None)


def upcoming(at: datetime, principal: Principal | None, *, days: int = 30) -> list[Release]:
    """Releases announced for the time until `days` ahead, and those whose day has passed without a word."""
    rows = Release.objects.planned().filter(planned_at__lte=at + timedelta(days=days))
    visible = Automation.objects.visible_to(principal)
    return list(rows.filter(automation__in=visible).select_related("automation__team").order_by("planned_at", "id"))


def watched(at: datetime) -> list[Release]:
    """Releases that are still being watched, newest first: rooms above compare failures before and after."""
    return list(Release.objects.watched(at).select_related("automation__owner").order_by("-released_at", "-id"))


def suggested_rhythm(automation: Automation) -> dict[str, Any]:
    """What the schedule of its imported workflow suggests as a heartbeat (see Workflow.rhythm), or nothing."""
    workflow: Workflow | None = getattr(automation, "workflow", None)
    return workflow.rhythm if workflow is not None and automation.state != "retired" else {}


def over_budget(principal: Principal | None) -> list[Automation]:
    """Automations a principal may see that cost more a month than their guardrail allows."""
    return list(Automation.objects.visible_to(principal).over_budget().select_related("cost_owner"))


@dataclass(frozen=True, slots=True)
class CostTotal:
    currency: str
    amount: Decimal


def cost_totals(lines: list[CostLine]) -> list[CostTotal]:
    """The sum a month for each currency; currencies are never added up."""
    totals: dict[str, Decimal] = {}
    for line in lines:
        totals[line.currency] = totals.get(line.currency, Decimal(0)) + line.amount
    return [CostTotal(currency, amount) for currency, amount in sorted(totals.items())]


@dataclass(frozen=True, slots=True)
class LimitUse:
    """One limit with how much of it is used, where a room above can tell. `share` is used/limit."""

    key: str
    label: str
    limit: Decimal
    used: Decimal | None

    @property
    def share(self) -> Decimal | None:
        return self.used / self.limit if self.used is not None and self.limit else None

    @property
    def figure(self) -> str:
        return f"{self.limit:,f}"

    @property
    def words(self) -> str:
        """How much is used, for a badge."""
        share = self.share
        return f"{self.used:,.0f} used" if share is None else f"{share:.0%} used"

    @property
    def tone(self) -> str:
        share = self.share
        if share is None:
            return ""
        return "bad" if share >= 1 else "warn" if share >= Decimal("0.8") else "good"


def limits_of(automation: Automation, now: datetime) -> list[LimitUse]:
    """The limits that are set, each with its use."""
    used = registry.usage_of(automation, now) if automation.limits else {}
    return [
        LimitUse(key, limit.label, Decimal(str(automation.limits[key])), _decimal(used.get(key)))
        for key, limit in LIMITS.items()
        if key in automation.limits
    ]


def _decimal(value: Decimal | int | None) -> Decimal | None:
    return None if value is None else Decimal(value)
