"""Pages of replay plans: the list, one plan with how far it has come, and the exact requests of its dry run."""

from collections.abc import Callable
from datetime import datetime
from typing import Any
from uuid import UUID

from django.core.paginator import Paginator
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse

from opsportal import clock
from opsportal.errors import DomainError, NotFound
from opsportal.identity.actors import Principal, actor_of, principal_of
from opsportal.identity.permissions import scope_required
from opsportal.identity.queries import person_of
from opsportal.web import csv
from opsportal.web.actions import Done, post_action, say
from opsportal.web.forms import refuse
from opsportal.web.listing import list_page
from opsportal.web.words import count
from runbooks.models import ReplayPlan
from runbooks.plans import operations, queries, rendering, shadowing, words
from runbooks.plans.engine.course import Progress
from runbooks.plans.forms import NewPlanForm, PlanForm, initial_of
from runbooks.plans.tables import TONES, PlanFilter, PlanTable
from runbooks.states import OVER_PLANS, PLAN_TRANSITIONS, PLAN_WORDS, PlanState

READ, ACT = "replay:read", "replay:request"
REQUESTS_A_PAGE, FIRST_ROWS = 20, 3


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
            "sentence": f"{count(open_count, 'plan')} not over." if open_count else "No plan is open.",
            "may_act": _may_act(request),
        },
    )


