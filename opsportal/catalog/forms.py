"""Forms of an automation: one for each concern. They validate the shape; the operations judge the values."""

from typing import Any

from django import forms as django_forms

from opsportal.catalog.limits import LIMITS
from opsportal.catalog.models import Automation, Credential, Part, Release, Switch
from opsportal.catalog.operations import LINK_KINDS
from opsportal.catalog.queries import Change, needs_agreement
from opsportal.identity.models import Person
from opsportal.identity.queries import list_teams
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


class LinesField(django_forms.CharField):
    """Lines of text as a list."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{"required": False, "widget": django_forms.Textarea(attrs={"rows": 3}), **kwargs})

    def prepare_value(self, value: Any) -> Any:
        return "\n".join(map(str, value)) if isinstance(value, list) else value

    def to_python(self, value: Any) -> Any:
        return [line.strip() for line in (value or "").splitlines() if line.strip()]

    def validate(self, value: Any) -> None:
        """The operation judges what the lines say."""

    def run_validators(self, value: Any) -> None:
        """See validate."""


class LinksField(LinesField):
    """Lines of `kind: label address`, as a list of {label, url, kind}."""

    def __init__(self, **kwargs: Any) -> None:
        text = f"One a line: grafana: Panels https://grafana.example.org/d/1. Kinds: {', '.join(LINK_KINDS)}."
        super().__init__(**{"help_text": text, **kwargs})

    def prepare_value(self, value: Any) -> Any:
        if isinstance(value, list):
            return "\n".join(_spelled(link) for link in value)
        return value

    def to_python(self, value: Any) -> Any:
        return [_link(line) for line in super().to_python(value)]


def _spelled(link: dict[str, str]) -> str:
    kind = f"{link['kind']}: " if link.get("kind") else ""
    return f"{kind}{link['label']} {link['url']}"


def _link(line: str) -> dict[str, str]:
    label, _, url = line.rpartition(" ")
    kind, mark, rest = label.partition(":")
    found = {"label": label.strip() or url, "url": url}
    if mark and kind.strip().casefold() in LINK_KINDS:
        found = {"label": rest.strip() or kind.strip(), "url": url, "kind": kind.strip().casefold()}
    return found


class PersonField(django_forms.ModelChoiceField):  # type: ignore[type-arg]
    def __init__(self, **kwargs: Any) -> None:
        people = Person.objects.filter(is_active=True).order_by("name")
        super().__init__(**{"queryset": people, "required": False, "empty_label": "Nobody", **kwargs})


class PeopleField(django_forms.ModelMultipleChoiceField):  # type: ignore[type-arg]
    def __init__(self, **kwargs: Any) -> None:
        people = Person.objects.filter(is_active=True).order_by("name")
        widget = django_forms.CheckboxSelectMultiple
        super().__init__(**{"queryset": people, "required": False, "widget": widget, **kwargs})


class AutomationForm(forms.ModelForm):  # type: ignore[type-arg]
    """What it is called and whose it is. The tier leaves the form once two people agree on it."""

    links = LinksField()

    class Meta:
        model = Automation
        fields = ["slug", "name", "team", "tier", "platform", "owner", "backup_owner", "criticality_notes", "links"]
        widgets = {"criticality_notes": django_forms.Textarea(attrs={"rows": 3})}
        labels = {"criticality_notes": "What stops when it stops", "backup_owner": "Backup"}

    def __init__(self, *args: Any, person: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["team"].queryset = list_teams(person)  # type: ignore[attr-defined]
        for name in ("owner", "backup_owner"):
            self.fields[name].queryset = Person.objects.filter(is_active=True)  # type: ignore[attr-defined]
        if self.instance.pk:
            del self.fields["slug"]
            if needs_agreement(self.instance):
                del self.fields["tier"]
            self.fields["change"] = ChangeField()
            self.fields["reason"] = forms.ReasonField(required=False, label="Why")

    def _post_clean(self) -> None:
        """The operation validates and writes; the instance of the page stays as it is."""


class PartForm(forms.ModelForm):  # type: ignore[type-arg]
    """Some fields of an automation that belong together."""

    def _post_clean(self) -> None:
        """The operation validates and writes."""

    def values(self) -> dict[str, Any]:
        """What goes to operations.change_automation."""
        return dict(self.cleaned_data)


class WordsForm(PartForm):
    class Meta:
        model = Automation
        fields = ["what_it_does", "what_it_touches", "criticality_notes", "how_to_pause", "retry_notes", "fallback"]
        widgets = {name: django_forms.Textarea(attrs={"rows": 3}) for name in fields}
        labels = {"criticality_notes": "What stops when it stops"}
        help_texts = {
            "how_to_pause": "Where to click, and what happens to what is waiting.",
            "retry_notes": "What is tried again, what makes a second run harmless, what undoes half a run.",
            "fallback": "What people or another workflow do while it is off.",
        }


class CharacterForm(PartForm):
    journeys = LinesField(help_text="One name a line, such as quote-to-invoice.")

    class Meta:
        model = Automation
        fields = ["trigger", "pattern", "maturity", "journeys"]
        labels = {"trigger": "Started by"}


class CostForm(PartForm):
    cost_owner = PersonField(help_text="Hears of it when the guardrail is passed.")

    class Meta:
        model = Automation
        fields = ["cost_per_month", "cost_budget", "currency", "cost_owner"]
        labels = {"cost_budget": "Guardrail a month"}


class RaciForm(PartForm):
    accountable = PersonField(help_text="Exactly one person.")
    responsible = PeopleField(help_text="Who does the work.")
    consulted = PeopleField(help_text="Who is asked before it changes.")
    informed = PeopleField(help_text="Who is told afterwards.")

    class Meta:
        model = Automation
        fields = ["accountable"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for part in Part.values:
            self.initial[part] = [each.person_id for each in self.instance.responsibilities.all() if each.part == part]

    def values(self) -> dict[str, Any]:
        return {
            "raci": {name: list(value) if name != "accountable" else value for name, value in self.cleaned_data.items()}
        }


class LimitsForm(PartForm):
    """One field for each limit; what is left empty is not watched."""

    class Meta:
        model = Automation
        fields: list[str] = []

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for key, limit in LIMITS.items():
            options: dict[str, Any] = {"label": limit.label, "help_text": limit.meaning, "required": False}
            options["initial"] = self.instance.limits.get(key)
            self.fields[key] = _limit_field(limit.ratio, limit.least, options)

    def values(self) -> dict[str, Any]:
        said = {key: value for key, value in self.cleaned_data.items() if value is not None}
        return {"limits": {key: str(value) if LIMITS[key].ratio else value for key, value in said.items()}}


def _limit_field(is_ratio: bool, least: int, options: dict[str, Any]) -> django_forms.Field:
    if is_ratio:
        return django_forms.DecimalField(min_value=0, max_value=1, decimal_places=4, **options)
    return django_forms.IntegerField(min_value=least, **options)


# Concern in the address -> title, form.
PARTS: dict[str, tuple[str, type[PartForm]]] = {
    "people": ("Who does what", RaciForm),
    "words": ("What people need to know", WordsForm),
    "character": ("What kind of automation it is", CharacterForm),
    "limits": ("Limits and thresholds", LimitsForm),
    "cost": ("Cost", CostForm),
}


class ActivationForm(forms.Form):
    change = ChangeField()
    reason = forms.ReasonField(required=False, label="Why")


class ReasonForm(forms.Form):
    reason = forms.ReasonField(required=False, label="Why")


class NeedsReasonForm(forms.Form):
    reason = forms.ReasonField(label="Why", help_text="People who wait for it read this.")


class DegradedForm(forms.Form):
    sentence = django_forms.CharField(
        max_length=240,
        label="What sales should know",
        help_text="One sentence without jargon: New leads are assigned once an hour until this is mended.",
    )
    until = forms.DateTimeField(label="Until at the latest")


class TierForm(forms.Form):
    tier = django_forms.CharField(widget=django_forms.HiddenInput)
    reason = forms.ReasonField(label="Why", help_text="The other side decides by it.")


class CredentialForm(forms.ModelForm):  # type: ignore[type-arg]
    expires_at = forms.DateTimeField(required=False, label="Expires")
    reviewed_at = forms.DateTimeField(required=False, label="Rights last reviewed")

    class Meta:
        model = Credential
        fields = ["name", "kind", "reference", "permissions", "is_too_broad", "expires_at", "reviewed_at"]
        help_texts = {"reference": "Where it is kept, such as vault:hubspot/prod. Never the secret itself."}

    def _post_clean(self) -> None:
        """The operation validates and writes."""


class SwitchForm(forms.ModelForm):  # type: ignore[type-arg]
    class Meta:
        model = Switch
        fields = ["slug", "label", "description", "gated", "drops_data_when", "is_on"]
        labels = {
            "gated": "Switching it on is new behaviour",
            "is_on": "It is on now",
            "drops_data_when": "It loses what comes in",
        }
        help_texts = {
            "gated": "Then a freeze holds it back.",
            "drops_data_when": "Then two people switch it so, by a runbook.",
        }

    def _post_clean(self) -> None:
        """The operation validates and writes."""


class PlanForm(forms.Form):
    version = django_forms.CharField(max_length=80)
    planned_at = forms.DateTimeField(label="Planned for")
    change = ChangeField()
    risk = django_forms.ChoiceField(choices=Release.Risk.choices)
    notes = django_forms.CharField(max_length=500, required=False, label="What changes")
    url = django_forms.URLField(max_length=500, required=False, label="Link", assume_scheme="https")


class ReleaseForm(forms.Form):
    version = django_forms.CharField(max_length=80)
    released_at = forms.DateTimeField(required=False, label="Went out", help_text="Empty: it goes out now.")
    change = ChangeField()
    risk = django_forms.ChoiceField(choices=Release.Risk.choices)
    watch_hours = django_forms.IntegerField(
        min_value=0, max_value=720, required=False, label="Watched for hours", help_text="Empty: as its tier asks."
    )
    notes = django_forms.CharField(max_length=500, required=False, label="What changes")
    url = django_forms.URLField(max_length=500, required=False, label="Link", assume_scheme="https")


class WorkflowForm(forms.Form):
    file = django_forms.FileField(
        label="Export of n8n", help_text="JSON, one workflow or a list of them. Secrets in it are named and not kept."
    )


class CostLineForm(forms.Form):
    tool = django_forms.CharField(max_length=80)
    note = django_forms.CharField(max_length=240, required=False, label="What for")
    amount = django_forms.DecimalField(min_value=0, max_digits=12, decimal_places=2, label="A month")
    currency = django_forms.CharField(max_length=3, initial="USD")
    from_date = forms.DateField(label="From")
