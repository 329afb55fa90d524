"""Forms of objectives: the definition in fields, a stretch that does not count, a reason, another target."""

import re
from decimal import Decimal
from typing import Any

from django import forms

from opsportal.catalog.models import Automation
from opsportal.errors import DomainError, InvalidInput, InvalidInputs
from opsportal.identity.actors import Principal
from opsportal.web import forms as web
from slos.models import Heartbeat, Slo
from slos.objectives.checking import UNITS
from slos.objectives.definition import Definition
from slos.objectives.document import Document, from_document, to_document
from slos.states import SliKind, SliMethod

KINDS = {
    SliKind.AVAILABILITY: "Availability: runs succeed",
    SliKind.LATENCY: "Latency: runs are quick enough",
    SliKind.FRESHNESS: "Freshness: results are young enough",
    SliKind.HEARTBEAT: "Heartbeat: a sign of life comes in time",
    SliKind.HIT_RATE: "Hit rate: handoffs within their timer",
    SliKind.COMPOSITE: "Composite: several SLOs, weighted",
}
METHODS = {
    SliMethod.OCCURRENCES: "Events",
    SliMethod.TIME_SLICES: "Slices of time, each good or bad",
    SliMethod.DOWNTIME: "Minutes of downtime",
}
FIELDS = {
    "window.kind": "window_kind",
    "window.days": "window_days",
    "window.unit": "window_unit",
    "window.timezone": "timezone",
    "violation": "max_run_seconds",
    "violation.max_run_seconds": "max_run_seconds",
    "violation.consecutive_failures": "consecutive_failures",
}
UNIT_SECONDS = {"m": 60, "h": 3_600, "d": 86_400}
ALERT = re.compile(r"([0-9.]{1,12})\s+([0-9]{1,5})([mhd])\s+([0-9]{1,5})([mhd])\s+(page|ticket)")
NONE = "none"


class SloForm(web.Form):
    """A definition. Which fields mean something follows from kind and method; the others stay empty."""

    name = forms.CharField(max_length=120)
    slug = forms.SlugField(max_length=80, help_text="Its name in addresses; it never changes.")
    description = forms.CharField(max_length=2000, required=False, widget=forms.Textarea(attrs={"rows": 2}))
    automation = forms.ModelChoiceField(Automation.objects.none(), to_field_name="slug", required=False)
    kind = forms.ChoiceField(label="What is measured", choices=[(str(key), text) for key, text in KINDS.items()])
    method = forms.ChoiceField(label="Counted as", choices=[(str(key), text) for key, text in METHODS.items()])
    target = forms.CharField(label="Target in %", max_length=20, help_text="Such as 99.5: half a percent may be bad.")
    window_kind = forms.ChoiceField(label="Window", choices=[("rolling", "The last days"), ("calendar", "Calendar")])
    window_days = forms.IntegerField(label="Days", required=False, help_text="Of a rolling window: 7, 28, 30.")
    window_unit = forms.ChoiceField(
        label="Calendar unit", required=False, choices=[("", "–"), *((unit, unit.capitalize()) for unit in UNITS)]
    )
    timezone = forms.CharField(label="Time zone", max_length=60, initial="UTC")
    threshold_seconds = forms.CharField(
        label="Still good within (seconds)", max_length=20, required=False, help_text="For latency and freshness."
    )
    max_run_seconds = forms.IntegerField(
        label="Down while a run takes longer than (seconds)", required=False, help_text="For downtime of availability."
    )
    consecutive_failures = forms.IntegerField(label="Down after so many failures in a row", required=False)
    slice_seconds = forms.IntegerField(label="Slice (seconds)", required=False, help_text="60, 300, 900 or 3600.")
    slice_target = forms.CharField(label="Good from so many % of its runs", max_length=20, required=False)
    heartbeat = forms.ModelChoiceField(Heartbeat.objects.none(), to_field_name="slug", required=False)
    rule = forms.CharField(label="Handoff rule", max_length=60, required=False, help_text="Its name in addresses.")
    parts = forms.CharField(
        required=False,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="Of a composite: an SLO and its weight a line, such as “router-availability 2”.",
    )
    burn_alerts = forms.CharField(
        label="Burn alerts",
        required=False,
        widget=forms.Textarea(attrs={"rows": 4}),
        help_text="Empty: those that follow from window and target. Else a line each: burn rate, long and short "
        "window, page or ticket, such as “14.4 1h 5m page”. “none” alerts nobody.",
    )
    reason = forms.CharField(label="Why", max_length=240, required=False)

    GROUPS = (
        ("What is promised", "", ("name", "slug", "description", "automation", "target")),
        ("What is measured", "", ("kind", "method", "heartbeat", "rule", "parts")),
        ("Over which time", "", ("window_kind", "window_days", "window_unit", "timezone")),
        (
            "What is good",
            "Only what the kind and the method ask for; the rest stays empty.",
            ("threshold_seconds", "max_run_seconds", "consecutive_failures", "slice_seconds", "slice_target"),
        ),
        ("When somebody is told", "", ("burn_alerts", "reason")),
    )

    def __init__(
        self, *args: Any, principal: Principal | None, slo: Slo | None = None, start: Document | None = None, **kw: Any
    ) -> None:
        said = to_document(slo) if slo else start
        super().__init__(*args, **{"initial": initial_of(said) if said else {}, **kw})
        self.slo, self.principal = slo, principal
        named: Any = self.fields
        named["automation"].queryset = Automation.objects.visible_to(principal)
        named["heartbeat"].queryset = Heartbeat.objects.visible_to(principal)
        if slo is not None:
            del self.fields["slug"]

    @property
    def chosen_slug(self) -> str:
        return self.slo.slug if self.slo else self.cleaned_data["slug"]

    def groups(self) -> list[dict[str, Any]]:
        return [
            {"title": title, "hint": hint, "fields": [self[name] for name in names if name in self.fields]}
            for title, hint, names in self.GROUPS
        ]

    def definition(self) -> Definition:
        """Raises InvalidInputs for what cannot be read."""
        return from_document({**self.document(), "slug": self.chosen_slug}, principal=self.principal)

    def document(self) -> Document:
        data = self.cleaned_data
        window = {"kind": data["window_kind"], "days": data["window_days"], "unit": data["window_unit"]}
        violation = {name: data[name] for name in ("max_run_seconds", "consecutive_failures")}
        return {
            **{name: data[name] for name in ("name", "description", "kind", "method", "target", "rule")},
            **{name: data[name].slug if data[name] else None for name in ("automation", "heartbeat")},
            **{name: data[name] or None for name in ("threshold_seconds", "slice_seconds", "slice_target")},
            "window": {**{key: value for key, value in window.items() if value}, "timezone": data["timezone"]},
            "violation": violation,
            "parts": read_parts(data["parts"]),
            "burn_alerts": read_alerts(data["burn_alerts"]),
        }


