"""Pages of handoffs: list, board, the story of one, and the buttons that move it."""

from datetime import datetime
from typing import Any, cast
from uuid import UUID

from django.contrib import messages
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse

from handoffs import operations, queries
from handoffs.csv_import.export import export
from handoffs.filters import LATE, HandoffFilterSet
from handoffs.forms import BreachReasonForm, NeedsReasonForm, NewHandoffForm, ReassignForm
from handoffs.models import Handoff
from handoffs.operations import NewHandoff
from handoffs.tables import HandoffTable
from handoffs.views import story
from handoffs.views.moves import MOVES, Move, initial
from opsportal import clock
from opsportal.errors import DomainError
from opsportal.identity.actors import actor_of, principal_of
from opsportal.identity.models import Person
from opsportal.identity.permissions import scope_required
from opsportal.web.bulk import BulkAction, confirm_page, selected
from opsportal.web.forms import refuse
from opsportal.web.listing import list_page

BULK = {
    "reassign": (ReassignForm, "Reassign", "Everybody named here hears of it."),
    "reason": (BreachReasonForm, "Note why they ran late", "The same words each time make the reasons countable."),
    "cancel": (NeedsReasonForm, "Cancel", "They leave the hit rate, with your reason."),
}


@scope_required("handoffs:read")
def list_view(request: HttpRequest) -> HttpResponseBase:
    """The list, or with `?view=board` the columns by state."""
    now = clock.now()
    visible = Handoff.objects.visible_to(principal_of(request)).select_related("rule", "owner")  # what a row shows
    context: dict[str, Any] = {"can_write": _may_write(request)}
    if request.GET.get("view") == "board":
        return _board(request, visible, context, now)
    context |= {"view": "list", "sentence": _now_sentence(queries.count_for(principal_of(request), now))}
    return list_page(
        request,
        queryset=visible.order_by("-started_at", "-id"),
        table_class=HandoffTable,
        filter_class=HandoffFilterSet,
        template="handoffs/list.html",
        title="Handoffs",
        context=context,
        csv_name="handoffs",
        csv_rows=export,
        bulk_actions=_bulk_actions() if _may_write(request) else [],
    )


@scope_required("handoffs:read")
def detail(request: HttpRequest, pk: UUID) -> HttpResponse:
    """The story of one handoff."""
    now = clock.now()
    handoff = _get(request, pk)
    return render(request, "handoffs/story.html", story.context(handoff, _person(request), now))


@scope_required("handoffs:write")
def create(request: HttpRequest) -> HttpResponse:
    """Start a timer by hand."""
    rules = queries.list_rules(principal_of(request)).at_work()
    form = NewHandoffForm(request.POST or None, rules=rules)
    if request.method == "POST" and form.is_valid():
        try:
            new = NewHandoff(**form.cleaned_data, source="web")
            accepted = operations.create_handoff(new=new, actor=actor_of(request), now=clock.now())
        except DomainError as error:
            refuse(form, error)
        else:
            if accepted.duplicate:
                messages.info(request, "One is running already for this reference: this is it.")
            return redirect(accepted.handoff)
    context = {"title": "New handoff", "sentence": "The timer starts as its rule says.", "form": form}
    return render(request, "handoffs/create.html", context, status=422 if form.errors else 200)


@scope_required("handoffs:read")
def act(request: HttpRequest, pk: UUID, name: str) -> HttpResponse:
    """One move: its form, then the operation."""
    move, handoff = MOVES.get(name), _get(request, pk)
    if move is None or not move.is_open_to(_person(request)):
        raise Http404
    if request.method == "POST":
        return _make(request, move, handoff)
    return _act_page(request, move, handoff, move.form(initial=initial(move, handoff)))


@scope_required("handoffs:write")
def bulk(request: HttpRequest, name: str) -> HttpResponse:
    """One move on many handoffs: a page that lists them first, then a result for each."""
    if name not in BULK:
        raise Http404
    form_class, label, sentence = BULK[name]
    rows = selected(request, Handoff.objects.visible_to(principal_of(request)).with_names())
    form = form_class(request.POST if "reason" in request.POST or "breach_reason" in request.POST else None)
    move = MOVES[name]

    def do(handoff: Handoff) -> str:
        move.operation(handoff, actor=actor_of(request), now=clock.now(), **_given(form.cleaned_data))
        return move.done

    return confirm_page(
        request,
        rows=rows,
        title=label,
        sentence=sentence,
        button=f"{label} {len(rows)}",
        act=do,
        back_url=reverse("handoffs:list"),
        is_danger=move.is_danger,
        form=form,
    )


def _make(request: HttpRequest, move: Move, handoff: Handoff) -> HttpResponse:
    form = move.form(request.POST)
    if form.is_valid():
        try:
            move.operation(handoff, actor=actor_of(request), now=clock.now(), **_given(form.cleaned_data))
        except DomainError as error:
            refuse(form, error)
        else:
            messages.success(request, move.done)
            return redirect(handoff)
    return _act_page(request, move, handoff, form)


def _act_page(request: HttpRequest, move: Move, handoff: Handoff, form: Any) -> HttpResponse:
    context = {
        "title": move.label,
        "sentence": move.sentence,
        "handoff": handoff,
        "form": form,
        "button": move.button,
        "is_danger": move.is_danger,
    }
    return render(request, "handoffs/act.html", context, status=422 if form.errors else 200)


def _given(values: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value not in (None, "")}


def _board(request: HttpRequest, visible: QuerySet[Handoff], context: dict[str, Any], now: datetime) -> HttpResponse:
    filters = HandoffFilterSet(request.GET, queryset=visible, request=request)
    valid = filters.form.is_valid()
    columns = story.board_columns(filters.qs, now)
    late = next(column.total for column in columns if column.key == LATE)
    sentence = f"{late} past their timer." if late else "Nobody is waiting past a timer."
    context |= {"title": "Handoffs", "view": "board", "sentence": sentence, "filters": filters, "columns": columns}
    context["has_filters"] = any(request.GET.get(name) for name in filters.filters)
    return render(request, "handoffs/board.html", context, status=200 if valid else 400)


def _person(request: HttpRequest) -> Person:
    """Whoever is signed in: the middleware let nobody else come here."""
    return cast(Person, request.user)


def _get(request: HttpRequest, pk: UUID) -> Handoff:
    handoff = Handoff.objects.visible_to(principal_of(request)).with_names().filter(pk=pk).first()
    if handoff is None:
        raise Http404
    return handoff


def _bulk_actions() -> list[BulkAction]:
    return [BulkAction(label, f"handoffs:bulk-{name}", MOVES[name].is_danger) for name, (_, label, _) in BULK.items()]


def _may_write(request: HttpRequest) -> bool:
    principal = principal_of(request)
    return principal is not None and principal.allows("handoffs:write")


def _now_sentence(counts: queries.Counts) -> str:
    """What needs somebody now, in one breath."""
    if not counts.running:
        return "No timer is running."
    late = f"{counts.late} late" if counts.late else "none late"
    parts = [f"{counts.running} running", late]
    if counts.paused:
        parts.append(f"{counts.paused} on hold")
    if counts.backup_missing:
        parts.append(f"{counts.backup_missing} without a backup")
    return ", ".join(parts) + "."
