"""Pages of erasures: those asked for, a look before, one with its certificate, and checking one."""

import json
from collections.abc import Callable
from functools import wraps
from typing import Any
from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse

from opsportal import clock
from opsportal.errors import DomainError
from opsportal.identity.models import Person
from opsportal.identity.permissions import scope_required
from opsportal.privacy import approving, erasing, queries
from opsportal.privacy.forms import CertificateForm, ErasureForm
from opsportal.privacy.models import Erasure
from opsportal.web.forms import refuse

READ = "audit:read"
View = Callable[..., HttpResponse]


def _for_both(view: View) -> View:
    """Admins and ops leads alone."""

    @wraps(view)
    def checked(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if not erasing.may_take_part(request.user):
            raise PermissionDenied("Admins and ops leads look after erasures.")
        return view(request, *args, **kwargs)

    return scope_required(READ)(checked)  # type: ignore[return-value]


@_for_both
def list_view(request: HttpRequest) -> HttpResponse:
    """`/privacy/`"""
    rows = [(one, *queries.standing_of(one)) for one in queries.list_erasures()[:100]]
    waiting = sum(one.closed_at is None for one, *_ in rows)
    context = {
        "title": "Erasures",
        "sentence": f"{waiting} wait for a second person." if waiting else "No erasure waits.",
        "rows": rows,
        "may_ask": erasing.may_ask(request.user),
    }
    return render(request, "privacy/list.html", context)


@_for_both
def ask(request: HttpRequest) -> HttpResponse:
    """`/privacy/erase/`: a look at what would go, then the request to a second person."""
    person, now = _person(request), clock.now()
    if not erasing.may_ask(person):
        raise PermissionDenied("An admin asks for an erasure.")
    form, seen = ErasureForm(request.POST or None), None
    if request.method == "POST" and form.is_valid():
        said = form.cleaned_data
        try:
            if request.POST.get("step") == "ask":
                made = approving.request_erasure(
                    keys=said["keys"], reason=said["reason"], by=person, keep_held=said["keep_held"], now=now
                )
                return redirect(made.get_absolute_url())
            seen = erasing.look(said["keys"], by=person, now=now)
        except DomainError as error:
            refuse(form, error)
    context = {
        "title": "Erase a person",
        "sentence": "Look first. A second person decides; what is erased does not come back.",
        "back_url": reverse("privacy:list"),
        "back_label": "Erasures",
        "form": form,
        "seen": seen,
        "found": queries.lines_of({room: one.counts for room, one in seen.rooms.items()}) if seen else [],
        "kept": queries.kept_of(seen.rooms) if seen else [],
    }
    return render(request, "privacy/ask.html", context, status=422 if form.errors else 200)


@_for_both
def detail(request: HttpRequest, pk: UUID) -> HttpResponse:
    """`/privacy/erasures/<id>/`"""
    erasure = _get(pk)
    badge, tone, sentence = queries.standing_of(erasure)
    rooms = (erasure.certificate or {}).get("rooms", {})
    context = {
        "title": str(erasure),
        "badge": badge,
        "tone": tone,
        "sentence": sentence,
        "back_url": reverse("privacy:list"),
        "back_label": "Erasures",
        "erasure": erasure,
        "keys": erasing.keys_of(erasure),
        "found": queries.lines_of({room: one["erased"] for room, one in rooms.items()}),
        "kept": [(where, why) for one in rooms.values() for where, why in one["kept"].items()],
    }
    return render(request, "privacy/detail.html", context)


@_for_both
def certificate(request: HttpRequest, pk: UUID) -> HttpResponse:
    """`/privacy/erasures/<id>/certificate.json`, as the trail has its hash."""
    erasure = _get(pk)
    if erasure.certificate is None:
        raise Http404("There is no certificate before the erasure.")
    answer = HttpResponse(json.dumps(erasure.certificate, indent=2) + "\n", content_type="application/json")
    answer["Content-Disposition"] = f'attachment; filename="erasure-{erasure.pk}.json"'
    return answer


@_for_both
def check(request: HttpRequest) -> HttpResponse:
    """`/privacy/check/`: whether a certificate is what the trail says."""
    form, verdict = CertificateForm(request.POST or None), ""
    if request.method == "POST" and form.is_valid():
        if fault := erasing.fault_of(form.cleaned_data["certificate"]):
            form.add_error("certificate", fault)
        else:
            verdict = "It is the certificate of an erasure done here, word for word, as the trail has it."
    context = {
        "title": "Check a certificate",
        "sentence": "A certificate is true when its hash fits what it says, and the trail has the same hash.",
        "back_url": reverse("privacy:list"),
        "back_label": "Erasures",
        "form": form,
        "notes": verdict,
        "button": "Check it",
    }
    return render(request, "web/form_page.html", context, status=422 if form.errors else 200)


def _get(pk: UUID) -> Erasure:
    found = queries.list_erasures().filter(pk=pk).first()
    if found is None:
        raise Http404("There is no such erasure.")
    return found


def _person(request: HttpRequest) -> Person:
    assert isinstance(request.user, Person)  # noqa: S101 - tells the type
    return request.user
