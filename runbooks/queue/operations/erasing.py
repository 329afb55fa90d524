"""Erasing a data subject from the queue: keys destroyed, what names them blanked; rows, hashes and the ledger stay."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.db.models import CharField, F, Q, Value
from django.db.models.functions import Cast, Concat

from opsportal.audit import operations as audit
from opsportal.audit.engine import Actor, Subject
from opsportal.audit.erasers import Erased
from opsportal.audit.models import Entry
from opsportal.errors import Conflict
from opsportal.vault import operations as vault
from runbooks.models import Attempt, Lane, Payload, ReplayItem, ShadowSend
from runbooks.queue import lanes
from runbooks.states import ItemState

BATCH = 500
REASON = "Its data subject was erased."
HELD = "A legal hold keeps it."


@transaction.atomic
def erase_subject(keys: Sequence[str], *, is_look: bool, actor: Actor, now: datetime) -> Erased:
    """Erase every payload of these record keys and external ids. What waits is discarded: it could not be sent.

    What a legal hold keeps stays whole, and so does the key it shares. Raises Conflict `being_sent`.
    """
    wanted = [key for key in keys if key]
    found = ReplayItem.objects.filter(Q(record_key__in=wanted) | Q(external_id__in=wanted))
    lane_ids = [] if is_look else lanes.lock_of(found)
    rows = list(found.order_by("pk").only("id", "state", "legal_hold", "lane_id", "finished_at"))
    held = [item for item in rows if item.legal_hold]
    mine = [item for item in rows if not item.legal_hold]
    if not is_look and any(item.state == ItemState.LEASED for item in mine):
        raise Conflict("being_sent", "One of these payloads is being sent. Try again in a minute.")
    ids = [item.pk for item in mine]
    subjects = _subjects(ids)
    kept_subjects = _subjects([item.pk for item in held])
    counts = {
        "items": len(mine),
        "unfinished_discarded": sum(item.finished_at is None for item in mine),
        "payloads": Payload.objects.filter(item__in=ids).count(),
        "keys_destroyed": len(subjects - kept_subjects),
    }
    if not is_look:
        counts["keys_destroyed"] = sum(vault.shred(subject) for subject in sorted(subjects - kept_subjects))
        Payload.objects.filter(item__in=ids, subject__in=kept_subjects).delete()
        _blank(ids, [lane for lane in lane_ids if lane not in {item.lane_id for item in held}], now)
        _blank_trail(ids, actor, now)
    return Erased(counts, {str(item.pk): HELD for item in held})


def _subjects(ids: Sequence[UUID]) -> set[str]:
    return set(Payload.objects.filter(item__in=ids).values_list("subject", flat=True))


def _blank(ids: Sequence[UUID], lane_ids: Sequence[int], now: datetime) -> None:
    """Names go, ids and hashes stay: a record that comes again gets a new lane and a new key."""
    for start in range(0, len(ids), BATCH):
        chunk = ids[start : start + BATCH]
        rows = ReplayItem.objects.filter(pk__in=chunk)
        rows.filter(finished_at=None).update(
            state=ItemState.DISCARDED, finished_at=now, due_at=None, authority="", last_error=REASON
        )
        rows.exclude(last_error=REASON).update(last_error="")
        rows.update(record_key="", external_id="", error_message="")
        Attempt.objects.filter(item__in=chunk).update(answer="")
        ShadowSend.objects.filter(item__in=chunk).update(answer="")
    for start in range(0, len(lane_ids), BATCH):
        several = Lane.objects.filter(pk__in=lane_ids[start : start + BATCH])
        several.update(record_key=Concat(Value("erased:"), Cast(F("pk"), CharField())))


def _blank_trail(ids: Sequence[UUID], actor: Actor, now: datetime) -> None:
    for start in range(0, len(ids), BATCH):
        chunk = [str(pk) for pk in ids[start : start + BATCH]]
        entries = Entry.objects.filter(subject_type="replay_item", subject_id__in=chunk)
        if entries.exists():
            audit.erase_details(
                subject=Subject("replay_items", chunk[0]), entries=entries, actor=actor, reason=REASON, now=now
            )
