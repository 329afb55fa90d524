"""Addresses that a step of a runbook may call: registered one by one, and nothing else can be called."""

from typing import Any, ClassVar, Self

from django.db import models
from django.db.models import Q

from opsportal.catalog.models import SLUG, Automation
from opsportal.identity.models import Team
from opsportal.identity.queries import visible_teams

MOST_SECONDS = 10


class WebhookQuerySet(models.QuerySet["Webhook"]):
    def visible_to(self, principal: Any) -> Self:
        """Their automation's, their team's, and those of nobody in particular."""
        teams = visible_teams(principal)
        if teams is None:
            return self
        of_automations = Q(automation__in=Automation.objects.visible_to(principal))
        return self.filter(of_automations | Q(automation=None, team=None) | Q(automation=None, team_id__in=teams))

    def in_use(self) -> Self:
        return self.filter(retired_at=None)


class Webhook(models.Model):
    """`idempotent`: it acts once per webhook-id, so what may have arrived can be called again. `is_dangerous`: calling
    it takes two people.
    """

    KEPT_AS: ClassVar[str] = "runbook-webhook"

    slug = models.CharField(max_length=60, unique=True, validators=[SLUG])
    name = models.CharField(max_length=120)
    url = models.CharField(max_length=2000)
    automation = models.ForeignKey(
        Automation, null=True, blank=True, on_delete=models.PROTECT, related_name="runbook_webhooks"
    )
    team = models.ForeignKey(Team, null=True, blank=True, on_delete=models.PROTECT, related_name="runbook_webhooks")
    timeout_seconds = models.PositiveSmallIntegerField(default=10)
    idempotent = models.BooleanField(default=False)
    is_dangerous = models.BooleanField(default=False)
    secret_ref = models.CharField(max_length=80, blank=True)
    signing_secret = models.BinaryField(max_length=400, null=True, blank=True)
    retired_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()

    objects = WebhookQuerySet.as_manager()

    class Meta:
        ordering = ["slug"]
        constraints = [
            models.CheckConstraint(
                condition=Q(timeout_seconds__gte=1, timeout_seconds__lte=MOST_SECONDS), name="runbooks_webhook_timeout"
            )
        ]

    def __str__(self) -> str:
        return self.name or self.slug

    def get_absolute_url(self) -> str:
        return f"/runbooks/webhooks/{self.slug}/"
