"""How an execution looks: its steps as cards with what can be done with each, its verdict."""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils.safestring import SafeString

from opsportal.approvals.states import Risk
from opsportal.errors import DomainError
from opsportal.identity.actors import Principal
from opsportal.identity.models import Person
from opsportal.web import words
from runbooks.executions import registry
from runbooks.library import pages as library
from runbooks.library.engine import document
from runbooks.models import Execution, ExecutionStep
from runbooks.states import ExecutionState, StepState

# What the button stands for is not shown a second time as code.
ACTION = re.compile(r"^```action[ \t]*$.*?^```[ \t]*$", re.DOTALL | re.MULTILINE)
TONES = {
    StepState.PENDING: ("open", "calm"),
    StepState.DONE: ("done", "good"),
    StepState.FAILED: ("does not hold", "bad"),
    StepState.SKIPPED: ("left out", "calm"),
}
STATES = {
    ExecutionState.RUNNING: ("going on", "warn"),
    ExecutionState.COMPLETED: ("finished", "good"),
    ExecutionState.ABANDONED: ("stopped", "calm"),
}


@dataclass(frozen=True, slots=True)
class Button:
    """What a step's action would do. `problem` says why there is no button."""

    label: str
    risk: str
    problem: str = ""
    approval: Any = None
    can_go: bool = False


@dataclass(frozen=True, slots=True)
class Card:
    step: ExecutionStep
    word: str
    tone: str
    html: SafeString
    button: Button | None
    is_next: bool
    can_undo: bool


def card(step: ExecutionStep, following: ExecutionStep | None, principal: Principal | None, now: datetime) -> Card:
    word, tone = TONES[StepState(step.state)]
    return Card(
        step=step,
        word=word,
        tone=tone,
        html=library.shown(document.read(_without_title(step))),
        button=_button(step, principal, now) if step.action else None,
        is_next=following is not None and step.pk == following.pk,
        can_undo=step.ran_at is not None and step.undo is not None and step.undone_at is None,
    )


def _without_title(step: ExecutionStep) -> str:
    """What stands below the first paragraph, which is the card's own heading when it is short enough for one."""
    text = ACTION.sub("", step.text)
    first, _, rest = text.partition("\n\n")
    return rest if len(step.title) < 200 and "\n" not in first else text


def _button(step: ExecutionStep, principal: Principal | None, now: datetime) -> Button:
    try:
        kind, params = registry.read(step.action)
        may = isinstance(principal, Person) and kind.may_run(principal, params, now)
        risk = kind.risk(params)
    except DomainError as error:
        return Button("", "", error.message)
    label = kind.describe(params)
    if not may:
        return Button(label, risk, "The automation's owner or an ops lead carries this out.")
    if step.execution.is_drill and risk != Risk.SAFE:
        return Button(label, risk, "A drill changes nothing: say what you would do, and tick it.")
    approval = step.approval if risk == Risk.DANGEROUS else None
    state = approval.state_at(now) if approval else ""
    return Button(label, risk, "", approval if state in ("pending", "approved") else None, state == "approved")


def sentence(execution: Execution, steps: list[ExecutionStep], now: datetime) -> str:
    """How far it is, since when, by whom."""
    decided = sum(step.state != StepState.PENDING for step in steps)
    failed = sum(step.state == StepState.FAILED for step in steps)
    told = f"{decided} of {words.count(len(steps), 'step')}"
    told += f", {failed} of them {'does' if failed == 1 else 'do'} not hold" if failed else ""
    if execution.seconds is not None:
        return f"{execution.outcome.rstrip('.')}. {told}, in {words.duration(execution.seconds)}."
    return f"{told}, since {words.duration((now - execution.started_at).total_seconds())}."
