"""Pages of executions: begin, go through it step by step (on a phone, too), the list, the toil."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render

from handoffs.views.access import found, may
from opsportal import clock
from opsportal.errors import DomainError
from opsportal.identity.actors import actor_of, principal_of, require_person
from opsportal.identity.permissions import scope_required
from opsportal.web.actions import Done, post_action, say
from opsportal.web.forms import refuse
from opsportal.web.listing import list_page
from runbooks.executions import operations, pages, queries
from runbooks.executions.filters import ExecutionFilterSet
from runbooks.executions.forms import AbandonForm, FinishForm, StartForm
from runbooks.executions.tables import ExecutionTable
from runbooks.library import queries as library
from runbooks.library.access import form_page, runbook_of, who
from runbooks.models import Execution, ExecutionStep, Runbook
from runbooks.states import ExecutionState

TOIL_DAYS = 90


@scope_required(library.READ)
def list_view(request: HttpRequest) -> HttpResponseBase:
    """`/runbooks/executions/`"""
    return list_page(
        request,
        queryset=queries.list_executions(principal_of(request)),
        table_class=ExecutionTable,
        filter_class=ExecutionFilterSet,
        template="runbooks/executions_list.html",
        title="Executions",
        context={
            "sentence": "Who went through which runbook, when, and how it ended.",
            "sees_webhooks": may(request, "replay:read"),
        },
        csv_name="executions",
    )


@scope_required(library.READ)
def start(request: HttpRequest, slug: str) -> HttpResponse:
    """What it is for, then the first step."""
    runbook = runbook_of(request, slug)
    if not library.may_write(principal_of(request), runbook):
        raise PermissionDenied("Analysts, ops leads and the automation's owner go through it.")
    form = StartForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        try:
            execution = operations.start_execution(runbook, **form.cleaned_data, **who(request))
        except DomainError as error:
            refuse(form, error)
        else:
            return redirect(execution.get_absolute_url())
    sentence = "Everybody who opens it sees the same ticks."
    context = {"title": "Go through it", "sentence": sentence, "button": "Begin"}
    return form_page(request, runbook, form, context)


@scope_required(library.READ)
def detail(request: HttpRequest, pk: UUID) -> HttpResponse:
    """The steps as cards; the next one is open."""
    execution, now, principal = execution_of(request, pk), clock.now(), principal_of(request)
    steps = queries.list_steps(execution)
    for step in steps:
        step.execution = execution
    following = queries.next_step(steps)
    word, tone = pages.STATES[ExecutionState(execution.state)]
    context = {
        "execution": execution,
        "title": execution.runbook.title,
        "badge": f"drill, {word}" if execution.is_drill else word,
        "tone": tone,
        "sentence": pages.sentence(execution, steps, now),
        "cards": [pages.card(step, following, principal, now) for step in steps],
        "following": following,
        "is_running": execution.state == ExecutionState.RUNNING,
        "may_act": library.may_write(principal, execution.runbook),
    }
    return render(request, "runbooks/execution_detail.html", context)


@scope_required(library.READ)
@post_action
def act(request: HttpRequest, pk: UUID, key: str, name: str) -> Done:
    """Tick, leave out, take back, carry out: one step, one domain call."""
    execution = acted(request, pk)
    step = queries.get_step(execution, key)
    if name not in ACTS:
        raise Http404
    return Done(ACTS[name](request, step), url=f"{execution.get_absolute_url()}#step-{step.key}")


def _tick(request: HttpRequest, step: ExecutionStep) -> str:
    holds, note = request.POST.get("holds", "yes") != "no", request.POST.get("note", "")
    operations.tick_step(step, holds=holds, note_text=note, **who(request))
    return f"{step.label} is {'done' if holds else 'noted as not holding'}."


def _skip(request: HttpRequest, step: ExecutionStep) -> str:
    operations.skip_step(step, reason=request.POST.get("reason", ""), **who(request))
    return f"{step.label} is left out."


def _open(request: HttpRequest, step: ExecutionStep) -> str:
    operations.open_step(step, actor=actor_of(request), now=clock.now())
    return f"{step.label} is open again."


def _run(request: HttpRequest, step: ExecutionStep) -> str:
    reason, confirmed = request.POST.get("reason", ""), request.POST.get("confirmed") == "on"
    step = operations.run_step(step, reason=reason, confirmed=confirmed, **_present(request))
    return step.result if step.ran_at else "A second person has been asked."


def _undo(request: HttpRequest, step: ExecutionStep) -> str:
    return operations.undo_step(step, reason=request.POST.get("reason", ""), **_present(request)).result


ACTS = {"tick": _tick, "skip": _skip, "open": _open, "run": _run, "undo": _undo}


@scope_required(library.READ)
def finish(request: HttpRequest, pk: UUID) -> HttpResponse:
    """How it ended, and whether the runbook holds."""
    execution = acted(request, pk)
    form = FinishForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        said = form.cleaned_data
        try:
            holds = {"yes": True, "no": False}.get(said["holds"])
            operations.finish_execution(execution, outcome=said["outcome"], holds=holds, **who(request))
        except DomainError as error:
            refuse(form, error)
        else:
            say(request, Done("It is finished."))
            return redirect(execution.get_absolute_url())
    context = {"title": "Finish", "sentence": "Steps that are open are left out for this reason.", "button": "Finish"}
    return _form(request, execution, form, context)


@scope_required(library.READ)
def abandon(request: HttpRequest, pk: UUID) -> HttpResponse:
    execution = acted(request, pk)
    form = AbandonForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        try:
            reason = form.cleaned_data["reason"]
            operations.abandon_execution(execution, reason=reason, actor=actor_of(request), now=clock.now())
        except DomainError as error:
            refuse(form, error)
        else:
            return redirect(execution.get_absolute_url())
    context = {"title": "Stop half-way", "sentence": "What is done stays done.", "button": "Stop"}
    return _form(request, execution, form, context)


@scope_required(library.READ)
def toil(request: HttpRequest) -> HttpResponse:
    """What is still done by hand, and what it would be worth to automate."""
    now = clock.now()
    rows = queries.list_toil(principal_of(request), since=now - timedelta(days=TOIL_DAYS), until=now)
    context = {
        "title": "Toil",
        "sentence": f"Steps that people did by hand in the last {TOIL_DAYS} days; what took most time comes first.",
        "rows": rows[:100],
        "total": sum(one.total_seconds for one in rows),
    }
    return render(request, "runbooks/executions_toil.html", context)


def execution_of(request: HttpRequest, pk: UUID) -> Execution:
    return found(lambda: queries.get_execution(pk, principal=principal_of(request)))


def acted(request: HttpRequest, pk: UUID) -> Execution:
    """The execution, for who may act in it."""
    execution = execution_of(request, pk)
    if not library.may_write(principal_of(request), execution.runbook):
        raise PermissionDenied("Analysts, ops leads and the automation's owner go through it.")
    return execution


def offer(request: HttpRequest, runbook: Runbook) -> list[tuple[str, str]]:
    """The button on a runbook's page."""
    is_usable = runbook.published_number is not None and runbook.retired_at is None
    if not is_usable or not library.may_write(principal_of(request), runbook):
        return []
    return [(f"{runbook.get_absolute_url()}start/", "Go through it")]


def _present(request: HttpRequest) -> dict[str, Any]:
    return {"person": require_person(request), "actor": actor_of(request), "now": clock.now()}


def _form(request: HttpRequest, execution: Execution, form: Any, context: dict[str, Any]) -> HttpResponse:
    back = {"back_url": execution.get_absolute_url(), "back_label": execution.runbook.title}
    values = {**back, "form": form, **context}
    return render(request, "runbooks/library_form.html", values, status=422 if form.errors else 200)
