"""A fact proposes a runbook; a person starts it, or declines; time closes what nobody took up.

Each is one transaction with its audit entry. Starting carries out the steps listed as `at_once`, each as if its button
were pressed by who starts: by their rights, with their reason, and a dangerous one is asked for first.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import IntegrityError, transaction

from opsportal import trace
from opsportal.approvals.states import Risk
from opsportal.audit import operations as audit
from opsportal.audit.engine import Actor, Draft, Subject
from opsportal.errors import Conflict, DomainError, InvalidInput
from opsportal.facts.models import Fact
from opsportal.identity.models import Person
from runbooks.executions import operations as executions
from runbooks.executions import registry
from runbooks.library.operations.trail import locked
from runbooks.models import Execution, ExecutionStep, Proposal, Runbook
from runbooks.remediation import telling
from runbooks.remediation.matching import facts_of
from runbooks.remediation.queries import steps_at_once
from runbooks.states import ExecutionState, ProposalState, StepState

LIFETIME = timedelta(hours=4)
CLOCKWORK = Actor.system("runbooks")
WAITING, JOINED = ProposalState.WAITING, ProposalState.JOINED


@dataclass(frozen=True, slots=True)
class Started:
    """What began; `sentence` says how far it went by itself."""

    execution: Execution
    sentence: str


def propose_execution(runbook: Runbook, fact: Fact, *, actor: Actor, now: datetime) -> Proposal | None:
    """Offer a runbook for a fact, once; None where another sweeper has. While one about the same waits or is being
    gone through, the fact joins it, and nobody is told again.
    """
    try:
        with transaction.atomic():
            runbook = locked(runbook)
            proposal = _proposal(runbook, fact, now)
            proposal.save(force_insert=True)
            if proposal.state == WAITING:
                _note(proposal, "proposed", actor, now, proposal.sentence)
                telling.tell_proposed(proposal, fact, now)
    except IntegrityError:
        return None
    return proposal


def start_proposal(
    proposal: Proposal, *, reason: str, person: Person, actor: Actor, now: datetime, confirmed: bool = False
) -> Started:
    """Begin to go through it, and carry out what is to be done at once, up to the first step that does not go.

    Raises InvalidInput at reason or confirmed, Conflict `not_waiting`, `expired`, and as beginning an execution does.
    """
    with trace.scope(trace_id=proposal.trace_id, source=trace.current_source()):
        execution, steps = _begin(proposal, reason, confirmed, person, actor, now)
        sentences = []
        for step in steps:
            sentence, goes_on = _carry_out(step, reason, person, actor, now)
            sentences.append(f"{step.label}: {sentence}")
            if not goes_on:
                break
    return Started(execution, " ".join(sentences) or "It has begun; go on with the first step.")


@transaction.atomic
def decline_proposal(proposal: Proposal, *, reason: str, person: Person, actor: Actor, now: datetime) -> Proposal:
    """Leave it, and say why. Raises Conflict `not_waiting`, `expired`, InvalidInput without a reason."""
    proposal = _waiting(proposal, now)
    if not reason.strip():
        raise InvalidInput("required", "Say why; who looks at it next reads this.", field="reason")
    _decide(proposal, ProposalState.DECLINED, reason, actor, now, person=person)
    return proposal


def close_overdue(now: datetime, *, limit: int = 200) -> int:
    """Close what nobody started in time, and what is over by itself. Returns how many."""
    rows = Proposal.objects.filter(state=WAITING).select_related("runbook__team").order_by("expires_at")[:limit]
    waiting, closed = list(rows), 0
    known = facts_of(waiting)
    for proposal in waiting:
        fact = known.get((proposal.source, proposal.fact_key))
        if proposal.expires_at <= now:
            closed += _expire(proposal, "Its time has passed.", now)
        elif fact is None or fact.is_over:
            closed += _expire(proposal, "What it was about is over.", now)
    return closed


def _proposal(runbook: Runbook, fact: Fact, now: datetime) -> Proposal:
    subject = fact.subject()
    same = Proposal.objects.filter(runbook=runbook, about_type=subject.type, about_id=subject.id)
    goes_on = same.filter(state=WAITING).exists() or same.filter(execution__state=ExecutionState.RUNNING).exists()
    return Proposal(
        runbook=runbook,
        source=fact.TRAIL,
        fact_key=fact.key,
        fact_kind=fact.kind,
        sentence=fact.says()[:240],
        about_type=subject.type,
        about_id=subject.id,
        about_label=subject.label[:200],
        state=JOINED if goes_on else WAITING,
        occurred_at=fact.occurred_at,
        proposed_at=now,
        expires_at=now + LIFETIME,
        decided_at=now if goes_on else None,
        trace_id=fact.trace_id,
    )


@transaction.atomic
def _begin(
    proposal: Proposal, reason: str, confirmed: bool, person: Person, actor: Actor, now: datetime
) -> tuple[Execution, list[ExecutionStep]]:
    proposal = _waiting(proposal, now)
    if not reason.strip():
        raise InvalidInput("required", "Say why you start it.", field="reason")
    execution = executions.start_execution(
        proposal.runbook,
        reason=f"{proposal.sentence} {reason}"[:500],
        person=person,
        actor=actor,
        now=now,
        about=("proposal", str(proposal.pk)),
    )
    steps = steps_at_once(execution)
    if not confirmed and any(_risk(step) != Risk.SAFE for step in steps):
        raise InvalidInput("unconfirmed", "Confirm that you mean it: steps are carried out at once.", field="confirmed")
    _decide(proposal, ProposalState.STARTED, reason, actor, now, person=person, execution=execution)
    return execution, steps


def _carry_out(step: ExecutionStep, reason: str, person: Person, actor: Actor, now: datetime) -> tuple[str, bool]:
    """What came of one step, and whether the next may follow."""
    try:
        step = executions.run_step(step, person=person, actor=actor, now=now, reason=reason, confirmed=True)
    except DomainError as error:
        return error.message, False
    if step.ran_at is None:
        return "A second person has been asked.", False
    return step.result, step.state == StepState.DONE


def _risk(step: ExecutionStep) -> Risk:
    kind, params = registry.read(step.action)
    return kind.risk(params)


def _waiting(proposal: Proposal, now: datetime) -> Proposal:
    rows = Proposal.objects.select_for_update(of=("self",)).select_related("runbook__team")
    fresh = rows.get(pk=proposal.pk)
    if fresh.state != WAITING:
        raise Conflict("not_waiting", f"This was {fresh.state} already.")
    if fresh.expires_at <= now:
        raise Conflict("expired", "Its time has passed. Go through the runbook itself if it is still needed.")
    return fresh


@transaction.atomic
def _expire(proposal: Proposal, reason: str, now: datetime) -> bool:
    fresh = Proposal.objects.select_for_update(of=("self",), skip_locked=True).filter(pk=proposal.pk, state=WAITING)
    found = fresh.select_related("runbook__team").first()
    if found is not None:
        _decide(found, ProposalState.EXPIRED, reason, CLOCKWORK, now)
    return found is not None


def _decide(proposal: Proposal, state: ProposalState, reason: str, actor: Actor, now: datetime, **values: Any) -> None:
    proposal.state, proposal.reason = state, reason.strip()[:500]
    proposal.decided_at, proposal.decided_label = now, actor.label[:150]
    proposal.decided_by, proposal.execution = values.get("person"), values.get("execution")
    proposal.save()
    _note(proposal, f"proposal_{state}", actor, now, proposal.reason)


def _note(proposal: Proposal, action: str, actor: Actor, now: datetime, reason: str) -> None:
    runbook = proposal.runbook
    subject = Subject("runbook", runbook.slug, runbook.title)
    about = f"{proposal.about_type} {proposal.about_label or proposal.about_id}"
    extra = {"kind": proposal.fact_kind, "fact": proposal.fact_key, "about": about}
    team = runbook.team.slug if runbook.team else ""
    audit.record(
        Draft(
            actor, f"runbook.{action}", subject, now, team=team, reason=reason, extra=extra, trace_id=proposal.trace_id
        )
    )
