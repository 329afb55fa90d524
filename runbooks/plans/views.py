"""Pages of replay plans: the list, one plan with how far it has come, and the exact requests of its dry run."""

from uuid import UUID

from django.core.paginator import Paginator
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse

from opsportal import clock
from opsportal.errors import DomainError, NotFound
from opsportal.identity.actors import actor_of, principal_of
from opsportal.identity.permissions import scope_required
from opsportal.identity.queries import person_of
from opsportal.web import words
from opsportal.web.actions import Done, post_action
from opsportal.web.forms import refuse
from opsportal.web.listing import list_page
from runbooks.models import ReplayPlan
from runbooks.plans import freezing, operations, queries, rendering, selection
from runbooks.plans.engine.course import Progress
from runbooks.plans.forms import PlanForm
from runbooks.plans.tables import TONES, PlanFilter, PlanTable
from runbooks.states import OVER_PLANS, PLAN_TRANSITIONS, PLAN_WORDS, ItemState, PlanState
from runbooks.states import WORDS as ITEM_WORDS

READ, ACT = "replay:read", "replay:request"
REQUESTS_A_PAGE = 20


@scope_required(READ)
def list_view(request: HttpRequest) -> HttpResponseBase:
    rows = queries.list_plans(principal_of(request))
    open_count = rows.exclude(state__in=OVER_PLANS).count()
    return list_page(
        request,
        queryset=rows.order_by("-created_at", "-pk"),
        table_class=PlanTable,
        filter_class=PlanFilter,
        template="runbooks/plans_list.html",
        title="Replay plans",
        csv_name="replay-plans",
        context={
            "sentence": f"{words.count(open_count, 'plan')} not over." if open_count else "No plan is open.",
            "may_act": _may_act(request),
        },
    )


@scope_required(READ)
def detail(request: HttpRequest, pk: UUID) -> HttpResponse:
    plan, now, principal = _get(request, pk), clock.now(), principal_of(request)
    state, progress = PlanState(plan.state), queries.progress_of(plan)
    who = actor_of(request).id
    context = {
        "plan": plan,
        "title": str(plan),
        "badge": PLAN_WORDS[state],
        "tone": TONES[state],
        "sentence": _sentence(plan, progress),
        "is_live": state == PlanState.RUNNING,
        "progress": progress,
        "parts": _parts(progress),
        "report": queries.report_of(plan) if plan.started_at else None,
        "selection": selection.sentence(plan.selection),
        "seconds": queries.duration_of(plan).total_seconds(),
        "left_out": [(_left_out(name), count) for name, count in sorted(plan.left_out.items())],
        "behind": queries.going(plan).filter(is_behind=True).count() if plan.frozen_at else 0,
        "needs_second": state == PlanState.DRY_RUN and queries.needs_second_person(plan, who, now),
        "moves": _moves(state) if principal is not None and principal.allows(ACT) else set(),
        "consequence": f"Replay {words.count(plan.item_count, 'payload')}",
    }
    return render(request, "runbooks/plan_detail.html", context)


@scope_required(READ)
def requests(request: HttpRequest, pk: UUID) -> HttpResponse:
    """What would be sent, byte for byte but for what is masked, beside what came in."""
    plan = _get(request, pk)
    rows = queries.list_rows(plan, principal_of(request)).order_by("position")
    page = Paginator(rows, REQUESTS_A_PAGE).get_page(request.GET.get("page"))
    context = {
        "plan": plan,
        "title": "Dry run",
        "sentence": f"What {plan} would be, request by request. Secrets are hidden, what may name a person is masked.",
        "back_url": plan.get_absolute_url(),
        "back_label": "Plan",
        "page": page,
        "rows": list(rendering.render_rows(list(page.object_list), clock.now())),
    }
    return render(request, "runbooks/plan_requests.html", context)


@scope_required(ACT)
def create(request: HttpRequest) -> HttpResponse:
    person = principal_of(request)
    form = PlanForm(request.POST or None, person=person, initial=request.GET.dict())
    if request.method == "POST" and form.is_valid():
        try:
            return redirect(_draw_up(request, form).get_absolute_url())
        except DomainError as error:
            refuse(form, error)
    context = {"form": form, "title": "New replay plan", "back_url": reverse("plans:list"), "back_label": "Plans"}
    context["sentence"] = "A dry run first: nothing is sent before somebody starts it."
    return render(request, "runbooks/plan_form.html", context, status=422 if request.method == "POST" else 200)


