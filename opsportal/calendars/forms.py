"""The forms of this room. The editor takes a whole calendar as text; drafts.py reads it, the engine checks it."""

from collections.abc import Callable
from functools import partial
from typing import Any

from django import forms

from opsportal.calendars import drafts, engine, holidays
from opsportal.calendars.engine import Definition, zones
from opsportal.calendars.engine.definition import DAY_NAMES, DAYS, FIRST_YEAR, LAST_YEAR
from opsportal.calendars.models import Calendar, CalendarVersion
from opsportal.errors import InvalidInput, InvalidInputs
from opsportal.identity.models import Team
from opsportal.identity.queries import list_teams
from opsportal.web.forms import DateTimeField, Form, ReasonField, refuse

OVERRIDES_HINT = (
    "One date a line, with its hours and what it is called: 2026-12-24 09:00–12:00 Christmas Eve. "
    "Without hours the date is closed. It replaces the weekly hours of that date."
)
CLOSURES_HINT = (
    "One a line, in the calendar’s local time: 2026-12-24 12:00 to 2026-12-27 00:00 Stocktaking. "
    "Nothing is open meanwhile, whatever the hours say."
)


class CalendarForm(Form):
    """A calendar as text. After is_valid(): `spelled` is its content for the operations, `definition` what it means."""

    name = forms.CharField(max_length=120)
    team = forms.ModelChoiceField(Team.objects.none(), required=False, empty_label="Everybody")
    timezone = forms.CharField(
        max_length=64,
        label="Time zone",
        help_text="A name of the IANA database, such as Europe/Berlin or America/New_York.",
        widget=forms.TextInput(attrs={"list": "zones"}),
    )
    overrides = forms.CharField(
        required=False,
        max_length=200_000,
        label="Dates with their own hours",
        help_text=OVERRIDES_HINT,
        widget=forms.Textarea(attrs={"rows": 6, "class": "mono"}),
    )
    closures = forms.CharField(
        required=False,
        max_length=100_000,
        help_text=CLOSURES_HINT,
        widget=forms.Textarea(attrs={"rows": 3, "class": "mono"}),
    )
    based_on = forms.IntegerField(required=False, widget=forms.HiddenInput)

    spelled: dict[str, Any]
    definition: Definition

    def __init__(self, *args: Any, person: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["team"].queryset = list_teams(person)  # type: ignore[attr-defined]
        for day, name in zip(DAYS, DAY_NAMES, strict=True):
            self.fields[day] = forms.CharField(required=False, max_length=400, label=name)
            self.fields[day].widget.attrs.update({"placeholder": "closed", "autocomplete": "off"})
        self.order_fields(["name", "slug", "team", "timezone", *DAYS, "overrides", "closures", "based_on"])

    @property
    def week(self) -> list[forms.BoundField]:
        return [self[day] for day in DAYS]

    def clean(self) -> dict[str, Any]:
        values = self.cleaned_data
        try:
            self.spelled = self._spelled(values)
            self.definition = engine.parse(**self.spelled)
        except InvalidInputs as error:
            faults = [fault for fault in map(_at_field, error.errors) if fault.field not in self.errors]
            if faults:
                refuse(self, InvalidInputs(faults))
        return values

    def _spelled(self, values: dict[str, Any]) -> dict[str, Any]:
        """The JSON spelling of what was typed; raises InvalidInputs with every fault, at the form's fields."""
        faults: list[InvalidInput] = []

        def read(field: str, reading: Callable[[], Any], otherwise: Any) -> Any:
            try:
                return reading()
            except InvalidInputs as error:
                faults.extend(error.errors)
            except InvalidInput as error:
                faults.append(InvalidInput(error.code, error.message, field=field))
            return otherwise

        zone = values.get("timezone", "")
        weekly = {day: read(day, partial(drafts.read_hours, values.get(day, "")), []) for day in DAYS}
        overrides, names = read("overrides", lambda: drafts.read_overrides(values.get("overrides", "")), ({}, {}))
        local = zone if zone in zones.names() else "UTC"
        closures = read("closures", lambda: drafts.read_closures(values.get("closures", ""), local), [])
        if faults:
            raise InvalidInputs(faults)
        return {
            "timezone": zone,
            "weekly": weekly,
            "overrides": overrides,
            "override_names": names,
            "closures": closures,
        }


class NewCalendarForm(CalendarForm):
    slug = forms.SlugField(
        max_length=60, help_text="Its name in the API and in addresses: lower-case letters, digits, hyphens."
    )


class RevisionForm(Form):
    """What is said with a revision, on the page that shows what it changes."""

    note = forms.CharField(
        required=False, max_length=240, label="Why", help_text="Kept with the version and in the audit trail."
    )
    adopt = forms.BooleanField(
        required=False,
        label="Open timers count by the new hours",
        help_text="Otherwise they keep the hours they began with, and only new ones use this version.",
    )


class HolidaysForm(Form):
    """Whose public holidays, and of which years."""

    country = forms.ChoiceField()
    subdivision = forms.CharField(
        required=False,
        max_length=20,
        label="Part of the country",
        widget=forms.TextInput(attrs={"placeholder": "a code, such as BY"}),
    )
    first_year = forms.IntegerField(min_value=FIRST_YEAR, max_value=LAST_YEAR, label="From year")
    year_count = forms.IntegerField(min_value=1, max_value=holidays.MAX_YEARS, label="How many years")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["country"].choices = [("", "Choose…"), *holidays.countries().items()]  # type: ignore[attr-defined]

    def found(self) -> dict[str, str]:
        """{date: name}; after is_valid(). A refusal of the part of the country is put at its field."""
        values = self.cleaned_data
        years = range(values["first_year"], values["first_year"] + values["year_count"])
        try:
            return holidays.list_holidays(values["country"], values["subdivision"].strip(), years)
        except InvalidInput as error:
            refuse(self, error)
            return {}


class ExplainForm(Form):
    """A question to the calendar: from an instant, so much open time, or until another instant."""

    start = DateTimeField(label="From")
    minutes = forms.IntegerField(
        required=False, min_value=-5_000_000, max_value=5_000_000, label="Minutes of open time"
    )
    until = DateTimeField(required=False, label="Or until")

    def clean(self) -> dict[str, Any]:
        values = self.cleaned_data
        if not self.errors and (values.get("minutes") is None) == (values.get("until") is None):
            self.add_error("minutes", "Say either how many minutes, or until when.")
        return values


class DeleteForm(Form):
    reason = ReasonField(label="Why")


def initial_of(calendar: Calendar, version: CalendarVersion) -> dict[str, Any]:
    """A version as the editor shows it."""
    spelled = version.spelled
    return {
        "name": calendar.name,
        "team": calendar.team_id,
        "timezone": spelled["timezone"],
        "overrides": drafts.overrides_text(spelled["overrides"], spelled["override_names"]),
        "closures": drafts.closures_text(spelled["closures"], spelled["timezone"]),
        "based_on": version.number,
        **{day: drafts.hours_text(spelled["weekly"][day]) for day in DAYS},
    }


def _at_field(fault: InvalidInput) -> InvalidInput:
    """The engine's path (weekly.mon.0, closures.2.until) as the field of the editor where it was typed."""
    parts = fault.field.split(".")
    if parts[0] == "weekly" and len(parts) > 1:
        return InvalidInput(fault.code, fault.message, field=parts[1])
    if parts[0] in ("overrides", "override_names") and len(parts) > 1:
        return InvalidInput(fault.code, f"{parts[1]}: {fault.message}", field="overrides")
    return InvalidInput(fault.code, fault.message, field=parts[0])
