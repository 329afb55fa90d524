"""What can be done with a runbook besides writing: review, publish, send back, retire, take back. Each says what it
means before the button.
"""

from collections.abc import Callable
from dataclasses import dataclass

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect

from opsportal import clock
from opsportal.approvals import operations as approvals
from opsportal.approvals import queries as asked
from opsportal.errors import Conflict, DomainError
from opsportal.identity.actors import actor_of, principal_of
from opsportal.identity.models import Person
from opsportal.identity.permissions import scope_required
from opsportal.web.actions import Done, say
from opsportal.web.forms import refuse
from runbooks.library import operations, queries
from runbooks.library.access import form_page, runbook_of
from runbooks.library.forms import NeededReasonForm, OptionalReasonForm
from runbooks.library.operations.publishing import PUBLISH, standing_for
from runbooks.models.library import Runbook, RunbookRevision
from runbooks.states import RevisionState

DRAFT, REVIEW = RevisionState.DRAFT, RevisionState.REVIEW


@dataclass(frozen=True, slots=True)
class Move:
    label: str
    sentence: str
    done: str
    act: Callable[[HttpRequest, Runbook, RunbookRevision | None, str], object]
    needs_reason: bool = False


def _draft(revision: RunbookRevision | None) -> RunbookRevision:
    if revision is None:
        raise Conflict("no_draft", "There is no draft.")
    return revision


def _ask(request: HttpRequest, runbook: Runbook, revision: RunbookRevision | None, reason: str) -> object:
    person = _person(request)
    return operations.ask_review(
        _draft(revision), person=person, actor=actor_of(request), now=clock.now(), reason=reason
    )


def _publish(request: HttpRequest, runbook: Runbook, revision: RunbookRevision | None, reason: str) -> object:
    """A review that waits is decided by this; otherwise whoever may publish just does."""
    revision, person, now = _draft(revision), _person(request), clock.now()
    waiting = [one for one in asked.list_waiting("runbook", runbook.slug, now) if one.kind == PUBLISH]
    if waiting and waiting[0].requested_by_id != person.pk:
        return approvals.approve(waiting[0].pk, person=person, now=now, authenticated_at=None, reason=reason)
    return operations.publish_revision(revision, person=person, actor=actor_of(request), now=now)


def _return(request: HttpRequest, runbook: Runbook, revision: RunbookRevision | None, reason: str) -> object:
    return operations.return_revision(_draft(revision), reason=reason, actor=actor_of(request), now=clock.now())


def _retire(request: HttpRequest, runbook: Runbook, revision: RunbookRevision | None, reason: str) -> object:
    return operations.retire_runbook(runbook, reason=reason, actor=actor_of(request), now=clock.now())


def _restore(request: HttpRequest, runbook: Runbook, revision: RunbookRevision | None, reason: str) -> object:
    return operations.restore_runbook(runbook, reason=reason, actor=actor_of(request), now=clock.now())


MOVES = {
    "publish": Move("Publish", "People follow it from now on.", "It is published.", _publish),
    "review": Move("Ask for a review", "Who may publish it is asked to read it.", "A review has been asked for.", _ask),
    "return": Move("Send back", "It is a draft again, with your reason.", "It is a draft again.", _return, True),
    "retire": Move("Retire", "Nobody follows it any more. Its history stays.", "It is retired.", _retire, True),
    "restore": Move("Take back into use", "It stands in the library again.", "It is in use again.", _restore),
}


def offered(
    request: HttpRequest, runbook: Runbook, draft: RunbookRevision | None, published: RunbookRevision | None
) -> list[tuple[str, str]]:
    """The moves this person has now, as (name, label)."""
    return [(name, MOVES[name].label) for name in MOVES if _may(request, runbook, draft, name, published)]


@scope_required(queries.READ)
def move(request: HttpRequest, slug: str, name: str) -> HttpResponse:
    """What it means first, then the button."""
    runbook = runbook_of(request, slug)
    if name not in MOVES:
        raise Http404
    one, draft = MOVES[name], queries.get_open(runbook)
    if not _may(request, runbook, draft, name):
        raise PermissionDenied("You may not do this with it now.")
    form_class = NeededReasonForm if one.needs_reason else OptionalReasonForm
    form = form_class(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        try:
            one.act(request, runbook, draft, form.cleaned_data["reason"])
        except DomainError as error:
            refuse(form, error)
        else:
            say(request, Done(one.done))
            return redirect(runbook.get_absolute_url())
    number = f" Revision {draft.number}." if draft and name in ("publish", "review", "return") else ""
    context = {"title": one.label, "sentence": one.sentence + number, "button": one.label}
    return form_page(request, runbook, form, context)


def _may(
    request: HttpRequest,
    runbook: Runbook,
    draft: RunbookRevision | None,
    name: str,
    published: RunbookRevision | None = None,
) -> bool:
    principal = principal_of(request)
    if not isinstance(principal, Person) or not queries.may_write(principal, runbook):
        return False
    if name == "restore":
        return runbook.retired_at is not None and queries.may_retire(principal, runbook)
    if runbook.retired_at is not None:
        return False
    if name == "retire":
        return queries.may_retire(principal, runbook)
    if draft is None:
        return False
    if name == "review":
        return draft.state == DRAFT
    if name == "return":
        return draft.state == REVIEW
    return queries.may_publish(principal, draft, standing_for(draft, published=published))


def _person(request: HttpRequest) -> Person:
    principal = principal_of(request)
    if not isinstance(principal, Person):
        raise PermissionDenied("A person does this.")
    return principal
