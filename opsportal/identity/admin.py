"""Configuration of people and teams, through the operations; tokens and sign-in attempts are facts to look at."""

from typing import Any

import django.contrib.auth.admin  # noqa: F401  (registers first, so that it can be taken out here)
from axes.models import AccessAttempt
from django import forms
from django.contrib import admin
from django.contrib.auth.models import Group
from django.db.models import Model
from django.http import HttpRequest

from opsportal import clock
from opsportal.identity import operations
from opsportal.identity.actors import actor_of
from opsportal.identity.models import Absence, ApiToken, Person, Team
from opsportal.identity.roles import GROUP_NAMES, Role
from opsportal.web.admin import ReadOnlyAdmin

# Groups are the roles, which have their own operation.
if admin.site.is_registered(Group):
    admin.site.unregister(Group)


class PersonAdminForm(forms.ModelForm[Person]):
    """Roles instead of groups and flags: nobody is made a superuser here."""

    roles = forms.MultipleChoiceField(
        choices=[(str(role), name) for role, name in GROUP_NAMES.items()],
        widget=forms.CheckboxSelectMultiple,
        required=False,
    )

    class Meta:
        model = Person
        fields = ["username", "name", "email", "timezone", "slack_id", "manager", "team"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk:
            self.initial["roles"] = [str(role) for role in self.instance.roles]


@admin.register(Person)
class PersonAdmin(admin.ModelAdmin[Person]):
    """Passwords, deactivating and unlocking have their own pages."""

    form = PersonAdminForm
    list_display = ["name", "username", "email", "team", "is_active", "is_staff"]
    list_filter = ["is_active", "groups", "team"]
    search_fields = ["name", "username", "email"]
    autocomplete_fields = ["manager"]
    list_select_related = ["team"]

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def get_readonly_fields(self, request: HttpRequest, obj: Person | None = None) -> list[str]:
        return ["username"] if obj is not None else []

    def save_model(self, request: HttpRequest, obj: Person, form: Any, change: bool) -> None:
        values = {name: form.cleaned_data[name] for name in operations.PERSON_FIELDS if name in form.cleaned_data}
        roles = [Role(value) for value in form.cleaned_data["roles"]]
        common: dict[str, Any] = {"roles": roles, "actor": actor_of(request), "now": clock.now()}
        if change:
            operations.revise_person(obj, **values, **common)
        else:
            obj.pk = operations.create_person(username=obj.username, **values, **common).pk

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """Groups follow the roles; there is nothing else to save."""


@admin.register(Team)
class TeamAdmin(admin.ModelAdmin[Team]):
    list_display = ["name", "slug"]
    search_fields = ["name", "slug"]

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def get_readonly_fields(self, request: HttpRequest, obj: Team | None = None) -> list[str]:
        return ["slug"] if obj is not None else []

    def save_model(self, request: HttpRequest, obj: Team, form: Any, change: bool) -> None:
        actor, now = actor_of(request), clock.now()
        if change:
            stored = Team.objects.get(pk=obj.pk)
            operations.rename_team(stored, name=obj.name, actor=actor, now=now)
        else:
            obj.pk = operations.create_team(slug=obj.slug, name=obj.name, actor=actor, now=now).pk


@admin.register(Absence)
class AbsenceAdmin(ReadOnlyAdmin):
    list_display = ["person", "from_at", "until"]
    list_filter = ["person__team"]
    list_select_related = ["person"]
    date_hierarchy = "from_at"


@admin.register(ApiToken)
class ApiTokenAdmin(ReadOnlyAdmin):
    """What is stored of a token proves nothing to anybody, and still the digest is not shown."""

    list_display = ["name", "key_id", "person", "team", "source", "last_used_at", "expires_at", "disabled_at"]
    list_filter = ["team"]
    list_select_related = ["person", "team"]
    search_fields = ["name", "key_id", "source"]
    exclude = ["digest"]


@admin.register(AccessAttempt)
class AccessAttemptAdmin(ReadOnlyAdmin):
    """Failed attempts to sign in that still count; unlocking is on the person's page."""

    list_display = ["username", "ip_address", "failures_since_start", "attempt_time"]
    search_fields = ["username", "ip_address"]
    fields = ["username", "ip_address", "user_agent", "failures_since_start", "attempt_time"]
