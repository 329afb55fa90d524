"""Judging a rule by what has happened: other terms over its history, its calendar beside when people answer."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, time
from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse

from handoffs import judging, queries
from handoffs.engine.ladder import MAX_PERCENT, MAX_SLA_MINUTES
from handoffs.engine.plausibility import QUARTER, Plausibility, Weekday
from handoffs.engine.what_if import StageTally
from handoffs.models import Rule
from handoffs.pages import Figure, actions_in_words
from handoffs.queries.plausibility import CalendarCheck, calendar_check
from handoffs.queries.what_if import MAX_RECORDS, Terms, WhatIf, what_if
from handoffs.views.access import found
from opsportal import clock
from opsportal.calendars.engine.definition import MIDNIGHT
from opsportal.calendars.models import Calendar
from opsportal.calendars.queries import list_calendars
from opsportal.errors import DomainError
from opsportal.identity.actors import principal_of
from opsportal.identity.permissions import scope_required
from opsportal.web import forms as web


class SpanForm(web.Form):
    """The time whose records are judged: whole UTC days."""

    since = web.DateField(label="Started from", required=False)
    until = web.DateField(label="Started before", required=False)

    def span(self) -> dict[str, datetime | None]:
        data = self.cleaned_data
        ends = (data.get("since"), data.get("until"))
        from_at, until = (_midnight(day) if day else None for day in ends)
        return {"from_at": from_at, "until": until}


class WhatIfForm(SpanForm):
    """Other terms: what is left empty stays as each record had it."""

    sla_minutes = forms.IntegerField(label="Timer in minutes", min_value=1, max_value=MAX_SLA_MINUTES, required=False)
    calendar = forms.ModelChoiceField(
        Calendar.objects.none(), to_field_name="slug", empty_label="As it was", required=False
    )
    field_order = ("sla_minutes", "calendar", "since", "until")

    def __init__(self, *args: Any, rule: Rule, calendars: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["calendar"].queryset = calendars  # type: ignore[attr-defined]
        self.stages = rule.terms.stages
        for number, stage in enumerate(self.stages):
            self.fields[f"percent_{number}"] = forms.IntegerField(
                label=f"{actions_in_words(stage['actions']).rstrip('.')} at %",
                min_value=1, max_value=MAX_PERCENT, required=False,
                widget=forms.NumberInput(attrs={"placeholder": stage["percent"]}),
            )  # fmt: skip

    def terms(self) -> Terms:
        data = self.cleaned_data
        given = [data.get(f"percent_{number}") or stage["percent"] for number, stage in enumerate(self.stages)]
        percents = tuple(given) if given != [stage["percent"] for stage in self.stages] else None
        return Terms(data.get("sla_minutes"), data.get("calendar"), percents)

    def percents(self) -> list[Any]:
        return [self[f"percent_{number}"] for number in range(len(self.stages))]


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the comparison."""

    label: str
    before: str
    after: str
    change: str = ""


@dataclass(frozen=True, slots=True)
class DayPicture:
    """A weekday's open windows as percentages of the day, and where its work starts."""

    day: Weekday
    windows: list[tuple[float, float]]
    mark: float | None
    opening: str
    first_active: str


@scope_required("handoffs:read")
def what_if_view(request: HttpRequest, slug: str) -> HttpResponse:
    """`?sla_minutes=&calendar=&percent_0=&since=&until=`: all in the address."""
    now, rule = clock.now(), _rule(request, slug)
    form = WhatIfForm(request.GET, rule=rule, calendars=list_calendars(principal_of(request)))
    told: WhatIf | None = None
    if form.is_valid():
        try:
            told = what_if(rule, form.terms(), now=now, **form.span())
        except DomainError as error:
            form.add_error("percent_0" if error.field == "percents" and form.stages else None, error.message)
    context = {
        "title": "What if?",
        "sentence": judging.what_if_sentence(told) if told else "",
        "rule": rule,
        "form": form,
        "told": told,
        "figures": _figures(told) if told and told.records else [],
        "rows": _rows(told) if told and told.records else [],
        "stages": list(_stage_rows(told)) if told and told.records else [],
        "limit": MAX_RECORDS,
    }
    return render(request, "handoffs/what_if.html", context, status=400 if form.errors else 200)


