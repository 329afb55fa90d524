"""The story of a handoff, told from the trail: the trail is the log of the timers, there is no other."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from handoffs.models import Handoff
from handoffs.timers import spell_instant
from opsportal.audit import queries as audit
from opsportal.audit import sentences
from opsportal.audit.models import Entry


@dataclass(frozen=True, slots=True)
class Step:
    """One entry. `stage` is the percentage of the timer at which the ladder acted, None for what people did."""

    at: datetime
    occurred_at: str | None
    action: str
    actor: dict[str, str]
    source: str
    rule: str
    stage: int | None
    reason: str
    trace_id: str
    before: dict[str, Any]
    after: dict[str, Any]
    sentence: str

    def data(self) -> dict[str, Any]:
        """The shape of the API."""
        return {
            "at": spell_instant(self.at),
            "occurred_at": self.occurred_at,
            "action": self.action,
            "actor": self.actor,
            "source": self.source,
            "rule": self.rule,
            "stage": self.stage,
            "reason": self.reason,
            "trace_id": self.trace_id,
            "before": self.before,
            "after": self.after,
            "sentence": self.sentence,
        }


def timeline_of(handoff: Handoff) -> list[Step]:
    """Everything that happened to a handoff, oldest first, by one query."""
    return [_step(entry) for entry in audit.entries_of("handoff", str(handoff.pk))]


def _step(entry: Entry) -> Step:
    detail = sentences.detail_of(entry)
    return Step(
        at=entry.at,
        occurred_at=detail.get("occurred_at"),
        action=entry.action,
        actor={"kind": entry.actor_kind, "id": entry.actor_id, "label": sentences.actor_label(entry)},
        source=entry.source,
        rule=entry.rule,
        stage=detail.get("extra", {}).get("stage"),
        reason=detail.get("reason", ""),
        trace_id=entry.trace_id,
        before=detail.get("before", {}),
        after=detail.get("after", {}),
        sentence=sentences.sentence(entry),
    )
