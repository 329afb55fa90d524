"""The sample of a dry run that goes to the shadow of its target: what is in it, and sending it. The queue stays as it
is: a shadow that fails is something to read on the plan's page, never an error of the plan.
"""

import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta

from opsportal.errors import InvalidInput
from opsportal.outbound.masking import mask
from opsportal.vault.engine import VaultError
from runbooks.models import PlanItem, ReplayPlan, ShadowSend
from runbooks.plans import freezing
from runbooks.plans.engine import transform
from runbooks.queue import sending
from runbooks.queue import words as queue
from runbooks.queue.engine.outcomes import Kind, Outcome
from runbooks.targets.shadow import check_shadow

SAMPLE = 10
# All of a sample together: whoever asked waits for it.
PATIENCE_SECONDS = 20.0
# A sample without an end after so long was cut off.
CUT_OFF_AFTER = timedelta(seconds=60)
NO_TIME = Outcome(Kind.NOT_SENT, "no time left", answer="Those before it took too long.")
REFUSED, UNBUILT = "refused by our own policy", "cannot be built"
TAKEN = frozenset({Kind.DELIVERED, Kind.ALREADY_THERE})


def sample_of(plan: ReplayPlan) -> list[PlanItem]:
    """The canary, else what goes first: at most SAMPLE payloads."""
    rows = PlanItem.objects.filter(plan=plan, finding="").order_by("position")
    chosen = rows.filter(is_canary=True) if rows.filter(is_canary=True).exists() else rows
    return list(chosen.select_related("item__target", "plan")[:SAMPLE])


def webhook_id(row: PlanItem, now: datetime) -> str:
    return f"{row.webhook_id}.shadow.{int(now.timestamp())}"


def send_sample(plan: ReplayPlan, now: datetime) -> None:
    """Send what is written down and has no end yet, one after another, outside of every transaction. A dry run made
    anew meanwhile has taken its rows away: then nothing is kept.
    """
    began = time.monotonic()
    wanted = {one.position: one for one in ShadowSend.objects.filter(plan=plan, finished_at=None)}
    rows = PlanItem.objects.filter(plan=plan, position__in=list(wanted))
    bodies = {row.position: body for row, body in freezing.bodies(rows)}
    for row in rows.select_related("item", "plan__target").order_by("position"):
        left = PATIENCE_SECONDS - (time.monotonic() - began)
        send = wanted[row.position]
        outcome = _sent(row, bodies.get(row.position), send, left) if left > 0 else NO_TIME
        _keep(send, outcome, now + timedelta(seconds=time.monotonic() - began))


def _sent(row: PlanItem, original: bytes | None, send: ShadowSend, left: float) -> Outcome:
    target = row.plan.target
    try:
        check_shadow(target)
        parcel = sending.render_shadow(
            row.item, target, send.sent_at, body=_body(row, original), webhook_id=send.webhook_id
        )
    except InvalidInput as refusal:
        return Outcome(Kind.NOT_SENT, REFUSED, answer=mask(refusal.message))
    except (transform.Untransformable, VaultError, LookupError) as error:
        return Outcome(Kind.NOT_SENT, UNBUILT, answer=mask(str(error))[:240])
    return sending.post(replace(parcel, timeout=min(parcel.timeout, left)), send.sent_at)


def _body(row: PlanItem, original: bytes | None) -> bytes:
    if original is None:
        raise LookupError(freezing.FINDINGS[freezing.ERASED])
    return transform.apply(transform.read_steps(row.plan.transform), original) if row.sent_sha256 else original


def _keep(send: ShadowSend, outcome: Outcome, at: datetime) -> None:
    ShadowSend.objects.filter(pk=send.pk, finished_at=None).update(
        finished_at=at,
        outcome=outcome.word,
        status=outcome.status,
        answer=outcome.answer[:500],
        duration_ms=outcome.duration_ms,
        is_taken=outcome.kind in TAKEN,
    )


def words_of(sends: list[ShadowSend], now: datetime) -> Iterator[tuple[ShadowSend, str, str]]:
    """Each with what became of it, and its tone."""
    for one in sends:
        if one.finished_at is None:
            is_cut_off = now - one.sent_at > CUT_OFF_AFTER
            yield one, "no end known" if is_cut_off else "on its way", "warn" if is_cut_off else "calm"
        else:
            word = "taken" if one.outcome == "delivered" else queue.outcome(one.outcome)
            yield one, word, "good" if one.is_taken else "warn"


def sentence_of(sends: list[ShadowSend]) -> str:
    """The sample in one sentence; nothing where none went."""
    if not sends:
        return ""
    taken = sum(one.is_taken for one in sends)
    if taken == len(sends):
        return "The shadow took it." if taken == 1 else f"The shadow took all {taken}."
    return f"The shadow took {taken} of {len(sends)}: read what it answered before you start."
