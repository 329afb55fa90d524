"""Reads about runbooks that facts proposed: which one sees, what waits for whom, which steps go at once."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import CharField, DateTimeField, F, OuterRef, Q, QuerySet, Subquery, Value
from django.db.models.functions import Cast

from opsportal.catalog.models import Automation
from opsportal.errors import NotFound
from opsportal.identity.actors import Principal
from opsportal.identity.models import Person
from runbooks.library.engine import document
from runbooks.library.operations.upkeep import month_of
from runbooks.library.queries import READ, WRITE
from runbooks.models import Execution, ExecutionStep, Proposal, RunbookDraw, RunbookLink, RunbookRevision
from runbooks.models.library import RunbookQuerySet
from runbooks.models.proposals import ProposalQuerySet
from runbooks.states import ProposalState, RevisionState


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


@dataclass(frozen=True, slots=True)
class Need:
    """Something about runbooks that waits for a person, until `deadline`."""

    title: str
    note: str
    url: str
    deadline: datetime
    button: str


def list_needs(person: Person, at: datetime) -> list[Need]:
    """Proposals that this person may start, and the runbook of the month that they are to read aloud; one statement."""
    if not person.allows(READ):
        return []
    end = (at.replace(day=1, hour=0, minute=0, second=0, microsecond=0) + timedelta(days=32)).replace(day=1)
    drawn = _drawn_for(person, at).values_list(
        Value("draw"),
        F("runbook__slug"),
        F("runbook__title"),
        Value("To be read aloud this month."),
        Value(end, output_field=DateTimeField()),
    )
    text = CharField(max_length=300)
    waiting = (
        list_waiting(person, at)
        .order_by()
        .values_list(Value("proposal"), Cast("pk", text), F("runbook__title"), F("sentence"), F("expires_at"))
    )
    return [_need(*row) for row in waiting.union(drawn.order_by(), all=True)]


def _need(what: str, key: str, title: str, note: str, deadline: datetime) -> Need:
    if what == "draw":
        return Need(f"Read {title} aloud", note, f"/runbooks/{key}/validate/?how=read_aloud", deadline, "Read it")
    return Need(f"{title} is proposed", note, f"/runbooks/proposals/{UUID(key)}/", deadline, "Decide")


def _drawn_for(person: Person, at: datetime) -> QuerySet[RunbookDraw]:
    """This month's, not yet read, of who owns its automations or published it."""
    own = Automation.objects.filter(owner=person).values("slug")
    links = RunbookLink.objects.filter(kind=RunbookLink.Kind.AUTOMATION, slug__in=own)
    published = RunbookRevision.objects.filter(state=RevisionState.PUBLISHED, published_by=person)
    kept = Q(runbook__in=links.values("runbook")) | Q(runbook__in=published.values("runbook"))
    return RunbookDraw.objects.filter(kept, month=month_of(at), validation=None, runbook__retired_at=None)


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


def with_proposal(runbooks: RunbookQuerySet) -> RunbookQuerySet:
    """Runbooks with the proposal that waits: `proposal_id`, `proposal_until`, or None."""
    waiting = Proposal.objects.filter(runbook=OuterRef("pk"), state=ProposalState.WAITING).order_by("expires_at")
    columns = {"proposal_id": "pk", "proposal_until": "expires_at"}
    return runbooks.annotate(**{name: Subquery(waiting.values(column)[:1]) for name, column in columns.items()})
