"""Pages of proposals: what facts proposed, one of them with its yes and its no; the panel of an automation."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render

from handoffs.views.access import found, may
from opsportal import clock
from opsportal.errors import DomainError
from opsportal.identity.actors import actor_of, principal_of
from opsportal.identity.models import Person
from opsportal.identity.permissions import scope_required
from opsportal.web.actions import Done, say
from opsportal.web.forms import refuse
from opsportal.web.listing import list_page
from runbooks.library import queries as library
from runbooks.models import Proposal, Runbook
from runbooks.remediation import operations, outcomes, pages, queries
from runbooks.remediation.filters import ProposalFilterSet
from runbooks.remediation.forms import DeclineForm, StartForm
from runbooks.remediation.tables import ProposalTable

NOT = "decline_%s"  # both forms ask for a reason
FORBIDDEN = "Analysts, ops leads and the automation's owner start it."


@scope_required(library.READ)
def list_view(request: HttpRequest) -> HttpResponseBase:
    """`/runbooks/proposals/`: what came of them, then each."""
    principal, now = principal_of(request), clock.now()
    since = now - timedelta(days=outcomes.DAYS)
    total, each = outcomes.outcomes_of(principal, since=since, until=now, now=now)
    return list_page(
        request,
        queryset=queries.list_proposals(principal),
        table_class=ProposalTable,
        filter_class=ProposalFilterSet,
        template="runbooks/proposals_list.html",
        title="Proposed runbooks",
        context={
            "sentence": pages.verdict(total),
            "total": total,
            "percent": pages.percent(total),
            "each": [(one, pages.percent(one)) for one in each],
        },
        csv_name="proposals",
    )


@scope_required(library.READ)
def detail(request: HttpRequest, pk: UUID) -> HttpResponse:
    """What happened, what a yes does, and the two buttons."""
    return _page(request, _proposal(request, pk))


@scope_required(library.READ)
def start(request: HttpRequest, pk: UUID) -> HttpResponse:
    proposal, form = _proposal(request, pk), StartForm(request.POST or None)
    person = _starter(request, proposal)
    if request.method == "POST" and form.is_valid():
        try:
            who: dict[str, Any] = {"person": person, "actor": actor_of(request), "now": clock.now()}
            started = operations.start_proposal(proposal, **form.cleaned_data, **who)
        except DomainError as error:
            refuse(form, error)
        else:
            say(request, Done(started.sentence, tone="calm"))
            return redirect(started.execution.get_absolute_url())
    return _page(request, proposal, start_form=form)


@scope_required(library.READ)
def decline(request: HttpRequest, pk: UUID) -> HttpResponse:
    proposal, form = _proposal(request, pk), DeclineForm(request.POST or None, auto_id=NOT)
    person = _starter(request, proposal)
    if request.method == "POST" and form.is_valid():
        try:
            who: dict[str, Any] = {"person": person, "actor": actor_of(request), "now": clock.now()}
            operations.decline_proposal(proposal, reason=form.cleaned_data["reason"], **who)
        except DomainError as error:
            refuse(form, error)
        else:
            say(request, Done("Declined."))
            return redirect(proposal.get_absolute_url())
    return _page(request, proposal, decline_form=form)


def offer(request: HttpRequest, runbook: Runbook) -> list[tuple[str, str]]:
    """The button on a runbook's page, while one of it waits; it was read with the runbook."""
    pk, until = getattr(runbook, "proposal_id", None), getattr(runbook, "proposal_until", None)
    is_open = pk is not None and until is not None and until > clock.now()
    return [(f"/runbooks/proposals/{pk}/", "Proposed: look at it")] if is_open else []


def panel(request: HttpRequest, automation: Any, now: datetime) -> dict[str, Any] | None:
    """What waits for a yes, on the automation's page; it was read with the automation."""
    if not may(request, library.READ):
        return None
    if not hasattr(automation, "proposal_id"):
        automation = queries.with_waiting(type(automation).objects.filter(pk=automation.pk)).get()
    if automation.proposal_id is None or automation.proposal_until <= now:
        return None
    return {
        "url": f"/runbooks/proposals/{automation.proposal_id}/",
        "sentence": automation.proposal_sentence,
        "until": automation.proposal_until,
    }


def _proposal(request: HttpRequest, pk: UUID) -> Proposal:
    return found(lambda: queries.get_proposal(pk, principal=principal_of(request)))


def _starter(request: HttpRequest, proposal: Proposal) -> Person:
    person = principal_of(request)
    if not isinstance(person, Person) or not library.may_write(person, proposal.runbook):
        raise PermissionDenied(FORBIDDEN)
    return person


def _asking(form: StartForm, steps: list[pages.AtOnce]) -> StartForm:
    """Whoever starts it means something only where something is carried out at once."""
    if not steps:
        del form.fields["confirmed"]
    return form


def _page(
    request: HttpRequest, proposal: Proposal, *, start_form: Any = None, decline_form: Any = None
) -> HttpResponse:
    now, principal = clock.now(), principal_of(request)
    word, tone = pages.state_of(proposal, now)
    is_open = proposal.is_open(now)
    steps = pages.at_once(proposal.runbook, principal, now) if is_open else []
    context = {
        "proposal": proposal,
        "title": proposal.runbook.title,
        "badge": word,
        "tone": tone,
        "sentence": pages.sentence(proposal, now),
        "steps": steps,
        "is_open": is_open,
        "may_start": is_open and library.may_write(principal, proposal.runbook),
        "start_form": _asking(start_form or StartForm(), steps),
        "decline_form": decline_form or DeclineForm(auto_id=NOT),
    }
    refused = any(form is not None and form.errors for form in (start_form, decline_form))
    return render(request, "runbooks/proposal_detail.html", context, status=422 if refused else 200)
