"""Freezes: stretches in which features and experiments of some automations wait."""

from datetime import datetime
from typing import Any, Self

from django.db import models
from django.db.models import Exists, F, OuterRef, Q

from opsportal.catalog.models.automations import Automation
from opsportal.identity.models import Person, Team


class FreezeQuerySet(models.QuerySet["Freeze"]):
    def in_force(self, at: datetime) -> Self:
        """Freezes that hold back at `at`: standing, and not set aside by an override that holds `at`."""
        overridden = FreezeOverride.objects.filter(freeze=OuterRef("pk"), from_at__lte=at, until__gt=at)
        return self.standing(at).exclude(Exists(overridden))

    def standing(self, at: datetime) -> Self:
        """Freezes whose interval [from_at, until) holds `at` and that have not ended by then, overridden or not."""
        return self.filter(Q(lifted_at=None) | Q(lifted_at__gt=at), from_at__lte=at, until__gt=at)

    def covering(self, automation: Automation) -> Self:
        return self._covering(automation.pk, automation.team_id)

    def covering_outer(self) -> Self:
        """Those over the automation of the statement around this one."""
        return self._covering(OuterRef("pk"), OuterRef("team_id"))

    def _covering(self, automation: Any, team: Any) -> Self:
        return self.filter(
            Q(scope=Freeze.Scope.ALL)
            | Q(scope=Freeze.Scope.AUTOMATION, automation=automation)
            | Q(scope=Freeze.Scope.TEAM, team__isnull=False, team=team)
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
    lifted_reason = models.CharField(max_length=240, blank=True)
    # Leadership commits to the freeze: who, when, in what words.
    acknowledged_at = models.DateTimeField(null=True, blank=True)
    acknowledged_by = models.ForeignKey(Person, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    commitment = models.CharField(max_length=240, blank=True)
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


class FreezeOverride(models.Model):
    """A stretch [from_at, until) in which a freeze holds nothing back, because two people said so."""

    freeze = models.ForeignKey(Freeze, on_delete=models.CASCADE, related_name="overrides")
    from_at = models.DateTimeField("from")
    until = models.DateTimeField()
    reason = models.CharField(max_length=240)
    requested_by = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+")
    approved_by = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+")
    approval = models.CharField(max_length=40)  # the key of the request that was approved

    class Meta:
        ordering = ["-from_at", "-id"]
        constraints = [
            models.CheckConstraint(condition=Q(until__gt=F("from_at")), name="catalog_override_ends_after_start"),
            models.CheckConstraint(
                condition=~Q(requested_by=F("approved_by")), name="catalog_override_needs_two_people"
            ),
            # One request may set several freezes aside, each once.
            models.UniqueConstraint(fields=["approval", "freeze"], name="catalog_override_once_each"),
        ]

    def __str__(self) -> str:
        return f"{self.freeze}: {self.reason}"


class ExperimentPermission(models.Model):
    """A stretch [from_at, until) in which a budget policy lets an automation experiment; `until` None: it goes on."""

    automation = models.ForeignKey(Automation, on_delete=models.CASCADE, related_name="permissions")
    from_at = models.DateTimeField("from")
    until = models.DateTimeField(null=True, blank=True)
    reason = models.CharField(max_length=240)

    class Meta:
        ordering = ["-from_at", "-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["automation"], condition=Q(until=None), name="catalog_permission_goes_on_once"
            ),
            models.CheckConstraint(
                condition=Q(until=None) | Q(until__gte=F("from_at")), name="catalog_permission_ends_after_start"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.automation}: {self.reason}"
