"""Pages of objectives: the list, one with its burn-down and arithmetic, moves, and time that does not count."""

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone

from handoffs.views.access import found, may
from opsportal import clock
from opsportal.approvals import queries as approvals
from opsportal.errors import DomainError, Forbidden
from opsportal.identity.actors import actor_of, principal_of
from opsportal.identity.models import Person
from opsportal.identity.permissions import scope_required
from opsportal.web import csv
from opsportal.web.actions import Done, post_action, say
from opsportal.web.forms import refuse
from opsportal.web.listing import list_page
from slos.budgets import queries as budgets
from slos.budgets.engine import Budget
from slos.models import Fact, Slo
from slos.objectives import formula, operations, pages, queries, retiring, thresholds, words
from slos.objectives.definition import definition_of
from slos.objectives.easing import running_freeze
from slos.objectives.filters import SloFilterSet
from slos.objectives.forms import ExclusionForm, ReasonForm, WhatIfForm
from slos.objectives.tables import SloTable
from slos.states import SLO_TRANSITIONS, SliKind, SloState

READ = "slos:read"
SHEET = ["SLO", "Automation", "What", "Formula", "Inputs", "Result", "Value"]
MOVES: dict[str, tuple[str, str, str, SloState, Callable[..., Slo]]] = {
    "activate": (
        "Put in force",
        "It alerts from now on, and budget policies act on it.",
        "The SLO is in force.",
        SloState.ACTIVE,
        operations.activate_slo,
    ),
    "retire": (
        "Retire",
        "Nothing is promised any more. Its history stays.",
        "The SLO is retired.",
        SloState.RETIRED,
        operations.retire_slo,
    ),
}


@scope_required(READ)
def list_view(request: HttpRequest) -> HttpResponseBase:
    """`/slos/`"""
    principal = principal_of(request)
    can_write = may(request, queries.WRITE) or queries.may_propose(principal)
    return list_page(
        request,
        queryset=queries.list_for_table(principal),
        table_class=SloTable,
        filter_class=SloFilterSet,
        template="slos/objectives_list.html",
        title="Objectives",
        context={
            "sentence": "What is promised of automations, and how much of each error budget is left.",
            "can_write": can_write,
            "new_label": "New SLO" if may(request, queries.WRITE) else "Propose an SLO",
        },
        csv_name="slos",
    )


@scope_required(READ)
def sheet(request: HttpRequest) -> HttpResponseBase:
    """`/slos/sheet.csv`: the arithmetic of every SLO that is not retired."""
    rows = queries.list_slos(principal_of(request)).exclude(state=SloState.RETIRED.value)
    return _sheet("slo-arithmetic", list(rows.order_by("slug")))


@scope_required(READ)
def own_sheet(request: HttpRequest, slug: str) -> HttpResponseBase:
    return _sheet(f"slo-{slug}", [_slo(request, slug)])


@scope_required(READ)
def detail(request: HttpRequest, slug: str) -> HttpResponse:
    """One objective: what it says, how it stands, why, and what another target would have given."""
    now, principal = clock.now(), principal_of(request)
    slo = found(lambda: queries.get_for_page(slug, principal=principal, now=now))
    account = budgets.account(slo, now)
    budget = account.budget
    badge, tone = pages.verdict(budget)
    definition = definition_of(slo)
    alerts = thresholds.of(slo)
    form, told = _what_if(request, slo, now)
    context = {
        "slo": slo,
        "badge": badge if slo.state == SloState.ACTIVE else f"{slo.state}, {badge}",
        "tone": tone,
        "sentence": budget.sentence,
        "budget": budget,
        "figures": pages.figures(slo, budget),
        "as_of": pages.as_of(now, budget),
        "picture": pages.picture(account.points, ZoneInfo(timezone.get_current_timezone_name())),
        "causes": pages.cause_tables(account.causes, budget),
        "lines": list(formula.lines(slo, budget)),
        "in_words": words.in_words(definition),
        "alerts": alerts,
        "facts": Fact.objects.going_on().filter(slo=slo)[:5] if slo.has_facts else (),
        "exclusions": [_exclusion(one, now) for one in queries.list_exclusions(slo)[:8]],
        "versions": queries.list_versions(slo)[:8],
        "waiting": approvals.list_waiting("slo", slo.slug, now) if slo.has_waiting else (),
        "what_if": form if slo.kind != SliKind.COMPOSITE else None,
        "told": told,
        "may_write": queries.may_write(principal, slo.automation),
        "may_propose": queries.may_propose(principal),
        "moves": _offered(request, slo),
    }
    return render(request, "slos/objectives_detail.html", context, status=400 if form.errors else 200)


@scope_required(READ)
def move(request: HttpRequest, slug: str, name: str) -> HttpResponse:
    """Put in force, retire: what it means first, then the button."""
    slo = _written(request, slug)
    if name not in MOVES:
        raise Http404
    label, sentence, done, _, operation = MOVES[name]
    needs_two = name == "retire" and running_freeze(slo) is not None
    form = ReasonForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        try:
            if needs_two:
                done_now = _propose_retirement(request, slo, form.cleaned_data["reason"])
            else:
                operation(slo, actor=actor_of(request), now=clock.now(), reason=form.cleaned_data["reason"])
                done_now = Done(done)
        except DomainError as error:
            refuse(form, error)
        else:
            say(request, done_now)
            return redirect("slos:detail", slo.slug)
    if needs_two:
        sentence, label = f"{sentence} A freeze rests on it: another ops lead decides.", f"Propose to {label.lower()}"
    context = {"title": label, "sentence": sentence, "slo": slo, "form": form, "button": label}
    return render(request, "slos/objectives_form.html", context, status=422 if form.errors else 200)


