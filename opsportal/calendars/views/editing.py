"""Pages that change calendars: the editor, the preview of what a change does, holidays, adoption, deletion.

Nothing is saved before its preview was shown; the preview carries the editor's fields along, so no draft is stored.
"""

from datetime import date
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse

from opsportal import clock
from opsportal.calendars import drafts, operations, queries
from opsportal.calendars.engine import compile as compiled
from opsportal.calendars.engine import zones
from opsportal.calendars.engine.changes import Change, changes
from opsportal.calendars.forms import (
    CalendarForm,
    DeleteForm,
    HolidaysForm,
    NewCalendarForm,
    RevisionForm,
    initial_of,
)
from opsportal.calendars.models import Calendar, CalendarVersion
from opsportal.calendars.views.pages import differences, get
from opsportal.errors import DomainError
from opsportal.identity.actors import actor_of, principal_of
from opsportal.identity.permissions import scope_required
from opsportal.web.forms import refuse
from opsportal.web.words import count

SHOWN_DEADLINES = 50
OFFICE_HOURS = dict.fromkeys(("mon", "tue", "wed", "thu", "fri"), "09:00–17:00")


@scope_required("handoffs:configure")
def new_calendar(request: HttpRequest) -> HttpResponse:
    person: Any = principal_of(request)
    initial = {**OFFICE_HOURS, "timezone": person.timezone, "team": person.team_id}
    form = NewCalendarForm(request.POST or None, person=person, initial=initial)
    if form.is_bound and form.is_valid():
        values = form.cleaned_data
        _must_configure(request, values["team"].pk if values["team"] else None)
        names = {"slug": values["slug"], "name": values["name"], "team": values["team"]}
        try:
            made = operations.create_calendar(**names, **form.spelled, actor=actor_of(request), now=clock.now())
        except DomainError as error:
            refuse(form, error)
        else:
            return _done(request, made, f"The calendar {made} is there.")
    sentence = "Rules can measure their timers in it as soon as it is there."
    return _editor(request, form, title="New calendar", sentence=sentence, back_url=reverse("calendars:calendars"))


@scope_required("handoffs:configure")
def edit_calendar(request: HttpRequest, slug: str) -> HttpResponse:
    """GET shows the editor, POST what it would change; `step` save saves it, `step` edit shows the editor again."""
    calendar = _configurable(request, slug)
    version = queries.get_version(calendar)
    step = request.POST.get("step", "preview")
    form = CalendarForm(request.POST or None, person=principal_of(request), initial=initial_of(calendar, version))
    if form.is_bound and form.is_valid() and step != "edit":
        revision = RevisionForm(request.POST if step == "save" else None)
        if step != "save" or not revision.is_valid():
            return _preview(request, calendar, version, form, revision)
        try:
            return _save(request, calendar, form, revision)
        except DomainError as error:
            refuse(form, error)
    return _revise(request, form, calendar)


@scope_required("handoffs:configure")
def import_holidays(request: HttpRequest, slug: str) -> HttpResponse:
    """GET asks whose holidays and lists them; POST leads the chosen ones to the preview of the change."""
    calendar = _configurable(request, slug)
    version = queries.get_version(calendar)
    form = HolidaysForm(request.GET or None, initial={"first_year": clock.now().year, "year_count": 2})
    found = form.found() if form.is_bound and form.is_valid() else {}
    if request.method == "POST":
        chosen = {day: found[day] for day in request.POST.getlist("date") if day in found}
        return _preview_holidays(request, calendar, version, chosen)
    rows = [
        {"date": day, "shown": date.fromisoformat(day), "name": name, "is_taken": day in version.overrides}
        for day, name in found.items()
    ]
    context = {"calendar": calendar, "form": form, "rows": rows, "query": request.GET.urlencode()}
    return render(request, "calendars/holidays.html", context, status=400 if form.errors else 200)


@scope_required("handoffs:configure")
def adopt(request: HttpRequest, slug: str) -> HttpResponse:
    """GET lists the open deadlines that would move to the current version; POST moves them."""
    calendar = _configurable(request, slug)
    version = queries.get_version(calendar)
    if request.method == "POST":
        try:
            moved = operations.adopt_version(version, actor=actor_of(request), now=clock.now())
        except DomainError as error:
            messages.error(request, error.message)
            return HttpResponseRedirect(request.path)
        return _done(request, calendar, f"{count(moved, 'open record')} now count by version {version.number}.")
    context = {"calendar": calendar, "version": version, **_moved(calendar, version.definition)}
    return render(request, "calendars/adopt.html", context)


