"""The form of a plan: which payloads, how they are changed, how carefully they go."""

import json
import re
from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any, ClassVar

from django import forms as django_forms
from django.utils.dateparse import parse_datetime

from opsportal.identity.actors import Principal
from opsportal.web import forms
from runbooks.models import ReplayPlan, ReplayTarget
from runbooks.models.targets import MOST_PER_MINUTE
from runbooks.plans import freezing, words
from runbooks.states import ItemState

LINE = re.compile(r"(?:set (\S+) = (.+)|(rename|copy) (\S+) to (\S+)|remove (\S+))")
STATES = [
    ("", "Whatever a plan takes"),
    (ItemState.HELD, "Held"),
    (ItemState.DEAD, "Given up"),
    (ItemState.IN_DOUBT, "In doubt, where the target acts once"),
]
ASKED = ("state", "error_type", "automation", "record_key", "correlation_id", "source")
WINDOW = {"failed_from": "failed_from", "failed_to": "failed_to", "stored_from": "from", "stored_to": "to"}


class PlanForm(forms.Form):
    """Everything but the reason may stay empty."""

    reason = django_forms.CharField(label="Why it should arrive now", max_length=500)
    state = django_forms.ChoiceField(choices=STATES, required=False, label="State")
    error_type = django_forms.CharField(label="Error", max_length=120, required=False)
    automation = django_forms.CharField(
        label="Automation", max_length=60, required=False, help_text="Its short name, such as lead-router."
    )
    record_key = django_forms.CharField(label="Record", max_length=200, required=False)
    correlation_id = django_forms.CharField(label="Trace", max_length=64, required=False)
    source = django_forms.CharField(label="Source", max_length=60, required=False)
    failed_from = forms.DateTimeField(label="Failed from", required=False)
    failed_to = forms.DateTimeField(label="Failed before", required=False)
    stored_from = forms.DateTimeField(label="Stored from", required=False)
    stored_to = forms.DateTimeField(label="Stored before", required=False)
    items = django_forms.CharField(required=False, widget=django_forms.HiddenInput())
    canary_count = django_forms.IntegerField(
        label="Canary",
        min_value=0,
        max_value=freezing.MOST,
        required=False,
        help_text="So many go first, one of each record; the rest waits until somebody resumes.",
    )
    rate_per_minute = django_forms.IntegerField(
        label="Requests a minute, at most",
        min_value=1,
        max_value=MOST_PER_MINUTE,
        required=False,
        help_text="Empty: as many as the target takes.",
    )
    abort_percent = django_forms.DecimalField(
        label="Stop above so many percent",
        min_value=0,
        max_value=100,
        max_digits=4,
        decimal_places=1,
        initial=20,
        help_text="Of those that have ended, how many may not arrive before it stops by itself.",
    )
    transform = django_forms.CharField(
        label="Change each payload",
        required=False,
        widget=django_forms.Textarea(attrs={"rows": 3}),
        help_text="One step a line: set lead.stage = “won”, rename mail to email, copy a to b, remove note.",
    )

    GROUPS: ClassVar[Sequence[tuple[str, str, Sequence[str]]]] = (
        ("Which payloads", "Without any of these, everything that waits for the target.", (*ASKED, *WINDOW)),
        ("How carefully", "", ("canary_count", "rate_per_minute", "abort_percent")),
    )

    def groups(self) -> Iterator[tuple[str, str, list[Any]]]:
        for title, sentence, names in self.GROUPS:
            yield title, sentence, [self[name] for name in names]

    @property
    def named_count(self) -> int:
        """So many payloads are named one by one."""
        return len(_split(str(self["items"].value() or "")))

    def clean_transform(self) -> list[dict[str, Any]]:
        lines = [line.strip() for line in self.cleaned_data["transform"].splitlines()]
        return [_step(line) for line in lines if line]

    def values(self) -> dict[str, Any]:
        """What the operation takes."""
        said = self.cleaned_data
        selection = {name: said[name] for name in ASKED} | {name: said[field] for field, name in WINDOW.items()}
        selection["items"] = _split(said["items"])
        return {
            "reason": said["reason"],
            "selection": selection,
            "transform": said["transform"],
            "canary_count": said["canary_count"] or 0,
            "rate_per_minute": said["rate_per_minute"],
            "abort_ratio": Decimal(said["abort_percent"]) / 100,
        }


class NewPlanForm(PlanForm):
    """The same with the target, which a plan keeps."""

    target = django_forms.ModelChoiceField(ReplayTarget.objects.none(), to_field_name="slug", empty_label="Choose one")

    field_order = ["target", "reason"]

    def __init__(self, *args: Any, person: Principal | None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choices: Any = self.fields
        choices["target"].queryset = ReplayTarget.objects.visible_to(person)


def initial_of(plan: ReplayPlan) -> dict[str, Any]:
    """A plan as its form shows it."""
    said = plan.selection
    return {
        **{name: said.get(name, "") for name in ASKED},
        **{field: parse_datetime(said[name]) for field, name in WINDOW.items() if name in said},
        "items": ",".join(said.get("items", [])),
        "reason": plan.reason,
        "canary_count": plan.canary_count or None,
        "rate_per_minute": plan.rate_per_minute,
        "abort_percent": f"{(plan.abort_ratio * 100).normalize():f}",
        "transform": "\n".join(words.steps(plan.transform)),
    }


def _split(text: str) -> list[str]:
    return [one.strip() for one in text.split(",") if one.strip()]


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
