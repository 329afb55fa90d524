"""The page where the list of reasons is kept: add, rename, retire, merge."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.text import slugify

from handoffs import operations, queries
from handoffs.forms import MergeReasonForm, NewReasonForm, ReasonEditForm
from handoffs.models import BreachReason
from handoffs.views.access import found, may
from opsportal import clock
from opsportal.errors import DomainError
from opsportal.identity.actors import actor_of, principal_of
from opsportal.identity.permissions import scope_required
from opsportal.identity.roles import CONFIGURE_HANDOFFS
from opsportal.web import words
from opsportal.web.actions import Done, say
from opsportal.web.forms import refuse


@scope_required("handoffs:read")
def list_view(request: HttpRequest) -> HttpResponse:
    """The list with its use; who may configure adds to it here."""
    may_configure = may(request, CONFIGURE_HANDOFFS)
    form = NewReasonForm(request.POST or None)
    if request.method == "POST" and may_configure and form.is_valid():
        try:
            reason = operations.add_reason(label=form.cleaned_data["label"], **_who(request))
        except DomainError as error:
            refuse(form, error)
        else:
            say(request, Done(f"“{reason.label}” is on the list."))
            return redirect("review:reasons")
    uses = queries.reason_uses(principal_of(request))
    unlisted = [one for one in uses if one.reason is None]
    context = {
        "title": "Reasons",
        "sentence": _sentence(unlisted),
        "uses": [(one, _former(one.reason)) for one in uses if one.reason is not None],
        "unlisted": unlisted,
        "may_configure": may_configure,
        "form": form,
    }
    return render(request, "handoffs/reasons.html", context, status=422 if form.errors else 200)


@scope_required(CONFIGURE_HANDOFFS)
def edit(request: HttpRequest, slug: str) -> HttpResponse:
    """Rename, move, retire or offer again."""
    reason = found(lambda: queries.get_reason(slug))
    initial = {"label": reason.label, "position": reason.position, "active": reason.active}
    form = ReasonEditForm(request.POST if request.method == "POST" else None, initial=initial)
    if request.method == "POST" and form.is_valid():
        try:
            operations.change_reason(reason, **form.cleaned_data, **_who(request))
        except DomainError as error:
            refuse(form, error)
        else:
            say(request, Done("Saved."))
            return redirect(_at(slug))
    return _form_page(request, form, title=reason.label, sentence="", button="Save")


@scope_required(CONFIGURE_HANDOFFS)
def merge(request: HttpRequest) -> HttpResponse:
    """Merge the words of `?text=` into a reason of the list: first what it means, then the button."""
    text = request.GET.get("text", "").replace("\x00", "")
    listed = queries.known_reasons().find(text)
    form = MergeReasonForm(request.POST if request.method == "POST" else None, without=listed)
    if request.method == "POST" and form.is_valid():
        into = form.cleaned_data["into"]
        try:
            records = operations.merge_reason(into, text=text, **_who(request))
        except DomainError as error:
            form.add_error(None, error.message)
        else:
            say(request, Done(f"Merged: {words.count(records, 'record')} now say “{into.label}”."))
            return redirect(_at(into.slug))
    leaves = "It leaves the list" if listed else "They are not on the list"
    sentence = f"{leaves}; records that say so follow, and programs that go on sending these words mean the other one."
    return _form_page(request, form, title=f"Merge “{text[:120]}”", sentence=sentence, button="Merge")


def _form_page(request: HttpRequest, form: Any, *, title: str, sentence: str, button: str) -> HttpResponse:
    context = {"title": title, "sentence": sentence, "form": form, "button": button}
    return render(request, "handoffs/reason.html", context, status=422 if form.errors else 200)


def _who(request: HttpRequest) -> dict[str, Any]:
    return {"actor": actor_of(request), "now": clock.now()}


def _at(slug: str) -> str:
    return f"{reverse('review:reasons')}#reason-{slug}"


def _former(reason: BreachReason) -> list[str]:
    """What it was called before, without the slugs of what was merged: those are for programs."""
    slugs = {slugify(word) for word in reason.also if slugify(word) != word}
    return [word for word in reason.also if word not in slugs]


def _sentence(unlisted: list[queries.ReasonUse]) -> str:
    if not unlisted:
        return "Everything that was noted is on the list, so it can be counted."
    records = words.count(sum(one.records for one in unlisted), "record")
    return f"{records} say something that is not on the list: merge it into a reason, or add it."
