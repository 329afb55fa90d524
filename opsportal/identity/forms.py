"""Forms of sign-in, people, teams, tokens and one's own account. They validate shape; operations decide."""

from typing import Any
from zoneinfo import available_timezones

from django import forms
from django.contrib.auth.forms import AuthenticationForm
from django.db.models import QuerySet

from opsportal.identity.models import Person, Team
from opsportal.identity.operations.tokens import MAX_DAYS
from opsportal.identity.roles import GROUP_NAMES, SCOPES, Role
from opsportal.web.forms import DateTimeField, Form, Looks, ReasonField

SAME_FOR_ALL = "The user name or the password is not right."


class SignInForm(Looks, AuthenticationForm):
    """One sentence for an unknown name, a wrong password and an account that is closed."""

    error_messages = {"invalid_login": SAME_FOR_ALL, "inactive": SAME_FOR_ALL}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["username"].label = "User name"


def zone_choices() -> list[tuple[str, str]]:
    """Zones that people live in: places, and UTC."""
    places = sorted(
        zone for zone in available_timezones() if "/" in zone and not zone.startswith(("Etc/", "posix", "right"))
    )
    return [("UTC", "UTC"), *((zone, zone.replace("_", " ")) for zone in places)]


class ProfileForm(Form):
    """What people say about themselves."""

    timezone = forms.ChoiceField(label="Time zone", choices=zone_choices, help_text="Times are shown in it.")
    slack_id = forms.CharField(
        label="Slack id",
        max_length=40,
        required=False,
        help_text="Your member id, such as U024BE7LH. Urgent news come there.",
    )


class PersonForm(Form):
    """What those who look after people say about somebody."""

    username = forms.CharField(label="User name", max_length=150, help_text="Letters, digits and @ . + - _. It stays.")
    name = forms.CharField(max_length=120)
    email = forms.EmailField(label="Mail address", required=False)
    timezone = forms.ChoiceField(label="Time zone", choices=zone_choices, initial="UTC")
    slack_id = forms.CharField(label="Slack id", max_length=40, required=False)
    team = forms.ModelChoiceField(Team.objects.all(), required=False, empty_label="No team", to_field_name="slug")
    manager = forms.ModelChoiceField(
        Person.objects.none(), required=False, empty_label="Nobody", to_field_name="username"
    )
    roles = forms.MultipleChoiceField(
        choices=[(str(role), name) for role, name in GROUP_NAMES.items()],
        widget=forms.CheckboxSelectMultiple,
        required=False,
        help_text="Without a role somebody can sign in and sees nothing.",
    )

    def __init__(self, *args: Any, person: Person | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        others: QuerySet[Person] = Person.objects.filter(is_active=True)
        manager: Any = self.fields["manager"]
        manager.queryset = others if person is None else others.exclude(pk=person.pk)
        if person is not None:
            del self.fields["username"]

    def clean_roles(self) -> list[Role]:
        return [Role(value) for value in self.cleaned_data["roles"]]


class AbsenceForm(Form):
    from_at = DateTimeField(label="Away from")
    until = DateTimeField(label="Back at")
    reason = forms.CharField(
        max_length=200, required=False, help_text="Seen by them, their manager and ops leads only."
    )


class TeamForm(Form):
    name = forms.CharField(max_length=120)
    slug = forms.SlugField(max_length=60, help_text="Short, for addresses and the API. It stays.")


class RenameTeamForm(Form):
    name = forms.CharField(max_length=120)


class NewPasswordForm(Form):
    """A password for somebody else: they change it after signing in."""

    password = forms.CharField(
        label="New password",
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text="At least 12 characters; not a common one, not the name.",
    )
    again = forms.CharField(
        label="Once more", strip=False, widget=forms.PasswordInput(attrs={"autocomplete": "new-password"})
    )

    def clean(self) -> dict[str, Any]:
        values = self.cleaned_data
        if {"password", "again"} <= set(values) and values["password"] != values["again"]:
            self.add_error("again", "This is not the same password.")
        return values


class OwnPasswordForm(NewPasswordForm):
    """One's own: it asks for the present one first."""

    present = forms.CharField(
        label="Present password",
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )
    field_order = ["present", "password", "again"]

    def __init__(self, *args: Any, person: Person, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.person = person

    def clean_present(self) -> str:
        present: str = self.cleaned_data["present"]
        if not self.person.check_password(present):
            raise forms.ValidationError("This is not your present password.")
        return present


class TokenForm(Form):
    """A token; `creator` decides which scopes there are to choose from and who may answer for it."""

    name = forms.CharField(max_length=120, help_text="What uses it, such as “n8n production”.")
    scopes = forms.MultipleChoiceField(widget=forms.CheckboxSelectMultiple)
    days = forms.IntegerField(label="Lives for days", min_value=1, max_value=MAX_DAYS, initial=90)
    source = forms.CharField(
        max_length=60, required=False, help_text="The sending system; it outlives the token when you replace it."
    )
    networks = forms.CharField(
        required=False,
        max_length=500,
        help_text="Where it may be used from, such as 203.0.113.0/24, separated by commas. Empty: anywhere.",
    )
    team = forms.ModelChoiceField(
        Team.objects.all(), required=False, empty_label="All teams", to_field_name="slug", label="Sees records of"
    )
    for_a_system = forms.BooleanField(
        required=False,
        label="It stands for a system, not for me",
        help_text="Then it does not end when you leave, and its rights are not limited to yours.",
    )

    def __init__(self, *args: Any, creator: Person, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        looks_after_all = creator.allows("people:write")
        scopes: Any = self.fields["scopes"]
        scopes.choices = [(scope, scope) for scope in SCOPES if looks_after_all or creator.allows(scope)]
        if not looks_after_all:
            del self.fields["for_a_system"], self.fields["team"]

    def clean_networks(self) -> list[str]:
        return [part.strip() for part in self.cleaned_data["networks"].split(",") if part.strip()]


class RotateForm(Form):
    days = forms.IntegerField(label="The new one lives for days", min_value=1, max_value=MAX_DAYS, initial=90)
    overlap_hours = forms.IntegerField(
        label="Hours during which both work", min_value=0, max_value=24 * 30, initial=24,
        help_text="Time to put the new one in place. With 0 the old one ends at once.",
    )  # fmt: skip


class WithReasonForm(Form):
    reason = ReasonField(required=False)
