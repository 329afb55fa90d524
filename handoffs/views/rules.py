"""Pages of rules: list, one rule with what came of it, the editor with its preview, the moves between modes."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import Count, F, Q
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse

from handoffs import operations, pages, queries, words
from handoffs.engine.ladder import effective_stages
from handoffs.filters import RuleFilterSet
from handoffs.forms import ActivateForm, ReasonForm, RuleForm
from handoffs.models import Rule
from handoffs.queries.rules import count_open_by_version
from handoffs.states import RULE_TRANSITIONS, RuleMode, StopClock
from handoffs.tables import RuleTable
from handoffs.terms import SENTENCES
from handoffs.views import what_if
from opsportal import clock
from opsportal.errors import DomainError, NotFound
from opsportal.identity.actors import actor_of, principal_of
from opsportal.identity.permissions import scope_required
from opsportal.identity.roles import CONFIGURE_HANDOFFS
from opsportal.web import words as web_words
from opsportal.web.forms import Form, refuse
from opsportal.web.listing import list_page

SHADOW_WINDOW = timedelta(days=7)
SHADOWS_SHOWN = 6


@dataclass(frozen=True, slots=True)
class ModeMove:
    """A move between modes: its button, what it means, the operation."""

    name: str
    label: str
    sentence: str
    done: str
    to: RuleMode
    operation: Callable[..., Rule]
    form: type[Form] = ReasonForm


MOVES = {
    move.name: move
    for move in (
        ModeMove(
            "activate",
            "Activate",
            "It alerts and reassigns by itself from now on, for handoffs opened from now on.",
            "The rule is active.",
            RuleMode.ACTIVE,
            operations.activate_rule,
            ActivateForm,
        ),
        ModeMove(
            "shadow",
            "Run in shadow",
            "It computes and shows what it would do. Nobody is told.",
            "The rule runs in shadow.",
            RuleMode.SHADOW,
            operations.shadow_rule,
        ),
        ModeMove(
            "retire",
            "Retire",
            "It opens no more handoffs. Those that run under it run to their end.",
            "The rule is retired.",
            RuleMode.RETIRED,
            operations.retire_rule,
        ),
    )
}


@scope_required("handoffs:read")
def list_view(request: HttpRequest) -> HttpResponseBase:
    return list_page(
        request,
        queryset=queries.list_rules(principal_of(request)),
        table_class=RuleTable,
        filter_class=RuleFilterSet,
        template="rules/list.html",
        title="Rules",
        context={
            "sentence": "Timers with a name and a consequence. Start with one; add the next when it holds.",
            "can_write": _may(request, "handoffs:write"),
        },
        csv_name="rules",
    )


@scope_required("handoffs:read")
def detail(request: HttpRequest, slug: str) -> HttpResponse:
    """What a rule says, what it does, what came of it."""
    now, rule = clock.now(), _get(request, slug)
    terms = rule.terms
    running = queries.list_handoffs(principal_of(request)).running().filter(rule=rule)
    context = {
        "rule": rule,
        "badge": rule.mode,
        "tone": pages.MODE_TONES[RuleMode(rule.mode)],
        "sentence": pages.MODE_SENTENCES[RuleMode(rule.mode)],
        "figures": _figures(rule, now),
        "sentences": [(name.capitalize(), getattr(terms, name)) for name in SENTENCES],
        "rungs": pages.rungs(effective_stages(terms.stages), terms.sla_minutes),
        "shadow": _shadow(rule, now),
        "running": running.order_by(F("due_at").asc(nulls_last=True))[:8],
        "running_url": f"{reverse('handoffs:list')}?rule={rule.slug}&state=running",
        "running_empty": "Every record under it has been dealt with.",
        "terms": _terms(rule),
        "calendar": terms.calendar,
        "segments": [dict(zip(("who", "minutes"), pages.segment_in_words(one), strict=True)) for one in terms.segments],
        "versions": queries.list_versions(rule)[:10],
        "can_edit": _may_edit(request, rule),
        "moves": _offered(request, rule),
        **what_if.addresses(rule),
    }
    return render(request, "rules/detail.html", context)


@scope_required("handoffs:write")
def create(request: HttpRequest) -> HttpResponse:
    form = RuleForm(request.POST or None)

    def save() -> Rule:
        data = form.cleaned_data
        who: dict[str, Any] = {"actor": actor_of(request), "now": clock.now()}
        return operations.create_rule(
            slug=data["slug"], name=data["name"], team=data["team"], terms=form.terms(), **who
        )

    return _editor(request, form, save, title="New rule", button="Save as a draft", back=reverse("rules:list"))


@scope_required("handoffs:write")
def edit(request: HttpRequest, slug: str) -> HttpResponse:
    rule = _get(request, slug)
    if not _may_edit(request, rule):
        raise PermissionDenied("A rule at work is changed by an ops lead.")
    form = RuleForm(request.POST or None, rule=rule)

    def save() -> Rule:
        data = form.cleaned_data
        who: dict[str, Any] = {"actor": actor_of(request), "now": clock.now()}
        return operations.change_rule(
            rule, name=data["name"], team=data["team"], terms=form.terms(), reason=data["note"], **who
        )

    back = reverse("rules:detail", args=[rule.slug])
    return _editor(request, form, save, title=f"Edit {rule.name}", button="Save a new version", back=back)


@scope_required("handoffs:read")
def move(request: HttpRequest, slug: str, name: str) -> HttpResponse:
    """Activate, run in shadow, retire: what it means first, then the button."""
    rule, chosen = _get(request, slug), MOVES.get(name)
    if chosen is None:
        raise Http404
    if not _may(request, CONFIGURE_HANDOFFS):
        raise PermissionDenied("Rules are activated and retired by an ops lead.")
    form = chosen.form(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        try:
            chosen.operation(rule, actor=actor_of(request), now=clock.now(), **form.cleaned_data)
        except DomainError as error:
            refuse(form, error)
        else:
            messages.success(request, chosen.done)
            return redirect("rules:detail", rule.slug)
    context = {"title": chosen.label, "sentence": chosen.sentence, "rule": rule, "form": form, "button": chosen.label}
    return render(request, "rules/move.html", context, status=422 if form.errors else 200)


def _editor(
    request: HttpRequest, form: RuleForm, save: Callable[[], Rule], *, title: str, button: str, back: str
) -> HttpResponse:
    context: dict[str, Any] = {"title": title, "button": button, "back_url": back, "back_label": "Back", "form": form}
    if request.method == "POST" and form.is_valid():
        if request.POST.get("step") != "save":
            context["preview"] = _preview(form)
        else:
            try:
                return redirect("rules:detail", save().slug)
            except DomainError as error:
                refuse(form, error)
    context["groups"] = form.groups()
    return render(request, "rules/edit.html", context, status=422 if form.errors else 200)


def _preview(form: RuleForm) -> dict[str, Any]:
    """The rule in plain words, and what would keep it from being activated."""
    terms = form.terms()
    stages = effective_stages(terms.stages)
    notes = [f"Not answered yet: {name}." for name in SENTENCES if not getattr(terms, name)]
    if terms.default_backup_owner is None:
        notes.append("No backup is named: records that bring none cannot change hands.")
    if form.rule is not None:
        open_by_version = count_open_by_version(form.rule)
        notes.append(f"{web_words.count(sum(open_by_version.values()), 'running handoff')} keep the terms they have.")
    calendar = terms.calendar.name
    name = form.cleaned_data["name"]
    return {
        "sentence": pages.rule_in_words(
            name=name, minutes=terms.sla_minutes, stop_clock=terms.stop_clock, calendar=calendar, stages=stages
        ),
        "rungs": pages.rungs(stages, terms.sla_minutes),
        "notes": notes,
    }


def _figures(rule: Rule, now: datetime) -> list[pages.Figure]:
    running = rule.handoffs.running().filter(historical=False)
    counts = running.aggregate(running=Count("pk"), late=Count("pk", filter=Q(missed_from__lte=now)))
    stops = "first response" if rule.terms.stop_clock == StopClock.FIRST_RESPONSE else "completion"
    return [
        pages.Figure("Timer", words.duration(rule.terms.sla_minutes * 60), f"until {stops}"),
        pages.Figure("Running", str(counts["running"])),
        pages.Figure("Late", str(counts["late"]), tone="bad" if counts["late"] else ""),
    ]


def _shadow(rule: Rule, now: datetime) -> dict[str, Any] | None:
    """What the rule would have done in the last seven days, and the newest of it; nothing for a rule not in shadow."""
    if rule.mode != RuleMode.SHADOW:
        return None
    week: dict[str, datetime] = {"from_at": now - SHADOW_WINDOW, "until": now}
    found = queries.shadow_result(rule, **week)
    if not found.handoffs:
        return {"sentence": "In the last seven days no timer ran out under it."}
    newest = queries.list_shadow_firings(rule, **week)[:SHADOWS_SHOWN]
    return {
        "sentence": f"Last week it would have alerted {web_words.count(found.alerted, 'time')}, reassigned "
        f"{found.reassigned} and marked {found.breached} breached, on {web_words.count(found.handoffs, 'handoff')}.",
        "firings": [(one, pages.shadow_in_words(one.outcome, one.recipients)) for one in newest],
    }


def _terms(rule: Rule) -> list[tuple[str, str]]:
    terms = rule.terms
    events = {"start_on": "Starts on", "respond_on": "Answered by", "complete_on": "Completed by"}
    shown = [
        ("Team", str(rule.team) if rule.team else "everybody's"),
        ("Owner", str(terms.default_owner or "")),
        ("Backup", str(terms.default_backup_owner or "")),
        ("Fallback", str(terms.fallback_person or terms.fallback_schedule or "")),
        ("Reopening", "a full timer" if terms.reopen == "new_cycle" else "the clock runs on"),
        ("Grace", words.duration(terms.grace_minutes * 60) if terms.grace_minutes else ""),
        *((label, (getattr(terms, name) or {}).get("event_name", "")) for name, label in events.items()),
    ]
    return [(label, value) for label, value in shown if value]


def _offered(request: HttpRequest, rule: Rule) -> list[ModeMove]:
    if not _may(request, CONFIGURE_HANDOFFS):
        return []
    return [one for one in MOVES.values() if one.to in RULE_TRANSITIONS[RuleMode(rule.mode)]]


def _may_edit(request: HttpRequest, rule: Rule) -> bool:
    scope = "handoffs:write" if rule.mode == RuleMode.DRAFT else CONFIGURE_HANDOFFS
    return _may(request, scope)


def _may(request: HttpRequest, scope: str) -> bool:
    principal = principal_of(request)
    return principal is not None and principal.allows(scope)


def _get(request: HttpRequest, slug: str) -> Rule:
    try:
        return queries.get_rule(principal_of(request), slug)
    except NotFound as missing:
        raise Http404(missing.message) from None
