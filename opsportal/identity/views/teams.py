"""Teams: records belong to one."""

from typing import Any

from django.db.models import Count, Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse

from opsportal import clock
from opsportal.identity import forms, operations
from opsportal.identity.actors import actor_of
from opsportal.identity.models import Team
from opsportal.identity.permissions import scope_required
from opsportal.identity.views.pages import Outcome, form_page, signed_in


@scope_required("people:read")
def teams(request: HttpRequest) -> HttpResponse:
    shown = Team.objects.annotate(size=Count("people", filter=Q(people__is_active=True)))
    context = {"title": "Teams", "teams": shown, "may_edit": signed_in(request).allows("people:write")}
    return render(request, "identity/teams.html", context)


@scope_required("people:write")
def add_team(request: HttpRequest) -> HttpResponse:
    def act(values: dict[str, Any]) -> Outcome:
        team = operations.create_team(**values, actor=actor_of(request), now=clock.now())
        return f"The team {team} is there.", reverse("identity:teams")

    form = forms.TeamForm(request.POST or None)
    return form_page(request, form, act, title="Add a team", button="Add", back_url=reverse("identity:teams"))


@scope_required("people:write")
def rename_team(request: HttpRequest, slug: str) -> HttpResponse:
    team = get_object_or_404(Team, slug=slug)

    def act(values: dict[str, Any]) -> Outcome:
        operations.rename_team(team, **values, actor=actor_of(request), now=clock.now())
        return f"The team is called {team.name} now.", reverse("identity:teams")

    form = forms.RenameTeamForm(request.POST or None, initial={"name": team.name})
    return form_page(request, form, act, title=f"Rename {team}", button="Rename", back_url=reverse("identity:teams"))
