"""The page of kits: what to load into n8n and Zapier, and which workflows report without being an automation here."""

from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe

from opsportal import clock
from opsportal.errors import NotFound
from opsportal.identity.actors import actor_of, principal_of
from opsportal.identity.permissions import scope_required
from opsportal.identity.views.pages import Outcome, form_page, signed_in
from opsportal.integrations.models import Integration
from opsportal.integrations.queries import get_integration
from opsportal.web.actions import post_action
from slos.exposition import kits as ready_made
from slos.exposition import operations, queries
from slos.exposition.forms import NameWorkflowForm

WRITE = "catalog:write"


@require_safe
@scope_required("catalog:read")
def kits(request: HttpRequest) -> HttpResponse:
    principal = principal_of(request)
    may_write = principal is not None and principal.allows(WRITE)
    senders = queries.list_senders(principal) if may_write else []
    unmatched = queries.list_unmatched(senders)
    context = {
        "title": "Kits",
        "sentence": "How n8n, Zapier and Prometheus work with this portal, ready to be loaded.",
        "kits": ready_made.KITS,
        "base_url": settings.BASE_URL,
        "may_write": may_write,
        "senders": senders,
        "unmatched": [
            {"row": row, "query": urlencode({"sender": row.integration.pk, "workflow": row.workflow_id})}
            for row in unmatched
        ],
    }
    return render(request, "slos/exposition_kits.html", context)


@require_safe
@scope_required("catalog:read")
def kit_file(request: HttpRequest, slug: str) -> HttpResponse:
    try:
        text = ready_made.text_of(slug, settings.BASE_URL)
    except NotFound as error:
        raise Http404(error.message) from error
    headers = {"Content-Disposition": f'attachment; filename="{slug}.json"'}
    return HttpResponse(text, content_type="application/json", headers=headers)


@scope_required(WRITE)
def name_workflow(request: HttpRequest) -> HttpResponse:
    sender, workflow_id = _meant(request)

    def act(values: dict[str, Any]) -> Outcome:
        count = operations.name_workflow(
            sender,
            workflow_id=workflow_id,
            automation=values["automation"],
            actor=actor_of(request),
            now=clock.now(),
        )
        return f"{values['automation']} is named. {count} kept failures are runs now.", reverse("exposition:kits")

    return form_page(
        request,
        NameWorkflowForm(request.POST or None, principal=signed_in(request)),
        act,
        title="Which automation is it?",
        button="Name it",
        sentence=f"The n8n workflow {workflow_id} of {sender}.",
        back_url=reverse("exposition:kits"),
        back_label="Kits",
    )


@scope_required(WRITE)
@post_action
def drop_reports(request: HttpRequest) -> str:
    sender, workflow_id = _meant(request)
    count = operations.drop_reports(sender, workflow_id=workflow_id, actor=actor_of(request), now=clock.now())
    return f"{count} reports are dropped."


def _meant(request: HttpRequest) -> tuple[Integration, str]:
    """The sender and workflow that the address names; a 404 for those that are hidden or none."""
    workflow_id = request.GET.get("workflow", "")
    try:
        sender = get_integration(principal_of(request), request.GET.get("sender", "") or None)
    except (NotFound, ValidationError) as error:
        raise Http404("There is no such sender.") from error
    known = {row.workflow_id for row in queries.list_unmatched([sender])} if sender.kind == queries.KIND else set()
    if workflow_id not in known:
        raise Http404("No report of such a workflow is kept.")
    return sender, workflow_id
