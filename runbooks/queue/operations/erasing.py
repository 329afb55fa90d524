"""Erasing a data subject from the queue: keys destroyed, what names them blanked; rows, hashes and the ledger stay."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.db.models import CharField, F, Value
from django.db.models.functions import Cast, Concat

from opsportal.audit.engine import Actor
from opsportal.audit.erasers import Erased, Sought
from opsportal.errors import Conflict
from opsportal.vault import operations as vault
from runbooks.models import Attempt, Lane, Payload, ReplayItem, ShadowSend
from runbooks.queue import lanes
from runbooks.states import ItemState

BATCH = 500
REASON = "Its data subject was erased."
HELD = "A legal hold keeps it."


@transaction.atomic
def erase_subject(sought: Sought, *, is_look: bool, actor: Actor, now: datetime) -> Erased:
    """Erase every payload of theirs. What waits is discarded: it could not be sent.

    What a legal hold keeps stays whole, and so does a key that something else shares. Raises Conflict `being_sent`,
    and `legal_hold` where one was set since they were found.
    """
    held_ids = [UUID(key) for kind, key in sought.found.held if kind == "replay_item"]
    found = ReplayItem.objects.filter(pk__in=sought.ids_of("replay_item"))
    lane_ids = [] if is_look else lanes.lock_of(found)
    mine = list((found if is_look else found.select_for_update()).order_by("pk"))
    if not is_look:
        _refuse(mine)
    ids = [item.pk for item in mine]
    subjects, kept_subjects = _subjects(ids), _subjects_kept(ids)
    counts = {
        "items": len(mine),
        "unfinished_discarded": sum(item.finished_at is None for item in mine),
        "payloads": Payload.objects.filter(item__in=ids).count(),
        "keys_destroyed": len(subjects - kept_subjects),
    }
    if not is_look:
        counts["keys_destroyed"] = sum(vault.shred(subject) for subject in sorted(subjects - kept_subjects))
        Payload.objects.filter(item__in=ids, subject__in=kept_subjects).delete()
        spared = sought.found.spared.get(Lane._meta.db_table, frozenset())
        _blank(ids, [lane for lane in lane_ids if lane not in spared], now)
    return Erased(counts, {str(pk): HELD for pk in held_ids})


def _refuse(mine: Sequence[ReplayItem]) -> None:
    if any(item.legal_hold for item in mine):
        raise Conflict("legal_hold", "A legal hold was set on one of these payloads just now. Look again.")
    if any(item.state == ItemState.LEASED for item in mine):
        raise Conflict("being_sent", "One of these payloads is being sent. Try again in a minute.")


def _subjects(ids: Sequence[UUID]) -> set[str]:
    return set(Payload.objects.filter(item__in=ids).values_list("subject", flat=True))


def _subjects_kept(ids: Sequence[UUID]) -> set[str]:
    """Those that a payload of another item is closed under, too: one under a hold, or one that came just now."""
    others = Payload.objects.filter(subject__in=_subjects(ids)).exclude(item__in=ids)
    return set(others.values_list("subject", flat=True))


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
        Payload.objects.filter(item__in=chunk).update(subject=Concat(Value("erased:"), Cast("item_id", CharField())))
    for start in range(0, len(lane_ids), BATCH):
        several = Lane.objects.filter(pk__in=lane_ids[start : start + BATCH])
        several.update(record_key=Concat(Value("erased:"), Cast(F("pk"), CharField())))
