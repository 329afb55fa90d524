"""Business calendars and their versions. Arithmetic and spelling of definitions are in engine/."""

from typing import Any

from django.db import models
from django.db.models import Exists, OuterRef, Prefetch, Q, Subquery
from django.urls import reverse

from opsportal import ids
from opsportal.calendars import engine
from opsportal.identity.queries import visible_teams

AROUND_THE_CLOCK = "24x7"  # the starter calendar; always there, because timers start from it


class CalendarQuerySet(models.QuerySet["Calendar"]):
    def visible_to(self, principal: Any) -> "CalendarQuerySet":
        """What this person or token may see: their teams' calendars and those of nobody in particular."""
        teams = visible_teams(principal)
        return self if teams is None else self.filter(Q(team=None) | Q(team_id__in=teams))

    def with_current(self) -> "CalendarQuerySet":
        """Adds `current_id`: the version with the highest number, which is the current one."""
        newest = CalendarVersion.objects.filter(calendar=OuterRef("pk")).order_by("-number")
        return self.annotate(current_id=Subquery(newest.values("pk")[:1]))

    def with_content(self) -> "CalendarQuerySet":
        """Reads the current version of all rows with one further query: `current_versions` is a list of that one."""
        newer = CalendarVersion.objects.filter(calendar=OuterRef("calendar"), number__gt=OuterRef("number"))
        current = CalendarVersion.objects.filter(~Exists(newer))
        return self.prefetch_related(Prefetch("versions", current, to_attr="current_versions"))


class Calendar(models.Model):
    """A named calendar. What it says is in its versions; without a team it is everybody's.

    The version with the highest number is the current one: there is nothing else to keep in step with it.
    """

    slug = models.SlugField(max_length=60, unique=True)
    name = models.CharField(max_length=120)
    team = models.ForeignKey("identity.Team", null=True, blank=True, on_delete=models.PROTECT, related_name="calendars")
    created_at = models.DateTimeField()

    objects = CalendarQuerySet.as_manager()

    class Meta:
        ordering = ["name", "slug"]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("calendars:calendar", args=[self.slug])


class CalendarVersion(models.Model):
    """What a calendar says from one revision on. Triggers refuse to change it: timers point at the version they used.

    `weekly`, `overrides`, `override_names` and `closures` have the shapes of the API. The key is never used twice, not
    even after a rollback, so a process may remember what it stands for.
    """

    id = models.UUIDField(primary_key=True, default=ids.new_id, editable=False)
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
        "identity.Person", null=True, blank=True, on_delete=models.PROTECT, related_name="calendar_versions"
    )

    class Meta:
        ordering = ["calendar", "-number"]
        constraints = [
            models.UniqueConstraint(fields=["calendar", "number"], name="calendars_version_number"),
            models.CheckConstraint(condition=Q(number__gte=1), name="calendars_version_number_from_1"),
        ]

    def __str__(self) -> str:
        return f"{self.calendar} v{self.number}"

    def get_absolute_url(self) -> str:
        return reverse("calendars:version", args=[self.calendar.slug, self.number])

    @property
    def spelled(self) -> dict[str, Any]:
        """The content in the JSON spelling of the API."""
        names = ("timezone", "weekly", "overrides", "override_names", "closures")
        return {name: getattr(self, name) for name in names}

    @property
    def definition(self) -> engine.Definition:
        return engine.parse(**self.spelled)
