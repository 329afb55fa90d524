"""The editor of objectives, with its preview in plain words. Whoever may not write one proposes it."""

from typing import Any

from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse

from handoffs.models import Rule
from handoffs.queries.rules import list_rules
from handoffs.states import RuleMode, StopClock
from handoffs.views.access import found
from opsportal import clock
from opsportal.catalog.models import Automation
from opsportal.errors import DomainError
from opsportal.identity.actors import actor_of, principal_of
from opsportal.identity.models import Person
from opsportal.identity.permissions import scope_required
from opsportal.web.actions import Done, say
from slos.budgets import queries as budgets
from slos.objectives import easing, operations, pages, proposals, queries, starters, thresholds, words
from slos.objectives.checking import check_definition
from slos.objectives.definition import Definition
from slos.objectives.document import Document
from slos.objectives.forms import SloForm, refuse
from slos.states import SliKind, SloState

OFFERED_RULES = 5


@scope_required("slos:read")
def create(request: HttpRequest) -> HttpResponse:
    """`/slos/new/?automation=&journey=&starter=&rule=`"""
    principal = principal_of(request)
    owns = Automation.objects.filter(owner=principal.pk).exists() if isinstance(principal, Person) else False
    if not (queries.may_write(principal) or queries.may_propose(principal) or owns):
        raise PermissionDenied("Analysts propose SLOs, ops leads and owners write them.")
    form = SloForm(request.POST or None, principal=principal, start=_start(request))
    label = "Save" if queries.may_write(principal) else "Save or propose"
    return _editor(request, form, title="New SLO", button=label, back=reverse("slos:list"))


@scope_required("slos:read")
def edit(request: HttpRequest, slug: str) -> HttpResponse:
    principal = principal_of(request)
    slo = found(lambda: queries.get_slo(slug, principal=principal))
    may_write = queries.may_write(principal, slo.automation)
    if not (may_write or queries.may_propose(principal)):
        raise PermissionDenied("Analysts propose SLOs, ops leads and owners write them.")
    form = SloForm(request.POST or None, principal=principal, slo=slo)
    title = f"Edit {slo.name}" if may_write else f"Propose for {slo.name}"
    button = "Save a new version" if may_write else "Propose"
    return _editor(request, form, title=title, button=button, back=slo.get_absolute_url())


def _back_label(form: SloForm) -> str:
    return form.slo.name if form.slo else "Objectives"


def _editor(request: HttpRequest, form: SloForm, *, title: str, button: str, back: str) -> HttpResponse:
    context: dict[str, Any] = {
        "title": title,
        "button": button,
        "back_url": back,
        "back_label": _back_label(form),
        "form": form,
    }
    if request.method == "POST" and form.is_valid():
        try:
            definition = form.definition()
            check_definition(form.chosen_slug, definition)
            if request.POST.get("step") == "save":
                return _save(request, form, definition)
            context["preview"] = _preview(form, definition)
        except DomainError as error:
            refuse(form, error)
    context |= {"groups": form.groups(), "journeys": [] if form.slo else starters.JOURNEYS, "rules": _timers(request)}
    return render(request, "slos/objectives_edit.html", context, status=422 if form.errors else 200)


def _save(request: HttpRequest, form: SloForm, definition: Definition) -> HttpResponse:
    """Write it, or propose it. Whoever answers for every automation that is named may write."""
    principal, now, slo = principal_of(request), clock.now(), form.slo
    reason = form.cleaned_data["reason"]
    may_write = queries.may_write(principal, definition.automation, *([slo.automation] if slo else []))
    is_eased = slo is not None and may_write and easing.needs_agreement(slo, definition)
    if may_write and not is_eased:
        who: dict[str, Any] = {"actor": actor_of(request), "now": now, "reason": reason}
        if slo is not None:
            slo = operations.change_slo(slo, definition=definition, **who)
        else:
            slo = operations.create_slo(slug=form.chosen_slug, definition=definition, state=SloState.ACTIVE, **who)
        say(request, Done(" ".join(["Saved.", *thresholds.of(slo).notices])))
        return redirect("slos:detail", slo.slug)
    if not isinstance(principal, Person) or not (may_write or queries.may_propose(principal)):
        raise PermissionDenied("An ops lead or the automation's owner writes this.")
    asked = proposals.propose_definition(
        slug=form.chosen_slug, definition=definition, slo=slo, requested_by=principal, reason=reason, now=now
    )
    who_decides = (
        "a freeze rests on it, so another ops lead decides" if is_eased else "an ops lead or the owner decides"
    )
    say(request, Done(f"Proposed: {who_decides}.", url=f"/approvals/{asked.pk}/"))
    return redirect(slo.get_absolute_url() if slo else reverse("slos:list"))


def _preview(form: SloForm, definition: Definition) -> dict[str, Any]:
    """The definition in plain words, the alerts that follow, what it would have given so far."""
    alerts = thresholds.of(definition)
    notes = [f"Alerts: {one.in_words} ({one.severity})." for one in alerts.alerts]
    notes += alerts.notices or ()
    if not alerts.alerts:
        notes.append("No burn alert will fire.")
    if form.slo is not None and easing.needs_agreement(form.slo, definition):
        notes.append("A freeze rests on it, and this may ease it: a second person decides.")
    if form.slo is not None and form.slo.target != definition.target and form.slo.kind != SliKind.COMPOSITE:
        told = budgets.what_if(form.slo, clock.now(), target=definition.target)
        notes[:0] = pages.what_if_sentences(form.slo, [told], target=definition.target)
    return {"sentence": words.in_words(definition), "notes": notes}


def _timers(request: HttpRequest) -> QuerySet[Rule]:
    """A few rules whose timers stop when something is done, not when it is answered: they can judge a resolution."""
    done = list_rules(principal_of(request)).filter(mode=RuleMode.ACTIVE, current__stop_clock=StopClock.COMPLETION)
    return done.order_by("name")[:OFFERED_RULES]


def _start(request: HttpRequest) -> Document | None:
    """What a new one begins with: a starter of a journey, an automation."""
    automation = request.GET.get("automation", "")[:60]
    journey = starters.get_journey(request.GET.get("journey", ""))
    if journey is not None:
        rule = request.GET.get("rule", "")[:60]
        documents = {one["slug"]: one for one in starters.documents(journey, automation=automation, rule=rule)}
        wanted = f"{automation or journey.slug}-{request.GET.get('starter', '')}"
        return documents.get(wanted) or next(iter(documents.values()))
    blank = {"window": {"kind": "rolling", "days": 28}, "target": "99.5"}
    return {**blank, "automation": automation} if automation else blank
