"""One stage of one record fires: what the trail says, who is told what, what goes up. Nothing is written here.

A stage is decided by engine.consequence; this module turns the decision into rows for the sweep.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from handoffs import words
from handoffs.engine.consequence import Effect
from handoffs.engine.ladder import Stage
from handoffs.models import Fact, Handoff, StageFiring
from handoffs.people import Circle
from handoffs.states import FactKind
from opsportal.audit.engine import Actor, Draft, Subject
from opsportal.notify.engine import Event, Notice

TIMER = Actor("system", "sweep", "The timer")
FACT_GRACE = timedelta(minutes=2)  # how long the on-call side has before the owner hears of a fact


@dataclass(frozen=True, slots=True)
class Firing:
    """A stage that fires now on `handoff`, which already stands as the stage leaves it; `owner_before` had it."""

    handoff: Handoff
    stage: Stage
    effect: Effect
    owner_before: int | None
    scheduled_at: datetime
    now: datetime
    circle: Circle
    blind_since: datetime | None = None  # the portal is catching up after its own downtime, which began then

    @property
    def is_detected_late(self) -> bool:
        """Whether the portal itself was down when the stage was due."""
        return self.blind_since is not None and self.scheduled_at >= self.blind_since

    @property
    def when(self) -> str:
        late = (self.now - self.scheduled_at).total_seconds()
        return words.when(self.handoff.sla_minutes, self.stage.percent, late)

    @property
    def stem(self) -> str:
        """The stable beginning of every key that this firing makes."""
        return f"handoff:{self.handoff.pk}:{self.handoff.cycle}:{self.stage.percent}"

    @property
    def team(self) -> str:
        return self.handoff.rule.team.slug if self.handoff.rule.team else ""

    def row(self) -> StageFiring:
        return StageFiring(
            handoff_id=self.handoff.pk,
            cycle=self.handoff.cycle,
            percent=self.stage.percent,
            scheduled_at=self.scheduled_at,
            fired_at=self.now,
            rule_version_id=self.handoff.rule_version_id,
            shadow=self.handoff.shadow,
            actions=list(self.stage.actions),
            recipients=self.circle.usernames(self.effect.recipients),
            outcome=self._outcome(),
        )

    def drafts(self) -> list[Draft]:
        """The trail of this firing: one entry for each thing that came about."""
        if self.handoff.shadow:
            return [self._draft("shadowed", would=self._would())]
        return list(self._drafts())

    def notices(self) -> list[Notice]:
        """One message to each recipient, in their words and their zone. A shadow tells nobody."""
        if self.handoff.shadow:
            return []
        return [self._notice(person_id) for person_id in self.effect.recipients]

    def facts(self) -> list[Fact]:
        if self.handoff.shadow:
            return []
        return [self._fact(kind) for kind in self._fact_kinds()]

    def events(self, drafts: list[Draft], data: dict[str, Any]) -> list[Event]:
        """A webhook event for each entry of the trail, with the record as this stage leaves it."""
        if self.handoff.shadow:
            return []
        return [
            Event(
                event_type=draft.action,
                data=data,
                team=self.team,
                trace_id=self.handoff.trace_id,
                key=f"{self.stem}:{draft.action}",
                about=str(self.handoff.pk),
            )
            for draft in drafts
        ]

    # --- the trail ---

    def _drafts(self) -> Iterator[Draft]:
        effect, names = self.effect, self.circle.names
        if effect.alerted:
            yield self._draft("alerted", people=names(effect.alerted))
        if effect.breached:
            yield self._draft("breached", before={"breached": False}, after={"breached": True})
        if effect.new_owner is not None:
            yield self._draft(
                "reassigned",
                step=f"moved it from {names(self._ids(self.owner_before))} to {names([effect.new_owner])}{self.when}",
                before={"owner": self._username(self.owner_before)},
                after={"owner": self._username(effect.new_owner)},
            )
        if effect.notified:
            yield self._draft("notified", people=names(effect.notified))
        if effect.kept or not self._is_heard():
            yield self._draft("nobody_left", owner=names(self._ids(self.handoff.owner_id)))
        if effect.escalates:
            yield self._draft("escalated")

    def _draft(
        self, action: str, *, before: dict[str, Any] | None = None, after: dict[str, Any] | None = None, **extra: str
    ) -> Draft:
        return Draft(
            actor=TIMER,
            action=f"handoff.{action}",
            subject=Subject("handoff", str(self.handoff.pk), self.handoff.subject),
            at=self.now,
            trace_id=self.handoff.trace_id,
            rule=self.handoff.rule.slug,
            team=self.team,
            occurred_at=self.scheduled_at,
            before=before or {},
            after=after or {},
            extra={
                "stage": self.stage.percent,
                "rule_version": self.handoff.rule_version.number,
                "when": self.when,
                **({"detected_late": True} if self.is_detected_late else {}),
                **extra,
            },
        )

    def _would(self) -> str:
        """What a shadow would have done: "told Ana and Bruno, moved it to Bruno" """
        done = []
        if self.effect.recipients:
            done.append(f"told {self.circle.names(self.effect.recipients)}")
        if self.effect.new_owner is not None:
            done.append(f"moved it to {self.circle.names([self.effect.new_owner])}")
        if self.effect.kept:
            done.append("found nobody to take over")
        if self.effect.escalates:
            done.append("asked the on-call side")
        return ", ".join(done) or "marked it as breached"

    def _outcome(self) -> dict[str, Any]:
        """What came of it, by keys that are there or not: reports count them."""
        effect, reassigned = self.effect, {}
        if effect.new_owner is not None:
            before, after = self._username(self.owner_before), self._username(effect.new_owner)
            reassigned = {"owner_before": before, "owner_after": after}
        flags = {
            "alerted": bool(effect.alerted),
            "notified": bool(effect.notified),
            "breached": effect.breached,
            "kept": effect.kept,
            "escalated": effect.escalates,
            "detected_late": self.is_detected_late,
        }
        return {**{name: True for name, holds in flags.items() if holds}, **reassigned}

    # --- the messages ---

    def _notice(self, person_id: int) -> Notice:
        text = self._words(person_id)
        return Notice(
            person=person_id,
            topic="handoff.stage",
            title=text.title,
            body=text.body,
            url=self.handoff.get_absolute_url(),
            key=f"{self.stem}:{person_id}",
            trace_id=self.handoff.trace_id,
            team=self.team,
            about=str(self.handoff.pk),
        )

    def _words(self, person_id: int) -> words.Words:
        title = self._title(person_id)
        record, zone = self.handoff, self.circle.people[person_id].timezone
        waited = words.waited(record.subject, record.sla_minutes, self.stage.percent, record.stop_clock)
        facts = [
            "" if title.startswith(waited) else f"{waited}.",
            self._owner_sentence(person_id),
            words.due_sentence(record.due_at, zone) if self.stage.percent >= 100 else "",
            self._arrival_sentence(),
            "The portal was down when this was due." if self.is_detected_late else "",
            f"Rule: {record.rule.name}.",
        ]
        return words.Words(title, " ".join(fact for fact in facts if fact))

    def _title(self, person_id: int) -> str:
        record = self.handoff
        if person_id == self.effect.new_owner:
            return f"“{record.subject}” is yours now"
        if self.effect.new_owner is not None and person_id == self.owner_before:
            return f"“{record.subject}” is now with {self.circle.names([self.effect.new_owner])}"
        return words.waited(record.subject, record.sla_minutes, self.stage.percent, record.stop_clock)

    def _owner_sentence(self, person_id: int) -> str:
        owner = self.handoff.owner_id
        if person_id == owner:
            if self.effect.new_owner is not None:
                return f"It was with {self.circle.names(self._ids(self.owner_before))}."
            return "It stays yours: nobody else could take it." if self.effect.kept else "It is yours."
        if self.effect.new_owner is not None and person_id == self.owner_before:
            return ""
        return f"{self.circle.names([owner])} has it." if owner else "Nobody has it yet."

    def _arrival_sentence(self) -> str:
        if not self.handoff.late_on_arrival:
            return ""
        return f"It reached the portal {words.duration(self.handoff.ingest_lag_seconds)} after it began."

    # --- the facts ---

    def _fact_kinds(self) -> Iterator[FactKind]:
        if self.effect.breached:
            yield FactKind.BREACH
        if self.effect.kept or not self._is_heard():
            yield FactKind.NOBODY_LEFT
        if self.effect.escalates:
            yield FactKind.ESCALATION

    def _fact(self, kind: FactKind) -> Fact:
        record = self.handoff
        heard = record.owner_id is None or record.owner_id in self.effect.recipients
        return Fact(
            key=f"{kind}:{record.pk}:{record.cycle}:{self.stage.percent}",
            kind=kind,
            handoff_id=record.pk,
            cycle=record.cycle,
            percent=self.stage.percent,
            rule_id=record.rule_id,
            team=self.team,
            trace_id=record.trace_id,
            occurred_at=self.scheduled_at,
            noticed_at=self.now,
            grace_until=self.now + FACT_GRACE,
            told_at=self.now if heard else None,
            data={
                "subject": record.subject,
                "owner": self._username(record.owner_id),
                "backup_owner": self._username(record.backup_owner_id),
                "fallback_schedule": record.rule_version.fallback_schedule,
                "detected_late": self.is_detected_late,
            },
        )

    def _is_heard(self) -> bool:
        """Whether a stage that was to tell somebody found anybody."""
        tells = {"alert_owner", "alert_backup", "notify_both", "notify_manager"} & set(self.stage.actions)
        return not tells or bool(self.effect.recipients) or self.effect.escalates

    def _username(self, person_id: int | None) -> str | None:
        return None if person_id is None else self.circle.people[person_id].username

    def _ids(self, person_id: int | None) -> list[int]:
        return [] if person_id is None else [person_id]
