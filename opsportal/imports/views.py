"""Pages of an import, the same for every kind: upload, preview with its mapping, one confirm button, result, undo."""

from collections.abc import Callable
from datetime import datetime
from functools import wraps
from typing import Any, cast

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST

from opsportal import clock
from opsportal.errors import Conflict, DomainError, Forbidden, InvalidInput, NotFound
from opsportal.identity.actors import actor_of
from opsportal.identity.models import Person
from opsportal.identity.permissions import scope_required
from opsportal.imports import operations, queries
from opsportal.imports.checking import Plan, consequence, refused_header
from opsportal.imports.files import Sheet, typed
from opsportal.imports.forms import MappingForm, OptionsForm, UploadForm
from opsportal.imports.models import ImportBatch
from opsportal.imports.registry import Kind, Reader, get_kind, may_go_live, mode_of
from opsportal.imports.states import TONES, RowState, State
from opsportal.imports.tables import RowFilterSet, table_of
from opsportal.web import csv
from opsportal.web.forms import refuse
from opsportal.web.listing import list_page
from opsportal.web.uploads import is_too_large
from opsportal.web.words import count

RECENT, SHOWN_PROBLEMS, SHOWN_ROWS, SHOWN_KEPT = 20, 50, 10, 50
View = Callable[..., HttpResponseBase]


def _page(view: View) -> View:
    """Give the view its kind and, where the address names one, the batch; both only to those who may import."""

    @wraps(view)
    def wrapped(request: HttpRequest, kind: str, pk: int | None = None) -> HttpResponseBase:
        found = get_kind(kind)

        def inner(request: HttpRequest) -> HttpResponseBase:
            if pk is None:
                return view(request, found)
            try:
                batch = queries.get_batch(found, _person(request), pk)
            except NotFound as missing:
                raise Http404(missing.message) from None
            return view(request, found, batch)

        return scope_required(found.scope)(inner)(request)

    return wrapped


@_page
def upload(request: HttpRequest, kind: Kind) -> HttpResponseBase:
    """Choose a file; below, what was brought in before."""
    person, sent = _person(request), request.method == "POST"
    form = UploadForm(request.POST if sent else None, request.FILES if sent else None)
    options = _options_form(kind, person, {**kind.options_form.defaults(), **request.POST.dict()} if sent else None)
    if sent and is_too_large(request):
        form.errors.clear()
        form.add_error("file", "A file has at most 10 MB.")
    elif sent and form.is_valid() & options.is_valid():
        file = form.cleaned_data["file"]
        try:
            batch = operations.upload_file(
                kind=kind,
                file_name=file.name,
                raw=file.read(),
                principal=person,
                options=options.options(),
                actor=actor_of(request),
                now=clock.now(),
            )
        except DomainError as error:
            refuse(form, error)
        else:
            return redirect(_address(kind, batch))
    status = 422 if form.errors or options.errors else 200
    return render(request, "imports/upload.html", _upload_context(kind, person, form, options), status=status)


@_page
def batch_view(request: HttpRequest, kind: Kind, batch: ImportBatch) -> HttpResponseBase:
    """Before the import its preview, afterwards what became of each row."""
    if batch.state == State.PREVIEW:
        return _preview(request, kind, batch)
    return _result(request, kind, batch)


@require_POST
@_page
def confirm(request: HttpRequest, kind: Kind, batch: ImportBatch) -> HttpResponseBase:
    """Do what the preview said, if it still holds."""
    said = request.POST.get("expected", "")
    expected = int(said) if said.isascii() and said.isdecimal() and len(said) < 9 else -1
    try:
        done, _ = operations.import_batch(
            batch, principal=_person(request), actor=actor_of(request), now=clock.now(), expected=expected
        )
    except (InvalidInput, Conflict, Forbidden) as error:
        messages.error(request, error.message)
    else:
        messages.success(request, f"{count(done.counts[RowState.CREATED], *kind.nouns)} imported.")
    return redirect(_address(kind, batch))


@require_POST
@_page
def discard(request: HttpRequest, kind: Kind, batch: ImportBatch) -> HttpResponseBase:
    try:
        operations.discard_batch(batch, actor=actor_of(request), now=clock.now())
    except Conflict as error:
        messages.error(request, error.message)
    else:
        messages.success(request, f"{batch.file_name} was not imported, and is forgotten.")
    return redirect(f"{kind.namespace}:import")


