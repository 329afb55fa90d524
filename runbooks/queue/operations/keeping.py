"""How long payloads are kept, and what stops their removal: a legal hold."""

from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction

from opsportal.audit import operations as audit
from opsportal.audit.engine import Actor, Draft, Subject
from opsportal.errors import InvalidInput
from runbooks.models import Payload, ReplayItem
from runbooks.queue.operations.deciding import team_of_item

BATCH = 1_000


@transaction.atomic
def remove_old_payloads(*, actor: Actor, now: datetime) -> int:
    """Remove the payloads of what has been over for as long as they are kept; answers how many. Rows, hashes and the
    ledger stay. One batch each time; what is not over is never touched.
    """
    horizon = now - timedelta(days=settings.REPLAY_KEEP_DAYS)
    over = Payload.objects.filter(item__finished_at__lt=horizon, item__legal_hold="")
    keys = list(over.order_by("pk").values_list("pk", flat=True)[:BATCH])
    if not keys:
        return 0
    count, _ = Payload.objects.filter(pk__in=keys).delete()
    subject = Subject("replay_payloads", horizon.date().isoformat())
    audit.record(Draft(actor, "replay.payloads_removed", subject, now, extra={"count": count}))
    return count


@transaction.atomic
def hold_for_law(item: ReplayItem, *, reason: str, actor: Actor, now: datetime) -> ReplayItem:
    """Keep a payload beyond its time, until the hold ends. `reason` names the case."""
    if not reason.strip():
        raise InvalidInput("required", "Name the case it is held for.", field="reason")
    ReplayItem.objects.filter(pk=item.pk).update(legal_hold=reason.strip()[:240])
    _record(item, "legal_hold", reason=reason, actor=actor, now=now)
    return ReplayItem.objects.get(pk=item.pk)


@transaction.atomic
def end_legal_hold(item: ReplayItem, *, reason: str, actor: Actor, now: datetime) -> ReplayItem:
    """Let the payload go when its time comes."""
    if not reason.strip():
        raise InvalidInput("required", "Say why the hold ends.", field="reason")
    if ReplayItem.objects.filter(pk=item.pk).exclude(legal_hold="").update(legal_hold=""):
        _record(item, "legal_hold_ended", reason=reason, actor=actor, now=now)
    return ReplayItem.objects.get(pk=item.pk)


def _record(item: ReplayItem, action: str, *, reason: str, actor: Actor, now: datetime) -> None:
    team = team_of_item(item)
    subject = Subject("replay_item", str(item.pk), str(item))
    audit.record(Draft(actor, f"replay.{action}", subject, now, team=team.slug if team else "", reason=reason))
