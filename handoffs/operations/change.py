"""One record under lock, and everything that must commit with its move: trail, webhooks, messages."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from handoffs import words
from handoffs.engine.clock import Verdict
from handoffs.models import Handoff, Pause
from handoffs.operations import keys, rates
from handoffs.shapes import change_data, handoff_data
from handoffs.states import TRANSITIONS, HandoffState, is_running
from handoffs.timers import SKEW, settle, verdict_of
from opsportal import ids
from opsportal.approvals import operations as approvals
from opsportal.audit import operations as audit
from opsportal.audit.engine import Actor, Draft, Subject
from opsportal.errors import Conflict, InvalidInput
from opsportal.identity.models import Person
from opsportal.notify import operations as notify
from opsportal.notify.engine import Event, Notice

# The kind of approval that another timer for one record is (handoffs.approvals).
SLA_CHANGE = "handoffs.sla_change"
# What a state is called in a refusal.
STATE_WORDS = {
    HandoffState.OPEN: "open",
    HandoffState.PAUSED: "paused",
    HandoffState.RESPONDED: "already answered",
    HandoffState.COMPLETED: "completed",
    HandoffState.CANCELLED: "cancelled",
}


@dataclass(slots=True)
class Note:
    """An entry of the trail before it is written."""

    action: str
    occurred_at: datetime | None = None
    reason: str = ""
    extra: dict[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class Change:
    """A locked record being moved. Make it with `lock` or `of_new`, change `handoff`, and `commit` exactly once.

    Everything happens in the caller's transaction; nobody else moves the record before that ends.
    """

    handoff: Handoff
    pauses: list[Pause]
    actor: Actor
    now: datetime
    before: dict[str, Any]
    notes: list[Note] = field(default_factory=list)
    notices: list[Notice] = field(default_factory=list)
    was_rated: set[rates.Mark] = field(init=False)  # where it counted in the hit rate before it moved

    def __post_init__(self) -> None:
        self.was_rated = rates.settled_days([self.handoff])

    @classmethod
    def lock(cls, handoff: Handoff, *, actor: Actor, now: datetime) -> "Change":
        """Read the record anew under a row lock (on SQLite the transaction itself holds the only write lock)."""
        locked = Handoff.objects.with_names().select_for_update(of=("self",)).get(pk=handoff.pk)
        pauses = list(Pause.objects.filter(handoff=locked, cycle=locked.cycle))
        return cls(locked, pauses, actor, now, change_data(locked))

    @classmethod
    def of_new(cls, handoff: Handoff, *, actor: Actor, now: datetime) -> "Change":
        return cls(handoff, [], actor, now, {})

    @staticmethod
    def facts_of(handoff: Handoff) -> dict[str, Any]:
        """What the trail compares: `before`, for whoever has locked many records at once."""
        return change_data(handoff)

    def is_news(self, scope: str, *, source: str, event_id: str, **said: Any) -> bool:
        """Whether this event has not been here before. Raises Conflict when it said something else."""
        body = {"handoff": str(self.handoff.pk), **said}
        result = keys.claim(
            scope=scope, source=source, event_id=event_id, body=body, result_id=str(self.handoff.pk), now=self.now
        )
        return result is None

    def instant(self, occurred_at: datetime | None) -> datetime:
        """When it occurred. Up to 300 seconds ahead are taken for a wrong clock and flagged, more is refused."""
        at = check_instant(occurred_at, self.now, field="occurred_at")
        self.handoff.clock_skew = self.handoff.clock_skew or at > self.now
        return at

    def since_start(self, at: datetime) -> datetime:
        """The instant of a stop: a little before the start is taken for a wrong clock, more is refused."""
        start = self.handoff.started_at
        if at < start - SKEW:
            raise InvalidInput("before_start", "This lies before the clock started.", field="occurred_at")
        self.handoff.clock_skew = self.handoff.clock_skew or at < start
        return at

    def move_to(self, state: HandoffState) -> None:
        """Move the record, or raise Conflict `invalid_transition`."""
        if state not in TRANSITIONS[HandoffState(self.handoff.state)]:
            raise self.refusal()
        self.handoff.state = state

    def refusal(self) -> Conflict:
        present = STATE_WORDS[HandoffState(self.handoff.state)]
        return Conflict("invalid_transition", f"This handoff is {present}, so that cannot be done now.", field="state")

    def open_pause(self) -> Pause | None:
        return next((pause for pause in self.pauses if pause.until is None), None)

    def end_pause(self, at: datetime) -> None:
        """Close the open pause, if any. A stop that lies before it leaves a pause of no length."""
        pause = self.open_pause()
        if pause is not None:
            pause.until = max(at, pause.from_at)
            pause.save(update_fields=["until"])

    def note(self, action: str, *, occurred_at: datetime | None = None, reason: str = "", **extra: Any) -> None:
        self.notes.append(Note(f"handoff.{action}", occurred_at, reason, extra))

    def tell(self, people: Iterable[Person | None], topic: str, text: words.Words) -> None:
        """Tell people, each once, and nobody what they did themselves. Shadows and history are told to nobody."""
        if self.handoff.shadow or self.handoff.historical:
            return
        told = {one.pk: one for one in people if one is not None and not self._is_actor(one)}
        stem = f"handoff:{self.handoff.pk}:{topic}:{ids.new_id().hex}"
        self.notices += [
            self._notice(person, f"handoff.{topic}", text, f"{stem}:{person_id}") for person_id, person in told.items()
        ]

    def commit(self) -> Handoff:
        """Settle what follows, save, and write trail, webhooks and messages beside it."""
        verdict = self.settle()
        self.handoff.save()
        rates.mark_days(self.was_rated | rates.settled_days([self.handoff]))
        self.void_proposals()
        self.announce(verdict)
        return self.handoff

    def settle(self) -> Verdict:
        """Bring the record and the notes in line with its new facts; nothing is written yet."""
        verdict = settle(self.handoff, self.pauses, self.now)
        self._note_verdict()
        return verdict

    def announce(self, verdict: Verdict) -> None:
        """Trail, webhooks and messages of a record that stands saved."""
        audit.record_many(self.drafts())
        if events := self.events(verdict):
            notify.publish_many(events, self.now)
        if self.notices:
            notify.tell_many(self.notices, self.now)

    def drafts(self, *, is_gone: bool = False) -> list[Draft]:
        """The notes as entries of the trail, with what has changed; of a record that goes, all that it was."""
        after = {} if is_gone else change_data(self.handoff)
        return [self._draft(note, after) for note in self.notes]

    def void_proposals(self) -> None:
        """Nobody decides about a timer that has stopped, or that is another one by now."""
        handoff = self.handoff
        if not self.before or not is_running(self.before["state"], handoff.stop_clock):
            return
        if not handoff.is_running:
            reason = "The handoff has stopped."
        elif handoff.sla_minutes != self.before["sla_minutes"]:
            reason = f"Its timer was changed to {words.duration(handoff.sla_minutes * 60)} meanwhile."
        else:
            return
        subject = Subject("handoff", str(handoff.pk), handoff.subject)
        approvals.void_approvals(
            subject=subject, kind=SLA_CHANGE, actor=self.actor, reason=reason, now=self.now, wait=False
        )

    def _note_verdict(self) -> None:
        was, is_now = bool(self.before.get("breached")), self.handoff.breached
        if was and not is_now:
            self.note("breach_corrected")
        elif is_now and not was and not self.handoff.historical:
            self.note("breached", when=" by the time it stopped")

    def _draft(self, note: Note, after: dict[str, Any]) -> Draft:
        changed = [key for key in {**self.before, **after} if self.before.get(key) != after.get(key)]
        handoff = self.handoff
        return Draft(
            actor=self.actor,
            action=note.action,
            subject=Subject("handoff", str(handoff.pk), handoff.subject),
            at=self.now,
            trace_id=handoff.trace_id,
            rule=handoff.rule.slug,
            team=handoff.rule.team.slug if handoff.rule.team else "",
            occurred_at=note.occurred_at,
            reason=note.reason,
            before={key: self.before[key] for key in changed if key in self.before},
            after={key: after[key] for key in changed if key in after},
            extra=note.extra,
        )

    def events(self, verdict: Verdict | None = None) -> list[Event]:
        """The notes as subscribers hear them; without a verdict it is judged as of now."""
        if self.handoff.shadow or self.handoff.historical:
            return []
        verdict = verdict or verdict_of(self.handoff, self.pauses, self.now)
        data = handoff_data(self.handoff, verdict)
        team = self.handoff.rule.team.slug if self.handoff.rule.team else ""
        return [
            Event(
                event_type=note.action,
                data=data,
                team=team,
                trace_id=self.handoff.trace_id,
                key=f"{note.action}:{ids.new_id().hex}",
                about=str(self.handoff.pk),
            )
            for note in self.notes
        ]

    def _notice(self, person: Person, topic: str, text: words.Words, key: str) -> Notice:
        return Notice(
            person=person,
            topic=topic,
            title=text.title,
            body=text.body,
            key=key,
            trace_id=self.handoff.trace_id,
            url=self.handoff.get_absolute_url(),
            team=self.handoff.rule.team.slug if self.handoff.rule.team else "",
            about=str(self.handoff.pk),
        )

    def _is_actor(self, person: Person) -> bool:
        return self.actor.kind == "human" and self.actor.id == str(person.pk)


def check_instant(instant: datetime | None, now: datetime, *, field: str) -> datetime:
    """The instant, or `now`; more than 300 seconds ahead raises InvalidInput `in_the_future`."""
    if instant is not None and instant > now + SKEW:
        raise InvalidInput("in_the_future", "This lies in the future.", field=field)
    return instant or now
