"""What a person can do with a handoff: the button, its form, the operation behind it, when it is offered."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from handoffs import forms, operations
from handoffs.approvals import propose_sla
from handoffs.models import Handoff
from handoffs.states import HandoffState
from opsportal.audit.engine import Actor
from opsportal.identity.models import Person
from opsportal.identity.roles import CONFIGURE_HANDOFFS
from opsportal.web.forms import Form

ON_TIME_PERCENT = 100
OPEN, PAUSED, RESPONDED = HandoffState.OPEN, HandoffState.PAUSED, HandoffState.RESPONDED
COMPLETED = HandoffState.COMPLETED


@dataclass(frozen=True, slots=True)
class Move:
    """`name` is the API's name of the action; `button` says the consequence; `done` is told afterwards."""

    name: str
    label: str
    button: str
    done: str
    form: type[Form]
    operation: Callable[..., object]
    states: tuple[HandoffState, ...]
    sentence: str = ""
    is_primary: bool = False
    is_danger: bool = False
    scope: str = "handoffs:write"
    is_for_those_without: str = ""  # the scope whose holders need this move not

    def is_offered(self, handoff: Handoff, person: Person) -> bool:
        return handoff.state in self.states and self.is_open_to(person) and _fits(self, handoff)

    def is_open_to(self, person: Person) -> bool:
        spared = self.is_for_those_without and person.allows(self.is_for_those_without)
        return person.allows(self.scope) and not spared


def _propose(handoff: Handoff, *, sla_minutes: int, reason: str, actor: Actor, now: datetime) -> None:
    person = Person.objects.get(pk=actor.id)  # pages are for people
    propose_sla(handoff, sla_minutes=sla_minutes, reason=reason, requested_by=person, now=now)


MOVES = {
    move.name: move
    for move in (
        Move(
            "respond",
            "Note the response",
            "Note the response",
            "Noted: somebody answered.",
            forms.MoveForm,
            operations.respond_to_handoff,
            (OPEN, PAUSED),
            "Somebody answered. Under a first-response clock this stops it.",
            True,
        ),
        Move(
            "complete",
            "Complete",
            "Complete it",
            "Completed.",
            forms.CompleteForm,
            operations.complete_handoff,
            (OPEN, PAUSED, RESPONDED),
            "The work is done.",
            True,
        ),
        Move(
            "reopen",
            "Reopen",
            "Reopen it",
            "Reopened.",
            forms.ReopenForm,
            operations.reopen_handoff,
            (COMPLETED,),
            "It was not done after all. The earlier verdict stays.",
            True,
        ),
        Move(
            "reassign",
            "Reassign",
            "Reassign it",
            "Reassigned; both were told.",
            forms.ReassignForm,
            operations.reassign_handoff,
            (OPEN, PAUSED, RESPONDED),
            "Somebody else takes over. Both are told.",
        ),
        Move(
            "assign",
            "Set owner or backup",
            "Save",
            "Saved.",
            forms.AssignForm,
            operations.assign_handoff,
            (OPEN, PAUSED, RESPONDED),
        ),
        Move(
            "pause",
            "Hold the clock",
            "Hold the clock",
            "The clock is held.",
            forms.NeedsReasonForm,
            operations.pause_handoff,
            (OPEN, RESPONDED),
            "It waits for the customer; the business clock does not run meanwhile.",
        ),
        Move(
            "resume",
            "Let the clock run",
            "Let the clock run",
            "The clock runs on.",
            forms.MoveForm,
            operations.resume_handoff,
            (PAUSED,),
            "The clock runs on from where it stood.",
            True,
        ),
        Move(
            "timer",
            "Change the timer",
            "Change the timer",
            "The timer was changed.",
            forms.TimerForm,
            operations.change_sla,
            (OPEN, PAUSED, RESPONDED),
            "For this record alone. Time spent stays; stages that fired do not fire again.",
            scope=CONFIGURE_HANDOFFS,
        ),
        Move(
            "propose-timer",
            "Propose another timer",
            "Propose this timer",
            "Proposed. An ops lead decides; you are told how.",
            forms.TimerForm,
            _propose,
            (OPEN, PAUSED, RESPONDED),
            "An ops lead decides. Until then, and for three days at most, nothing changes.",
            is_for_those_without=CONFIGURE_HANDOFFS,
        ),
        Move(
            "reason",
            "Note why it ran late",
            "Note the reason",
            "Noted.",
            forms.BreachReasonForm,
            operations.tag_reason,
            tuple(HandoffState),
        ),
        Move(
            "live",
            "Make it live",
            "Make it live",
            "It is live: what is due fires at the next sweep.",
            forms.ReasonForm,
            operations.make_handoff_live,
            (OPEN, PAUSED, RESPONDED),
        ),
        Move(
            "cancel",
            "Cancel",
            "Cancel this handoff",
            "Cancelled.",
            forms.NeedsReasonForm,
            operations.cancel_handoff,
            (OPEN, PAUSED, RESPONDED),
            "It needs nobody any more. It leaves the hit rate, with your reason.",
            is_danger=True,
        ),
    )
}


def offered(handoff: Handoff, person: Person) -> list[Move]:
    """The moves this person can make now, in the order of their buttons."""
    return [move for move in MOVES.values() if move.is_offered(handoff, person)]


def initial(move: Move, handoff: Handoff) -> dict[str, Any]:
    """What a move's form starts with."""
    return {"sla_minutes": handoff.sla_minutes, "breach_reason": handoff.breach_reason}


def _fits(move: Move, handoff: Handoff) -> bool:
    """What the state alone does not tell."""
    if move.name == "respond":
        return handoff.first_response_at is None
    if move.name in ("pause", "timer", "propose-timer"):
        return handoff.is_running
    if move.name == "reason":
        return handoff.missed or (handoff.is_running and handoff.fired_percent >= ON_TIME_PERCENT)
    return move.name != "live" or (handoff.historical and handoff.is_running)
