"""Bringing in workflows of n8n: choose a file, look at what was found, import."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse

from opsportal import clock
from opsportal.catalog import operations
from opsportal.catalog.forms import WorkflowForm
from opsportal.catalog.models import Workflow, WorkflowImport
from opsportal.errors import DomainError
from opsportal.identity.actors import actor_of, principal_of
from opsportal.identity.models import Person
from opsportal.identity.permissions import scope_required
from opsportal.web.actions import Done, post_action
from opsportal.web.forms import refuse
from opsportal.web.uploads import is_too_large
from opsportal.web.words import count


@scope_required("catalog:write")
def upload(request: HttpRequest) -> HttpResponse:
    sent = request.method == "POST"
    form = WorkflowForm(request.POST if sent else None, request.FILES if sent else None)
    if sent and is_too_large(request):
        form.errors.clear()
        form.add_error("file", "A file has at most 10 MB.")
    elif sent and form.is_valid():
        try:
            kept = _keep(request, form.cleaned_data["file"])
        except DomainError as error:
            refuse(form, error)
        else:
            return redirect("catalog:n8n_preview", kept.pk)
    context = {
        "form": form,
        "title": "Import from n8n",
        "sentence": "Nothing is written before you have seen what was found.",
        "back_url": reverse("catalog:automations"),
        "back_label": "Automations",
        "button": "Look at it",
    }
    return render(request, "web/form_page.html", context, status=422 if form.errors else 200)


def _keep(request: HttpRequest, file: Any) -> WorkflowImport:
    person = principal_of(request)
    return operations.upload_workflows(
        file_name=file.name,
        raw=file.read(),
        person=person if isinstance(person, Person) else None,
        actor=actor_of(request),
        now=clock.now(),
    )


@scope_required("catalog:write")
def preview(request: HttpRequest, row: int) -> HttpResponse:
    kept = get_object_or_404(WorkflowImport, pk=row, by=request.user)
    known = dict(
        Workflow.objects.filter(external_id__in=[each["external_id"] for each in kept.readings]).values_list(
            "external_id", "automation__slug"
        )
    )
    findings = sum(len(each["findings"]) for each in kept.readings)
    context = {
        "kept": kept,
        "title": kept.file_name,
        "sentence": f"{count(len(kept.readings), 'workflow')}, {count(findings, 'finding')}.",
        "readings": [(each, known.get(each["external_id"], "")) for each in kept.readings],
        "button": f"Import {count(len(kept.readings), 'workflow')}",
        "back_url": reverse("catalog:n8n"),
    }
    return render(request, "catalog/n8n_preview.html", context)


@scope_required("catalog:write")
@post_action
def confirm(request: HttpRequest, row: int) -> Done:
    kept = get_object_or_404(WorkflowImport, pk=row, by=request.user)
    done = operations.confirm_workflows(kept, actor=actor_of(request), now=clock.now())
    new = sum(each.status == "created" for each in done)
    changed = sum(each.status == "updated" for each in done)
    sentence = f"{count(new, 'automation')} entered, {changed} updated, {len(done) - new - changed} unchanged."
    return Done(sentence, url=reverse("catalog:automations"))
