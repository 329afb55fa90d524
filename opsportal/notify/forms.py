"""Forms of subscriptions, of a delivery that is started again, and of how one wants to be told."""

from typing import Any

from django import forms

from opsportal.identity.models import Team
from opsportal.identity.queries import list_teams
from opsportal.notify.models import Preference, Subscription
from opsportal.web.forms import Form, ReasonField

WISHES = [("", "As the house decides"), ("yes", "Yes"), ("no", "No")]
MEANINGS: dict[str, bool | None] = {"": None, "yes": True, "no": False}


class EventsField(forms.CharField):
    """Patterns of events, separated by spaces, commas or lines; cleaned to a list."""

    def __init__(self, **kwargs: Any) -> None:
        defaults = {
            "label": "Events",
            "help_text": "One or more, separated by spaces: handoff.*, handoff.reassigned, or * for all.",
            "max_length": 2000,
            "initial": "handoff.*",
        }
        super().__init__(**{**defaults, **kwargs})

    def prepare_value(self, value: Any) -> Any:
        return " ".join(value) if isinstance(value, list) else value

    def clean(self, value: Any) -> list[str]:
        text: str = super().clean(value)
        return text.replace(",", " ").split()


class SubscriptionForm(Form):
    name = forms.CharField(max_length=120, help_text="Who listens there.")
    url = forms.CharField(max_length=500, label="Address", help_text="https, and on the public internet.")
    events = EventsField()


class NewSubscriptionForm(SubscriptionForm):
    kind = forms.ChoiceField(choices=Subscription.Kind.choices, label="Sent as")
    team = forms.ModelChoiceField(
        queryset=Team.objects.none(), to_field_name="slug", required=False, empty_label="all teams",
        help_text="It hears of the records of this team, and of those of no team.",
    )  # fmt: skip
    secret = forms.CharField(
        max_length=100, required=False, help_text="whsec_… of your receiver; empty makes one. Not for Slack."
    )
    field_order = ["kind", "name", "url", "events", "team", "secret"]

    def __init__(self, *args: Any, principal: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["team"].queryset = list_teams(principal)  # type: ignore[attr-defined]


class WithReasonForm(Form):
    reason = ReasonField(label="Why", max_length=240)


class RotateForm(Form):
    secret = forms.CharField(max_length=100, required=False, help_text="whsec_… of your choice; empty makes one.")


class PreferenceForm(Form):
    slack = forms.ChoiceField(choices=WISHES, required=False, label="Slack message")
    mail = forms.ChoiceField(choices=WISHES, required=False, label="Mail")

    @classmethod
    def of(cls, preference: Preference) -> "PreferenceForm":
        words = {meaning: word for word, meaning in MEANINGS.items()}
        return cls(initial={"slack": words[preference.slack], "mail": words[preference.mail]})

    def wishes(self) -> dict[str, bool | None]:
        return {name: MEANINGS[self.cleaned_data[name]] for name in ("slack", "mail")}