@scope_required("handoffs:read")
def calendar_check_view(request: HttpRequest, slug: str) -> HttpResponse:
    """The rule's calendar beside when people answered."""
    now, rule = clock.now(), _rule(request, slug)
    form = SpanForm(request.GET)
    check = calendar_check(rule, now=now, **form.span()) if form.is_valid() else None
    tone, sentence = check.verdict if check else ("", "")
    context = {
        "title": "Calendar and answers",
        "badge": {"good": "fits", "warn": "look at it", "calm": "nothing striking"}.get(tone, ""),
        "tone": tone,
        "sentence": sentence,
        "rule": rule,
        "form": form,
        "check": check,
        "figures": _check_figures(check) if check else [],
        "pictures": [_picture(check, day) for day in check.found.weekdays] if check else [],
        "shifts": _shifts(check.found) if check else [],
        "limit": MAX_RECORDS,
    }
    return render(request, "handoffs/calendar_check.html", context, status=400 if form.errors else 200)


def _rule(request: HttpRequest, slug: str) -> Rule:
    return found(lambda: queries.get_rule(principal_of(request), slug))


def _midnight(day: Any) -> datetime:
    return datetime.combine(day, time.min, UTC)


def _figures(told: WhatIf) -> list[Figure]:
    before, after = told.comparison.before, told.comparison.after
    sums = [
        Figure(
            label, f"{getattr(after, name):,}", "" if told.terms.is_empty else f"{getattr(before, name):,} as it was"
        )
        for label, name in (("Alerted", "alerted"), ("Reassigned", "reassigned"), ("Breached", "breached"))
    ]
    was = f"{judging.percent(judging.business(before))} as it was"
    rate = judging.percent(judging.business(after))
    return [*sums, Figure("Business rate", rate, "" if told.terms.is_empty else was)]


def _rows(told: WhatIf) -> list[Row]:
    before, after = told.comparison.before, told.comparison.after
    names = {
        "alerted": "Alerted somebody",
        "reassigned": "Changed hands",
        "kept": "Nobody to take over",
        "escalated": "Went to the on-call side",
        "missed": "Ran past their timer",
        "breached": "Breached",
        "pending": "Still running in time",
    }
    rows = [_row(label, getattr(before, name), getattr(after, name)) for name, label in names.items()]
    for label, read in (("Business rate", judging.business), ("Absolute rate", judging.absolute)):
        rows.append(Row(label, judging.percent(read(before)), judging.percent(read(after))))
    return rows


def _row(label: str, before: int, after: int) -> Row:
    return Row(label, f"{before:,}", f"{after:,}", f"{after - before:+,}".replace("-", "−") if after != before else "")


def _stage_rows(told: WhatIf) -> Iterator[tuple[StageTally, str]]:
    for one in told.comparison.after.ladder():
        yield one, actions_in_words(one.actions)


def _check_figures(check: CalendarCheck) -> list[Figure]:
    read = check.found
    base = read.at_present
    rate = judging.percent(judging.rate_of_shift(base)) if base else "–"
    early = sum(day.early >= QUARTER for day in read.weekdays)
    return [
        Figure("Human answers", f"{read.answers:,}", f"{check.unknown:,} by somebody unknown" if check.unknown else ""),
        Figure("Outside the calendar", f"{read.outside:,}", f"{read.share:.1%} of them"),
        Figure("Days that start early", str(early), "work is seen before the opening" if early else ""),
        Figure("Business rate", rate, f"over {check.records:,} records, by version {check.version.number}"),
    ]


def _picture(check: CalendarCheck, day: Weekday) -> DayPicture:
    windows = check.version.definition.weekly[day.number]
    return DayPicture(
        day=day,
        windows=[(100 * one.start / MIDNIGHT, 100 * (one.end - one.start) / MIDNIGHT) for one in windows],
        mark=None if day.first_active is None else 100 * day.first_active / MIDNIGHT,
        opening=judging.minute(day.opening) or ("goes on" if windows else "closed"),
        first_active=judging.minute(day.first_active) or "too few",
    )


def _shifts(read: Plausibility) -> list[tuple[str, str, str]]:
    """(what is moved, rate, hits of evaluated)"""
    rows = []
    for one in read.shifts:
        label = "As it is" if not one.minutes else f"{abs(one.minutes)} min {'earlier' if one.minutes < 0 else 'later'}"
        rows.append((label, judging.percent(judging.rate_of_shift(one)), f"{one.hits:,} of {one.evaluated:,}"))
    return rows


def addresses(rule: Rule) -> dict[str, str]:
    """Where a rule's page leads to."""
    return {
        "what_if_url": reverse("rules:what-if", args=[rule.slug]),
        "calendar_check_url": reverse("rules:calendar-check", args=[rule.slug]),
    }
