"""Forms of heartbeats: what is expected, and keys for programs."""

from typing import Any
from zoneinfo import available_timezones

from django import forms as django_forms

from opsportal.catalog import upkeep
from opsportal.catalog.models import Automation
from opsportal.identity.queries import list_teams
from opsportal.web import forms
from slos.heartbeats import engine, words
from slos.heartbeats.engine import Rhythm
from slos.models import Heartbeat

SPAN: dict[str, Any] = {"min_value": 1, "max_value": engine.MAX_SECONDS}


ZONES = frozenset(available_timezones())
LONGEST_GRACE = 3_600


def begun_with(automation: Automation) -> dict[str, Any]:
    """What a new heartbeat of an automation begins with: the rhythm of its imported workflow, where there is one."""
    begun: dict[str, Any] = {"name": automation.name[:100], "automation": automation.pk}
    rhythm = upkeep.suggested_rhythm(automation)
    if not rhythm:
        return begun
    period = max(1, min(rhythm["period_seconds"], engine.MAX_SECONDS))
    begun |= {"kind": rhythm["kind"], "schedule": rhythm["schedule"], "timeout_seconds": period}
    begun["grace_seconds"] = max(engine.MIN_SECONDS, min(period, LONGEST_GRACE))
    return begun | ({"timezone": rhythm["timezone"]} if rhythm["timezone"] in ZONES else {})


class HeartbeatForm(forms.ModelForm[Heartbeat]):
    """What is expected of a heartbeat. Lengths are seconds, as in the API."""

    timezone = django_forms.ChoiceField(label="Time zone", choices=[(name, name) for name in sorted(ZONES)])
    timeout_seconds = django_forms.IntegerField(
        label="Every so many seconds", help_text="3600 is an hour, 86400 a day.", **SPAN
    )
    grace_seconds = django_forms.IntegerField(
        label="Grace in seconds", help_text="How late a ping may be before it counts as an outage.", **SPAN
    )
    max_runtime_seconds = django_forms.IntegerField(
        label="Longest run in seconds", required=False, help_text="For jobs that ping their start, too.", **SPAN
    )
    start_deadline_seconds = django_forms.IntegerField(
        label="Starts within, in seconds", required=False, help_text="How late the start ping may be.", **SPAN
    )
    manual_resume = django_forms.BooleanField(
        label="Once paused, it stays paused until somebody resumes it", required=False
    )

    class Meta:
        model = Heartbeat
        fields = [
            "name", "automation", "team", "kind", "timeout_seconds", "schedule", "timezone", "grace_seconds",
            "max_runtime_seconds", "start_deadline_seconds", "min_items", "max_pings_per_hour", "tags", "description",
        ]  # fmt: skip
        labels = {
            "kind": "Expected",
            "min_items": "At least so many items a run",
            "max_pings_per_hour": "At most so many pings an hour",
        }
        help_texts = {
            "automation": "With a heartbeat an automation has an expected rhythm: its silence counts as downtime.",
            "schedule": "Five cron fields, or one OnCalendar expression a line.",
            "min_items": "For pings that say how many: ?items=12, or a JSON body with items.",
            "max_pings_per_hour": "More than that is reported as a runaway loop.",
            "tags": "Words with spaces between them.",
        }
        widgets = {
            "schedule": django_forms.Textarea(attrs={"rows": 2}),
            "description": django_forms.Textarea(attrs={"rows": 3}),
        }

    GROUPS = (
        ("What it is", ("name", "automation", "team", "tags", "description")),
        ("When a ping is expected", ("kind", "timeout_seconds", "schedule", "timezone", "grace_seconds")),
        (
            "What else counts as trouble",
            ("max_runtime_seconds", "start_deadline_seconds", "min_items", "max_pings_per_hour", "manual_resume"),
        ),
    )

    def groups(self) -> list[dict[str, Any]]:
        return [{"title": title, "fields": [self[name] for name in names]} for title, names in self.GROUPS]

    def __init__(self, *args: Any, person: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["automation"].queryset = Automation.objects.visible_to(person)  # type: ignore[attr-defined]
        self.fields["team"].queryset = list_teams(person)  # type: ignore[attr-defined]
        self.fields["kind"].choices = words.KINDS  # type: ignore[attr-defined]
        self.fields["manual_resume"].initial = bool(self.instance.options.get("manual_resume"))
        for name in ("timezone", "timeout_seconds", "grace_seconds"):
            self.fields[name].initial = getattr(self.instance, name)

    def clean(self) -> dict[str, Any]:
        values: dict[str, Any] = super().clean() or self.cleaned_data
        if values.get("kind") not in (None, "simple"):
            try:
                engine.check_schedule(values["kind"], values.get("schedule", ""))
            except ValueError as error:
                self.add_error("schedule", f"This cannot be read: {error}")
        return values

    def values(self) -> dict[str, Any]:
        """What the operations take."""
        plain = {name: value for name, value in self.cleaned_data.items() if name != "manual_resume"}
        return {**plain, "options": {"manual_resume": self.cleaned_data["manual_resume"]}}

    def rhythm(self) -> Rhythm:
        given = self.cleaned_data
        return Rhythm(given["kind"], given["timeout_seconds"], given.get("schedule", ""), given["timezone"])


class ProjectForm(forms.Form):
    name = django_forms.CharField(max_length=120, help_text="Who will ping with these keys.")
