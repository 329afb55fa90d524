"""Business calendars and their versions. Arithmetic and spelling of definitions are in engine/."""

from django.db import models
from django.db.models import Q, Subquery


class CalendarQuerySet(models.QuerySet["Calendar"]):
    def with_current(self) -> "CalendarQuerySet":
        """Adds `current_version_id`: the version with the highest number, which is the current one."""
        newest = CalendarVersion.objects.filter(calendar=models.OuterRef("pk")).order_by("-number")
        return self.annotate(current_version_id=Subquery(newest.values("pk")[:1]))


class Calendar(models.Model):
    """A named calendar. What it says is in its versions; without a team it is everybody's.

    The version with the highest number is the current one: there is nothing else to keep in step with it.
    """

    slug = models.SlugField(max_length=60, unique=True)
    name = models.CharField(max_length=120)
    team = models.ForeignKey(
        "identity.Team",
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="calendars",
    )
    created_at = models.DateTimeField()

    objects = CalendarQuerySet.as_manager()

    class Meta:
        ordering = ["name", "slug"]

    def __str__(self) -> str:
        return self.name


class CalendarVersion(models.Model):
    """What a calendar says from one revision on. Never changed: timers point at the version they were computed with.

    `weekly`, `overrides` and `closures` have the shapes of the API: {"mon": [["09:00", "17:00"]], ...},
    {"2026-12-25": []}, [{"from": ..., "until": ..., "reason": ...}]; `override_names` says what a date is called.
    """

    calendar = models.ForeignKey(Calendar, on_delete=models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField()
    timezone = models.CharField(max_length=64)
    weekly = models.JSONField()
    overrides = models.JSONField(default=dict, blank=True)
    override_names = models.JSONField(default=dict, blank=True)
    closures = models.JSONField(default=list, blank=True)
    note = models.CharField(max_length=240, blank=True)
    created_at = models.DateTimeField()
    created_by = models.ForeignKey(
        "identity.Person",
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="calendar_versions",
    )

    class Meta:
        ordering = ["calendar", "-number"]
        constraints = [
            models.UniqueConstraint(fields=["calendar", "number"], name="calendars_version_number"),
            models.CheckConstraint(condition=Q(number__gte=1), name="calendars_version_number_from_1"),
        ]

    def __str__(self) -> str:
        return f"{self.calendar} v{self.number}"
