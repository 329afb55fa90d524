"""Credentials, checklists, limits and the workflow behind an automation."""

from datetime import datetime
from functools import partial
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse

from opsportal import clock
from opsportal.audit.engine import Actor
from opsportal.catalog import checklists, operations, queries, tables, upkeep
from opsportal.catalog.forms import CredentialForm, ReasonForm
from opsportal.catalog.models import Automation, Credential, Workflow
from opsportal.catalog.views.access import EDITORS, editable, tab_form, visible
from opsportal.errors import Forbidden
from opsportal.identity.actors import actor_of, principal_of
from opsportal.identity.permissions import scope_required
from opsportal.web.actions import Done, post_action

REFERENCE = "Say where it is kept and when it ends. The portal holds no secrets of automations."
_form = partial(tab_form, "catalog:upkeep")


@scope_required("catalog:read")
def upkeep_page(request: HttpRequest, slug: str) -> HttpResponse:
    automation, now, principal = visible(request, slug), clock.now(), principal_of(request)
    sees = queries.may_see_credentials(principal)
    credentials = list(automation.credentials.in_use()) if sees else []
    workflow = Workflow.objects.filter(automation=automation).prefetch_related("versions").first()
    lists = _checklists(automation)
    context = {
        "automation": automation,
        "sees_credentials": sees,
        "credentials": [(each, *_verdict(each, now)) for each in credentials],
        "checklists": lists,
        "sentence": _sentence(lists),
        "limits": upkeep.limits_of(automation, now),
        "workflow": workflow,
        "versions": list(workflow.versions.all())[:5] if workflow else [],
        "may_edit": queries.may_edit(automation, principal),
        "tab": "upkeep",
        "word": tables.word_at(automation, now),
        "tone": tables.tone_at(automation, now),
    }
    return render(request, "catalog/upkeep.html", context)


def _verdict(credential: Credential, now: Any) -> tuple[str, str]:
    """Tone and word of a credential."""
    if credential.kind == Credential.Kind.PERSONAL:
        return "bad", "Personal login"
    warning = upkeep.warning_of(credential, now)
    if warning is not None:
        return ("bad", "Expired") if warning == 0 else ("warn", "Expires soon")
    return ("warn", "Too broad") if credential.is_too_broad else ("good", "In order")


def _checklists(automation: Automation) -> list[dict[str, Any]]:
    ticks = {tick.item: tick for tick in automation.ticks.all()}
    return [
        {
            "list": each,
            "done": sum(item.key in ticks for item in each.items),
            "rows": [(item, ticks.get(item.key)) for item in each.items],
        }
        for each in checklists.CHECKLISTS
    ]


def _sentence(lists: list[dict[str, Any]]) -> str:
    done = sum(each["done"] for each in lists)
    every = sum(len(each["rows"]) for each in lists)
    return f"{done} of {every} points are checked." if done < every else "Every point is checked."


@scope_required("catalog:read")
@post_action
def tick(request: HttpRequest, slug: str) -> Done:
    automation = _edited(request, slug)
    item, done = request.POST.get("item", ""), request.POST.get("done") == "1"
    operations.tick_item(automation, item=item, done=done, actor=actor_of(request), now=clock.now())
    return Done("", url=f"{reverse('catalog:upkeep', args=[slug])}#{item.partition('.')[0]}")


def _edited(request: HttpRequest, slug: str) -> Automation:
    automation = visible(request, slug)
    if not queries.may_edit(automation, principal_of(request)):
        raise Forbidden("not_yours", EDITORS)
    return automation


@scope_required("catalog:read")
def credential_new(request: HttpRequest, slug: str) -> HttpResponse:
    automation = editable(request, slug)
    form = CredentialForm(request.POST if request.method == "POST" else None)
    operation = partial(operations.add_credential, automation)
    return _form(request, form, operation, automation, "Note a credential", REFERENCE, "Note it")


@scope_required("catalog:read")
def credential_edit(request: HttpRequest, slug: str, row: int) -> HttpResponse:
    automation = editable(request, slug)
    credential = get_object_or_404(Credential, automation=automation, pk=row, retired_at=None)
    form = CredentialForm(request.POST if request.method == "POST" else None, instance=credential)

    def operation(actor: Actor, now: datetime, **values: Any) -> object:
        return operations.change_credential(credential, values=values, actor=actor, now=now)

    retire = reverse("catalog:credential_retire", args=[slug, row])
    more = {"notes": "Is it no longer used?", "notes_url": retire, "notes_label": "Take it off the list"}
    return _form(request, form, operation, automation, credential.name, REFERENCE, "Save", **more)


@scope_required("catalog:read")
def credential_retire(request: HttpRequest, slug: str, row: int) -> HttpResponse:
    automation = editable(request, slug)
    credential = get_object_or_404(Credential, automation=automation, pk=row, retired_at=None)
    form = ReasonForm(request.POST if request.method == "POST" else None)
    operation = partial(operations.retire_credential, credential)
    sentence = f"{automation.name} no longer uses {credential.name}."
    return _form(request, form, operation, automation, "No longer used", sentence, "Take it off the list")