@scope_required("handoffs:configure")
def delete_calendar(request: HttpRequest, slug: str) -> HttpResponse:
    calendar = _configurable(request, slug)
    form = DeleteForm(request.POST or None)
    if form.is_bound and form.is_valid():
        try:
            operations.delete_calendar(calendar, **form.cleaned_data, actor=actor_of(request), now=clock.now())
        except DomainError as error:
            refuse(form, error)
        else:
            messages.success(request, f"The calendar {calendar} is gone.")
            return HttpResponseRedirect(reverse("calendars:calendars"))
    context = {"calendar": calendar, "form": form}
    return render(request, "calendars/delete.html", context, status=422 if form.errors else 200)


def _preview_holidays(
    request: HttpRequest, calendar: Calendar, version: CalendarVersion, chosen: dict[str, str]
) -> HttpResponse:
    """The change that the chosen holidays are: dates that have hours of their own keep them."""
    added = {day: name for day, name in chosen.items() if day not in version.overrides}
    overrides = {**dict.fromkeys(added, []), **version.overrides}
    text = drafts.overrides_text(overrides, {**added, **version.override_names})
    form = CalendarForm({**initial_of(calendar, version), "overrides": text}, person=principal_of(request))
    if not form.is_valid():
        return _revise(request, form, calendar)
    return _preview(request, calendar, version, form, RevisionForm(initial={"note": "Public holidays"}))


def _preview(
    request: HttpRequest, calendar: Calendar, version: CalendarVersion, form: CalendarForm, revision: RevisionForm
) -> HttpResponse:
    said = [*_renamed(calendar, form.cleaned_data), *changes(version.definition, form.definition)]
    is_new_version = form.definition != version.definition
    opening = compiled(form.definition).next_opening(clock.now())
    context = {
        "calendar": calendar,
        "version": version,
        "form": form,
        "revision": revision,
        "differences": differences(said),
        "has_changes": bool(said),
        "is_new_version": is_new_version,
        "next_number": version.number + 1,
        "never_opens": opening is None,
        "action": reverse("calendars:edit", args=[calendar.slug]),
        **(_moved(calendar, form.definition) if is_new_version else {}),
    }
    return render(request, "calendars/preview.html", context, status=422 if revision.errors else 200)


def _moved(calendar: Calendar, definition: Any) -> dict[str, Any]:
    found = queries.preview_deadlines(calendar, definition, SHOWN_DEADLINES + 1)
    return {"moved": found[:SHOWN_DEADLINES], "more_moved": len(found) > SHOWN_DEADLINES}


def _renamed(calendar: Calendar, values: dict[str, Any]) -> list[Change]:
    named = [
        Change("Name", calendar.name, values["name"]),
        Change("Team", str(calendar.team or "Everybody"), str(values["team"] or "Everybody")),
    ]
    return [change for change in named if change.before != change.after]


def _save(request: HttpRequest, calendar: Calendar, form: CalendarForm, revision: RevisionForm) -> HttpResponse:
    values = form.cleaned_data
    _must_configure(request, values["team"].pk if values["team"] else None)
    version = operations.revise_calendar(
        calendar,
        name=values["name"],
        team=values["team"],
        **form.spelled,
        based_on=values["based_on"],
        **revision.cleaned_data,
        actor=actor_of(request),
        now=clock.now(),
    )
    return _done(request, calendar, f"{calendar} stands at version {version.number}.")


def _revise(request: HttpRequest, form: CalendarForm, calendar: Calendar) -> HttpResponse:
    sentence = "Nothing is saved before you have seen what it changes."
    return _editor(request, form, title=f"Change {calendar}", sentence=sentence, back_url=calendar.get_absolute_url())


def _editor(request: HttpRequest, form: CalendarForm, **said: str) -> HttpResponse:
    context: dict[str, Any] = {**said, "form": form, "zones": sorted(zones.names())}
    return render(request, "calendars/edit.html", context, status=422 if form.errors else 200)


def _configurable(request: HttpRequest, slug: str) -> Calendar:
    calendar = get(request, slug)
    _must_configure(request, calendar.team_id)
    return calendar


def _must_configure(request: HttpRequest, team_id: int | None) -> None:
    if not queries.may_configure(principal_of(request), team_id):
        raise PermissionDenied("Only somebody who sees every team changes calendars beyond their own team.")


def _done(request: HttpRequest, calendar: Calendar, sentence: str) -> HttpResponse:
    messages.success(request, sentence)
    return HttpResponseRedirect(calendar.get_absolute_url())
