"""The approvals inbox, and one page a request: exactly what would be done, and the buttons that decide."""

from datetime import datetime
from typing import Any
from uuid import UUID

from django.contrib.auth import authenticate
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from opsportal import clock
from opsportal.approvals import operations, queries, registry
from opsportal.approvals.engine import rows_of
from opsportal.approvals.forms import DecisionForm
from opsportal.approvals.models import Approval
from opsportal.approvals.sessions import REAUTHENTICATED, proved_at
from opsportal.approvals.states import Risk, State
from opsportal.approvals.tables import RISK_TONES, STATE_TONES, ApprovalFilter, ApprovalTable
from opsportal.audit import addresses
from opsportal.audit.queries import entries_of
from opsportal.errors import DomainError, Forbidden, NotFound
from opsportal.identity.addresses import client_address
from opsportal.identity.models import Person
from opsportal.identity.operations import record_failed_sign_in
from opsportal.web.actions import Done, say
from opsportal.web.forms import refuse
from opsportal.web.listing import list_page


def approval_list(request: HttpRequest) -> HttpResponseBase:
    """`/approvals/`"""
    person, now = _person(request), clock.now()
    to_decide = queries.list_to_decide(person, now)
    waiting = len(to_decide)
    page = {
        "to_decide": to_decide,
        "requested": queries.list_requested(person, now),
        "badge": f"{waiting} waiting for you" if waiting else "nothing waits for you",
        "tone": "warn" if waiting else "good",
        "sentence": "What one person asks for and a second one decides. Nobody decides their own request.",
    }
    return list_page(
        request,
        queryset=queries.list_approvals(person),
        table_class=ApprovalTable,
        filter_class=ApprovalFilter,
        template="approvals/list.html",
        title="Approvals",
        context=page,
        csv_name="approvals",
    )


@require_http_methods(["GET", "HEAD", "POST"])
def approval_page(request: HttpRequest, approval_id: UUID) -> HttpResponse:
    """`/approvals/<id>/`: GET shows it, POST decides it."""
    person, now = _person(request), clock.now()
    try:
        approval = queries.get_approval(approval_id, person)
    except NotFound as error:
        raise Http404(error.message) from error
    form = DecisionForm(request.POST or None, asks_password=approval.needs_password(proved_at(request), now))
    if request.method == "POST" and form.is_valid():
        done = _decide(request, approval, person, form, now)
        if done is not None:
            say(request, done)
            return HttpResponseRedirect(reverse("approvals:approval", args=[approval.pk]))
        if getattr(request, "axes_locked_out", False):
            return HttpResponse(status=429)
        approval = queries.get_approval(approval_id, person)
    page = _page(request, approval, person, form, now)
    return render(request, "approvals/approval.html", page, status=422 if form.errors else 200)


def _decide(request: HttpRequest, approval: Approval, person: Person, form: DecisionForm, now: datetime) -> Done | None:
    """One domain call. Answers what to say, or None when the form says what is wrong."""
    decision, reason = form.cleaned_data["decision"], form.cleaned_data["reason"]
    if form.cleaned_data.get("password") and not _reauthenticate(request, person, form, now):
        return None
    try:
        if decision == "withdraw":
            operations.withdraw(approval.pk, person=person, now=now, reason=reason)
            return Done("Taken back.")
        if decision == "refuse":
            operations.refuse(approval.pk, person=person, now=now, reason=reason)
            return Done("Refused.")
        decided = operations.approve(
            approval.pk, person=person, now=now, authenticated_at=proved_at(request), reason=reason
        )
    except Forbidden as error:
        if error.code != "reauthentication_required":
            raise PermissionDenied(error.message) from error
        form.ask_password()
        refuse(form, error)
        return None
    except DomainError as error:
        refuse(form, error)
        return None
    if decided.state == State.VOIDED:
        return Done(f"Nothing was done: it no longer holds. {decided.closing_reason}", tone="warn")
    return Done(f"Approved: {approval.consequence}.")


def _reauthenticate(request: HttpRequest, person: Person, form: DecisionForm, now: datetime) -> bool:
    """The password again, counted and locked like any sign-in. It makes this session fresh for ten minutes."""
    password = form.cleaned_data["password"]
    if authenticate(request, username=person.get_username(), password=password) is not None:
        request.session[REAUTHENTICATED] = now.isoformat()
        return True
    record_failed_sign_in(person.get_username(), address=client_address(request), now=now)
    form.add_error("password", "That is not your password.")
    return False


def _page(
    request: HttpRequest, approval: Approval, person: Person, form: DecisionForm, now: datetime
) -> dict[str, Any]:
    state = approval.state_at(now)
    is_requester = approval.requested_by_id == person.pk
    may_decide = not is_requester and registry.get(approval.kind).may_decide(person, approval)
    return {
        "title": approval.title,
        "badge": state,
        "tone": STATE_TONES[state],
        "sentence": _verdict(approval, state),
        "approval": approval,
        "kind": registry.get(approval.kind).label,
        "risk_tone": RISK_TONES[Risk(approval.risk)],
        "rows": rows_of(approval.shown),
        "outlook": queries.outlook_of(approval, now),
        "subject_url": addresses.address_of(approval.subject_type, approval.subject_id),
        "form": form,
        "is_open": state == State.PENDING,
        "may_decide": may_decide and state == State.PENDING,
        "may_withdraw": is_requester and state in (State.PENDING, State.APPROVED),
        "is_requester": is_requester,
        "is_danger": approval.risk == Risk.DANGEROUS,
        "may_read_trail": person.allows("audit:read"),
        "history": entries_of("approval", str(approval.pk)),
    }


def _verdict(approval: Approval, state: State) -> str:
    match state:
        case State.PENDING:
            return f"{approval.requested_by} asks a second person: {approval.consequence}."
        case State.APPROVED:
            return f"{approval.decided_by} approved it. It may be used once, until it expires."
        case State.REFUSED:
            return f"{approval.decided_by} refused it: {approval.decision_reason}"
        case State.USED:
            return f"{approval.decided_by} approved it, and it was used."
        case State.VOIDED:
            return f"It no longer holds. {approval.closing_reason}"
        case State.EXPIRED:
            return "The time for it has passed. It can be asked for again."


def _person(request: HttpRequest) -> Person:
    """Approvals are for people in a browser; the middleware has let nobody else in."""
    assert isinstance(request.user, Person)  # noqa: S101 - tells the type
    return request.user