@_page
def undo(request: HttpRequest, kind: Kind, batch: ImportBatch) -> HttpResponseBase:
    """What would go and what would stay; then the one button."""
    if not _may_undo(kind, batch, _person(request)):
        return redirect(_address(kind, batch))
    if request.method == "POST":
        try:
            _, done = operations.undo_batch(batch, principal=_person(request), actor=actor_of(request), now=clock.now())
        except (Conflict, Forbidden) as error:
            messages.error(request, error.message)
        else:
            kept = f"; {count(len(done.kept), 'was', 'were')} kept" if done.kept else ""
            messages.success(request, f"{count(len(done.removed), *kind.nouns)} taken out again{kept}.")
        return redirect(_address(kind, batch))
    found = queries.look_back(batch)
    labels = dict(batch.rows.filter(key__in=list(found.kept)[:SHOWN_KEPT]).values_list("key", "label"))
    context = {
        "title": f"Undo the import of {batch.file_name}",
        "sentence": "What nobody has touched since goes, as if it had never come; what somebody has touched stays.",
        "kind": kind,
        "batch": batch,
        "back_url": _address(kind, batch),
        "removed": len(found.removed),
        "kept": [(labels[key], kind.address(key), why) for key, why in found.kept.items() if key in labels],
        "kept_count": len(found.kept),
        "button": f"Take out {count(len(found.removed), *kind.nouns)}",
    }
    return render(request, "imports/undo.html", context)


@_page
def refused(request: HttpRequest, kind: Kind, batch: ImportBatch) -> HttpResponseBase:
    """The rows that stay out as they were typed, each with its reason: mend them and bring the file in again."""
    plan = None
    if batch.state == State.PREVIEW:
        try:
            plan, _ = queries.plan_of(batch, queries.sheet_of(batch), _person(request), clock.now())
        except InvalidInput as error:
            raise Http404(error.message) from None
    name = f"{batch.file_name.rsplit('.', 1)[0]}-left-out"
    return csv.stream(name, refused_header(batch.headings), queries.refused_rows(batch, plan))


def _preview(request: HttpRequest, kind: Kind, batch: ImportBatch) -> HttpResponse:
    person, sent = _person(request), request.method == "POST"
    options = _options_form(kind, person, request.POST if sent else None, batch)
    mapping = MappingForm(
        request.POST if sent else None,
        headings=batch.headings,
        mapping=batch.mapping,
        fields=kind.fields,
        keeps_extras=kind.keeps_extras,
    )
    if sent and options.is_valid() & mapping.is_valid():
        try:
            operations.set_reading(
                batch,
                mapping=mapping.mapping(),
                options=options.options(),
                actor=actor_of(request),
                now=clock.now(),
            )
        except Conflict as error:
            messages.error(request, error.message)
        return redirect(_address(kind, batch))
    sheet = queries.sheet_of(batch)
    context = _preview_context(kind, batch, sheet, person, clock.now())
    context |= {"options": options, "mapping": mapping, "columns": _columns(mapping, sheet)}
    return render(request, "imports/preview.html", context, status=422 if sent else 200)


def _preview_context(kind: Kind, batch: ImportBatch, sheet: Sheet, person: Person, now: datetime) -> dict[str, Any]:
    context: dict[str, Any] = {
        "kind": kind,
        "batch": batch,
        "title": batch.file_name,
        "back_url": reverse(f"{kind.namespace}:import"),
        "before": queries.imported_before(batch, person),
        "confirm_url": reverse(f"{kind.namespace}:import-confirm", args=[batch.pk]),
        "discard_url": reverse(f"{kind.namespace}:import-discard", args=[batch.pk]),
        "refused_url": reverse(f"{kind.namespace}:import-refused", args=[batch.pk]),
    }
    try:
        plan, reader = queries.plan_of(batch, sheet, person, now)
    except InvalidInput as error:
        return {**context, "problem": error.message, "sentence": "It cannot be read yet."}
    return {**context, **_plan_context(kind, batch, plan, reader)}


def _plan_context(kind: Kind, batch: ImportBatch, plan: Plan, reader: Reader) -> dict[str, Any]:
    counts = plan.counts
    problems = [(row.line, one) for row in plan.of(RowState.REFUSED) for one in row.problems]
    understood = [row for row in plan.rows if row.item is not None][:SHOWN_ROWS]
    return {
        "plan": plan,
        "about": reader.about,
        "counts": counts,
        "figures": _spelled({**counts, "total": len(plan.rows)}),
        "sentence": _sentence(counts, kind, live=bool(batch.options.get("live"))),
        "button": consequence(counts, kind.nouns),
        "problems": problems[:SHOWN_PROBLEMS],
        "problem_count": len(problems),
        "shown": [(row, reader.show(row.item)) for row in understood if row.item is not None],
    }


