"""The list of automations, the page of one, its forms."""

from typing import Any

from django.db.models import Count, Q
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.urls import reverse

from opsportal import clock
from opsportal.audit import queries as audit
from opsportal.catalog import operations, pages, queries, readiness, registry, tables
from opsportal.catalog.csv_import.export import export
from opsportal.catalog.forms import PARTS, ActivationForm, AutomationForm
from opsportal.catalog.models import Automation, AutomationQuerySet
from opsportal.catalog.states import AutomationState
from opsportal.catalog.views.access import EDITORS, editable, form_page, may_add, visible
from opsportal.catalog.views.acts import open_acts
from opsportal.errors import Forbidden, InvalidInput, NotFound
from opsportal.identity.actors import actor_of, principal_of
from opsportal.identity.permissions import scope_required
from opsportal.identity.views import pages as form_pages
from opsportal.web.actions import post_action
from opsportal.web.listing import list_page

SHOWN_STEPS = 8


@scope_required("catalog:read")
def automation_list(request: HttpRequest) -> HttpResponseBase:
    rows = Automation.objects.visible_to(principal_of(request))
    return list_page(
        request,
        queryset=pages.with_standing(rows, clock.now()),
        table_class=tables.AutomationTable,
        filter_class=tables.AutomationFilter,
        template="catalog/list.html",
        title="Automations",
        csv_name="automations",
        csv_rows=export,
        context={"may_add": may_add(request), "sentence": _list_sentence(rows)},
    )


@scope_required("catalog:read")
def automation_page(request: HttpRequest, slug: str) -> HttpResponseBase:
    now, principal = clock.now(), principal_of(request)
    try:
        automation = pages.get_for_page(slug, principal=principal, now=now)
    except NotFound as error:
        raise Http404(error.message) from error
    found = readiness.readiness_of(automation, now)
    may_edit = queries.may_edit(automation, principal)
    may_operate = may_edit or queries.may_operate(automation, principal, now)
    context = {
        "automation": automation,
        "sentence": pages.sentence_of(automation),
        "figures": pages.figures_of(automation, found, now),
        "readiness": found,
        "missing": pages.missing_of(automation, found),
        "degraded_sentence": automation.degraded_at(now),
        "gate": pages.gate_of(automation),
        "words": pages.words_of(automation),
        "people": pages.people_of(automation),
        "facts": pages.facts_of(automation),
        "cost": pages.cost_of(automation),
        "switches": list(automation.switches.all()[:12]) if automation.has_switches else [],
        "panels": registry.panels_of(request, automation, now),
        "may_see_trail": principal is not None and principal.allows("audit:read"),
        "history": pages.steps_of(audit.entries_of("automation", automation.slug).reverse()[:SHOWN_STEPS]),
        "word": tables.word_at(automation, now),
        "tone": tables.tone_at(automation, now),
        "may_edit": may_edit,
        "may_operate": may_operate,
        "acts": open_acts(automation, may_edit=may_edit) if may_operate else [],
        "tab": "overview",
    }
    return render(request, "catalog/automation.html", context)


@scope_required("catalog:write")
def automation_new(request: HttpRequest) -> HttpResponseBase:
    form = AutomationForm(request.POST or None, person=principal_of(request))

    def act(values: dict[str, Any]) -> form_pages.Outcome:
        automation = operations.create_automation(**values, actor=actor_of(request), now=clock.now())
        return "", reverse("catalog:automation", args=[automation.slug])

    back = reverse("catalog:automations")
    return form_pages.form_page(request, form, act, title="New automation", back_url=back)


@scope_required("catalog:read")
def automation_edit(request: HttpRequest, slug: str) -> HttpResponse:
    automation = editable(request, slug)
    form = AutomationForm(request.POST or None, instance=automation, person=principal_of(request))

    def change(values: dict[str, Any], **who: Any) -> str:
        options = {name: values.pop(name) for name in ("change", "reason")}
        operations.change_automation(automation, values=values, **options, **who)
        return ""

    notes = "Its tier is agreed by two people." if "tier" not in form.fields else ""
    tier_url = reverse("catalog:tier", args=[slug])
    more = {"notes": notes, "notes_url": tier_url, "notes_label": "Propose another tier"}
    back = reverse("catalog:automation", args=[slug])
    title = f"Change {automation.name}"
    return form_page(request, form, change, title=title, back_url=back, back_label=automation.name, **more)


@scope_required("catalog:read")
def automation_edit_part(request: HttpRequest, slug: str, part: str) -> HttpResponse:
    """One concern of an automation: its people, its words, its limits …"""
    if part not in PARTS:
        raise Http404
    automation = editable(request, slug)
    title, form_class = PARTS[part]
    form = form_class(request.POST if request.method == "POST" else None, instance=automation)

    def change(values: dict[str, Any], **who: Any) -> str:
        operations.change_automation(automation, values=form.values(), **who)
        return ""

    back = reverse("catalog:automation", args=[slug])
    return form_page(request, form, change, title=title, back_url=back, back_label=automation.name)


@scope_required("catalog:read")
@post_action
def automation_activate(request: HttpRequest, slug: str) -> str:
    automation = visible(request, slug)
    if not queries.may_edit(automation, principal_of(request)):
        raise Forbidden("not_yours", EDITORS)
    form = ActivationForm(request.POST)
    if not form.is_valid():
        raise InvalidInput("invalid", "Say what kind of change this is.")
    operations.activate_automation(automation, **form.cleaned_data, actor=actor_of(request), now=clock.now())
    return f"{automation.name} is in service."


def _list_sentence(rows: AutomationQuerySet) -> str:
    orphaned = Q(owner=None) & ~Q(state=AutomationState.RETIRED)
    count = rows.aggregate(all=Count("pk"), orphaned=Count("pk", filter=orphaned))
    if count["orphaned"] > 1:
        return f"{count['orphaned']} of them have nobody who answers for them."
    if count["orphaned"]:
        return "One of them has no owner."
    return "Every one of them has somebody who answers for it." if count["all"] else ""
