"""Automations and who answers for them; freezes that hold their changes back. No runs, no budgets: those live above."""

from datetime import datetime
from typing import Any, Self

from django.core.validators import RegexValidator
from django.db import models
from django.db.models import F, Q

from opsportal.catalog.states import AutomationState
from opsportal.identity.models import Person, Team
from opsportal.identity.queries import visible_teams

SLUG = RegexValidator(r"\A[a-z0-9][a-z0-9-]*\Z", "Use lower-case letters, digits and hyphens.")


class Tier(models.TextChoices):
    P0 = "P0", "P0 (revenue stops without it)"
    P1 = "P1", "P1 (people work around it for a day)"
    P2 = "P2", "P2 (nobody notices for a day)"


class Platform(models.TextChoices):
    N8N = "n8n", "n8n"
    ZAPIER = "zapier", "Zapier"
    MAKE = "make", "Make"
    HUBSPOT = "hubspot", "HubSpot workflow"
    SALESFORCE = "salesforce", "Salesforce flow"
    CRON = "cron", "Cron job"
    SERVICE = "service", "Own service"
    OTHER = "other", "Other"


class AutomationQuerySet(models.QuerySet["Automation"]):
    def visible_to(self, principal: Any) -> Self:
        """What this person or token may see: their teams', nobody's, and what they own or back up."""
        teams = visible_teams(principal)
        if teams is None:
            return self
        mine = Q(owner=principal) | Q(backup_owner=principal) if isinstance(principal, Person) else Q(pk__in=[])
        return self.filter(Q(team=None) | Q(team_id__in=teams) | mine)


class Automation(models.Model):
    """One automation that customers or colleagues depend on, with its owner and how much hurts when it stops."""

    slug = models.CharField(max_length=60, unique=True, validators=[SLUG])
    name = models.CharField(max_length=120)
    team = models.ForeignKey(
        Team,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="automations",
    )
    tier = models.CharField(max_length=2, choices=Tier.choices, default=Tier.P2)
    platform = models.CharField(max_length=20, choices=Platform.choices, default=Platform.OTHER)
    owner = models.ForeignKey(
        Person,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="owned_automations",
    )
    backup_owner = models.ForeignKey(
        Person,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="backed_automations",
    )
    # What stops, for whom, when this stops: the words a person on shift reads first.
    criticality_notes = models.TextField(max_length=2000, blank=True)
    links = models.JSONField(default=list, blank=True)
    state = models.CharField(max_length=10, choices=AutomationState.choices(), default=AutomationState.DRAFT.value)
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()

    objects = AutomationQuerySet.as_manager()

    class Meta:
        ordering = ["tier", "name", "id"]
        constraints = [
            models.CheckConstraint(condition=Q(tier__in=Tier.values), name="catalog_automation_tier_known"),
            models.CheckConstraint(
                condition=Q(state__in=[state.value for state in AutomationState]),
                name="catalog_automation_state_known",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class FreezeQuerySet(models.QuerySet["Freeze"]):
    def in_force(self, at: datetime) -> Self:
        """Freezes whose interval [from_at, until) holds `at`, and that nobody has lifted by then."""
        lifted = Q(lifted_at=None) | Q(lifted_at__gt=at)
        return self.filter(lifted, from_at__lte=at, until__gt=at)

    def covering(self, automation: Automation) -> Self:
        return self.filter(
            Q(scope=Freeze.Scope.ALL)
            | Q(scope=Freeze.Scope.AUTOMATION, automation=automation)
            | Q(scope=Freeze.Scope.TEAM, team__isnull=False, team=automation.team_id)
        )


class Freeze(models.Model):
    """A stretch [from_at, until) in which features and experiments wait. Fixes and security never do.

    `kind` says who wrote it and decides its way out: a budget's policy, a person, or a calendar (a year-end pause).
    """

    class Scope(models.TextChoices):
        ALL = "all", "Everything"
        TEAM = "team", "A team"
        AUTOMATION = "automation", "One automation"

    class Kind(models.TextChoices):
        BUDGET = "budget", "Error budget"
        MANUAL = "manual", "A person's decision"
        CALENDAR = "calendar", "Planned pause"

    scope = models.CharField(max_length=10, choices=Scope.choices)
    team = models.ForeignKey(Team, null=True, blank=True, on_delete=models.PROTECT, related_name="freezes")
    automation = models.ForeignKey(
        Automation,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="freezes",
    )
    kind = models.CharField(max_length=10, choices=Kind.choices)
    from_at = models.DateTimeField("from")
    until = models.DateTimeField()
    reason = models.CharField(max_length=240)
    lifted_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField()

    objects = FreezeQuerySet.as_manager()

    class Meta:
        ordering = ["-from_at", "-id"]
        indexes = [models.Index(fields=["until", "from_at"], name="catalog_freeze_until")]
        constraints = [
            models.CheckConstraint(
                condition=Q(until__gt=F("from_at")),
                name="catalog_freeze_ends_after_start",
            ),
            models.CheckConstraint(
                condition=Q(scope="all", team=None, automation=None)
                | Q(scope="team", team__isnull=False, automation=None)
                | Q(scope="automation", team=None, automation__isnull=False),
                name="catalog_freeze_names_its_scope",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_scope_display()}: {self.reason}"
