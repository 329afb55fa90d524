"""What keeps an automation fit for service: people of its RACI, credentials, releases, switches, ticked checklists."""

from datetime import datetime
from typing import Self

from django.db import models
from django.db.models import F, Q

from opsportal.catalog.models.automations import SLUG, Automation
from opsportal.identity.models import Person


class Part(models.TextChoices):
    """The letters of RACI that several people may have. Who is accountable is a column of the automation."""

    RESPONSIBLE = "responsible", "Responsible"
    CONSULTED = "consulted", "Consulted"
    INFORMED = "informed", "Informed"


class Responsibility(models.Model):
    automation = models.ForeignKey(Automation, on_delete=models.CASCADE, related_name="responsibilities")
    person = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="responsibilities")
    part = models.CharField(max_length=12, choices=Part.choices)

    class Meta:
        ordering = ["part", "person__name", "id"]
        verbose_name_plural = "responsibilities"
        constraints = [
            models.UniqueConstraint(fields=["automation", "person", "part"], name="catalog_responsibility_once"),
            models.CheckConstraint(condition=Q(part__in=Part.values), name="catalog_responsibility_part_known"),
        ]

    def __str__(self) -> str:
        return f"{self.person}: {self.part}"


class CredentialQuerySet(models.QuerySet["Credential"]):
    def in_use(self) -> Self:
        return self.filter(retired_at=None)

    def expiring(self, until: datetime) -> Self:
        """In use, and at its end by `until`; what has expired already included."""
        return self.in_use().filter(expires_at__lte=until)

    def faulty(self, at: datetime) -> Self:
        """In use, and a finding: somebody's personal login, rights too broad, or expired."""
        bad = Q(kind=Credential.Kind.PERSONAL) | Q(is_too_broad=True) | Q(expires_at__lte=at)
        return self.in_use().filter(bad)


class Credential(models.Model):
    """A credential an automation uses, by reference: where it is kept, never what it is."""

    class Kind(models.TextChoices):
        SERVICE = "service", "Service account"
        SHARED = "shared", "Shared account"
        PERSONAL = "personal", "Somebody's personal login"

    automation = models.ForeignKey(Automation, on_delete=models.CASCADE, related_name="credentials")
    name = models.CharField(max_length=80)
    reference = models.CharField(max_length=240, blank=True)
    kind = models.CharField(max_length=10, choices=Kind.choices, default=Kind.SERVICE)
    permissions = models.CharField("what it may do", max_length=500, blank=True)
    is_too_broad = models.BooleanField("may do more than it needs", default=False)
    reviewed_at = models.DateTimeField(null=True, blank=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    retired_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField()

    objects = CredentialQuerySet.as_manager()

    class Meta:
        ordering = [F("expires_at").asc(nulls_last=True), "name", "id"]
        indexes = [
            models.Index(fields=["expires_at"], condition=Q(retired_at=None), name="catalog_credential_expiry"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["automation", "name"], condition=Q(retired_at=None), name="catalog_credential_named_once"
            ),
            models.CheckConstraint(
                condition=Q(kind__in=["service", "shared", "personal"]), name="catalog_credential_kind_known"
            ),
        ]

    def __str__(self) -> str:
        return self.name


class ReleaseQuerySet(models.QuerySet["Release"]):
    def planned(self) -> Self:
        return self.filter(released_at=None, cancelled_at=None)

    def watched(self, at: datetime) -> Self:
        """Released, and looked at more closely until `watch_until`."""
        return self.filter(released_at__lte=at, watch_until__gt=at, cancelled_at=None)


class Release(models.Model):
    """A version of an automation: planned, then released, then watched until `watch_until`."""

    class Risk(models.TextChoices):
        LOW = "low", "Low"
        MEDIUM = "medium", "Medium"
        HIGH = "high", "High"

    automation = models.ForeignKey(Automation, on_delete=models.CASCADE, related_name="releases")
    version = models.CharField(max_length=80)
    change = models.CharField(max_length=12, default="feature")
    risk = models.CharField(max_length=6, choices=Risk.choices, default=Risk.LOW)
    notes = models.CharField(max_length=500, blank=True)
    url = models.CharField(max_length=500, blank=True)
    planned_at = models.DateTimeField(null=True, blank=True)
    released_at = models.DateTimeField(null=True, blank=True)
    cancelled_at = models.DateTimeField(null=True, blank=True)
    watch_until = models.DateTimeField(null=True, blank=True)
    by_label = models.CharField("by", max_length=150, blank=True)
    # It went out although the gate would have held it back: told afterwards, so it could not be refused.
    passed_freeze = models.BooleanField(default=False)
    created_at = models.DateTimeField()

    objects = ReleaseQuerySet.as_manager()

    class Meta:
        ordering = [F("released_at").desc(nulls_first=True), "-id"]
        indexes = [
            models.Index(fields=["automation", "-released_at"], name="catalog_release_newest"),
            models.Index(fields=["watch_until"], name="catalog_release_watch"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["automation", "version"], condition=Q(cancelled_at=None), name="catalog_release_once"
            ),
            models.CheckConstraint(condition=Q(risk__in=["low", "medium", "high"]), name="catalog_release_risk_known"),
            models.CheckConstraint(
                condition=Q(released_at__isnull=False) | Q(planned_at__isnull=False),
                name="catalog_release_planned_or_released",
            ),
            models.CheckConstraint(
                condition=Q(released_at=None) | Q(cancelled_at=None), name="catalog_release_not_both"
            ),
        ]

    def __str__(self) -> str:
        return self.version


class Switch(models.Model):
    """A feature flag of an automation. `gated`: switching it on is new behaviour, so the gate is asked. Where it
    loses what comes in (`drops_data_when` on or off), two people switch it so.
    """

    automation = models.ForeignKey(Automation, on_delete=models.CASCADE, related_name="switches")
    slug = models.CharField(max_length=60, validators=[SLUG])
    label = models.CharField(max_length=120)
    description = models.CharField("what it changes", max_length=500, blank=True)
    is_on = models.BooleanField(default=False)
    gated = models.BooleanField("new behaviour", default=True)
    drops_data_when = models.CharField(
        "drops data", max_length=3, blank=True, choices=[("on", "while it is on"), ("off", "while it is off")]
    )
    changed_at = models.DateTimeField()
    changed_by = models.CharField(max_length=150, blank=True)

    class Meta:
        ordering = ["slug", "id"]
        verbose_name_plural = "switches"
        constraints = [
            models.UniqueConstraint(fields=["automation", "slug"], name="catalog_switch_slug"),
            models.CheckConstraint(
                condition=Q(drops_data_when__in=["", "on", "off"]), name="catalog_switch_drops_data"
            ),
        ]

    def __str__(self) -> str:
        return self.label

    def drops_data(self, on: bool) -> bool:
        """Whether switching it so loses what comes in."""
        return self.drops_data_when == ("on" if on else "off")


class ChecklistTick(models.Model):
    """One item of a checklist (opsportal.catalog.checklists) that somebody looked at and found done."""

    automation = models.ForeignKey(Automation, on_delete=models.CASCADE, related_name="ticks")
    item = models.CharField(max_length=60)
    note = models.CharField(max_length=240, blank=True)
    ticked_at = models.DateTimeField()
    ticked_by = models.CharField(max_length=150)

    class Meta:
        ordering = ["item", "id"]
        constraints = [models.UniqueConstraint(fields=["automation", "item"], name="catalog_tick_once")]

    def __str__(self) -> str:
        return self.item
