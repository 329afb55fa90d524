"""Pages of the catalogue: the list, an automation, its form."""

from typing import Any

from django.core.exceptions import PermissionDenied
from django.db.models import Count, Q
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse

from opsportal import clock
from opsportal.audit import queries as audit
from opsportal.audit import sentences
from opsportal.audit.models import Entry
from opsportal.catalog import operations, queries, registry, tables
from opsportal.catalog.forms import ActivationForm, AutomationForm
from opsportal.catalog.models import Automation, AutomationQuerySet
from opsportal.catalog.states import TRANSITIONS, AutomationState
from opsportal.errors import DomainError, Forbidden, InvalidInput, NotFound
from opsportal.identity.actors import actor_of, principal_of
from opsportal.identity.permissions import scope_required
from opsportal.web.actions import post_action
from opsportal.web.forms import refuse
from opsportal.web.listing import list_page


@scope_required("catalog:read")
def automation_list(request: HttpRequest) -> HttpResponseBase:
    rows = Automation.objects.visible_to(principal_of(request)).select_related("team", "owner", "backup_owner")
    return list_page(
        request,
        queryset=rows,
        table_class=tables.AutomationTable,
        filter_class=tables.AutomationFilter,
        template="catalog/list.html",
        title="Automations",
        csv_name="automations",
        context={"may_add": _may_add(request), "sentence": _list_sentence(rows)},
    )


@scope_required("catalog:read")
def automation_page(request: HttpRequest, slug: str) -> HttpResponseBase:
    automation = _get(request, slug)
    now = clock.now()
    state = AutomationState(automation.state)
    context = {
        "automation": automation,
        "sentence": _sentence(automation),
        "word": tables.word_of(state),
        "tone": tables.tone_of(state),
        "gate": queries.gate(automation, change=queries.Change.FEATURE, at=now),
        "missing": _missing(automation),
        "may_edit": queries.may_edit(automation, principal_of(request)),
        "may_activate": AutomationState.ACTIVE in TRANSITIONS[state],
        "form": ActivationForm(),
        "panels": registry.panels_of(request, automation, now),
        "history": [_step(entry) for entry in audit.entries_of("automation", automation.slug).reverse()[:20]],
    }
    return render(request, "catalog/automation.html", context)


@scope_required("catalog:write")
def automation_new(request: HttpRequest) -> HttpResponseBase:
    form = AutomationForm(request.POST or None, person=principal_of(request))
    if request.method == "POST" and form.is_valid():
        try:
            values = form.cleaned_data
            automation = operations.create_automation(**values, actor=actor_of(request), now=clock.now())
        except DomainError as error:
            refuse(form, error)
        else:
            return redirect("catalog:automation", automation.slug)
    return _form_page(request, form, "New automation", reverse("catalog:automations"))


@scope_required("catalog:read")
def automation_edit(request: HttpRequest, slug: str) -> HttpResponseBase:
    automation = _editable(request, slug)
    form = AutomationForm(request.POST or None, instance=automation, person=principal_of(request))
    if request.method == "POST" and form.is_valid():
        values = dict(form.cleaned_data)
        options = {name: values.pop(name) for name in ("change", "reason")}
        try:
            operations.change_automation(automation, values=values, **options, actor=actor_of(request), now=clock.now())
        except DomainError as error:
            refuse(form, error)
        else:
            return redirect("catalog:automation", slug)
    return _form_page(request, form, f"Change {automation.name}", reverse("catalog:automation", args=[slug]))


@scope_required("catalog:read")
@post_action
def automation_activate(request: HttpRequest, slug: str) -> str:
    automation = queries.get_automation(slug, principal=principal_of(request))
    _check_may_edit(automation, request)
    form = ActivationForm(request.POST)
    if not form.is_valid():
        raise InvalidInput("invalid", "Say what kind of change this is.")
    operations.activate_automation(automation, **form.cleaned_data, actor=actor_of(request), now=clock.now())
    return f"{automation.name} is in service."


def _step(entry: Entry) -> dict[str, Any]:
    detail = sentences.detail_of(entry)
    return {
        "id": entry.pk,
        "at": entry.at,
        "sentence": sentences.sentence(entry),
        "before": sentences.readable(detail.get("before")),
        "after": sentences.readable(detail.get("after")),
    }


def _form_page(request: HttpRequest, form: AutomationForm, title: str, back: str) -> HttpResponse:
    context = {"form": form, "title": title, "back_url": back}
    return render(request, "catalog/form.html", context, status=422 if form.errors else 200)


def _get(request: HttpRequest, slug: str) -> Automation:
    try:
        return queries.get_automation(slug, principal=principal_of(request))
    except NotFound as error:
        raise Http404(error.message) from error


def _editable(request: HttpRequest, slug: str) -> Automation:
    automation = _get(request, slug)
    try:
        _check_may_edit(automation, request)
    except Forbidden as error:
        raise PermissionDenied(error.message) from error
    return automation


def _check_may_edit(automation: Automation, request: HttpRequest) -> None:
    if not queries.may_edit(automation, principal_of(request)):
        raise Forbidden("not_yours", "Its owner, its backup or an ops lead may do this.")


def _may_add(request: HttpRequest) -> bool:
    principal = principal_of(request)
    return principal is not None and principal.allows("catalog:write")


def _missing(automation: Automation) -> list[str]:
    """What an automation lacks before somebody can rely on it, as sentences."""
    rules = [
        (automation.owner, "Nobody answers for it: it has no owner."),
        (automation.backup_owner, "It has no backup for when its owner is away."),
        (automation.criticality_notes, "Nobody has written down what stops when it stops."),
    ]
    return [sentence for holds, sentence in rules if not holds]


def _sentence(automation: Automation) -> str:
    """What it means when it stops, and whose it is."""
    tier = {"P0": "Revenue stops without it", "P1": "People work around it for a day without it"}
    weight = tier.get(automation.tier, "Nobody notices for a day when it stops")
    if automation.owner is None:
        return f"{weight}; nobody answers for it yet."
    backup = f", {automation.backup_owner} when {automation.owner} cannot" if automation.backup_owner else ""
    return f"{weight}; {automation.owner} answers for it{backup}."


def _list_sentence(rows: AutomationQuerySet) -> str:
    orphaned = Q(owner=None) & ~Q(state=AutomationState.RETIRED)
    count = rows.aggregate(all=Count("pk"), orphaned=Count("pk", filter=orphaned))
    if count["orphaned"] > 1:
        return f"{count['orphaned']} of them have nobody who answers for them."
    if count["orphaned"]:
        return "One of them has no owner."
    return "Every one of them has somebody who answers for it." if count["all"] else ""
