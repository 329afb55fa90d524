"""Pages that read calendars: the list, one calendar, one version, an explained deadline."""

from datetime import UTC, datetime, timedelta
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render

from opsportal import clock
from opsportal.calendars import pictures, queries, sentences, tables
from opsportal.calendars.engine import BusinessTime, zones
from opsportal.calendars.engine.agenda import Day, local_date
from opsportal.calendars.engine.changes import Change, changes
from opsportal.calendars.forms import ExplainForm
from opsportal.calendars.models import Calendar, CalendarVersion
from opsportal.errors import InvalidInput, NotFound
from opsportal.identity.actors import principal_of
from opsportal.identity.permissions import scope_required
from opsportal.web.forms import refuse
from opsportal.web.listing import list_page
from opsportal.web.words import count

SHOWN_VERSIONS = 20
SPECIAL_DAYS = 90
SHOWN_SPECIAL = 5


@scope_required("handoffs:read")
def calendars(request: HttpRequest) -> HttpResponseBase:
    person: Any = principal_of(request)
    return list_page(
        request,
        queryset=queries.list_calendars(person),
        table_class=tables.CalendarTable,
        filter_class=tables.CalendarFilter,
        title="Calendars",
        csv_name="calendars",
        context={
            "sentence": "When time counts. Rules measure their timers in one of these.",
            "actions_template": "calendars/list_actions.html",
            "may_add": person.allows("handoffs:configure"),
        },
    )


@scope_required("handoffs:read")
def calendar(request: HttpRequest, slug: str) -> HttpResponse:
    shown, now = get(request, slug), clock.now()
    newest = list(queries.list_versions(shown)[: SHOWN_VERSIONS + 1])
    clock_of_now = queries.business_time(newest[0].pk)
    definition = clock_of_now.definition
    today = local_date(definition, now)
    special = pictures.special_days(definition, today, SPECIAL_DAYS)
    is_open, sentence = sentences.state(clock_of_now, now)
    context = {
        "calendar": shown,
        "version": newest[0],
        "badge": "open" if is_open else "closed",
        "tone": "good" if is_open else "calm",
        "sentence": sentence,
        "figures": _figures(clock_of_now, newest[0], special, now),
        "special": [(day, pictures.notes(definition, day), sentences.hours_of(day)) for day in special[:SHOWN_SPECIAL]],
        "week": pictures.week(definition),
        "marks": pictures.HOUR_MARKS,
        "day_names": sentences.SHORT_DAYS,
        "sheet": pictures.sheet(definition, today),
        "history": _history(newest),
        "form": ExplainForm(initial={"start": now.replace(second=0, microsecond=0), "minutes": 60}),
        "edition": zones.database_version(),
        "may_configure": queries.may_configure(principal_of(request), shown.team_id),
    }
    return render(request, "calendars/calendar.html", context)


@scope_required("handoffs:read")
def version(request: HttpRequest, slug: str, number: int) -> HttpResponse:
    shown = get(request, slug)
    try:
        asked = queries.get_version(shown, number)
    except NotFound as error:
        raise Http404(error.message) from error
    before = shown.versions.filter(number__lt=number).order_by("-number").first()
    definition = asked.definition
    context = {
        "calendar": shown,
        "version": asked,
        "definition": definition,
        "is_current": asked == queries.get_version(shown),
        "before": before,
        "changes": _changes(asked, before),
        "week": pictures.week(definition),
        "marks": pictures.HOUR_MARKS,
        "overrides": [
            (day, windows, definition.override_names.get(day, ""))
            for day, windows in sorted(definition.overrides.items())
        ],
        "closures": [
            (*(sentences.local(_instant(at), definition.timezone) for at in (shut.since, shut.until)), shut.reason)
            for shut in definition.closures
        ],
    }
    return render(request, "calendars/version.html", context)


@scope_required("handoffs:read")
def explain(request: HttpRequest, slug: str) -> HttpResponse:
    """A deadline, or the open time between two instants, with everything that led to it."""
    shown = get(request, slug)
    current = queries.get_version(shown)
    form = ExplainForm(request.GET or None)
    context: dict[str, Any] = {"calendar": shown, "version": current, "form": form}
    if form.is_bound and form.is_valid():
        try:
            context |= _explained(queries.business_time(current.pk), form.cleaned_data)
        except InvalidInput as error:
            refuse(form, error)
    return render(request, "calendars/explain.html", context, status=400 if form.errors else 200)


def get(request: HttpRequest, slug: str) -> Calendar:
    """The calendar of an address; 404 also for what the person may not see."""
    try:
        return queries.get_calendar(principal_of(request), slug)
    except NotFound as error:
        raise Http404(error.message) from error


def differences(said: list[Change]) -> dict[str, dict[str, str | None]]:
    """Changes as the two columns of a diff; what is not said on one side is None there."""
    return {
        "before": {change.place: change.before or None for change in said},
        "after": {change.place: change.after or None for change in said},
    }


def _history(newest: list[CalendarVersion]) -> list[tuple[CalendarVersion, Any]]:
    """Versions, newest first, each with what it changed; the last of the list only serves the one before it."""
    before: list[CalendarVersion | None] = [*newest[1:], None]
    return [(version, _changes(version, older)) for version, older in zip(newest, before, strict=True)][:SHOWN_VERSIONS]


def _changes(version: CalendarVersion, before: CalendarVersion | None) -> dict[str, dict[str, str | None]] | None:
    return differences(changes(before.definition, version.definition)) if before else None


def _figures(
    hours: BusinessTime, version: CalendarVersion, special: list[Day], now: datetime
) -> list[tuple[str, str, str]]:
    """(label, value, note): at most four."""
    now = now.replace(second=0, microsecond=0)
    following = hours.between(now, now + timedelta(days=7))
    next_special = f"next on {special[0].date:%a} {special[0].date.day} {special[0].date:%b}" if special else ""
    return [
        ("Usual week", sentences.open_time(sentences.week_seconds(hours.definition)), "without anything special"),
        ("Next seven days", sentences.open_time(following), "of open time from now"),
        ("Not as usual", count(len(special), "day"), next_special or f"in the next {SPECIAL_DAYS} days"),
        ("Version", str(version.number), version.note),
    ]


def _explained(hours: BusinessTime, asked: dict[str, Any]) -> dict[str, Any]:
    start, minutes = asked["start"], asked["minutes"]
    end = asked["until"] if minutes is None else hours.add(start, minutes * 60)
    explanation, zone = hours.explain(start, end), hours.definition.timezone
    return {
        "explanation": explanation,
        "answer": _answer(start, end, minutes, zone) if minutes is not None else sentences.verdict(explanation),
        "reasons": list(sentences.reasons(explanation)),
        "rows": [
            {
                "day": stretch.date,
                "window": stretch.window,
                "since": sentences.local_time(stretch.since, zone),
                "until": sentences.local_time(stretch.until, zone),
                "counted": sentences.open_time(stretch.seconds),
                "total": sentences.open_time(stretch.total),
                "offset": sentences.offset(stretch.offset),
            }
            for stretch in explanation.stretches
        ],
    }


def _answer(start: datetime, end: datetime, minutes: int, zone: str) -> str:
    side = "after" if minutes >= 0 else "before"
    amount = sentences.open_time(abs(minutes) * 60)
    return f"{amount} of open time {side} {sentences.local(start, zone)} is {sentences.local(end, zone)}."


def _instant(second: int) -> datetime:
    return datetime.fromtimestamp(second, UTC)
