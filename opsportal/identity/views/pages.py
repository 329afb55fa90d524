"""One shape for every page that is a form with one domain call behind it."""

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render

from opsportal.errors import DomainError, Forbidden
from opsportal.identity.models import Person
from opsportal.web import forms

# What the domain call answers: the sentence to flash and where to go, or a finished page.
Outcome = tuple[str, str] | HttpResponse


def form_page(
    request: HttpRequest,
    form: forms.Form | forms.ModelForm[Any],
    act: Callable[[dict[str, Any]], Outcome],
    *,
    title: str,
    back_url: str,
    back_label: str = "Back",
    **context: Any,
) -> HttpResponse:
    """Show the form; on a valid POST call `act` with its values. Refusals of the domain stand at their fields (422).

    `context`: button, sentence, is_danger; notes with notes_url and notes_label, a way to do something else.
    """
    if request.method == "POST" and form.is_valid():
        try:
            outcome = act(form.cleaned_data)
        except Forbidden as refused:
            raise PermissionDenied(refused.message) from refused
        except DomainError as refused:
            forms.refuse(form, refused)
        else:
            return outcome if isinstance(outcome, HttpResponse) else _done(request, *outcome)
    page = {"form": form, "title": title, "back_url": back_url, "back_label": back_label, **context}
    return render(request, "web/form_page.html", page, status=422 if form.errors else 200)


def signed_in(request: HttpRequest) -> Person:
    """The person of a page behind the login."""
    if not isinstance(request.user, Person):
        raise PermissionDenied
    return request.user


def _done(request: HttpRequest, sentence: str, url: str) -> HttpResponse:
    if sentence:
        messages.success(request, sentence)
    return HttpResponseRedirect(url)
