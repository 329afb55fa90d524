"""What the pages of the library ask about a request: may they, does it exist for them, who acts."""

from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from handoffs.views.access import found
from opsportal import clock
from opsportal.identity.actors import actor_of, principal_of
from opsportal.identity.models import Person
from runbooks.library import queries
from runbooks.models.library import Runbook


def runbook_of(request: HttpRequest, slug: str) -> Runbook:
    return found(lambda: queries.get_runbook(slug, principal=principal_of(request)))


def written(request: HttpRequest, slug: str) -> Runbook:
    """The runbook, for who may write it."""
    runbook = runbook_of(request, slug)
    if not queries.may_write(principal_of(request), runbook):
        raise PermissionDenied("Analysts, ops leads and the automation's owner write this.")
    return runbook


def who(request: HttpRequest) -> dict[str, Any]:
    return {"person": person_of(request), "actor": actor_of(request), "now": clock.now()}


def form_page(request: HttpRequest, runbook: Runbook, form: Any, context: dict[str, Any]) -> HttpResponse:
    values = {"back_url": runbook.get_absolute_url(), "back_label": runbook.title, "form": form, **context}
    return render(request, "runbooks/library_form.html", values, status=422 if form.errors else 200)


def person_of(request: HttpRequest) -> Person | None:
    principal = principal_of(request)
    return principal if isinstance(principal, Person) else None
