"""Pages that write: a new runbook, another revision with its preview, one out of a playbook, files in and out."""

from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse

from opsportal import clock
from opsportal.errors import DomainError
from opsportal.identity.actors import actor_of, principal_of
from opsportal.identity.models import Person
from opsportal.identity.permissions import scope_required
from opsportal.identity.queries import team_for
from opsportal.web.actions import Done, say
from opsportal.web.forms import refuse
from opsportal.web.uploads import is_too_large
from opsportal.web.words import count
from runbooks.library import naming, operations, pages, queries, starters
from runbooks.library.access import form_page, runbook_of, written
from runbooks.library.engine import comparing, document
from runbooks.library.engine.document import Document
from runbooks.library.exchange import exporting, files, importing
from runbooks.library.forms import DeriveForm, FilesForm, TextForm
from runbooks.library.operations.writing import check_text
from runbooks.models.library import Runbook, RunbookRevision


@scope_required(queries.WRITE)
def create(request: HttpRequest) -> HttpResponse:
    """A new runbook, from a skeleton or a starter."""
    starter = starters.get(request.GET.get("from", ""), automation=request.GET.get("automation", "")[:60])
    start = {"text": starter.text, "slug": starter.slug}
    form = TextForm(request.POST if request.method == "POST" else None, initial=start)
    context = {
        "title": "New runbook",
        "back_url": reverse("runbooks:list"),
        "back_label": "Runbooks",
        "starters": starters.STARTERS,
        "button": "Save as a draft",
    }
    return _editor(request, form, None, context)


@scope_required(queries.READ)
def edit(request: HttpRequest, slug: str) -> HttpResponse:
    """Another revision of it. What was saved by somebody else meanwhile is shown, and nothing is lost."""
    runbook = written(request, slug)
    newest = queries.get_newest(runbook)
    start = {"text": newest.text, "base": newest.number}
    form = TextForm(request.POST if request.method == "POST" else None, initial=start, former=newest.text)
    context = {
        "title": f"Edit {runbook.title}",
        "back_url": runbook.get_absolute_url(),
        "back_label": runbook.title,
        "runbook": runbook,
        "newest": newest,
        "button": "Save as a draft",
    }
    return _editor(request, form, runbook, context)


def _editor(request: HttpRequest, form: TextForm, runbook: Runbook | None, context: dict[str, Any]) -> HttpResponse:
    if request.method == "POST" and form.is_valid():
        text = form.cleaned_data["text"]
        try:
            check_text(text)
            if request.POST.get("step") == "save":
                saved = _save(request, form, runbook)
                say(request, Done("Saved as a draft. Ask for a review when it is ready."))
                return redirect(saved.get_absolute_url())
            context |= _preview(request, document.read(text), context.get("newest"))
        except DomainError as error:
            refuse(form, error)
            if error.code == "outrun" and context.get("newest"):
                context["lines"] = comparing.compare(context["newest"].text, text)
                form.data = {**form.data.dict(), "base": str(context["newest"].number)}  # type: ignore[attr-defined]
    context |= {"form": form}
    return render(request, "runbooks/library_edit.html", context, status=422 if form.errors else 200)


def _save(request: HttpRequest, form: TextForm, runbook: Runbook | None) -> Runbook:
    values, principal = form.cleaned_data, principal_of(request)
    who: dict[str, Any] = {"actor": actor_of(request), "now": clock.now(), "note_text": values["note"]}
    who["author"] = principal if isinstance(principal, Person) else None
    if runbook is None:
        named = document.read(values["text"]).slugs("team")
        team = team_for(principal, named[0] if named else None)
        return operations.create_runbook(slug=values["slug"], text=values["text"], team=team, **who)
    operations.save_draft(runbook, text=values["text"], base=values["base"] or 0, **who)
    return runbook


