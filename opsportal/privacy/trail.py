"""Erasing a data subject from the trail: details are blanked whole, the chain still verifies."""

import json
from datetime import datetime

from django.db.models import QuerySet

from opsportal.audit import operations as audit
from opsportal.audit.engine import Actor, Subject
from opsportal.audit.erasers import INSIDE, Erased, Kept, Sought
from opsportal.audit.models import Detail, Entry
from opsportal.audit.seeking import conditions

BATCH = 500
REASON = "Its data subject was erased."
KEPT_ACTION = "person.erased"  # the proof of an erasure: its own words name nobody


def erase_from_trail(sought: Sought, *, is_look: bool, actor: Actor, now: datetime) -> Erased:
    """Blank what entries about their records say, and every other detail that names them."""
    held, (naming, longer) = _about_held(sought), _naming(sought)
    ids = sorted(_about_records(sought) | naming - held)
    if not is_look:
        for start in range(0, len(ids), BATCH):
            entries = Entry.objects.filter(pk__in=ids[start : start + BATCH])
            whom = Subject("data_subject", "details")
            audit.erase_details(subject=whom, entries=entries, actor=actor, reason=REASON, now=now)
    kept = Kept()
    for pk in sorted(longer - held - set(ids)):
        kept.note("audit_detail", pk, INSIDE)
    return Erased({"details": len(ids)}, kept.said())


def _about_records(sought: Sought) -> set[int]:
    found: set[int] = set()
    for kind in {kind for kind, _ in sought.found.records}:
        ids = sought.ids_of(kind)
        for start in range(0, len(ids), BATCH):
            found |= _readable(Entry.objects.filter(subject_type=kind, subject_id__in=ids[start : start + BATCH]))
    return found


def _naming(sought: Sought) -> tuple[set[int], set[int]]:
    """The details that name them, and those in which only a longer word does."""
    named, longer = set[int](), set[int]()
    for condition in conditions(["body"], sought.mentions):
        details = Detail.objects.filter(condition, erased_at=None).values_list("pk", "body")
        for pk, body in details.iterator(chunk_size=BATCH):
            (named if sought.mentions.stand_in(json.loads(body)) else longer).add(pk)
    return _readable_of(named), _readable_of(longer)


def _readable_of(ids: set[int]) -> set[int]:
    ordered = sorted(ids)
    chunks = (ordered[start : start + BATCH] for start in range(0, len(ordered), BATCH))
    return {pk for chunk in chunks for pk in _readable(Entry.objects.filter(pk__in=chunk))}


def _about_held(sought: Sought) -> set[int]:
    ids = [key for _, key in sought.found.held]
    return set(Entry.objects.filter(subject_id__in=ids).values_list("pk", flat=True)) if ids else set()


def _readable(entries: QuerySet[Entry]) -> set[int]:
    unread = entries.filter(detail__erased_at=None).exclude(action=KEPT_ACTION)
    return set(unread.values_list("pk", flat=True))
