"""Pages of the policy: rules and standings, decisions, a dry run over history, a freeze with its way out."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from fractions import Fraction
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse

from handoffs.views.access import may
from opsportal import clock
from opsportal.approvals import queries as approvals
from opsportal.catalog.models import Freeze
from opsportal.errors import DomainError, Forbidden, InvalidInput, NotFound
from opsportal.identity.actors import actor_of, principal_of
from opsportal.identity.models import Person
from opsportal.identity.permissions import scope_required
from opsportal.identity.roles import Role
from opsportal.web import words as web
from opsportal.web.actions import Done, post_action, say
from opsportal.web.forms import refuse
from opsportal.web.listing import list_page
from slos.models import Policy
from slos.policy import operations, overrides, queries, tables, words
from slos.policy.engine import spell
from slos.policy.forms import CommitmentForm, DryRunForm, OverrideForm
from slos.policy.rules import Verdict, rules_of
from slos.policy.scope import check_may_cover, covered_automations, other_freezes

NEWEST = 8
SHOWN_ROWS = 300
SHOWN_COVERED = 12
STATES = {
    "in_force": ("in force", "bad"),
    "overridden": ("set aside", "warn"),
    "ended": ("over", "good"),
    "expired": ("expired", "calm"),
    "planned": ("planned", "calm"),
}


@scope_required("slos:read")
def policy_page(request: HttpRequest) -> HttpResponseBase:
    """`/policy/`"""
    principal, now = principal_of(request), clock.now()
    policies = list(queries.list_policies(principal))
    shown = [(policy, _rules(policy)) for policy in policies if policy.state != "retired"]
    may_write = may(request, "slos:write")
    freezes = [
        _Shown(freeze, words.scope_of(freeze), *STATES["overridden" if freeze.is_set_aside else "in_force"])
        for freeze in queries.standing_freezes(principal, now)
    ]
    by_scope: dict[str, list[_Shown]] = {}
    for one in freezes:
        by_scope.setdefault(one.scope, []).append(one)
    decisions = queries.list_decisions(principal).exclude(verdict=Verdict.NONE)[:NEWEST]
    return list_page(
        request,
        queryset=queries.list_standings(principal, now),
        table_class=tables.StandingTable,
        filter_class=tables.StandingFilter,
        template="slos/policy_page.html",
        title="Budget policy",
        csv_name="policy-standings",
        context={
            "policies": shown,
            "freezes": list(by_scope.items()),
            "decisions": [
                (one, words.VERDICTS[Verdict(one.verdict)], tables.tone_of(one.verdict)) for one in decisions
            ],
            "conflicts": queries.conflicts_between(policies, principal, now),
            "badge": web.count(len(freezes), "freeze") if freezes else "nothing frozen",
            "tone": "bad" if freezes else "good",
            "sentence": _sentence(shown, freezes),
            "form": DryRunForm(policies=policies),
            "may_write": may_write,
            "may_publish": may_write and all(policy.slug != operations.PUBLISHED_SLUG for policy in policies),
        },
    )


@scope_required("slos:write")
@post_action
def policy_publish(request: HttpRequest) -> str:
    """Put the published policy over everything in force."""
    check_may_cover(principal_of(request), Freeze.Scope.ALL, None)
    policy = operations.publish_policy(actor=actor_of(request), now=clock.now())
    return f"{policy} is {'in force' if policy.state == 'active' else policy.state}."


@scope_required("slos:write")
@post_action
def policy_activate(request: HttpRequest, slug: str) -> str:
    policy = operations.activate_policy(_written(request, slug), actor=actor_of(request), now=clock.now())
    return f"{policy} is in force: it judges from the newest complete day on."


@scope_required("slos:write")
@post_action
def policy_retire(request: HttpRequest, slug: str) -> str:
    reason = request.POST.get("reason", "").replace("\x00", "").strip()[: operations.MAX_REASON]
    if not reason:
        raise InvalidInput("required", "Say why: leadership and owners read this.", field="reason")
    policy = operations.retire_policy(_written(request, slug), actor=actor_of(request), now=clock.now(), reason=reason)
    return f"{policy} is retired. Freezes that run end by its wording."


@scope_required("slos:read")
def decision_list(request: HttpRequest) -> HttpResponseBase:
    """`/policy/decisions/`: everything that was decided, what came to nothing too."""
    return list_page(
        request,
        queryset=queries.list_decisions(principal_of(request)),
        table_class=tables.DecisionTable,
        filter_class=tables.DecisionFilter,
        title="Decisions",
        csv_name="decisions",
        context={
            "sentence": "What each rule found on each day, with everything it looked at.",
            "back_url": reverse("policy:page"),
            "back_label": "Budget policy",
        },
    )


@scope_required("slos:read")
def decision_page(request: HttpRequest, key: int) -> HttpResponse:
    """`/policy/decisions/<id>/`"""
    decision = queries.list_decisions(principal_of(request)).filter(pk=_sane(key)).first()
    if decision is None:
        raise Http404("There is no such decision.")
    version = decision.policy_version
    context = {
        "decision": decision,
        "title": f"{words.VERDICTS[Verdict(decision.verdict)].capitalize()}: {decision.slo}",
        "badge": words.VERDICTS[Verdict(decision.verdict)],
        "tone": tables.tone_of(decision.verdict),
        "rule": words.rule(queries.rule_at(version.definition, decision.rule)),
        "readings": words.readings(decision.inputs),
        "evidence": words.evidence(decision.evidence, counts_time=decision.inputs["counts_time"]),
        "target": spell(Fraction(decision.inputs["target"])),
        "streak": words.streak(decision.evidence, counts_time=decision.inputs["counts_time"]),
        "counted": "Measured" if decision.inputs["counts_time"] else "Counted",
        "same": queries.replays(decision),
    }
    return render(request, "slos/policy_decision.html", context)


@scope_required("slos:read")
def dry_run_page(request: HttpRequest) -> HttpResponse:
    """`/policy/dry-run/`: what a policy would have decided, and on which days."""
    policies = {policy.slug: policy for policy in queries.list_policies(principal_of(request))}
    form = DryRunForm(request.GET or None, policies=list(policies.values()))
    context: dict[str, Any] = {"form": form, "title": "Dry run"}
    if form.is_bound and form.is_valid():
        now = clock.now()
        from_at = now - timedelta(days=form.cleaned_data["days"])
        try:
            policy = policies[form.cleaned_data["policy"]]
            found = queries.dry_run(policy, from_at=from_at, until=now, at=now, principal=principal_of(request))
        except DomainError as error:
            refuse(form, error)
        else:
            context |= _dry_run(found) | {"policy": policy}
    return render(request, "slos/policy_dry_run.html", context, status=400 if form.errors else 200)


@scope_required("slos:read")
def freeze_page(request: HttpRequest, key: int) -> HttpResponse:
    """`/policy/freezes/<id>/`"""
    return _freeze_page(request, _freeze(request, key))


@scope_required("slos:read")
def freeze_override(request: HttpRequest, key: int) -> HttpResponse:
    """POST: ask a second person to set the freeze aside."""
    freeze = _freeze(request, key)
    form = OverrideForm(request.POST or None, others=_askable(request, freeze, clock.now()))
    if request.method == "POST" and form.is_valid():
        try:
            approval = overrides.request_override(
                freeze, **form.cleaned_data, requested_by=_person(request), now=clock.now()
            )
        except Forbidden as error:
            raise PermissionDenied(error.message) from error
        except DomainError as error:
            refuse(form, error)
        else:
            say(request, Done("Asked. A second person decides."))
            return redirect("approvals:approval", approval.pk)
    return _freeze_page(request, freeze, override_form=form)


@scope_required("slos:read")
def freeze_acknowledge(request: HttpRequest, key: int) -> HttpResponse:
    """POST: leadership commits to the freeze."""
    freeze, form = _freeze(request, key), CommitmentForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            overrides.acknowledge_freeze(freeze, person=_person(request), **form.cleaned_data, now=clock.now())
        except Forbidden as error:
            raise PermissionDenied(error.message) from error
        except DomainError as error:
            refuse(form, error)
        else:
            say(request, Done("Noted, and everybody sees it."))
            return redirect("policy:freeze", freeze.pk)
    return _freeze_page(request, freeze, commitment_form=form)


def _freeze_page(
    request: HttpRequest,
    freeze: Freeze,
    *,
    override_form: OverrideForm | None = None,
    commitment_form: CommitmentForm | None = None,
) -> HttpResponse:
    now, person = clock.now(), principal_of(request)
    state = queries.freeze_state(freeze, now)
    stands = state in ("in_force", "overridden")
    is_leader = isinstance(person, Person) and Role.VIEWER in person.roles
    refused = any(form is not None and form.errors for form in (override_form, commitment_form))
    shown = _shown(freeze, now)
    context = {
        "freeze": freeze,
        "budget": getattr(freeze, "budget", None),
        "title": f"Freeze of {words.scope_of(freeze)}",
        "badge": shown.word,
        "tone": shown.tone,
        "sentence": freeze.reason,
        "stands": stands,
        "others": other_freezes(freeze, now) if stands else [],
        "covered": list(covered_automations(freeze).order_by("name")[: SHOWN_COVERED + 1]) if stands else [],
        "shown_covered": SHOWN_COVERED,
        "waiting": approvals.list_waiting("freeze", str(freeze.pk), now),
        "decisions": freeze.decisions.select_related("slo").order_by("day", "pk")[:60],
        "override_form": override_form or OverrideForm(others=_askable(request, freeze, now)),
        "commitment_form": commitment_form or CommitmentForm(),
        "may_ask": stands and isinstance(person, Person) and overrides.may_ask(person, freeze),
        "may_commit": stands and is_leader and freeze.acknowledged_at is None,
        "back_url": reverse("policy:page"),
    }
    return render(request, "slos/policy_freeze.html", context, status=422 if refused else 200)


def _askable(request: HttpRequest, freeze: Freeze, now: datetime) -> list[Freeze]:
    """Other freezes over the same that the reader may ask to set aside with this one."""
    person = principal_of(request)
    if not isinstance(person, Person):
        return []
    return [one for one, _ in other_freezes(freeze, now) if overrides.may_ask(person, one)]


@dataclass(frozen=True, slots=True)
class _Shown:
    """A freeze in the list."""

    freeze: Freeze
    scope: str
    word: str
    tone: str


def _shown(freeze: Freeze, now: datetime) -> _Shown:
    return _Shown(freeze, words.scope_of(freeze), *STATES[queries.freeze_state(freeze, now)])


def _rules(policy: Policy) -> list[str]:
    return [words.rule(rule) for rule in rules_of(policy.rules)]


def _sentence(policies: list[Any], freezes: list[_Shown]) -> str:
    if not any(policy.state == "active" for policy, _ in policies):
        return "No policy is in force, so error budgets decide nothing yet."
    if not freezes:
        return "New features may go ahead everywhere; no error budget asks for a pause."
    scopes = ", ".join(dict.fromkeys(one.scope for one in freezes))
    return f"New features and experiments wait for {scopes}. Fixes and security changes go ahead."


def _dry_run(found: list[queries.WouldBe]) -> dict[str, Any]:
    """What would have followed, a row where a verdict begins; days on which nothing changed are left out."""
    rows, standing, counts = [], dict[tuple[int, str], str](), dict[str, int]()
    for one in found:
        key, verdict = (one.slo.pk, one.judged.rule.slug), one.judged.verdict
        counts[verdict] = counts.get(verdict, 0) + 1
        if verdict != standing.get(key, Verdict.NONE):
            rows.append((one, words.VERDICTS[verdict], words.TONES[verdict]))
        standing[key] = verdict
    rows.reverse()
    return {
        "rows": rows[:SHOWN_ROWS],
        "is_cut": len(rows) > SHOWN_ROWS,
        "judged": len(found),
        "counts": [(words.VERDICTS[verdict], counts.get(verdict, 0)) for verdict in list(Verdict)[:3]],
    }


def _freeze(request: HttpRequest, key: int) -> Freeze:
    try:
        return queries.get_freeze(key, principal=principal_of(request))
    except NotFound as error:
        raise Http404(error.message) from error


def _written(request: HttpRequest, slug: str) -> Policy:
    policy = queries.get_policy(slug, principal=principal_of(request))
    check_may_cover(principal_of(request), policy.scope, policy.team)
    return policy


def _person(request: HttpRequest) -> Person:
    person = principal_of(request)
    if not isinstance(person, Person):
        raise PermissionDenied("This needs a person.")
    return person


def _sane(key: int) -> int:
    """No database has ids beyond this."""
    return min(key, 2**62)