def _preview(request: HttpRequest, found: Document, newest: RunbookRevision | None) -> dict[str, Any]:
    problems = naming.findings(found, principal_of(request))
    return {
        "is_preview": True,
        "html": pages.shown(found),
        "shown_title": found.title,
        "step_count": len(found.steps),
        "findings": pages.findings(found, problems),
        "errors": sum(one.is_error for one in problems),
        "lines": comparing.compare(newest.text, found.text) if newest else [],
    }


@scope_required(queries.WRITE)
def derive(request: HttpRequest, slug: str) -> HttpResponse:
    """A runbook out of a playbook."""
    playbook = runbook_of(request, slug)
    start = {"title": playbook.title, "slug": f"{playbook.slug}-runbook"[:80]}
    form = DeriveForm(request.POST if request.method == "POST" else None, initial=start)
    if request.method == "POST" and form.is_valid():
        principal = principal_of(request)
        author = principal if isinstance(principal, Person) else None
        try:
            runbook = operations.derive_runbook(
                playbook, author=author, actor=actor_of(request), now=clock.now(), **form.cleaned_data
            )
        except DomainError as error:
            refuse(form, error)
        else:
            return redirect("runbooks:edit", runbook.slug)
    sentence = "It begins with the playbook's text and remembers which revision it came from."
    context = {"title": "Derive a runbook", "sentence": sentence, "button": "Derive"}
    return form_page(request, playbook, form, context)


@scope_required(queries.WRITE)
def bring_in(request: HttpRequest) -> HttpResponse:
    """Files in: what would happen to each is shown first."""
    sent = request.method == "POST"
    form = FilesForm(request.POST if sent else None, request.FILES if sent else None)
    rows: list[importing.Row] = []
    done = False
    if sent and is_too_large(request):
        form.errors.clear()
        form.add_error("file", "A file has at most 10 MB.")
    elif sent and form.is_valid():
        try:
            rows, done = _bring_in(request, form)
        except DomainError as error:
            refuse(form, error)
    context = {
        "title": "Bring runbooks in",
        "sentence": _outcome(rows, done) if rows else "Nothing is written before you have seen what would happen.",
        "form": form,
        "rows": rows,
        "done": done,
    }
    return render(request, "runbooks/library_import.html", context, status=422 if form.errors else 200)


def _bring_in(request: HttpRequest, form: FilesForm) -> tuple[list[importing.Row], bool]:
    upload, principal = form.cleaned_data["file"], principal_of(request)
    raw, name = upload.read(), str(upload.name)
    found = files.read_zip(raw) if name.lower().endswith(".zip") else [files.as_file(name, raw)]
    if request.POST.get("step") != "write":
        return importing.look_at(found, principal=principal), False
    author = principal if isinstance(principal, Person) else None
    hand = importing.Hand(actor_of(request), principal=principal, author=author)
    return importing.bring_in(found, hand=hand, now=clock.now(), note_text=f"From {name}"[:240]), True


def _outcome(rows: list[importing.Row], done: bool) -> str:
    new, changed = (sum(row.outcome == word for row in rows) for word in ("new", "changed"))
    refused = sum(row.outcome == "refused" for row in rows)
    told = f"{count(new, 'new runbook')}, {changed} changed, {refused} refused."
    return f"Written as drafts: {told}" if done else f"This would be: {told} Choose the file again to write it."


@scope_required(queries.READ)
def export(request: HttpRequest) -> HttpResponse:
    """`/runbooks/export.zip`: what is published and may be seen; `?form=notion` as Notion imports it."""
    principal = principal_of(request)
    if principal is None:
        raise PermissionDenied
    rows = queries.list_runbooks(principal).filter(retired_at=None, published_number__isnull=False)
    raw = files.write_zip(exporting.files_of(rows, notion=request.GET.get("form") == "notion"))
    headers = {"Content-Disposition": 'attachment; filename="runbooks.zip"'}
    return HttpResponse(raw, content_type="application/zip", headers=headers)