def _propose_retirement(request: HttpRequest, slo: Slo, reason: str) -> Done:
    principal = principal_of(request)
    if not isinstance(principal, Person):
        raise PermissionDenied("This needs a person.")
    asked = retiring.propose_retirement(slo, requested_by=principal, reason=reason, now=clock.now())
    return Done("Proposed: another ops lead decides.", url=f"/approvals/{asked.pk}/")


@scope_required(READ)
def exclude(request: HttpRequest, slug: str) -> HttpResponse:
    """Leave a stretch out."""
    slo = _written(request, slug)
    form = ExclusionForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        try:
            sentence = _exclude(request, slo, dict(form.cleaned_data))
        except DomainError as error:
            refuse(form, error)
        else:
            say(request, Done(sentence))
            return redirect("slos:detail", slo.slug)
    sentence = "Planned maintenance is left out at once. Time that has passed is left out when a second person agrees."
    context = {"title": "Leave time out", "sentence": sentence, "slo": slo, "form": form, "button": "Leave it out"}
    return render(request, "slos/objectives_form.html", context, status=422 if form.errors else 200)


@scope_required(READ)
@post_action
def withdraw(request: HttpRequest, slug: str, pk: int) -> str:
    slo = found(lambda: queries.get_slo(slug, principal=principal_of(request)))
    if not queries.may_write(principal_of(request), slo.automation):
        raise Forbidden("not_yours", "An ops lead or the owner does this.")
    exclusion = queries.get_exclusion(slo, pk)
    operations.withdraw_exclusion(exclusion, actor=actor_of(request), now=clock.now())
    return "That time counts again."


def _exclude(request: HttpRequest, slo: Slo, values: dict[str, Any]) -> str:
    of_all = values.pop("scope") == "automation" and slo.automation is not None
    about: dict[str, Any] = {"automation": slo.automation} if of_all else {"slo": slo}
    principal = principal_of(request)
    author = principal if isinstance(principal, Person) else None
    exclusion = operations.exclude(**about, **values, author=author, actor=actor_of(request), now=clock.now())
    return "That time is left out." if exclusion.approved_at else "A second person has been asked."


def _what_if(request: HttpRequest, slo: Slo, now: datetime) -> tuple[WhatIfForm, list[str]]:
    """`?target=&threshold_seconds=`: the form, and the answers where something was asked: this window, those before."""
    is_asked = any(name in request.GET for name in WhatIfForm.base_fields)
    form = WhatIfForm(request.GET if is_asked else None, slo=slo)
    if slo.kind == SliKind.COMPOSITE or not form.is_bound or not form.is_valid() or not form.asked():
        return form, []
    asked = form.asked()
    told = [budgets.what_if(slo, now, **asked), *budgets.what_if_before(slo, now, **asked)]
    return form, pages.what_if_sentences(slo, told, **asked)


def _exclusion(one: Any, now: datetime) -> dict[str, Any]:
    state = queries.exclusion_state(one, now)
    tone = pages.EXCLUSION_TONES[state]
    return {"one": one, "state": state, "tone": tone, "span": words.span(one.from_at, one.until)}


def _sheet(name: str, slos: list[Slo]) -> HttpResponseBase:
    told: dict[int, Budget] = budgets.budgets(slos, clock.now())
    return csv.stream(name, SHEET, iter(list(formula.sheet(slos, told))))


def _offered(request: HttpRequest, slo: Slo) -> list[tuple[str, str]]:
    if not queries.may_write(principal_of(request), slo.automation):
        return []
    return [(name, one[0]) for name, one in MOVES.items() if one[3] in SLO_TRANSITIONS[SloState(slo.state)]]


def _slo(request: HttpRequest, slug: str) -> Slo:
    return found(lambda: queries.get_slo(slug, principal=principal_of(request)))


def _written(request: HttpRequest, slug: str) -> Slo:
    slo = _slo(request, slug)
    if not queries.may_write(principal_of(request), slo.automation):
        raise PermissionDenied("An ops lead or the automation's owner does this.")
    return slo


def panel(request: HttpRequest, automation: Any, now: datetime) -> dict[str, Any] | None:
    """The SLOs on an automation's page: verdict, what is left, the burn-down of the worst."""
    if not may(request, READ):
        return None
    slos = queries.list_slos_of(automation)
    told = budgets.budgets(slos, now) if slos else {}
    rows = sorted(((slo, told[slo.pk]) for slo in slos), key=lambda one: one[1].remaining or Decimal(1))
    worst = next((one for one in rows if one[1].is_judged), None)
    zone = ZoneInfo(timezone.get_current_timezone_name())
    return {
        "rows": [(slo, one, pages.verdict(one), pages.left_in_words(one)) for slo, one in rows],
        "picture": pages.picture(budgets.burndown(worst[0], now), zone, worst[0].name) if worst else None,
        "may_write": queries.may_write(principal_of(request), automation),
        "new_url": f"{reverse('slos:create')}?automation={automation.slug}",
    }
