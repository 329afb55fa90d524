"""The form of an automation, and of putting it into service."""

from typing import Any

from django import forms as django_forms

from opsportal.catalog.models import Automation
from opsportal.catalog.queries import Change
from opsportal.identity.models import Person, Team
from opsportal.identity.queries import visible_teams
from opsportal.web import forms

CHANGES = {
    Change.FEATURE: "A feature",
    Change.FIX: "A fix",
    Change.SECURITY: "A security change",
    Change.EXPERIMENT: "An experiment",
}


class ChangeField(django_forms.ChoiceField):
    """What kind of change this is: the gate asks."""

    def __init__(self, **kwargs: Any) -> None:
        choices = [(change.value, words) for change, words in CHANGES.items()]
        defaults = {"choices": choices, "label": "This is", "help_text": "Freezes hold back features and experiments."}
        super().__init__(**{**defaults, **kwargs})


class LinksField(django_forms.CharField):
    """Lines of `label address`, as a list of {label, url}."""

    def __init__(self, **kwargs: Any) -> None:
        defaults = {
            "required": False,
            "widget": django_forms.Textarea(attrs={"rows": 3}),
            "help_text": "One a line: a label, then the address. Runbook https://wiki.example.org/lead-router",
        }
        super().__init__(**{**defaults, **kwargs})

    def prepare_value(self, value: Any) -> Any:
        if isinstance(value, list):
            return "\n".join(f"{link['label']} {link['url']}" for link in value)
        return value

    def to_python(self, value: Any) -> Any:
        lines = [line.strip() for line in (value or "").splitlines() if line.strip()]
        return [_link(line) for line in lines]

    def validate(self, value: Any) -> None:
        """The operation judges the links."""

    def run_validators(self, value: Any) -> None:
        """See validate."""


def _link(line: str) -> dict[str, str]:
    label, _, url = line.rpartition(" ")
    return {"label": label.strip() or url, "url": url}


class AutomationForm(forms.ModelForm):  # type: ignore[type-arg]
    links = LinksField()

    class Meta:
        model = Automation
        fields = ["slug", "name", "team", "tier", "platform", "owner", "backup_owner", "criticality_notes", "links"]
        widgets = {"criticality_notes": django_forms.Textarea(attrs={"rows": 3})}
        labels = {"criticality_notes": "What stops when it stops", "backup_owner": "Backup"}

    def __init__(self, *args: Any, person: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        teams = visible_teams(person)
        rows = Team.objects.all() if teams is None else Team.objects.filter(pk__in=teams)
        self.fields["team"].queryset = rows  # type: ignore[attr-defined]
        for name in ("owner", "backup_owner"):
            self.fields[name].queryset = Person.objects.filter(is_active=True)  # type: ignore[attr-defined]
        if self.instance.pk:
            del self.fields["slug"]
            self.fields["change"] = ChangeField()
            self.fields["reason"] = forms.ReasonField(required=False, label="Why")

    def _post_clean(self) -> None:
        """The operation validates and writes; the instance of the page stays as it is."""


class ActivationForm(forms.Form):
    change = ChangeField()
    reason = forms.ReasonField(required=False, label="Why")