def _sentence(counts: dict[str, int], kind: Kind, *, live: bool) -> str:
    new, there, out = (counts[one] for one in (RowState.CREATED, RowState.DUPLICATE, RowState.REFUSED))
    if not new:
        return "Nothing in it is new." if there and not out else "Nothing in it can be imported."
    mode = mode_of(kind, live=live)
    return f"{count(new, *kind.nouns)} would come in {mode}: {kind.modes[mode]}."


def _result(request: HttpRequest, kind: Kind, batch: ImportBatch) -> HttpResponseBase:
    counts = batch.counts
    refused_url = reverse(f"{kind.namespace}:import-refused", args=[batch.pk])
    undo_url = reverse(f"{kind.namespace}:import-undo", args=[batch.pk])
    return list_page(
        request,
        queryset=batch.rows.order_by("line"),
        table_class=table_of(kind),
        filter_class=RowFilterSet,
        template="imports/result.html",
        title=batch.file_name,
        csv_name=f"import-{batch.pk}",
        context={
            "kind": kind,
            "batch": batch,
            "badge": batch.state,
            "tone": TONES[batch.state],
            "sentence": _story(batch, kind),
            "back_url": reverse(f"{kind.namespace}:import"),
            "figures": _spelled({**dict.fromkeys(RowState, 0), **counts}),
            "refused_url": refused_url if counts.get(RowState.REFUSED) else "",
            "undo_url": undo_url if _may_undo(kind, batch, _person(request)) else "",
        },
    )


def _may_undo(kind: Kind, batch: ImportBatch, person: Person) -> bool:
    there = batch.state == State.IMPORTED and bool(batch.counts.get(RowState.CREATED))
    return there and (not batch.live or may_go_live(kind, person))


def _story(batch: ImportBatch, kind: Kind) -> str:
    new = count(batch.counts.get(RowState.CREATED, 0), *kind.nouns)
    under = f" under {batch.about}" if batch.about else ""
    said = f"{batch.by_label} imported {new} {mode_of(kind, live=batch.live)}{under}."
    if batch.state == State.UNDONE:
        gone, kept = (batch.counts.get(one, 0) for one in (RowState.REMOVED, RowState.KEPT))
        said += f" {batch.undone_by} took {gone:,} out again; {kept:,} {'was' if kept == 1 else 'were'} kept."
    return said


def _spelled(counts: dict[str, int]) -> dict[str, str]:
    """Numbers as figures show them; none is nothing, so that a template can ask."""
    return {str(name): f"{number:,}" if number else "" for name, number in counts.items()}


def _options_form(kind: Kind, person: Person, data: Any, batch: ImportBatch | None = None) -> OptionsForm:
    initial = kind.options_form.initial_of(batch.options) if batch else {}
    return kind.options_form(data, principal=person, initial=initial)


def _upload_context(kind: Kind, person: Person, form: UploadForm, options: OptionsForm) -> dict[str, Any]:
    return {
        "kind": kind,
        "title": f"Import {kind.nouns[1]}",
        "sentence": "Nothing is written before you have seen what would be.",
        "back_url": reverse(f"{kind.namespace}:list"),
        "form": form,
        "options": [options[name] for name in options.fields if name not in kind.options_form.defaults()],
        "batches": [
            (one, _address(kind, one), TONES[one.state], mode_of(kind, live=one.live))
            for one in queries.list_batches(kind, person)[:RECENT]
        ],
    }


def _columns(mapping: MappingForm, sheet: Sheet) -> list[tuple[str, str, Any]]:
    """Each column with a cell that says something, and what it is read as."""
    found = []
    for at, heading in enumerate(mapping.headings):
        cells = (typed(line.cells[at]) for line in sheet.lines[:100] if at < len(line.cells))
        found.append((heading, next(filter(None, cells), "")[:60], mapping[f"column_{at}"]))
    return found


def _address(kind: Kind, batch: ImportBatch) -> str:
    return reverse(f"{kind.namespace}:import-batch", args=[batch.pk])


def _person(request: HttpRequest) -> Person:
    """Whoever is signed in: the middleware let nobody else come here."""
    return cast(Person, request.user)
