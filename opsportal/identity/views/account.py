"""One's own account: profile, password, the browsers that are signed in, saved filters."""

import hashlib
from typing import Any

from django.contrib.auth import update_session_auth_hash
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse

from opsportal import clock
from opsportal.errors import InvalidInput
from opsportal.identity import forms, operations, queries
from opsportal.identity.actors import actor_of
from opsportal.identity.models import BrowserSession, SavedFilter
from opsportal.identity.views.pages import Outcome, form_page, signed_in
from opsportal.web.actions import post_action
from opsportal.web.listing import SavedFilter as Shown


def account(request: HttpRequest) -> HttpResponse:
    me, now = signed_in(request), clock.now()
    context = {
        "title": "Your account",
        "sentence": f"You are {me.name}, signed in as {me.username}.",
        "person": me,
        "sessions": [
            _shown(session, request) for session in me.sessions.filter(expire_date__gt=now).order_by("-seen_at")
        ],
        "tokens": [
            (token, queries.token_state(token, now)) for token in me.tokens.filter(expires_at__gt=now, disabled_at=None)
        ],
        "may_make_tokens": queries.may_make_tokens(me),
    }
    return render(request, "identity/account.html", context)


def edit_profile(request: HttpRequest) -> HttpResponse:
    me = signed_in(request)

    def act(values: dict[str, Any]) -> Outcome:
        operations.change_person(me, **values, actor=actor_of(request), now=clock.now())
        return "Your profile was changed.", reverse("identity:account")

    form = forms.ProfileForm(request.POST or None, initial={"timezone": me.timezone, "slack_id": me.slack_id})
    back = reverse("identity:account")
    return form_page(request, form, act, title="Your profile", button="Save", back_url=back)


def change_password(request: HttpRequest) -> HttpResponse:
    me = signed_in(request)

    def act(values: dict[str, Any]) -> Outcome:
        request.session.cycle_key()
        operations.change_password(
            me,
            values["password"],
            actor=actor_of(request),
            now=clock.now(),
            keep_session=request.session.session_key or "",
        )
        update_session_auth_hash(request, me)
        return "You have a new password. Your other browsers were signed out.", reverse("identity:account")

    return form_page(
        request,
        forms.OwnPasswordForm(request.POST or None, person=me),
        act,
        title="Your password",
        button="Change password",
        back_url=reverse("identity:account"),
    )


@post_action
def end_session(request: HttpRequest, name: str) -> str:
    me = signed_in(request)
    session = next((session for session in me.sessions.all() if name_of(session) == name), None)
    if session is None:
        raise Http404
    operations.end_session(session, actor=actor_of(request), now=clock.now())
    return "That browser is signed out."


@post_action
def save_filter(request: HttpRequest) -> str:
    me, asked = signed_in(request), request.POST
    name, page, query = asked.get("name", "").strip(), asked.get("page", ""), asked.get("query", "")
    if not name or len(name) > 80 or len(query) > 500 or not page.startswith("/") or len(page) > 60:
        raise InvalidInput("unusable", "A saved filter needs a name of at most 80 characters.")
    team = me.team if asked.get("share") else None
    SavedFilter.objects.update_or_create(person=me, page=page, name=name, defaults={"query": query, "team": team})
    return f"Saved as “{name}”."


@post_action
def delete_filter(request: HttpRequest, pk: int) -> str:
    saved = get_object_or_404(SavedFilter, pk=pk, person=signed_in(request))
    saved.delete()
    return f"“{saved.name}” is gone."


def saved_filters(request: HttpRequest, page: str) -> list[Shown]:
    """What the filter bar of a list page offers: one's own, and those the team shares."""
    me = signed_in(request)
    return [
        Shown(
            name=saved.name,
            url=f"{page}?{saved.query}",
            delete_url=reverse("identity:delete_filter", args=[saved.pk]) if saved.person_id == me.pk else "",
            is_shared=saved.team_id is not None,
        )
        for saved in queries.list_saved_filters(me, page)
    ]


def name_of(session: BrowserSession) -> str:
    """A name for addresses: the key itself is a credential and never leaves the server twice."""
    return hashlib.sha256(session.session_key.encode()).hexdigest()[:24]


def _shown(session: BrowserSession, request: HttpRequest) -> dict[str, Any]:
    return {
        "name": name_of(session),
        "address": session.address,
        "agent": session.agent,
        "began_at": session.began_at,
        "seen_at": session.seen_at,
        "is_current": session.session_key == request.session.session_key,
    }