@scope_required(ACT)
@post_action
def act(request: HttpRequest, pk: UUID, name: str) -> str | Done:
    principal = principal_of(request)
    plan, actor, now = queries.get_plan(pk, principal), actor_of(request), clock.now()
    reason = request.POST.get("reason", "")
    if name == "start":
        started = operations.start_plan(plan, person=person_of(principal), actor=actor, now=now)
        if started.state == PlanState.AWAITING_APPROVAL and started.approval_id is not None:
            approval = reverse("approvals:approval", args=[started.approval_id])
            return Done("A second person decides about this first.", approval, "warn")
        return "Started. It goes at the rate of its target."
    if name == "dry-run":
        operations.freeze_plan(plan, principal=principal, actor=actor, now=now)
        return "Frozen anew. Nothing is sent before it is started."
    if name == "pause":
        operations.pause_plan(plan, reason=reason, actor=actor, now=now)
        return "Paused. What is in flight ends; nothing else leaves."
    if name == "resume":
        operations.resume_plan(plan, reason=reason, actor=actor, now=now)
        return "It goes on."
    if name == "cancel":
        operations.cancel_plan(plan, reason=reason, actor=actor, now=now)
        return "Cancelled. What was delivered stays delivered; the rest is held."
    raise NotFound("unknown_act", "There is no such action.")


@transaction.atomic
def _draw_up(request: HttpRequest, form: PlanForm) -> ReplayPlan:
    principal, actor, now = principal_of(request), actor_of(request), clock.now()
    target, person = form.cleaned_data["target"], person_of(principal)
    plan = operations.create_plan(target, values=form.values(), person=person, actor=actor, now=now)
    return operations.freeze_plan(plan, principal=principal, actor=actor, now=now)


def _sentence(plan: ReplayPlan, progress: Progress) -> str:
    state, payloads = PlanState(plan.state), words.count(plan.item_count, "payload")
    if state == PlanState.DRAFT:
        return "Nothing is frozen yet: make a dry run."
    if state in (PlanState.DRY_RUN, PlanState.AWAITING_APPROVAL, PlanState.APPROVED):
        seconds = words.duration(queries.duration_of(plan).total_seconds())
        told = f"{payloads} of {words.count(plan.key_count, 'record')} would be sent within {seconds} at the least."
        return f"{told} {plan.note}".strip()
    told = f"{progress.delivered:,} of {payloads} arrived, {progress.bad:,} did not."
    return f"{told} {plan.note}".strip()


def _parts(progress: Progress) -> list[tuple[str, int]]:
    """What became of them, without what is nought."""
    named = [
        ("arrived", progress.delivered),
        ("on their way", progress.moving),
        ("to go", progress.to_go),
        ("behind a payload that a person decides", progress.blocked),
        ("given up", progress.dead),
        ("in doubt", progress.in_doubt),
        ("not sent by our own rules", progress.put_back),
        ("sent or decided by others", progress.decided),
    ]
    return [(word, count) for word, count in named if count]


def _left_out(name: str) -> str:
    return freezing.FINDINGS.get(name) or ITEM_WORDS[ItemState(name)]


def _moves(state: PlanState) -> set[str]:
    """The buttons that make sense now."""
    after = PLAN_TRANSITIONS[state]
    moves = {"cancel"} if PlanState.CANCELLED in after else set()
    if state in (PlanState.DRAFT, PlanState.DRY_RUN):
        moves.add("dry-run")
    if state in (PlanState.DRY_RUN, PlanState.APPROVED):
        moves.add("start")
    if state == PlanState.RUNNING:
        moves.add("pause")
    if state == PlanState.PAUSED:
        moves.add("resume")
    return moves


def _may_act(request: HttpRequest) -> bool:
    principal = principal_of(request)
    return principal is not None and principal.allows(ACT)


def _get(request: HttpRequest, pk: UUID) -> ReplayPlan:
    try:
        return queries.get_plan(pk, principal_of(request))
    except NotFound as error:
        raise Http404(error.message) from error
