"""Forms over handoffs and rules. They read and check what was typed; the operations decide."""

from dataclasses import dataclass, field
from typing import Any

from django import forms
from django.db.models import QuerySet
from django.utils.text import slugify

from handoffs.engine.ladder import DEFAULT_STAGES, MAX_SLA_MINUTES
from handoffs.models import BreachReason, Rule
from handoffs.operations import Terms
from handoffs.pages import ACTION_WORDS
from handoffs.queries.reasons import known_reasons
from handoffs.states import Reopen, StopClock
from handoffs.terms import TERM_NAMES
from opsportal.calendars.models import Calendar
from opsportal.errors import InvalidInput
from opsportal.identity.models import Person, Team
from opsportal.web import forms as web

EVENTS = {"start_on", "respond_on", "complete_on"}
LADDER_LINES = 5
SEGMENT_LINES = 4


def active_people() -> QuerySet[Person]:
    return Person.objects.filter(is_active=True)


class PersonField(forms.ModelChoiceField[Person]):
    """Somebody who works here, or nobody."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{"queryset": active_people(), "required": False, "empty_label": "Nobody", **kwargs})


class NewHandoffForm(web.Form):
    """What a person types to start a timer by hand."""

    rule = forms.ModelChoiceField(queryset=Rule.objects.none(), empty_label=None)
    subject = forms.CharField(max_length=200, help_text="What this is about, as a colleague would say it.")
    external_ref = forms.CharField(
        label="Reference", max_length=200, required=False, help_text="The record's id in its home, such as the CRM."
    )
    owner = PersonField(empty_label="As the rule says")
    backup_owner = PersonField(label="Backup", empty_label="As the rule says")
    started_at = web.DateTimeField(label="Started", required=False)
    channel = forms.CharField(max_length=60, required=False)
    icp = forms.CharField(label="ICP", max_length=60, required=False)
    amount = forms.DecimalField(max_digits=14, decimal_places=2, required=False)
    url = forms.URLField(label="Link to its home", max_length=500, required=False, assume_scheme="https")

    def __init__(self, *args: Any, rules: QuerySet[Rule], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["rule"].queryset = rules  # type: ignore[attr-defined]


class MoveForm(web.Form):
    """When it really happened, and why."""

    occurred_at = web.DateTimeField(label="When", required=False)
    reason = web.ReasonField(required=False, max_length=240)


class NeedsReasonForm(MoveForm):
    reason = web.ReasonField(max_length=240)


class CompleteForm(MoveForm):
    outcome = forms.CharField(max_length=60, required=False, help_text="What came of it, such as meeting set or won.")


class ReassignForm(web.Form):
    owner = PersonField(label="New owner", empty_label="Whoever is next on the ladder")
    reason = web.ReasonField(required=False, max_length=240)


class AssignForm(web.Form):
    owner = PersonField(empty_label="Leave as it is")
    backup_owner = PersonField(label="Backup", empty_label="Leave as it is")
    reason = web.ReasonField(required=False, max_length=240)


class ReopenForm(MoveForm):
    mode = forms.ChoiceField(
        choices=[
            ("", "As the rule says"),
            (Reopen.NEW_CYCLE, "A full timer from now"),
            (Reopen.RESUME, "The clock runs on"),
        ],
        required=False,
    )


def offered_reasons() -> list[tuple[str, str]]:
    return [("", "Choose one"), *((one.label, one.label) for one in known_reasons().offered)]


class BreachReasonForm(web.Form):
    """Why it ran late, picked from the list."""

    breach_reason = forms.ChoiceField(label="Reason", choices=offered_reasons)


class NewReasonForm(web.Form):
    label = forms.CharField(label="Reason", max_length=120, help_text="A few words, as your team says it.")


class ReasonEditForm(web.Form):
    """A reason's words, its place in the list, whether it is offered."""

    label = forms.CharField(label="Reason", max_length=120, help_text="Records that say the former words follow.")
    position = forms.IntegerField(
        label="Place", min_value=0, max_value=30_000, help_text="The list goes by this number, the smallest first."
    )
    active = forms.BooleanField(label="It is offered when somebody notes a reason", required=False)


