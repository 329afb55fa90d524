"""Erasing a data subject from the trail: details are blanked whole, the chain still verifies."""

from datetime import datetime

from django.db.models import Q, QuerySet

from opsportal.audit import operations as audit
from opsportal.audit.engine import Actor, Subject
from opsportal.audit.erasers import Erased, Sought
from opsportal.audit.models import Detail, Entry

BATCH = 500
REASON = "Its data subject was erased."
KEPT_ACTION = "person.erased"  # the proof of an erasure: its own words name nobody


def erase_from_trail(sought: Sought, *, is_look: bool, actor: Actor, now: datetime) -> Erased:
    """Blank what entries about their records say, and every other detail that names them."""
    ids = sorted(_about_records(sought) | _naming(sought) - _about_held(sought))
    if not is_look:
        for start in range(0, len(ids), BATCH):
            entries = Entry.objects.filter(pk__in=ids[start : start + BATCH])
            whom = Subject("data_subject", "details")
            audit.erase_details(subject=whom, entries=entries, actor=actor, reason=REASON, now=now)
    return Erased({"details": len(ids)})


def _about_records(sought: Sought) -> set[int]:
    found: set[int] = set()
    for kind in {kind for kind, _ in sought.found.records}:
        ids = sought.ids_of(kind)
        for start in range(0, len(ids), BATCH):
            found |= _readable(Entry.objects.filter(subject_type=kind, subject_id__in=ids[start : start + BATCH]))
    return found


def _naming(sought: Sought) -> set[int]:
    words = Q()
    for needle in sought.mentions.needles:
        words |= Q(body__icontains=needle)
    details = Detail.objects.filter(words, erased_at=None).values_list("pk", "body").iterator(chunk_size=BATCH)
    named = [pk for pk, body in details if sought.mentions.stand_in(body)]
    chunks = (named[start : start + BATCH] for start in range(0, len(named), BATCH))
    return {pk for chunk in chunks for pk in _readable(Entry.objects.filter(pk__in=chunk))}


def _about_held(sought: Sought) -> set[int]:
    ids = [key for _, key in sought.found.held]
    return set(Entry.objects.filter(subject_id__in=ids).values_list("pk", flat=True)) if ids else set()


def _readable(entries: QuerySet[Entry]) -> set[int]:
    unread = entries.filter(detail__erased_at=None).exclude(action=KEPT_ACTION)
    return set(unread.values_list("pk", flat=True))
