"""People, teams, absences, tokens, saved filters. Who may see what is in queries.py, what roles may do in roles.py."""

from django.contrib.auth.models import AbstractUser
from django.db import models
from django.db.models import F, Q


class Team(models.Model):
    slug = models.SlugField(max_length=60, unique=True)
    name = models.CharField(max_length=120)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class Person(AbstractUser):
    """Somebody with a name, a zone, and a way to be reached. Roles are groups (see roles.py).

    `is_active` false ends sessions and tokens at the next request; people are never deleted.
    """

    first_name = None  # type: ignore[assignment]
    last_name = None  # type: ignore[assignment]
    name = models.CharField(max_length=120)
    timezone = models.CharField(max_length=60, default="UTC")
    slack_id = models.CharField(max_length=40, blank=True)
    manager = models.ForeignKey("self", null=True, blank=True, on_delete=models.SET_NULL, related_name="reports")
    team = models.ForeignKey(Team, null=True, blank=True, on_delete=models.PROTECT, related_name="people")

    REQUIRED_FIELDS = ["email", "name"]

    class Meta(AbstractUser.Meta):
        verbose_name = "person"
        verbose_name_plural = "people"
        ordering = ["name", "username"]

    def __str__(self) -> str:
        return self.name or self.username


class Absence(models.Model):
    """A person is away in [from_at, until): nothing is reassigned to them meanwhile."""

    person = models.ForeignKey(Person, on_delete=models.CASCADE, related_name="absences")
    from_at = models.DateTimeField("from")
    until = models.DateTimeField()
    reason = models.CharField(max_length=200, blank=True)

    class Meta:
        ordering = ["from_at"]
        constraints = [
            models.CheckConstraint(condition=Q(until__gt=F("from_at")), name="identity_absence_ends_after_start")
        ]
        indexes = [models.Index(fields=["person", "until"], name="identity_absence_person")]

    def __str__(self) -> str:
        return f"{self.person} away until {self.until:%Y-%m-%d %H:%M}"


class ApiToken(models.Model):
    """A program's credential. Only the key id and a hash of the secret are stored; it always expires.

    `source` names the sending system and outlives rotation. Without a team the token sees every team's records.
    """

    name = models.CharField(max_length=120)
    key_id = models.CharField(max_length=16, unique=True)
    digest = models.BinaryField(max_length=32)
    scopes = models.JSONField()
    source = models.CharField(max_length=60, blank=True)
    team = models.ForeignKey(Team, null=True, blank=True, on_delete=models.PROTECT, related_name="tokens")
    networks = models.JSONField(default=list, blank=True)
    created_by = models.ForeignKey(Person, null=True, on_delete=models.PROTECT, related_name="tokens")
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    disabled_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-created_at"]
        constraints = [
            models.CheckConstraint(condition=Q(expires_at__gt=F("created_at")), name="identity_token_expires_later")
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.key_id})"


class SavedFilter(models.Model):
    """A named query string of one page, kept by a person, shared with a team when one is named."""

    person = models.ForeignKey(Person, on_delete=models.CASCADE, related_name="saved_filters")
    team = models.ForeignKey(Team, null=True, blank=True, on_delete=models.CASCADE, related_name="saved_filters")
    page = models.CharField(max_length=60)
    name = models.CharField(max_length=80)
    query = models.CharField(max_length=500)

    class Meta:
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(fields=["person", "page", "name"], name="identity_saved_filter_name"),
        ]

    def __str__(self) -> str:
        return self.name
