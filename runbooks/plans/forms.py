"""The form of a plan: which payloads, how they are changed, how carefully they go."""

import json
import re
from decimal import Decimal
from typing import Any

from django import forms as django_forms

from opsportal.identity.actors import Principal
from opsportal.web import forms
from runbooks.models import ReplayTarget
from runbooks.models.targets import MOST_PER_MINUTE
from runbooks.plans import freezing
from runbooks.states import ItemState

LINE = re.compile(r"(?:set (\S+) = (.+)|(rename|copy) (\S+) to (\S+)|remove (\S+))")
STATES = [("", "Held and given up"), (ItemState.HELD, "Held"), (ItemState.DEAD, "Given up")]


class PlanForm(forms.Form):
    """Everything but the target and the reason may stay empty."""

    target = django_forms.ModelChoiceField(ReplayTarget.objects.none(), to_field_name="slug")
    reason = django_forms.CharField(label="Why it should arrive now", max_length=500)
    state = django_forms.ChoiceField(choices=STATES, required=False, label="Which")
    automation = django_forms.CharField(label="Of the automation", max_length=60, required=False)
    error_type = django_forms.CharField(label="With the error", max_length=120, required=False)
    record_key = django_forms.CharField(label="Of the record", max_length=200, required=False)
    stored_from = forms.DateTimeField(label="Stored from", required=False)
    stored_to = forms.DateTimeField(label="Stored before", required=False)
    canary_count = django_forms.IntegerField(
        label="Canary",
        min_value=0,
        max_value=freezing.MOST,
        required=False,
        help_text="So many go first, one of each record; the rest waits until somebody resumes.",
    )
    rate_per_minute = django_forms.IntegerField(
        label="At most a minute",
        min_value=1,
        max_value=MOST_PER_MINUTE,
        required=False,
        help_text="Slower than the target takes; empty: as fast as it takes.",
    )
    abort_percent = django_forms.IntegerField(
        label="Stop by itself above so many percent that do not arrive", min_value=0, max_value=100, initial=20
    )
    transform = django_forms.CharField(
        label="Change each payload",
        required=False,
        widget=django_forms.Textarea(attrs={"rows": 3}),
        help_text="One step a line: set lead.stage = “won”, rename mail to email, copy a to b, remove note.",
    )

    def __init__(self, *args: Any, person: Principal | None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choices: Any = self.fields
        choices["target"].queryset = ReplayTarget.objects.visible_to(person)

    def clean_transform(self) -> list[dict[str, Any]]:
        lines = [line.strip() for line in self.cleaned_data["transform"].splitlines()]
        return [_step(line) for line in lines if line]

    def values(self) -> dict[str, Any]:
        """What the operation takes."""
        said = self.cleaned_data
        selection = {name: said[name] for name in ("state", "automation", "error_type", "record_key")}
        return {
            "reason": said["reason"],
            "selection": {**selection, "from": said["stored_from"], "to": said["stored_to"]},
            "transform": said["transform"],
            "canary_count": said["canary_count"] or 0,
            "rate_per_minute": said["rate_per_minute"],
            "abort_ratio": Decimal(said["abort_percent"]) / 100,
        }


def _step(line: str) -> dict[str, Any]:
    found = LINE.fullmatch(line)
    if found is None:
        raise django_forms.ValidationError(f"“{line[:60]}” is no step.")
    field, value, op, source, to, removed = found.groups()
    if field:
        return {"op": "set", "field": field, "value": _value(value)}
    return {"op": op, "field": source, "to": to} if op else {"op": "remove", "field": removed}


def _value(text: str) -> Any:
    """A JSON value, or else the text itself, quotes of any kind taken off."""
    try:
        return json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return text.strip().strip("“”\"'")


def _refuse(name: str) -> Any:
    raise ValueError(name)
