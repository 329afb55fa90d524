"""Going through a runbook: begin, tick, leave out, carry out by a button, take back, finish.

Each is one transaction under the lock of the execution, with its audit entry; a step moves along STEP_TRANSITIONS.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from datetime import datetime
from typing import Any

from django.db import transaction

from opsportal import trace
from opsportal.approvals import operations as approvals
from opsportal.approvals.states import Risk, State
from opsportal.audit import operations as audit
from opsportal.audit.engine import Actor, Draft, Subject
from opsportal.errors import Conflict, Forbidden, InvalidInput
from opsportal.identity.models import Person
from runbooks.executions import registry
from runbooks.executions.queries import content_of
from runbooks.executions.registry import Call, Called, StepKind
from runbooks.library import operations as library
from runbooks.library import queries
from runbooks.models import Execution, ExecutionStep, Runbook, RunbookValidation
from runbooks.states import STEP_TRANSITIONS, ExecutionState, StepState

STEP = "runbooks.step"
NOT_NEEDED = "Not needed"


@transaction.atomic
def start_execution(
    runbook: Runbook,
    *,
    reason: str,
    person: Person | None,
    actor: Actor,
    now: datetime,
    is_drill: bool = False,
    about: tuple[str, str] = ("", ""),
) -> Execution:
    """Begin with the published revision. Raises Conflict `not_published`, InvalidInput without a reason."""
    revision = queries.get_published(runbook)
    if revision is None or runbook.retired_at is not None:
        raise Conflict("not_published", "Nothing of it is published, so nobody goes by it.")
    if not reason.strip():
        raise InvalidInput("required", "Say what it is for.", field="reason")
    execution = Execution.objects.create(
        runbook=runbook,
        revision=revision,
        is_drill=is_drill,
        reason=reason.strip()[:500],
        about_type=about[0][:40],
        about_id=about[1][:150],
        started_by=person,
        started_label=actor.label[:150],
        started_at=now,
        trace_id=trace.current_trace_id(),
    )
    ExecutionStep.objects.bulk_create(
        ExecutionStep(
            execution=execution,
            position=step.position,
            key=step.key,
            section=step.section,
            number=step.number,
            title=step.title,
            text=step.text,
            check_text=step.check_text,
            action=step.action,
        )
        for step in queries.list_steps(revision)
    )
    _note(execution, "started", actor, now, reason=execution.reason)
    return execution


@transaction.atomic
def tick_step(
    step: ExecutionStep, *, person: Person | None, actor: Actor, now: datetime, holds: bool = True, note_text: str = ""
) -> ExecutionStep:
    """Done; or, with `holds` false, done without what was to be seen, and what was seen instead."""
    step = _locked(step)
    if not holds and not note_text.strip():
        raise InvalidInput("required", "Say what you see instead.", field="note")
    state = StepState.DONE if holds else StepState.FAILED
    _decide(step, state, person=person, actor=actor, now=now, note_text=note_text)
    _note_step(step, "step_ticked" if holds else "step_failed", actor, now, reason=step.note)
    return step


@transaction.atomic
def skip_step(step: ExecutionStep, *, reason: str, person: Person | None, actor: Actor, now: datetime) -> ExecutionStep:
    """Leave it out, and say why."""
    step = _locked(step)
    if not reason.strip():
        raise InvalidInput("required", "Say why it is left out.", field="reason")
    _decide(step, StepState.SKIPPED, person=person, actor=actor, now=now, note_text=reason)
    _note_step(step, "step_skipped", actor, now, reason=step.note)
    return step


@transaction.atomic
def open_step(step: ExecutionStep, *, actor: Actor, now: datetime) -> ExecutionStep:
    """Take a tick back. What a button did stays done until it is taken back itself."""
    step = _locked(step)
    if step.ran_at is not None and step.undone_at is None:
        raise Conflict("has_run", "What its button did stands; take that back first.")
    _check_move(step, StepState.PENDING)
    step.state, step.at, step.person, step.person_label, step.note, step.seconds = "pending", None, None, "", "", None
    step.save()
    _note_step(step, "step_opened", actor, now)
    return step


def run_step(
    step: ExecutionStep, *, person: Person, actor: Actor, now: datetime, reason: str = "", confirmed: bool = False
) -> ExecutionStep:
    """Do what the step's action says, once. Guarded ones need a reason and a confirmation; dangerous ones are asked
    for first, approved by somebody else, and then carried out by who asked.

    Raises Forbidden `not_allowed`, `no_drills`; InvalidInput at reason or confirmed, `action`; Conflict `has_run`,
    `not_alone`, and as using an approval does.
    """
    kind, _ = registry.read(step.action)
    with _alone(kind):
        step, call = _run(step, person, actor, now, reason, confirmed)
    return step if call is None or kind.send is None else _send(kind.send, call)


@transaction.atomic
def _run(
    step: ExecutionStep, person: Person, actor: Actor, now: datetime, reason: str, confirmed: bool
) -> tuple[ExecutionStep, Call | None]:
    """The part that is one transaction. No call: a second person has been asked."""
    step = _locked(step)
    kind, params = registry.read(step.action)
    _check_may_run(step, kind, params, person, now)
    risk = kind.risk(params)
    if risk != Risk.SAFE:
        _check_meant(reason, confirmed)
    if risk == Risk.DANGEROUS and not _is_approved(step, kind, params, person, actor, now, reason):
        return step, None
    call = Call(params, person, actor, now, reason.strip(), _key(step), step)
    result = kind.run(call)
    verdict = kind.check(params, now) if kind.check else None
    holds = kind.send is None and (verdict is None or verdict.holds)
    step.result = f"{result} {'' if holds or verdict is None else verdict.sentence}".strip()[:500]
    step.ran_at, step.undo, step.undone_at = now, kind.undo(params), None
    state = StepState.DONE if holds else StepState.FAILED
    if step.state != state:
        _decide(step, state, person=person, actor=actor, now=now, note_text=reason)
    else:
        step.save()
    _note_step(step, "step_ran", actor, now, reason=reason, result=step.result)
    return step, call


def undo_step(step: ExecutionStep, *, person: Person, actor: Actor, now: datetime, reason: str) -> ExecutionStep:
    """Carry out the compensation of what the button did, once. Raises Conflict `nothing_to_undo`."""
    kind, _ = registry.read(step.undo) if step.undo else (None, {})
    with _alone(kind):
        step, call = _undo(step, person, actor, now, reason)
    return step if kind is None or kind.send is None else _send(kind.send, call, is_undo=True)


@transaction.atomic
def _undo(step: ExecutionStep, person: Person, actor: Actor, now: datetime, reason: str) -> tuple[ExecutionStep, Call]:
    step = _locked(step)
    if step.ran_at is None or step.undo is None or step.undone_at is not None:
        raise Conflict("nothing_to_undo", "There is nothing to take back.")
    kind, params = registry.read(step.undo)
    if not kind.may_run(person, params, now):
        raise Forbidden("not_allowed", "You may not take this back.")
    if kind.risk(params) == Risk.DANGEROUS:
        raise Conflict("two_people", "Taking this back takes two people: a step of a runbook asks a second one.")
    if not reason.strip():
        raise InvalidInput("required", "Say why.", field="reason")
    call = Call(params, person, actor, now, reason.strip(), f"{_key(step)}:undo", step)
    step.undone_at, step.result = now, f"Taken back: {kind.run(call)}"[:500]
    step.save(update_fields=["undone_at", "result"])
    _note_step(step, "step_undone", actor, now, reason=reason, result=step.result)
    return step, call


def _alone(kind: StepKind | None) -> AbstractContextManager[None]:
    """What leaves the house is committed as having left before it does, so nothing around may undo that."""
    return _durable() if kind is not None and kind.send is not None else nullcontext()


@contextmanager
def _durable() -> Iterator[None]:
    try:
        block = transaction.atomic(durable=True)
        block.__enter__()
    except RuntimeError:
        sentence = "Ask for this without an Idempotency-Key; a button acts once by itself."
        raise Conflict("not_alone", sentence) from None
    with ExitStack() as stack:
        stack.push(block)
        yield


def _send(send: Callable[[Call], Called], call: Call, *, is_undo: bool = False) -> ExecutionStep:
    """Call, then write down what came of it, also when the execution was finished meanwhile."""
    called = send(call)
    with transaction.atomic():
        Execution.objects.select_for_update(of=("self",)).get(pk=call.step.execution_id)
        step = ExecutionStep.objects.select_related("approval", "person").get(pk=call.step.pk)
        step.execution = call.step.execution
        step.result = f"{'Taken back: ' if is_undo else ''}{called.sentence}"[:500]
        if called.holds and not is_undo:
            step.state = StepState.DONE
        if called.may_repeat and not called.holds:
            step.ran_at, step.undone_at = (step.ran_at, None) if is_undo else (None, None)
        step.save()
        _note_step(step, "step_answered", call.actor, call.now, result=step.result)
    return step


@transaction.atomic
def finish_execution(
    execution: Execution,
    *,
    outcome: str,
    person: Person | None,
    actor: Actor,
    now: datetime,
    holds: bool | None = None,
) -> Execution:
    """It is over. What is open of the rollback was not needed; anything else that is open is left out for `outcome`.

    `holds` says whether the runbook is current, and is kept as a validation.
    """
    execution = _lock(execution)
    if not outcome.strip():
        raise InvalidInput("required", "Say how it ended.", field="outcome")
    for step in execution.steps.filter(state=StepState.PENDING):
        reason = NOT_NEEDED if step.section == "rollback" else outcome
        _decide(step, StepState.SKIPPED, person=person, actor=actor, now=now, note_text=reason)
    _close(execution, ExecutionState.COMPLETED, outcome, actor, now)
    if holds is not None:
        how = RunbookValidation.How.DRILL if execution.is_drill else RunbookValidation.How.EXECUTION
        who: dict[str, Any] = {"person": person, "actor": actor, "now": now}
        library.validate_runbook(execution.runbook, how=how, holds=holds, note_text=outcome, **who)
    return execution


@transaction.atomic
def abandon_execution(execution: Execution, *, reason: str, actor: Actor, now: datetime) -> Execution:
    """Stopped half-way; open steps stay open."""
    execution = _lock(execution)
    if not reason.strip():
        raise InvalidInput("required", "Say why.", field="reason")
    _close(execution, ExecutionState.ABANDONED, reason, actor, now)
    return execution


def _check_may_run(step: ExecutionStep, kind: StepKind, params: registry.Params, person: Person, now: datetime) -> None:
    if step.ran_at is not None and step.undone_at is None:
        raise Conflict("has_run", "This was carried out already.")
    if step.execution.is_drill and kind.risk(params) != Risk.SAFE:
        raise Forbidden("no_drills", "In a drill nothing is changed: say what you would do, and tick it.")
    if not person.is_active or not kind.may_run(person, params, now):
        raise Forbidden("not_allowed", "You may not carry this out; the automation's owner or an ops lead may.")


def _check_meant(reason: str, confirmed: bool) -> None:
    if not reason.strip():
        raise InvalidInput("required", "Say why.", field="reason")
    if not confirmed:
        raise InvalidInput("unconfirmed", "Confirm that you mean it.", field="confirmed")


def _is_approved(
    step: ExecutionStep,
    kind: StepKind,
    params: registry.Params,
    person: Person,
    actor: Actor,
    now: datetime,
    reason: str,
) -> bool:
    """Use the approval there is; else ask for one. Only who asked carries it out."""
    approval = step.approval
    if approval is not None and approval.state_at(now) in (State.PENDING, State.APPROVED):
        if approval.requested_by_id != person.pk:
            raise Forbidden("not_requester", "Who asked for the approval carries it out.")
        approvals.use_approval(approval, content=content_of(step), now=now, actor=actor)
        return True
    runbook = step.execution.runbook
    step.approval = approvals.request_approval(
        kind=STEP,
        subject=Subject("execution", str(step.execution.pk), runbook.title),
        title=f"{kind.describe(params)}, by {runbook.title}"[:200],
        consequence=kind.describe(params)[:240],
        content=content_of(step),
        risk=Risk.DANGEROUS,
        requested_by=person,
        team=runbook.team,
        now=now,
        reason=reason,
    )
    step.save(update_fields=["approval"])
    _note_step(step, "step_asked", actor, now, reason=reason, consequence=kind.describe(params))
    return False


def _decide(
    step: ExecutionStep, state: StepState, *, person: Person | None, actor: Actor, now: datetime, note_text: str
) -> None:
    _check_move(step, state)
    former = step.execution.steps.filter(at__isnull=False).order_by("-at").values_list("at", flat=True).first()
    began = max(former, step.execution.started_at) if former else step.execution.started_at
    step.state, step.at, step.person, step.person_label = state, now, person, actor.label[:150]
    step.seconds, step.note = max(0, int((now - began).total_seconds())), note_text.strip()[:500]
    step.save()


def _check_move(step: ExecutionStep, state: StepState) -> None:
    before = StepState(step.state)
    if state not in STEP_TRANSITIONS[before]:
        raise Conflict("invalid_transition", f"This step is {before}.")


def _key(step: ExecutionStep) -> str:
    return f"{step.execution_id}:{step.key}"


def _lock(execution: Execution) -> Execution:
    rows = Execution.objects.select_for_update(of=("self",)).select_related("runbook__team", "revision")
    fresh = rows.get(pk=execution.pk)
    if fresh.state != ExecutionState.RUNNING:
        raise Conflict("over", f"This was {fresh.state} already.")
    return fresh


def _locked(step: ExecutionStep) -> ExecutionStep:
    execution = _lock(step.execution)
    fresh = ExecutionStep.objects.select_related("approval", "person").get(pk=step.pk)
    fresh.execution = execution
    return fresh


def _close(execution: Execution, state: ExecutionState, outcome: str, actor: Actor, now: datetime) -> None:
    execution.state, execution.finished_at, execution.outcome = state, now, outcome.strip()[:500]
    execution.save(update_fields=["state", "finished_at", "outcome"])
    subject = Subject("execution", str(execution.pk), execution.runbook.title)
    approvals.void_approvals(subject=subject, actor=actor, reason="It is over", now=now, kind=STEP, wait=False)
    _note(execution, str(state), actor, now, reason=execution.outcome)


def _note_step(
    step: ExecutionStep, action: str, actor: Actor, now: datetime, *, reason: str = "", **extra: Any
) -> None:
    told = {"step": f"{step.label}, {step.title}", **extra}
    _note(step.execution, action, actor, now, reason=reason, extra=told)


def _note(execution: Execution, action: str, actor: Actor, now: datetime, **detail: Any) -> None:
    runbook = execution.runbook
    team = runbook.team.slug if runbook.team else ""
    subject = Subject("execution", str(execution.pk), runbook.title)
    detail["trace_id"] = execution.trace_id
    audit.record(Draft(actor, f"execution.{action}", subject, now, team=team, **detail))
