"""The form of a webhook that steps may call."""

from typing import Any

from django import forms as django_forms

from opsportal.catalog.models import Automation
from opsportal.identity.actors import Principal
from opsportal.identity.queries import list_teams
from opsportal.web import forms
from runbooks.models import Webhook
from runbooks.models.webhooks import MOST_SECONDS


class WebhookForm(forms.ModelForm[Webhook]):
    """What it may not be, the operation says at the field."""

    url = django_forms.CharField(label="Address", max_length=2000, help_text="https, public; nothing is redirected.")
    timeout_seconds = django_forms.IntegerField(
        label="Seconds to an answer", min_value=1, max_value=MOST_SECONDS, initial=MOST_SECONDS
    )
    idempotent = django_forms.BooleanField(
        label="It acts once per webhook-id, however often that comes",
        required=False,
        help_text="Only then may a step call it again when no answer came.",
    )
    is_dangerous = django_forms.BooleanField(
        label="Calling it takes two people",
        required=False,
        help_text="For what deletes, drops or sends in bulk.",
    )
    secret_ref = django_forms.CharField(
        label="Secret of its own",
        max_length=80,
        required=False,
        help_text="env:NAME, read from OPSPORTAL_REPLAY_SECRET_NAME. Empty: signed with our secret only.",
    )

    class Meta:
        model = Webhook
        fields = [
            "name", "url", "automation", "team", "timeout_seconds", "idempotent", "is_dangerous", "secret_ref",
        ]  # fmt: skip

    def __init__(self, *args: Any, person: Principal | None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choices: Any = self.fields
        choices["automation"].queryset = Automation.objects.visible_to(person)
        choices["team"].queryset = list_teams(person)

    def values(self) -> dict[str, Any]:
        return dict(self.cleaned_data)


class NewWebhookForm(WebhookForm):
    slug = django_forms.SlugField(max_length=60, help_text="What a step names: webhook: restart-router")

    field_order = ["name", "slug"]

    def values(self) -> dict[str, Any]:
        return {name: value for name, value in self.cleaned_data.items() if name != "slug"}


class RetireForm(forms.Form):
    reason = forms.ReasonField(label="Why")