@scope_required(READ)
def detail(request: HttpRequest, pk: UUID) -> HttpResponse:
    plan, now, principal = _get(request, pk), clock.now(), principal_of(request)
    state, progress = PlanState(plan.state), queries.progress_of(plan)
    who = actor_of(request).id
    context: dict[str, Any] = {
        "plan": plan,
        "title": str(plan),
        "badge": PLAN_WORDS[state],
        "tone": TONES[state],
        "sentence": words.verdict(plan, progress),
        "is_live": state == PlanState.RUNNING,
        "progress": progress,
        "parts": words.parts(progress),
        "report": queries.report_of(plan) if plan.started_at else None,
        "figures": _figures(plan, progress),
        "selected": words.selected(plan.selection),
        "steps": list(words.steps(plan.transform)),
        "approval": words.approval(plan),
        "seconds": queries.duration_of(plan).total_seconds(),
        "left_out": words.left_out(plan),
        "first_rows": _first_rows(plan, principal, now),
        **_shadow(plan, principal, now),
        "behind": queries.going(plan).filter(is_behind=True).count() if plan.frozen_at else 0,
        "needs_second": state == PlanState.DRY_RUN and queries.needs_second_person(plan, who, now),
        "moves": _moves(plan) if _may_act(request) else set(),
        "canary_ended": state == PlanState.PAUSED and queries.has_canary_ended(plan),
        "decides": _may_act(request) and plan.finished_at is None,
        "consequence": f"Replay {count(plan.item_count, 'payload')}",
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


@scope_required(READ)
def report_csv(request: HttpRequest, pk: UUID) -> HttpResponseBase:
    """Payload by payload what became of a plan, for a spreadsheet."""
    plan = _get(request, pk)
    rows = queries.list_rows(plan, principal_of(request)).order_by("position").iterator(chunk_size=1_000)
    return csv.stream(f"replay-plan-{plan.pk}", words.CSV_HEADER, (words.csv_row(row) for row in rows))


@scope_required(ACT)
def create(request: HttpRequest) -> HttpResponse:
    form = NewPlanForm(request.POST or None, person=principal_of(request), initial=request.GET.dict())
    sentence = "Nothing is sent before somebody starts it: a dry run shows each request first."
    frame = {"title": "New replay plan", "sentence": sentence, "back_url": reverse("plans:list"), "back_label": "Plans"}
    return _editor(request, form, frame, lambda: _draw_up(request, form))


@scope_required(ACT)
def edit(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Say something else of a plan: what was frozen, asked or approved of it holds no more."""
    plan = _get(request, pk)
    if plan.state not in operations.CHANGEABLE:
        say(request, Done(f"A plan that is {PLAN_WORDS[PlanState(plan.state)]} is not changed any more.", tone="bad"))
        return redirect(plan.get_absolute_url())
    form = PlanForm(request.POST or None, initial=initial_of(plan))
    frame = {"title": f"Change: {plan}", "back_url": plan.get_absolute_url(), "back_label": "Plan", "plan": plan}
    frame["sentence"] = "It is a draft again, and takes another dry run. Whoever changes it counts as who asks for it."
    return _editor(request, form, frame, lambda: _change(request, plan, form))


def _editor(
    request: HttpRequest, form: PlanForm, frame: dict[str, Any], save: Callable[[], ReplayPlan]
) -> HttpResponse:
    if request.method == "POST" and form.is_valid():
        try:
            return redirect(save().get_absolute_url())
        except DomainError as error:
            refuse(form, error)
    status = 422 if request.method == "POST" else 200
    return render(request, "runbooks/plan_form.html", {"form": form, **frame}, status=status)


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
    if name == "shadow":
        operations.send_to_shadow(plan, person=person_of(principal), actor=actor, now=now)
        sends = queries.list_shadow(plan, principal)
        return Done(shadowing.sentence_of(sends), tone="good" if all(one.is_taken for one in sends) else "warn")
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
def _draw_up(request: HttpRequest, form: NewPlanForm) -> ReplayPlan:
    actor, now, target = actor_of(request), clock.now(), form.cleaned_data["target"]
    person = person_of(principal_of(request))
    plan = operations.create_plan(target, values=form.values(), person=person, actor=actor, now=now)
    return _frozen(request, plan, now)


@transaction.atomic
def _change(request: HttpRequest, plan: ReplayPlan, form: PlanForm) -> ReplayPlan:
    actor, now, person = actor_of(request), clock.now(), person_of(principal_of(request))
    changed = operations.change_plan(plan, values=form.values(), person=person, actor=actor, now=now)
    return _frozen(request, changed, now)


def _frozen(request: HttpRequest, plan: ReplayPlan, now: datetime) -> ReplayPlan:
    """With its dry run, unless a draft was asked for."""
    if "draft" in request.POST:
        return plan
    return operations.freeze_plan(plan, principal=principal_of(request), actor=actor_of(request), now=now)


def _moves(plan: ReplayPlan) -> set[str]:
    """The buttons that make sense now."""
    state = PlanState(plan.state)
    after = PLAN_TRANSITIONS[state]
    offered = {
        "cancel": PlanState.CANCELLED in after,
        "edit": state in operations.CHANGEABLE,
        "dry-run": state in (PlanState.DRAFT, PlanState.DRY_RUN),
        "shadow": state == PlanState.DRY_RUN and bool(plan.target.shadow_url),
        "start": state in (PlanState.DRY_RUN, PlanState.APPROVED),
        "pause": state == PlanState.RUNNING,
        "resume": state == PlanState.PAUSED,
    }
    return {name for name, is_offered in offered.items() if is_offered}


def _figures(plan: ReplayPlan, progress: Progress) -> list[tuple[str, Any, str]]:
    """Label, value and tone: what it is about, and how it goes as soon as it does."""
    about = [("Payloads", f"{plan.item_count:,}", ""), ("Records", f"{plan.key_count:,}", "")]
    if plan.frozen_at is None:
        return []
    if plan.started_at is None:
        out = sum(plan.left_out.values())
        return [*about, ("Left out", f"{out:,}", ""), ("Requests a minute, at most", f"{plan.effective_rate:,}", "")]
    bad = "bad" if progress.bad else ""
    return [*about, ("Arrived", f"{progress.delivered:,}", ""), ("Did not arrive", f"{progress.bad:,}", bad)]


def _first_rows(plan: ReplayPlan, principal: Principal | None, now: datetime) -> list[rendering.Rendered]:
    """The first requests, as far as somebody still decides about them."""
    if plan.frozen_at is None or plan.started_at is not None:
        return []
    return list(rendering.render_rows(queries.list_rows(plan, principal).order_by("position")[:FIRST_ROWS], now))


def _shadow(plan: ReplayPlan, principal: Principal | None, now: datetime) -> dict[str, Any]:
    sends = queries.list_shadow(plan, principal)
    sample = len(shadowing.sample_of(plan)) if plan.state == PlanState.DRY_RUN and plan.target.shadow_url else 0
    return {
        "shadow": list(shadowing.words_of(sends, now)),
        "shadow_sentence": shadowing.sentence_of(sends),
        "shadow_button": f"Send {count(sample, 'payload')} to the shadow",
    }


def _may_act(request: HttpRequest) -> bool:
    principal = principal_of(request)
    return principal is not None and principal.allows(ACT)


def _get(request: HttpRequest, pk: UUID) -> ReplayPlan:
    try:
        return queries.get_plan(pk, principal_of(request))
    except NotFound as error:
        raise Http404(error.message) from error