class MergeReasonForm(web.Form):
    """The reason into which other words go."""

    into = forms.ModelChoiceField(label="Into", queryset=BreachReason.objects.none(), empty_label="Choose one")

    def __init__(self, *args: Any, without: BreachReason | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        offered = BreachReason.objects.filter(active=True)
        self.fields["into"].queryset = offered.exclude(pk=without.pk) if without else offered  # type: ignore[attr-defined]


class TimerForm(web.Form):
    sla_minutes = forms.IntegerField(label="Minutes", min_value=1, max_value=MAX_SLA_MINUTES)
    reason = web.ReasonField(max_length=240)


class ReasonForm(web.Form):
    reason = web.ReasonField(required=False, max_length=240)


class ActivateForm(web.Form):
    """`acknowledge` is asked for while the first rule has not run seven days: start with one."""

    acknowledge = forms.BooleanField(label="Activate it although the first rule is still young", required=False)
    reason = web.ReasonField(required=False, max_length=240)


@dataclass(frozen=True, slots=True)
class FieldGroup:
    """One card of the editor: `fields` side by side, then `lines` of fields that belong together."""

    title: str
    fields: list[forms.BoundField]
    hint: str = ""
    lines: list[list[forms.BoundField]] = field(default_factory=list)
    kind: str = ""


class RuleForm(web.Form):
    """A rule as its author writes it: five sentences, the timer, the ladder, the people, the events."""

    name = forms.CharField(max_length=120)
    slug = forms.SlugField(
        max_length=60, required=False, help_text="How programs name it. Made from the name if left out."
    )
    team = forms.ModelChoiceField(queryset=Team.objects.all(), required=False, empty_label="Everybody's")
    trigger = forms.CharField(
        max_length=240, required=False, help_text="When exactly does the clock start? One concrete event."
    )
    target = forms.CharField(max_length=240, required=False, help_text="Which metric should this influence?")
    timer = forms.CharField(max_length=240, required=False, help_text="What is the window?")
    trace = forms.CharField(max_length=240, required=False, help_text="What is logged at every check?")
    consequence = forms.CharField(max_length=240, required=False, help_text="What happens when the timer runs out?")
    sla_minutes = forms.IntegerField(label="Timer in minutes", min_value=1, max_value=MAX_SLA_MINUTES, initial=30)
    calendar = forms.ModelChoiceField(queryset=Calendar.objects.all(), empty_label=None)
    stop_clock = forms.ChoiceField(
        label="The clock stops at",
        choices=[(StopClock.FIRST_RESPONSE, "the first response"), (StopClock.COMPLETION, "completion")],
    )
    reopen = forms.ChoiceField(
        label="Reopening",
        choices=[
            (Reopen.NEW_CYCLE, "starts a full timer; the earlier verdict stays"),
            (Reopen.RESUME, "lets the clock run on"),
        ],
    )
    grace_minutes = forms.IntegerField(
        label="Grace in minutes",
        min_value=0,
        initial=0,
        help_text="Stages wait this long for a slow source. Verdicts do not.",
    )
    default_owner = PersonField(label="Owner")
    default_backup_owner = PersonField(label="Backup")
    fallback_person = PersonField(label="Fallback", help_text="Takes over when the backup is away or had it already.")
    fallback_schedule = forms.SlugField(label="Fallback schedule", max_length=60, required=False)
    start_on = forms.CharField(label="Starts on the event", max_length=200, required=False)
    respond_on = forms.CharField(label="Answered by the event", max_length=200, required=False)
    complete_on = forms.CharField(label="Completed by the event", max_length=200, required=False)
    note = forms.CharField(label="What changed", max_length=240, required=False)

    def __init__(self, *args: Any, rule: Rule | None = None, **kwargs: Any) -> None:
        self.rule = rule
        super().__init__(*args, **{"initial": initial_of(rule) if rule else _first_ladder(), **kwargs})
        for number in range(LADDER_LINES):
            self.fields[f"percent_{number}"] = forms.IntegerField(
                label="At percent", min_value=1, max_value=10_000, required=False
            )
            self.fields[f"actions_{number}"] = forms.MultipleChoiceField(
                label=f"Stage {number + 1}", choices=list(ACTION_WORDS.items()),
                widget=forms.CheckboxSelectMultiple, required=False,
            )  # fmt: skip
        for number in range(SEGMENT_LINES):
            for key, label in (("channel", "Channel"), ("icp", "ICP")):
                self.fields[f"segment_{key}_{number}"] = forms.CharField(label=label, max_length=60, required=False)
            self.fields[f"segment_minutes_{number}"] = forms.IntegerField(
                label="Minutes", min_value=1, max_value=MAX_SLA_MINUTES, required=False
            )
        if rule is not None:
            self.fields["slug"].disabled = True

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        data["slug"] = data.get("slug") or slugify(data.get("name", ""))[:60]
        for number in range(LADDER_LINES):
            if bool(data.get(f"percent_{number}")) != bool(data.get(f"actions_{number}")):
                self.add_error(f"percent_{number}", "A stage needs both its percent and something to do.")
        for number in range(SEGMENT_LINES):
            named = data.get(f"segment_channel_{number}") or data.get(f"segment_icp_{number}")
            if bool(named) != bool(data.get(f"segment_minutes_{number}")):
                self.add_error(f"segment_minutes_{number}", "A segment needs a channel or ICP, and its minutes.")
        return data

    def terms(self) -> Terms:
        """What was typed as the terms of a version; an unchanged event keeps its lifecycle and attributes."""
        data = self.cleaned_data
        plain = {one for one in TERM_NAMES if one in data} - EVENTS
        events: dict[str, Any] = {name: self._event(name) for name in EVENTS}
        graces = self.rule.terms.grace_by_source if self.rule else {}
        return Terms(
            **{name: data[name] for name in plain},
            **events,
            stages=self._stages(),
            segments=self._segments(),
            grace_by_source=graces,
        )

    def groups(self) -> list[FieldGroup]:
        """The fields in the order they are decided."""
        return [
            FieldGroup("Name", self._bound("name", "slug", "team")),
            FieldGroup(
                "Five decisions",
                self._bound("trigger", "target", "timer", "trace", "consequence"),
                "One sentence each. A rule can be activated once all five are answered.",
                kind="sentences",
            ),
            FieldGroup("Timer", self._bound("sla_minutes", "calendar", "stop_clock", "reopen", "grace_minutes")),
            FieldGroup("Ladder", [], "Each stage fires once, by itself, in order.", self._stage_lines(), "stage"),
            FieldGroup(
                "People", self._bound("default_owner", "default_backup_owner", "fallback_person", "fallback_schedule")
            ),
            FieldGroup("Other timers for some", [], "The first line that fits wins.", self._segment_lines()),
            FieldGroup("Events", self._bound(*sorted(EVENTS, reverse=True)), "The names as your systems send them."),
            FieldGroup("This version", self._bound("note")),
        ]

    def _bound(self, *names: str) -> list[forms.BoundField]:
        return [self[name] for name in names]

    def _stage_lines(self) -> list[list[forms.BoundField]]:
        return [self._bound(f"percent_{number}", f"actions_{number}") for number in range(LADDER_LINES)]

    def _segment_lines(self) -> list[list[forms.BoundField]]:
        parts = ("channel", "icp", "minutes")
        return [self._bound(*(f"segment_{part}_{number}" for part in parts)) for number in range(SEGMENT_LINES)]

    def _stages(self) -> list[dict[str, Any]]:
        data = self.cleaned_data
        filled = [number for number in range(LADDER_LINES) if data.get(f"percent_{number}")]
        return sorted(
            ({"percent": data[f"percent_{n}"], "actions": data[f"actions_{n}"]} for n in filled),
            key=lambda s: s["percent"],
        )

    def _segments(self) -> list[dict[str, Any]]:
        data = self.cleaned_data
        lines = []
        for number in range(SEGMENT_LINES):
            if minutes := data.get(f"segment_minutes_{number}"):
                named = {key: data[f"segment_{key}_{number}"] for key in ("channel", "icp")}
                lines.append({**{key: value for key, value in named.items() if value}, "sla_minutes": minutes})
        return lines

    def _event(self, name: str) -> dict[str, Any] | None:
        typed, known = self.cleaned_data[name], getattr(self.rule.terms, name) if self.rule else None
        if known and known["event_name"] == typed:
            return dict(known)
        return {"event_name": typed} if typed else None


def initial_of(rule: Rule) -> dict[str, Any]:
    """A rule as the form shows it. Raises InvalidInput for one with more lines than the form has."""
    terms = rule.terms
    if len(terms.stages) > LADDER_LINES or len(terms.segments) > SEGMENT_LINES:
        raise InvalidInput(
            "too_long_for_form", "This rule has more stages or segments than the page shows: use the API."
        )
    plain = {name: getattr(terms, name) for name in RuleForm.base_fields if hasattr(terms, name) and name != "note"}
    events = {name: (getattr(terms, name) or {}).get("event_name", "") for name in EVENTS}
    segments = {
        f"segment_{'minutes' if key == 'sla_minutes' else key}_{number}": value
        for number, segment in enumerate(terms.segments)
        for key, value in segment.items()
    }
    return {
        **plain,
        **events,
        **_ladder(terms.stages),
        **segments,
        "name": rule.name,
        "slug": rule.slug,
        "team": rule.team_id,
    }


def _first_ladder() -> dict[str, Any]:
    return _ladder(DEFAULT_STAGES)


def _ladder(stages: list[dict[str, Any]]) -> dict[str, Any]:
    return {f"{part}_{number}": stage[part] for number, stage in enumerate(stages) for part in ("percent", "actions")}
