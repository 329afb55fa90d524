"""Releases and switches of an automation."""

from functools import partial
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render

from opsportal import clock
from opsportal.catalog import operations, queries, tables, upkeep
from opsportal.catalog.forms import ActivationForm, PlanForm, ReasonForm, ReleaseForm, SwitchForm
from opsportal.catalog.models import Automation, Release, Switch
from opsportal.catalog.views.access import editable, operable, tab_form, visible
from opsportal.identity.actors import principal_of
from opsportal.identity.permissions import scope_required
from opsportal.web.words import count

SHOWN = 50
_form = partial(tab_form, "catalog:changes")


@scope_required("catalog:read")
def changes_page(request: HttpRequest, slug: str) -> HttpResponse:
    automation, now, principal = visible(request, slug), clock.now(), principal_of(request)
    releases = list(automation.releases.filter(cancelled_at=None)[:SHOWN])
    gate = queries.gate(automation, change=queries.Change.FEATURE, at=now)
    context = {
        "automation": automation,
        "planned": sorted((each for each in releases if each.released_at is None), key=_when),
        "released": [each for each in releases if each.released_at is not None],
        "switches": list(automation.switches.all()),
        "gate": gate,
        "sentence": "" if gate.freeze else gate.reason,
        "now": now,
        "may_edit": queries.may_edit(automation, principal),
        "may_operate": queries.may_operate(automation, principal, now),
        "tab": "changes",
        "word": tables.word_at(automation, now),
        "tone": tables.tone_at(automation, now),
    }
    return render(request, "catalog/changes.html", context)


@scope_required("catalog:read")
def releases_page(request: HttpRequest) -> HttpResponse:
    """What is announced for all automations, and what is being watched: who is on shift reads this first."""
    now, principal = clock.now(), principal_of(request)
    planned = upkeep.upcoming(now, principal)
    seen = set(Automation.objects.visible_to(principal).values_list("pk", flat=True))
    watched = [each for each in upkeep.watched(now) if each.automation_id in seen]
    risky = sum(each.risk == Release.Risk.HIGH for each in planned)
    context = {
        "title": "Releases",
        "sentence": _coming(len(planned), risky, len(watched)),
        "planned": planned,
        "watched": watched,
        "now": now,
    }
    return render(request, "catalog/releases.html", context)


def _coming(planned: int, risky: int, watched: int) -> str:
    ahead = f"{count(planned, 'release')} announced for the next 30 days" if planned else "No release is announced"
    risk = f", {risky} of high risk" if risky else ""
    after = f"{watched} {'is' if watched == 1 else 'are'} watched after going out" if watched else "none is watched"
    return f"{ahead}{risk}; {after}."


def _when(release: Release) -> Any:
    return release.planned_at


@scope_required("catalog:read")
def release_plan(request: HttpRequest, slug: str) -> HttpResponse:
    automation = editable(request, slug)
    form = PlanForm(request.POST if request.method == "POST" else None)
    operation = partial(operations.plan_release, automation)
    sentence = "People see it coming, and who is on shift knows what changed. The gate is asked when it goes out."
    return _form(request, form, operation, automation, "Announce a release", sentence, "Announce it")


@scope_required("catalog:read")
def release_new(request: HttpRequest, slug: str) -> HttpResponse:
    automation = editable(request, slug)
    planned = request.GET.get("version", "")[:80]
    form = ReleaseForm(request.POST if request.method == "POST" else None, initial={"version": planned})
    operation = partial(operations.record_release, automation)
    sentence = "It is watched for a while afterwards: failures of the new version are told apart from the old."
    return _form(request, form, operation, automation, "Record a release", sentence, "Record it")


@scope_required("catalog:read")
def release_cancel(request: HttpRequest, slug: str, row: int) -> HttpResponse:
    automation = editable(request, slug)
    release = get_object_or_404(Release, automation=automation, pk=row, released_at=None, cancelled_at=None)
    form = ReasonForm(request.POST if request.method == "POST" else None)
    operation = partial(operations.cancel_release, release)
    title = f"Call off {release.version}"
    return _form(request, form, operation, automation, title, "The plan leaves the list.", "Call it off")


@scope_required("catalog:read")
def switch_new(request: HttpRequest, slug: str) -> HttpResponse:
    automation = editable(request, slug)
    form = SwitchForm(request.POST if request.method == "POST" else None)
    operation = partial(operations.add_switch, automation)
    sentence = "A switch stands for a flag over there. Flips are recorded here, and a runbook can ask for one."
    return _form(request, form, operation, automation, "New switch", sentence, "Add it")


@scope_required("catalog:read")
def switch_flip(request: HttpRequest, slug: str, switch: str) -> HttpResponse:
    automation = operable(request, slug)
    found = get_object_or_404(Switch.objects.select_related("automation__team"), automation=automation, slug=switch)
    on = not found.is_on
    asks = on and found.gated
    form = (ActivationForm if asks else ReasonForm)(request.POST if request.method == "POST" else None)
    operation = partial(operations.flip_switch, found, on=on)
    word = "on" if on else "off"
    sentence = found.description or f"It is {'off' if on else 'on'} now."
    return _form(request, form, operation, automation, f"Switch {found.label} {word}", sentence, f"Switch it {word}")