class ExclusionForm(web.Form):
    from_at = web.DateTimeField(label="From")
    until = web.DateTimeField(label="Until")
    reason = forms.CharField(max_length=240)
    scope = forms.ChoiceField(label="Left out of", choices=[("slo", "This SLO"), ("automation", "Every SLO of it")])


class ReasonForm(web.Form):
    reason = forms.CharField(label="Why", max_length=240, required=False)


class WhatIfForm(web.Form):
    """Another target, or for latency another threshold; both as typed."""

    target = forms.DecimalField(label="Target in %", required=False, max_digits=9, decimal_places=6)
    threshold_seconds = forms.DecimalField(
        label="Still good within (seconds)", required=False, min_value=0, max_digits=12, decimal_places=3
    )

    def __init__(self, *args: Any, slo: Slo, **kw: Any) -> None:
        super().__init__(*args, **kw)
        if slo.kind != SliKind.LATENCY or slo.method != SliMethod.OCCURRENCES:
            del self.fields["threshold_seconds"]

    def clean_target(self) -> Decimal | None:
        target: Decimal | None = self.cleaned_data["target"]
        if target is not None and not 0 < target < 100:
            raise forms.ValidationError("A target is above 0 and below 100.")
        return target

    def asked(self) -> dict[str, Any]:
        """The other terms; nothing where none was asked for."""
        seconds = self.cleaned_data.get("threshold_seconds")
        said = {"target": self.cleaned_data["target"], "threshold_ms": seconds and int(seconds * 1_000)}
        return {name: value for name, value in said.items() if value is not None}


def refuse(form: SloForm, error: DomainError) -> None:
    """Each refusal at its field, by the names the form has for them."""
    for one in error.errors if isinstance(error, InvalidInputs) else [error]:
        web.refuse(form, InvalidInput(one.code, one.message, field=FIELDS.get(one.field, one.field)))


def initial_of(said: Document) -> dict[str, Any]:
    """What the fields show at first."""
    window, violation = said["window"], said.get("violation") or {}
    alerts, parts = said.get("burn_alerts"), said.get("parts") or []
    return {
        **said,
        **violation,
        "window_kind": window["kind"],
        "window_days": window.get("days"),
        "window_unit": window.get("unit", ""),
        "timezone": window.get("timezone", "UTC"),
        "parts": "\n".join(f"{one['slo']} {one['weight']}" for one in parts),
        "burn_alerts": "" if alerts is None else "\n".join(_alert_line(one) for one in alerts) or NONE,
    }


def read_parts(text: str) -> list[dict[str, str]]:
    lines = [line.split() for line in text.splitlines() if line.strip()]
    return [{"slo": words[0], "weight": words[1] if len(words) > 1 else "1"} for words in lines]


def read_alerts(text: str) -> list[dict[str, Any]] | None:
    """Raises InvalidInput for a line that is none."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if not lines:
        return None
    return [] if [line.lower() for line in lines] == [NONE] else [_read_alert(line) for line in lines]


def _read_alert(line: str) -> dict[str, Any]:
    found = ALERT.fullmatch(line)
    if found is None:
        raise InvalidInput("invalid", f"“{line[:60]}” is no alert: write “14.4 1h 5m page”.", field="burn_alerts")
    burn, long, long_unit, short, short_unit, severity = found.groups()
    lengths = int(long) * UNIT_SECONDS[long_unit], int(short) * UNIT_SECONDS[short_unit]
    return {"burn": burn, "long_seconds": lengths[0], "short_seconds": lengths[1], "severity": severity}


def _alert_line(one: dict[str, Any]) -> str:
    return f"{one['burn']} {_length(one['long_seconds'])} {_length(one['short_seconds'])} {one['severity']}"


def _length(seconds: int) -> str:
    unit = next(unit for unit in ("d", "h", "m") if seconds % UNIT_SECONDS[unit] == 0)
    return f"{seconds // UNIT_SECONDS[unit]}{unit}"
