"""Who may open what, and a form that ends in one domain call."""

from collections.abc import Callable
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse

from opsportal import clock
from opsportal.catalog import queries
from opsportal.catalog.models import Automation
from opsportal.errors import NotFound
from opsportal.identity.actors import actor_of, principal_of
from opsportal.identity.views import pages as form_pages

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


def form_page(request: HttpRequest, form: Any, call: Callable[..., str], *, back_url: str, **page: Any) -> HttpResponse:
    """A form with one domain call behind it: `call(values, actor, now)` answers a sentence, or nothing to say."""

    def act(values: dict[str, Any]) -> form_pages.Outcome:
        return call(values, actor=actor_of(request), now=clock.now()), back_url

    return form_pages.form_page(request, form, act, back_url=back_url, **page)


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
