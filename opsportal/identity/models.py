"""People, teams, absences, tokens, sessions, saved filters. Visibility is in queries.py, rights in roles.py."""

from datetime import datetime
from functools import cached_property
from typing import ClassVar

from django.contrib.auth.models import AbstractUser, UserManager
from django.contrib.sessions.backends.base import SessionBase
from django.contrib.sessions.base_session import AbstractBaseSession
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Lower
from django.urls import reverse

from opsportal import clock
from opsportal.identity import validators
from opsportal.identity.roles import CONFIGURE_HANDOFFS, ROLE_OF_GROUP, SCOPES_OF_ROLE, Role


class Team(models.Model):
    slug = models.SlugField(max_length=60, unique=True)
    name = models.CharField(max_length=120, validators=[validators.one_line])

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class PersonManager(UserManager["Person"]):
    """Signing in does not ask for the right case; no two user names differ by case alone."""

    def get_by_natural_key(self, username: str | None) -> "Person":
        return self.get(username__iexact=username)


class Person(AbstractUser):
    """Somebody with a name, a zone, and a way to be reached. Roles are groups (see roles.py).

    `is_active` false ends sessions and tokens at the next request; people are never deleted.
    """

    first_name = None  # type: ignore[assignment]
    last_name = None  # type: ignore[assignment]
    name = models.CharField(max_length=120, validators=[validators.one_line])
    timezone = models.CharField(max_length=60, default="UTC", validators=[validators.known_timezone])
    slack_id = models.CharField(max_length=40, blank=True, validators=[validators.slack_id])
    manager = models.ForeignKey("self", null=True, blank=True, on_delete=models.SET_NULL, related_name="reports")
    team = models.ForeignKey(Team, null=True, blank=True, on_delete=models.PROTECT, related_name="people")

    date_joined = models.DateTimeField(default=clock.now)

    objects: ClassVar[PersonManager] = PersonManager()

    REQUIRED_FIELDS = ["email", "name"]

    class Meta(AbstractUser.Meta):
        verbose_name = "person"
        verbose_name_plural = "people"
        ordering = ["name", "username"]
        constraints = [models.UniqueConstraint(Lower("username"), name="identity_person_username_any_case")]

    def __str__(self) -> str:
        return self.name or self.username

    def get_absolute_url(self) -> str:
        return reverse("identity:person", args=[self.username])

    def get_full_name(self) -> str:
        return self.name

    def get_short_name(self) -> str:
        return self.name

    @cached_property
    def roles(self) -> list[Role]:
        """The person's roles, weakest first, read once for the life of this object (one request)."""
        models.prefetch_related_objects([self], "groups")  # whoever asks for the groups after this has them
        held = {ROLE_OF_GROUP[group.name] for group in self.groups.all() if group.name in ROLE_OF_GROUP}
        return [role for role in Role if role in held]

    @cached_property
    def scopes(self) -> frozenset[str]:
        """What the roles together allow, read once for the life of this object (one request)."""
        return frozenset().union(*(SCOPES_OF_ROLE[role] for role in self.roles))

    def allows(self, scope: str) -> bool:
        """Whether the person may do what `scope` names; nobody inactive may do anything."""
        return self.is_active and scope in self.scopes


class Absence(models.Model):
    """A person is away in [from_at, until): nothing is reassigned to them meanwhile."""

    person = models.ForeignKey(Person, on_delete=models.CASCADE, related_name="absences")
    from_at = models.DateTimeField("from")
    until = models.DateTimeField()
    reason = models.CharField(max_length=200, blank=True, validators=[validators.one_line])

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

    `source` names the sending system and outlives rotation. `person` is who answers for it: the token ends with them
    and never does more than they may; without one it stands for a system. Without a team it sees every team's records.
    """

    name = models.CharField(max_length=120)
    key_id = models.CharField(max_length=16, unique=True)
    digest = models.BinaryField(max_length=32)
    scopes = models.JSONField()
    source = models.CharField(max_length=60, blank=True)
    team = models.ForeignKey(Team, null=True, blank=True, on_delete=models.PROTECT, related_name="tokens")
    person = models.ForeignKey(Person, null=True, blank=True, on_delete=models.PROTECT, related_name="tokens")
    networks = models.JSONField(default=list, blank=True)
    created_by = models.ForeignKey(
        Person, null=True, blank=True, on_delete=models.PROTECT, related_name="created_tokens"
    )
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

    def get_absolute_url(self) -> str:
        return reverse("identity:token", args=[self.pk])

    def allows(self, scope: str) -> bool:
        """Whether the token may do what `scope` names. `admin` is all of them; write does not include read."""
        if self.person is not None and not self.person.allows(scope):
            return False
        asked = "handoffs:write" if scope == CONFIGURE_HANDOFFS else scope
        return asked in self.scopes or "admin" in self.scopes

    def is_usable(self, now: datetime) -> bool:
        """Neither expired nor disabled at `now`, and the person who answers for it is still here."""
        ended = self.disabled_at is not None and self.disabled_at <= now
        return self.expires_at > now and not ended and (self.person is None or self.person.is_active)


class BrowserSession(AbstractBaseSession):
    """A signed-in browser. The named columns repeat what the session data holds, for a person's list of sessions."""

    person = models.ForeignKey(Person, null=True, on_delete=models.CASCADE, related_name="sessions")
    began_at = models.DateTimeField(null=True)
    seen_at = models.DateTimeField(null=True)
    address = models.GenericIPAddressField(null=True)
    agent = models.CharField(max_length=200, blank=True)

    class Meta(AbstractBaseSession.Meta):
        indexes = [models.Index(fields=["person", "seen_at"], name="identity_session_person")]

    @classmethod
    def get_session_store_class(cls) -> type[SessionBase]:
        from opsportal.identity.sessions import SessionStore

        return SessionStore


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
