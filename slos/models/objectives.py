"""Objectives: what is promised of an automation, in numbered versions, and the time that does not count."""

from decimal import Decimal
from typing import Any, Self

from django.db import models
from django.db.models import F, Q
from django.urls import reverse

from handoffs.models import Rule
from opsportal.catalog.models import SLUG, Automation
from opsportal.identity.models import Person, Team
from opsportal.identity.queries import visible_teams
from slos.models.heartbeats import Heartbeat
from slos.states import SliKind, SliMethod, SloState


class SloQuerySet(models.QuerySet["Slo"]):
    def visible_to(self, principal: Any) -> Self:
        teams = visible_teams(principal)
        if teams is None:
            return self
        of_automations = Q(automation__in=Automation.objects.visible_to(principal))
        return self.filter(of_automations | Q(automation=None, team=None) | Q(automation=None, team_id__in=teams))

    def in_force(self) -> Self:
        return self.filter(state=SloState.ACTIVE.value)


class Slo(models.Model):
    """A target for an SLI over a window. `target` is in percent (99.5); the budget is 1 - target / 100.

    Rolling windows have `window_days`, calendar windows a `window_unit` (week, month, quarter, year); both live in
    `timezone`. Which of the other fields mean something follows from kind and method.
    """

    slug = models.CharField(max_length=80, unique=True, validators=[SLUG])
    name = models.CharField(max_length=120)
    description = models.TextField(max_length=2000, blank=True)
    automation = models.ForeignKey(Automation, null=True, blank=True, on_delete=models.PROTECT, related_name="slos")
    heartbeat = models.ForeignKey(Heartbeat, null=True, blank=True, on_delete=models.PROTECT, related_name="slos")
    rule = models.ForeignKey(Rule, null=True, blank=True, on_delete=models.PROTECT, related_name="slos")
    team = models.ForeignKey(Team, null=True, blank=True, on_delete=models.PROTECT, related_name="slos")
    kind = models.CharField(max_length=12, choices=[(one.value, one.value) for one in SliKind])
    method = models.CharField(max_length=12, choices=[(one.value, one.value) for one in SliMethod])
    target = models.DecimalField(max_digits=9, decimal_places=6)
    window_kind = models.CharField(max_length=8, choices=[("rolling", "rolling"), ("calendar", "calendar")])
    window_days = models.PositiveSmallIntegerField(null=True, blank=True)
    window_unit = models.CharField(max_length=8, blank=True)
    timezone = models.CharField(max_length=60, default="UTC")
    threshold_ms = models.BigIntegerField(null=True, blank=True)
    slice_seconds = models.PositiveIntegerField(null=True, blank=True)
    slice_target = models.DecimalField(max_digits=9, decimal_places=6, null=True, blank=True)
    max_run_seconds = models.PositiveIntegerField(null=True, blank=True)
    consecutive_failures = models.PositiveSmallIntegerField(null=True, blank=True)
    burn_alerts = models.JSONField(null=True, blank=True)  # typed thresholds; None: those that follow from the window
    state = models.CharField(max_length=8, choices=[(one.value, one.value) for one in SloState], default="draft")
    version = models.PositiveIntegerField(default=1)
    openslo = models.JSONField(null=True, blank=True)  # the document it came from, so that nothing of it is lost
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()

    objects = SloQuerySet.as_manager()

    class Meta:
        verbose_name = "SLO"
        ordering = ["slug"]
        constraints = [
            models.CheckConstraint(condition=Q(target__gt=0, target__lt=100), name="slos_slo_target_in_range"),
            models.CheckConstraint(condition=Q(state__in=[one.value for one in SloState]), name="slos_slo_state_known"),
            models.CheckConstraint(
                condition=Q(window_kind="rolling", window_days__gte=1, window_unit="")
                | (Q(window_kind="calendar", window_days=None) & ~Q(window_unit="")),
                name="slos_slo_window_is_whole",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("slos:detail", args=[self.slug])

    @property
    def budget_share(self) -> Decimal:
        """B = 1 - target: the share of valid events, or of the window, that may be bad."""
        return 1 - self.target / 100


class SloPart(models.Model):
    """A part of a composite and its weight."""

    composite = models.ForeignKey(Slo, on_delete=models.CASCADE, related_name="parts")
    part = models.ForeignKey(Slo, on_delete=models.PROTECT, related_name="part_of")
    weight = models.DecimalField(max_digits=9, decimal_places=4)

    class Meta:
        verbose_name = "SLO part"
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(fields=["composite", "part"], name="slos_part_once"),
            models.CheckConstraint(condition=Q(weight__gt=0), name="slos_part_weighs"),
            models.CheckConstraint(condition=~Q(composite=F("part")), name="slos_part_is_another"),
        ]

    def __str__(self) -> str:
        return f"{self.part} in {self.composite}"


class SloVersion(models.Model):
    """A definition as it stood from `from_at` on; never changed."""

    slo = models.ForeignKey(Slo, on_delete=models.CASCADE, related_name="versions", db_index=False)
    number = models.PositiveIntegerField()
    definition = models.JSONField()
    from_at = models.DateTimeField()
    author = models.ForeignKey(Person, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    reason = models.CharField(max_length=240, blank=True)

    class Meta:
        verbose_name = "SLO version"
        ordering = ["-number"]
        constraints = [models.UniqueConstraint(fields=["slo", "number"], name="slos_version_number")]

    def __str__(self) -> str:
        return f"{self.slo} v{self.number}"


class ExclusionQuerySet(models.QuerySet["Exclusion"]):
    def in_force(self) -> Self:
        return self.exclude(approved_at=None).filter(withdrawn_at=None)

    def of(self, slo: Slo) -> Self:
        """Those of the SLO itself and those of its automation."""
        return self.filter(Q(slo=slo) | Q(automation__isnull=False, automation=slo.automation_id))


class Exclusion(models.Model):
    """A stretch [from_at, until) that does not count (maintenance). In force once `approved_at` stands and until it is
    withdrawn. `approved_by` is the second person of a retroactive one; a planned one needs none.
    """

    slo = models.ForeignKey(Slo, null=True, blank=True, on_delete=models.CASCADE, related_name="exclusions")
    automation = models.ForeignKey(
        Automation, null=True, blank=True, on_delete=models.CASCADE, related_name="exclusions"
    )
    from_at = models.DateTimeField("from")
    until = models.DateTimeField()
    reason = models.CharField(max_length=240)
    author = models.ForeignKey(Person, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    author_label = models.CharField(max_length=120, blank=True)  # the program that asked, where nobody answers for it
    approved_at = models.DateTimeField(null=True, blank=True)
    approved_by = models.ForeignKey(Person, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    withdrawn_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField()

    objects = ExclusionQuerySet.as_manager()

    class Meta:
        ordering = ["-from_at", "-id"]
        constraints = [
            models.CheckConstraint(condition=Q(until__gt=F("from_at")), name="slos_exclusion_ends_after_start"),
            models.CheckConstraint(
                condition=Q(slo=None, automation__isnull=False) | Q(slo__isnull=False, automation=None),
                name="slos_exclusion_of_one_thing",
            ),
            models.CheckConstraint(
                condition=Q(approved_by=None) | ~Q(approved_by=F("author")), name="slos_exclusion_second_person"
            ),
        ]

    def __str__(self) -> str:
        return self.reason

    @property
    def asked_by(self) -> str:
        return str(self.author) if self.author else self.author_label
