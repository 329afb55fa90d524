"""Automations and who answers for them. No runs, no budgets: those live above."""

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


class Trigger(models.TextChoices):
    EVENT = "event", "An event or webhook"
    SCHEDULE = "schedule", "A schedule"
    HUMAN = "human", "A person"
    API = "api", "A call by another program"


class Pattern(models.TextChoices):
    ORCHESTRATOR = "orchestrator", "Orchestrator and workers"
    CHOREOGRAPHY = "choreography", "Choreography by events"
    STATE_MACHINE = "state_machine", "State machine"
    OPERATOR = "operator", "Operator (reconciling loop)"
    SERVERLESS = "serverless", "Serverless steps"
    HYBRID = "hybrid", "Hybrid"


class Maturity(models.TextChoices):
    BEGINNER = "beginner", "Beginner (triggers and simple steps)"
    INTERMEDIATE = "intermediate", "Intermediate (retries, metrics, runbook)"
    ADVANCED = "advanced", "Advanced (SLOs, tested failure, rollback by itself)"


class AutomationQuerySet(models.QuerySet["Automation"]):
    def visible_to(self, principal: Any) -> Self:
        """What this person or token may see: their teams', nobody's, and what they own or back up."""
        teams = visible_teams(principal)
        if teams is None:
            return self
        return self.filter(Q(team=None) | Q(team_id__in=teams) | _part_in(principal))

    def over_budget(self) -> Self:
        """In use, and noted to cost more a month than their guardrail allows."""
        return self.exclude(state=AutomationState.RETIRED).filter(cost_per_month__gt=F("cost_budget"))


def _part_in(principal: Any) -> Q:
    """What a person owns, backs up, answers for or works on, whatever team it belongs to."""
    if not isinstance(principal, Person):
        return Q(pk__in=[])
    named = Q(owner=principal) | Q(backup_owner=principal) | Q(accountable=principal)
    return named | Q(pk__in=principal.responsibilities.values("automation_id"))


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
    # Exactly one person is accountable: a column, so there cannot be two. The other letters of RACI: Responsibility.
    accountable = models.ForeignKey(
        Person,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="accountable_automations",
    )
    trigger = models.CharField(max_length=10, choices=Trigger.choices, blank=True)
    pattern = models.CharField("architecture", max_length=15, choices=Pattern.choices, blank=True)
    maturity = models.CharField(max_length=15, choices=Maturity.choices, blank=True)
    journeys = models.JSONField(default=list, blank=True)  # names of journeys it belongs to, such as quote-to-invoice
    limits = models.JSONField(default=dict, blank=True)  # the keys: opsportal.catalog.limits
    what_it_does = models.TextField(max_length=2000, blank=True)
    what_it_touches = models.TextField(max_length=2000, blank=True)
    how_to_pause = models.TextField(max_length=2000, blank=True)
    retry_notes = models.TextField("retries and compensation", max_length=2000, blank=True)
    fallback = models.TextField(max_length=2000, blank=True)
    links = models.JSONField(default=list, blank=True)
    # A tier counts for others once RevOps and sales leadership have agreed on it.
    tier_agreed_at = models.DateTimeField(null=True, blank=True)
    tier_agreed_revops = models.ForeignKey(
        Person, null=True, blank=True, on_delete=models.PROTECT, related_name="+", verbose_name="agreed for RevOps"
    )
    tier_agreed_sales = models.ForeignKey(
        Person, null=True, blank=True, on_delete=models.PROTECT, related_name="+", verbose_name="agreed for sales"
    )
    tier_reason = models.CharField(max_length=500, blank=True)
    paused_at = models.DateTimeField(null=True, blank=True)
    paused_by = models.CharField(max_length=150, blank=True)
    pause_reason = models.CharField(max_length=500, blank=True)
    fallback_since = models.DateTimeField(null=True, blank=True)
    fallback_by = models.CharField(max_length=150, blank=True)
    # What sales reads while it works worse than it should; over at `degraded_until` by itself.
    degraded = models.CharField(max_length=240, blank=True)
    degraded_since = models.DateTimeField(null=True, blank=True)
    degraded_until = models.DateTimeField(null=True, blank=True)
    degraded_by = models.CharField(max_length=150, blank=True)
    cost_per_month = models.DecimalField(max_digits=12, decimal_places=2, null=True, blank=True)
    cost_budget = models.DecimalField("monthly budget", max_digits=12, decimal_places=2, null=True, blank=True)
    currency = models.CharField(max_length=3, default="USD")
    cost_owner = models.ForeignKey(Person, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
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
            models.CheckConstraint(
                condition=Q(tier_agreed_at=None, tier_agreed_revops=None, tier_agreed_sales=None)
                | Q(tier_agreed_at__isnull=False, tier_agreed_revops__isnull=False, tier_agreed_sales__isnull=False)
                & ~Q(tier_agreed_revops=F("tier_agreed_sales")),
                name="catalog_tier_agreed_by_two",
            ),
            models.CheckConstraint(
                condition=Q(degraded="", degraded_since=None, degraded_until=None)
                | ~Q(degraded="") & Q(degraded_until__gt=F("degraded_since")),
                name="catalog_degraded_with_its_end",
            ),
            models.CheckConstraint(
                condition=(Q(cost_per_month=None) | Q(cost_per_month__gte=0))
                & (Q(cost_budget=None) | Q(cost_budget__gte=0)),
                name="catalog_cost_not_negative",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return f"/automations/{self.slug}/"

    def degraded_at(self, at: datetime) -> str:
        """What sales reads at `at`, or nothing."""
        return self.degraded if self.degraded_until is not None and at < self.degraded_until else ""

    @property
    def failover_seconds(self) -> float | None:
        """How long it was known to be degraded before its fallback did the work; None where that cannot be told."""
        began, ended, failed_over = self.degraded_since, self.degraded_until, self.fallback_since
        if began is None or ended is None or failed_over is None or not began <= failed_over < ended:
            return None
        return (failed_over - began).total_seconds()
