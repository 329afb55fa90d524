"""People: the list, one person, and what those who look after people do there."""

from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, render
from django.urls import reverse

from opsportal import clock
from opsportal.identity import forms, operations, ownership, queries, tables
from opsportal.identity.actors import actor_of
from opsportal.identity.models import Person
from opsportal.identity.permissions import scope_required
from opsportal.identity.refusals import observe
from opsportal.identity.roles import GROUP_NAMES
from opsportal.identity.views.pages import Outcome, form_page, signed_in
from opsportal.web.actions import post_action
from opsportal.web.listing import list_page
from opsportal.web.words import count

PEOPLE = Person.objects.select_related("team", "manager")


@scope_required("people:read")
def people(request: HttpRequest) -> HttpResponseBase:
    return list_page(
        request,
        queryset=queries.with_absence(PEOPLE, clock.now()).prefetch_related("groups").order_by("name", "pk"),
        table_class=tables.PeopleTable,
        filter_class=tables.PeopleFilter,
        title="People",
        csv_name="people",
        context={
            "actions_template": "identity/people_actions.html",
            "may_edit": signed_in(request).allows("people:write"),
        },
    )


@scope_required("people:read")
def person(request: HttpRequest, username: str) -> HttpResponse:
    somebody, now = get_object_or_404(PEOPLE, username=username), clock.now()
    viewer = signed_in(request)
    away = queries.present_absence(somebody, now)
    context = {
        "title": somebody.name,
        "person": somebody,
        "badge": "left" if not somebody.is_active else "away" if away else "here",
        "tone": "calm" if not somebody.is_active else "warn" if away else "good",
        "sentence": _sentence(somebody),
        "away": away,
        "absences": queries.list_absences(somebody, now),
        "roles": [GROUP_NAMES[role] for role in somebody.roles],
        "reachable": tables.reachable_by(somebody),
        "reports": somebody.reports.filter(is_active=True),
        "owned": ownership.owned_by([somebody.pk]).get(somebody.pk, []),
        "is_self": viewer.pk == somebody.pk,
        "may_look_after": queries.may_look_after(viewer, somebody),
        "may_edit": viewer.allows("people:write"),
        "may_audit": viewer.allows("audit:read"),
    }
    return render(request, "identity/person.html", context)


@scope_required("people:write")
def add_person(request: HttpRequest) -> HttpResponse:
    def act(values: dict[str, Any]) -> Outcome:
        added = operations.create_person(**values, actor=actor_of(request), now=clock.now())
        return f"{added} is here now. Set a password, so that they can sign in.", added.get_absolute_url()

    form = forms.PersonForm(request.POST or None)
    return form_page(request, form, act, title="Add a person", button="Add", back_url=reverse("identity:people"))


@scope_required("people:write")
def edit_person(request: HttpRequest, username: str) -> HttpResponse:
    somebody = get_object_or_404(PEOPLE, username=username)

    def act(values: dict[str, Any]) -> Outcome:
        operations.revise_person(somebody, **values, actor=actor_of(request), now=clock.now())
        return f"{values['name']} was changed.", somebody.get_absolute_url()

    initial = {name: getattr(somebody, name) for name in ("name", "email", "timezone", "slack_id")}
    initial |= {
        "roles": [str(role) for role in somebody.roles],
        "team": somebody.team.slug if somebody.team else None,
        "manager": somebody.manager.username if somebody.manager else None,
    }
    form = forms.PersonForm(request.POST or None, person=somebody, initial=initial)
    back = somebody.get_absolute_url()
    return form_page(request, form, act, title=f"Change {somebody}", button="Save", back_url=back)


@scope_required("people:write")
def set_password(request: HttpRequest, username: str) -> HttpResponse:
    somebody = get_object_or_404(PEOPLE, username=username)

    def act(values: dict[str, Any]) -> Outcome:
        operations.change_password(somebody, values["password"], actor=actor_of(request), now=clock.now())
        return f"{somebody} has a new password and was signed out everywhere.", somebody.get_absolute_url()

    return form_page(
        request,
        forms.NewPasswordForm(request.POST or None),
        act,
        title=f"New password for {somebody}",
        button="Set password",
        sentence="Tell them on a second way, and ask them to change it.",
        back_url=somebody.get_absolute_url(),
    )


@scope_required("people:write")
def deactivate(request: HttpRequest, username: str) -> HttpResponse:
    somebody = get_object_or_404(PEOPLE, username=username)
    owned = ownership.owned_by([somebody.pk]).get(somebody.pk, [])

    def act(values: dict[str, Any]) -> Outcome:
        operations.deactivate_person(somebody, reason=values["reason"], actor=actor_of(request), now=clock.now())
        return f"{somebody} was deactivated.", somebody.get_absolute_url()

    consequence = "They are signed out everywhere and the tokens they answer for end at once."
    if owned:
        consequence += f" They still own {count(len(owned), 'thing')}: find somebody for those."
    return form_page(
        request,
        forms.WithReasonForm(request.POST or None),
        act,
        title=f"Deactivate {somebody}",
        button=f"Deactivate {somebody}",
        sentence=consequence,
        back_url=somebody.get_absolute_url(),
        is_danger=True,
    )


@post_action
def reactivate(request: HttpRequest, username: str) -> str:
    somebody = _to_look_after(request, username)
    operations.reactivate_person(somebody, actor=actor_of(request), now=clock.now())
    return f"{somebody} is active again. Tokens and sessions start anew."


@post_action
def unlock(request: HttpRequest, username: str) -> str:
    somebody = _to_look_after(request, username)
    forgotten = operations.unlock(somebody, actor=actor_of(request), now=clock.now())
    return f"{somebody} may try again; {count(forgotten, 'row')} of failed attempts forgotten."


@scope_required("people:read")
def add_absence(request: HttpRequest, username: str) -> HttpResponse:
    somebody = get_object_or_404(PEOPLE, username=username)
    _check_may_look_after(request, somebody)

    def act(values: dict[str, Any]) -> Outcome:
        operations.add_absence(somebody, **values, actor=actor_of(request), now=clock.now())
        return "Noted. Nothing is reassigned to them meanwhile.", somebody.get_absolute_url()

    return form_page(
        request,
        forms.AbsenceForm(request.POST or None),
        act,
        title=f"When {somebody} is away",
        button="Note absence",
        back_url=somebody.get_absolute_url(),
    )


@post_action
def end_absence(request: HttpRequest, username: str, absence_id: int) -> str:
    somebody = get_object_or_404(PEOPLE, username=username)
    _check_may_look_after(request, somebody)
    absence = get_object_or_404(somebody.absences, pk=absence_id)
    operations.end_absence(absence, actor=actor_of(request), now=clock.now())
    return "Noted: the absence is over."


def _to_look_after(request: HttpRequest, username: str) -> Person:
    if not signed_in(request).allows("people:write"):
        observe(request, "people:write")
        raise PermissionDenied("This needs the Admin role.")
    return get_object_or_404(PEOPLE, username=username)


def _check_may_look_after(request: HttpRequest, somebody: Person) -> None:
    if not queries.may_look_after(signed_in(request), somebody):
        raise PermissionDenied("Only they, their manager or an ops lead may note when somebody is away.")


def _sentence(somebody: Person) -> str:
    """Who this is in one line."""
    roles = ", ".join(GROUP_NAMES[role] for role in somebody.roles) or "No role"
    place = f" in {somebody.team}" if somebody.team else ""
    manager = f", reports to {somebody.manager}" if somebody.manager else ""
    return f"{roles}{place}{manager}."
