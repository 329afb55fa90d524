"""The form of a target."""

from typing import Any

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
    rate_per_minute = django_forms.IntegerField(label="At most a minute", min_value=1, max_value=MOST_PER_MINUTE)
    max_attempts = django_forms.IntegerField(label="Attempts before giving up", min_value=1, max_value=MOST_ATTEMPTS)
    timeout_seconds = django_forms.IntegerField(label="Seconds to an answer", min_value=1, max_value=MOST_SECONDS)
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

    class Meta:
        model = ReplayTarget
        fields = [
            "name", "url", "automation", "team", "rate_per_minute", "max_attempts", "timeout_seconds", "idempotent",
            "superseding", "secret_ref",
        ]  # fmt: skip

    def __init__(self, *args: Any, person: Principal | None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choices: Any = self.fields
        choices["automation"].queryset = Automation.objects.visible_to(person)
        choices["team"].queryset = list_teams(person)

    def values(self) -> dict[str, Any]:
        return dict(self.cleaned_data)


class NewTargetForm(TargetForm):
    slug = django_forms.SlugField(max_length=60, help_text="Lower-case letters, digits and hyphens; programs use it.")

    field_order = ["name", "slug"]

    def values(self) -> dict[str, Any]:
        return {name: value for name, value in self.cleaned_data.items() if name != "slug"}
