"""Facts nobody takes up: until the on-call side claims one within its grace, its owner hears of it, once."""

import time
from datetime import datetime

from django.db import transaction

from handoffs import bulk, words
from handoffs.firing import TIMER
from handoffs.models import Fact
from handoffs.states import FactKind
from opsportal.audit import operations as audit
from opsportal.audit.engine import Draft, Subject
from opsportal.notify import operations as notify
from opsportal.notify.engine import Notice
from opsportal.sweeps.registry import SweepResult

BATCH = 500
LIMIT_SECONDS = 8.0

KIND_WORDS = {
    FactKind.BREACH: "has passed twice its timer",
    FactKind.NOBODY_LEFT: "needs somebody to take it over",
    FactKind.ESCALATION: "was escalated",
}


def sweep_facts(now: datetime) -> SweepResult:
    """Tell the owners of facts whose grace has passed unclaimed. Several sweepers may run at once."""
    until = time.monotonic() + LIMIT_SECONDS
    total = SweepResult()
    while time.monotonic() < until:
        result = _sweep_batch(now)
        total += result
        if result.examined < BATCH:
            break
    return total


@transaction.atomic
def _sweep_batch(now: datetime) -> SweepResult:
    unheard = Fact.objects.unclaimed().filter(told_at=None, grace_until__lte=now).order_by("grace_until")
    locked = list(unheard.select_for_update(skip_locked=True).values_list("pk", flat=True)[:BATCH])
    facts = list(Fact.objects.filter(pk__in=locked).select_related("handoff__owner", "handoff__rule").order_by("id"))
    if not facts:
        return SweepResult()
    for fact in facts:
        fact.told_at = now
    bulk.update(Fact, facts, ("told_at",))
    hearers = [fact for fact in facts if fact.handoff is not None and fact.handoff.owner is not None]
    audit.record_many([_draft(fact, now) for fact in hearers])
    notify.tell_many([_notice(fact) for fact in hearers], now)
    waits = [fact.grace_until for fact in facts]
    return SweepResult(len(facts), len(hearers), min(waits), max(waits))


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


def _draft(fact: Fact, now: datetime) -> Draft:
    handoff = fact.handoff
    assert handoff is not None  # noqa: S101 - chosen by the caller
    return Draft(
        actor=TIMER,
        action="handoff.fact_unclaimed",
        subject=Subject("handoff", str(handoff.pk), handoff.subject),
        at=now,
        trace_id=fact.trace_id,
        rule=handoff.rule.slug,
        team=fact.team,
        occurred_at=fact.occurred_at,
        extra={"kind": fact.kind, "stage": fact.percent, "owner": str(handoff.owner)},
    )
