"""Forms of integrations."""

from typing import Any

from django import forms

from opsportal.identity.models import Team
from opsportal.identity.queries import list_teams
from opsportal.integrations import registry
from opsportal.web.forms import Form, ReasonField


def kind_choices() -> list[tuple[str, str]]:
    return [(kind.slug, kind.label) for kind in registry.kinds()]


class MappingField(forms.CharField):
    """Lines of `our_field = path.in.the.payload`, cleaned to a dict."""

    def __init__(self, **kwargs: Any) -> None:
        defaults = {
            "required": False,
            "max_length": 8000,
            "widget": forms.Textarea(attrs={"rows": 4}),
            "help_text": "One a line: our field = where it stands in the payload, such as case_id = data.lead.id.",
        }
        super().__init__(**{**defaults, **kwargs})

    def prepare_value(self, value: Any) -> Any:
        return "\n".join(f"{key} = {path}" for key, path in value.items()) if isinstance(value, dict) else value

    def clean(self, value: Any) -> dict[str, str]:
        lines = [line.strip() for line in str(super().clean(value)).splitlines() if line.strip()]
        pairs = [[part.strip() for part in line.split("=", 1)] for line in lines]
        if any(len(pair) != 2 or not all(pair) for pair in pairs):
            raise forms.ValidationError("Write each line as: our field = path.")
        return {pair[0]: pair[1] for pair in pairs}


class IntegrationForm(Form):
    name = forms.CharField(max_length=120, help_text="Who sends.")
    mapping = MappingField()


class NewIntegrationForm(IntegrationForm):
    kind = forms.ChoiceField(choices=kind_choices, label="Sends as")
    source = forms.CharField(
        max_length=60, required=False, help_text="Stands on every record it makes; empty takes the name."
    )
    team = forms.ModelChoiceField(
        queryset=Team.objects.none(), to_field_name="slug", required=False, empty_label="no team"
    )
    secret = forms.CharField(
        max_length=100, required=False, help_text="whsec_… that the sender already has; empty makes one."
    )
    field_order = ["kind", "name", "source", "team", "mapping", "secret"]

    def __init__(self, *args: Any, principal: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["team"].queryset = list_teams(principal)  # type: ignore[attr-defined]


class WithReasonForm(Form):
    reason = ReasonField(label="Why", max_length=240)


class RotateForm(Form):
    secret = forms.CharField(max_length=100, required=False, help_text="whsec_… of the sender; empty makes one.")
