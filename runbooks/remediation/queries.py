"""Reads about runbooks that facts proposed: which one sees, what waits for whom, which steps go at once."""

from datetime import datetime
from uuid import UUID

from django.db.models import OuterRef, Q, QuerySet, Subquery

from opsportal.catalog.models import Automation
from opsportal.errors import NotFound
from opsportal.identity.actors import Principal
from opsportal.identity.models import Person
from runbooks.library.engine import document
from runbooks.library.queries import WRITE
from runbooks.models import Execution, ExecutionStep, Proposal, RunbookLink
from runbooks.models.proposals import ProposalQuerySet
from runbooks.states import ProposalState


def list_proposals(principal: Principal | None) -> ProposalQuerySet:
    """Newest first."""
    return Proposal.objects.visible_to(principal).select_related("runbook__team", "execution", "decided_by")


def get_proposal(pk: UUID, *, principal: Principal | None) -> Proposal:
    """Raises NotFound."""
    found = list_proposals(principal).filter(pk=pk).first()
    if found is None:
        raise NotFound("unknown_proposal", "There is no such proposal, or you may not see it.")
    return found


def list_waiting(person: Person, at: datetime) -> ProposalQuerySet:
    """What this person may start: of every runbook for who writes them, else of what they own. The oldest first."""
    rows = list_proposals(person).waiting(at).order_by("expires_at")
    if person.allows(WRITE):
        return rows
    own = Automation.objects.filter(Q(owner=person) | Q(backup_owner=person)).values("slug")
    links = RunbookLink.objects.filter(kind=RunbookLink.Kind.AUTOMATION, slug__in=own)
    return rows.filter(runbook__in=links.values("runbook"))


def with_waiting(automations: QuerySet[Automation]) -> QuerySet[Automation]:
    """Automations with what waits for a yes: `proposal_id`, `proposal_sentence`, `proposal_until`, or None."""
    waiting = Proposal.objects.filter(
        about_type="automation", about_id=OuterRef("slug"), state=ProposalState.WAITING
    ).order_by("expires_at")
    columns = {"proposal_id": "pk", "proposal_sentence": "sentence", "proposal_until": "expires_at"}
    return automations.annotate(**{name: Subquery(waiting.values(column)[:1]) for name, column in columns.items()})


def steps_at_once(execution: Execution) -> list[ExecutionStep]:
    """The steps that a yes carries out, in the order the head names them."""
    keys = document.read(execution.revision.text).slugs("at_once")
    found = {step.key: step for step in execution.steps.all() if step.key in keys and step.action is not None}
    for step in found.values():
        step.execution = execution
    return [found[key] for key in keys if key in found]
