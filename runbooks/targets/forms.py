"""The form of a target."""

from collections.abc import Iterator, Sequence
from typing import Any, ClassVar

from django import forms as django_forms

from opsportal.catalog.models import Automation
from opsportal.identity.actors import Principal
from opsportal.identity.queries import list_teams
from opsportal.web import forms
from runbooks.models import ReplayTarget
from runbooks.models.targets import MOST_ATTEMPTS, MOST_PER_MINUTE, MOST_SECONDS


class TargetForm(forms.ModelForm[ReplayTarget]):
    """What a target declares. What it may not be, the operation says at the field."""

    url = django_forms.CharField(label="Address", max_length=2000, help_text="https, public; nothing is redirected.")
    rate_per_minute = django_forms.IntegerField(
        label="Requests a minute, at most", min_value=1, max_value=MOST_PER_MINUTE, initial=60
    )
    max_attempts = django_forms.IntegerField(
        label="Attempts before giving up", min_value=1, max_value=MOST_ATTEMPTS, initial=5
    )
    timeout_seconds = django_forms.IntegerField(
        label="Seconds to an answer", min_value=1, max_value=MOST_SECONDS, initial=10
    )
    already_there = django_forms.CharField(
        label="Statuses that mean it had the payload before",
        required=False,
        help_text="From 400 to 499, such as 409; several with commas.",
    )
    idempotent = django_forms.BooleanField(
        label="It acts once per webhook-id, however often that comes",
        required=False,
        help_text="Only then is what may have arrived sent again without asking a person.",
    )
    superseding = django_forms.BooleanField(
        label="A newer payload of a record replaces older ones that wait",
        required=False,
        help_text="Never where a P0 is concerned.",
    )
    secret_ref = django_forms.CharField(
        label="Secret of its own",
        max_length=80,
        required=False,
        help_text="env:NAME, read from OPSPORTAL_REPLAY_SECRET_NAME. Empty: signed with our secret only.",
    )
    shadow_url = django_forms.CharField(
        label="Shadow address",
        max_length=2000,
        required=False,
        help_text="Where a sample of a dry run may go. Nothing may happen for real there.",
    )
    shadow_secret_ref = django_forms.CharField(
        label="Secret of the shadow",
        max_length=80,
        required=False,
        help_text="env:NAME, as above. Empty: the sample is not signed; what signs in earnest never goes there.",
    )

    GROUPS: ClassVar[Sequence[tuple[str, Sequence[str]]]] = (
        ("What it is", ("name", "slug", "automation", "team")),
        ("Where payloads go", ("url", "secret_ref", "rate_per_minute", "max_attempts", "timeout_seconds")),
        ("The same twice", ("idempotent", "superseding", "already_there")),
        ("The shadow", ("shadow_url", "shadow_secret_ref")),
    )

    class Meta:
        model = ReplayTarget
        fields = [
            "name", "url", "automation", "team", "rate_per_minute", "max_attempts", "timeout_seconds", "idempotent",
            "superseding", "secret_ref", "shadow_url", "shadow_secret_ref",
        ]  # fmt: skip

    def __init__(self, *args: Any, person: Principal | None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choices: Any = self.fields
        choices["automation"].queryset = Automation.objects.visible_to(person)
        choices["automation"].empty_label = "Of none"
        choices["team"].queryset = list_teams(person)
        choices["team"].empty_label = "Of the automation"
        self.initial["already_there"] = ", ".join(str(status) for status in self.instance.already_there)

    def groups(self) -> Iterator[tuple[str, list[Any]]]:
        for title, names in self.GROUPS:
            yield title, [self[name] for name in names if name in self.fields]

    def clean_already_there(self) -> list[int]:
        said = [part.strip() for part in self.cleaned_data["already_there"].split(",") if part.strip()]
        if not all(part.isascii() and part.isdecimal() for part in said):
            raise django_forms.ValidationError("Statuses are numbers, such as 409.")
        return [int(part) for part in said]

    def values(self) -> dict[str, Any]:
        return dict(self.cleaned_data)


class NewTargetForm(TargetForm):
    slug = django_forms.SlugField(max_length=60, help_text="Lower-case letters, digits and hyphens; programs use it.")

    field_order = ["name", "slug"]

    def values(self) -> dict[str, Any]:
        return {name: value for name, value in self.cleaned_data.items() if name != "slug"}
