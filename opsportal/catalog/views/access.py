"""Who may open what, and a form that ends in one domain call."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse

from opsportal import clock
from opsportal.catalog import queries
from opsportal.catalog.models import Automation
from opsportal.errors import DomainError, NotFound
from opsportal.identity.actors import actor_of, principal_of
from opsportal.web.forms import refuse

EDITORS = "Its owner, its backup or an ops lead may do this."
OPERATORS = "Its owner, its backup, an ops lead or who is on shift may do this."


def visible(request: HttpRequest, slug: str) -> Automation:
    try:
        return queries.get_automation(slug, principal=principal_of(request))
    except NotFound as error:
        raise Http404(error.message) from error


def editable(request: HttpRequest, slug: str) -> Automation:
    automation = visible(request, slug)
    if not queries.may_edit(automation, principal_of(request)):
        raise PermissionDenied(EDITORS)
    return automation


def operable(request: HttpRequest, slug: str) -> Automation:
    automation = visible(request, slug)
    if not queries.may_operate(automation, principal_of(request), clock.now()):
        raise PermissionDenied(OPERATORS)
    return automation


def may_add(request: HttpRequest) -> bool:
    principal = principal_of(request)
    return principal is not None and principal.allows("catalog:write")


def form_page(
    request: HttpRequest,
    form: Any,
    call: Callable[..., str],
    *,
    title: str,
    back_url: str,
    back_label: str = "",
    **context: Any,
) -> HttpResponse:
    """Show the form, or make the domain call with what it says: `call(values, actor, now)` answers a sentence.

    A refusal stands at its field. `context`: sentence, button, is_danger, notes.
    """
    if request.method == "POST" and form.is_valid():
        try:
            done = _called(call, form, request, clock.now())
        except DomainError as error:
            refuse(form, error)
        else:
            if done:
                messages.success(request, done)
            return redirect(back_url)
    page = {"form": form, "title": title, "back_url": back_url, "back_label": back_label or "Back", **context}
    return render(request, "catalog/form.html", page, status=422 if form.errors else 200)


def tab_form(
    tab: str,
    request: HttpRequest,
    form: Any,
    operation: Callable[..., object],
    automation: Automation,
    title: str,
    sentence: str,
    button: str,
    **notes: str,
) -> HttpResponse:
    """A form on a tab of an automation with one operation behind it; leads back to the tab without a word."""

    def call(values: dict[str, Any], **who: Any) -> str:
        operation(**values, **who)
        return ""

    context = {"title": title, "sentence": sentence, "button": button, **notes}
    back = reverse(tab, args=[automation.slug])
    return form_page(request, form, call, back_url=back, back_label=automation.name, **context)


def _called(call: Callable[..., str], form: Any, request: HttpRequest, now: datetime) -> str:
    return call(dict(form.cleaned_data), actor=actor_of(request), now=now)
