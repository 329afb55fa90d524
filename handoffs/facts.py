"""Who hears of a fact of a handoff that nobody takes up: its owner."""

from collections.abc import Sequence
from datetime import datetime

from handoffs import words
from handoffs.firing import TIMER
from handoffs.models import Fact
from handoffs.states import FactKind
from opsportal.audit import operations as audit
from opsportal.audit.engine import Draft
from opsportal.facts.audit import draft
from opsportal.notify import operations as notify
from opsportal.notify.engine import Notice

KIND_WORDS = {
    FactKind.BREACH: "has passed twice its timer",
    FactKind.NOBODY_LEFT: "needs somebody to take it over",
    FactKind.ESCALATION: "was escalated",
}


def tell(facts: Sequence[Fact], now: datetime) -> int:
    hearers = [fact for fact in facts if fact.handoff is not None and fact.handoff.owner is not None]
    audit.record_many([_draft(fact, now) for fact in hearers])
    notify.tell_many([_notice(fact) for fact in hearers], now)
    return len(hearers)


def _draft(fact: Fact, now: datetime) -> Draft:
    stage, owner = fact.percent, str(fact.handoff.owner) if fact.handoff else ""
    return draft(fact, "unclaimed", actor=TIMER, at=now, occurred_at=fact.occurred_at, stage=stage, owner=owner)


def _notice(fact: Fact) -> Notice:
    handoff = fact.handoff
    assert handoff is not None  # noqa: S101 - chosen by the caller
    assert handoff.owner is not None  # noqa: S101
    since = words.instant(fact.occurred_at, handoff.owner.timezone)
    return Notice(
        person=handoff.owner,
        topic="handoff.fact",
        title=f"“{handoff.subject}” {KIND_WORDS[FactKind(fact.kind)]}",
        body=f"Since {since}; nobody on call has taken it up so far. Rule: {handoff.rule.name}.",
        url=handoff.get_absolute_url(),
        key=f"fact:{fact.key}",
        trace_id=fact.trace_id,
        team=fact.team,
        about=str(handoff.pk),
    )
