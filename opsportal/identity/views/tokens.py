"""Tokens: made, replaced and withdrawn here; the text of one is shown once, on the page that made it."""

from datetime import timedelta
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, render
from django.urls import reverse

from opsportal import clock
from opsportal.identity import forms, operations, queries, tables
from opsportal.identity.actors import actor_of
from opsportal.identity.models import ApiToken, Person
from opsportal.identity.views.pages import Outcome, form_page, signed_in
from opsportal.web.listing import list_page


def tokens(request: HttpRequest) -> HttpResponseBase:
    me = _maker(request)
    return list_page(
        request,
        queryset=queries.list_tokens(me),
        table_class=tables.TokenTable,
        filter_class=tables.TokenFilter,
        title="Tokens",
        csv_name="tokens",
        context={"actions_template": "identity/token_actions.html"},
    )


def token(request: HttpRequest, pk: int) -> HttpResponse:
    found, now = _token(request, pk), clock.now()
    state = queries.token_state(found, now)
    context = {
        "title": found.name,
        "token": found,
        "badge": state,
        "tone": tables.TOKEN_TONES[state],
        "is_usable": found.is_usable(now),
        "back_url": reverse("identity:tokens"),
        "back_label": "Tokens",
    }
    return render(request, "identity/token.html", context)


def add_token(request: HttpRequest) -> HttpResponse:
    me = _maker(request)

    def act(values: dict[str, Any]) -> Outcome:
        for_a_system = values.pop("for_a_system", False)
        made, text = operations.create_token(
            **values, person=None if for_a_system else me, created_by=me, actor=actor_of(request), now=clock.now()
        )
        return _shown_once(request, made, text)

    form = forms.TokenForm(request.POST or None, creator=me)
    return form_page(
        request,
        form,
        act,
        title="Make a token",
        button="Make token",
        back_url=reverse("identity:tokens"),
        back_label="Tokens",
    )


def rotate(request: HttpRequest, pk: int) -> HttpResponse:
    found = _token(request, pk)

    def act(values: dict[str, Any]) -> Outcome:
        made, text = operations.rotate_token(
            found,
            days=values["days"],
            overlap=timedelta(hours=values["overlap_hours"]),
            actor=actor_of(request),
            now=clock.now(),
        )
        return _shown_once(request, made, text)

    return form_page(
        request,
        forms.RotateForm(request.POST or None),
        act,
        title=f"Replace {found.name}",
        button="Replace token",
        sentence="The new one has the same rights, team and source.",
        back_url=found.get_absolute_url(),
    )


def revoke(request: HttpRequest, pk: int) -> HttpResponse:
    found = _token(request, pk)

    def act(values: dict[str, Any]) -> Outcome:
        operations.revoke_token(found, reason=values["reason"], actor=actor_of(request), now=clock.now())
        return f"{found.name} is withdrawn.", found.get_absolute_url()

    return form_page(
        request,
        forms.WithReasonForm(request.POST or None),
        act,
        title=f"Withdraw {found.name}",
        button="Withdraw token",
        sentence="Whatever uses it is refused from now on. This cannot be undone.",
        back_url=found.get_absolute_url(),
        is_danger=True,
    )


def _maker(request: HttpRequest) -> Person:
    me = signed_in(request)
    if not queries.may_make_tokens(me):
        raise PermissionDenied("Your role has no tokens.")
    return me


def _token(request: HttpRequest, pk: int) -> ApiToken:
    return get_object_or_404(queries.list_tokens(_maker(request)), pk=pk)


def _shown_once(request: HttpRequest, made: ApiToken, text: str) -> HttpResponse:
    context = {"title": "Copy the token now", "token": made, "text": text}
    return render(request, "identity/token_made.html", context, status=201)
