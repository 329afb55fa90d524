"""Automations and who answers for them. No runs, no budgets: those live above."""

from typing import Any, Self

from django.core.validators import RegexValidator
from django.db import models
from django.db.models import Q

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
