"""Reads of the trail for pages, API and the rooms above. Callers iterate or slice; details come with the entries."""

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

from django.conf import settings
from django.db import connection
from django.db.models import Count, Max, Min, Q, QuerySet
from django.utils.module_loading import import_string

from opsportal.audit import guard
from opsportal.audit.engine import Subject
from opsportal.audit.models import Detail, Entry, Seal, Verification
from opsportal.errors import NotFound

# Text is looked for in the words of this many newest entries; keys are found by index in all of them.
SEARCHED = 20_000
COUNTED = 10_000
LATE_SEAL = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class Head:
    """The newest seal. `str(head)` is what leaves the system: NUMBER:HASH."""

    number: int
    hash: str
    sealed_at: datetime
    max_id: int

    def __str__(self) -> str:
        return f"{self.number}:{self.hash}"


@dataclass(frozen=True, slots=True)
class ChainStatus:
    """`waiting` entries are not sealed yet, the oldest since `waiting_since`; `verification` ended last.

    `is_protected`: the database refuses changes. `word`, `tone` and `sentence` are the verdict of it all.
    """

    head: Head | None
    waiting: int
    waiting_since: datetime | None
    verification: Verification | None
    is_protected: bool
    word: str
    tone: str
    sentence: str


def list_entries(*, teams: set[str] | None = None, **criteria: Any) -> QuerySet[Entry]:
    """Entries, newest first, with their details. `teams` limits to those teams and entries without one; None means all.

    The criteria are those of narrow().
    """
    return narrow(visible_entries(teams), **criteria)


def narrow(
    entries: QuerySet[Entry],
    *,
    actor_kind: str = "",
    actor_id: str = "",
    action: str = "",
    subject_type: str = "",
    subject_id: str = "",
    trace_id: str = "",
    rule: str = "",
    source: str = "",
    from_at: datetime | None = None,
    until: datetime | None = None,
    q: str = "",
) -> QuerySet[Entry]:
    """The entries that match all that is given.

    `action` ending in a dot means every action below it; `[from_at, until)` is half open; `q`: see search().
    """
    exact = {
        "actor_kind": actor_kind,
        "actor_id": actor_id,
        "subject_type": subject_type,
        "subject_id": subject_id,
        "trace_id": trace_id,
        "rule": rule,
        "source": source,
        "action__startswith" if action.endswith(".") else "action": action,
    }
    entries = entries.filter(**{name: value for name, value in exact.items() if value})
    if from_at is not None:
        entries = entries.filter(at__gte=from_at)
    if until is not None:
        entries = entries.filter(at__lt=until)
    return search(entries, q) if q else entries


def visible_entries(teams: set[str] | None) -> QuerySet[Entry]:
    entries = Entry.objects.select_related("detail").order_by("-id")
    return entries if teams is None else entries.filter(Q(team="") | Q(team__in=teams))


def search(entries: QuerySet[Entry], text: str) -> QuerySet[Entry]:
    """Entries about the record or with the trace id `text`, and of the newest 20,000 those whose words contain it."""
    text = text.strip().replace("\x00", "")
    escaped = json.dumps(text, ensure_ascii=False)[1:-1]
    newest = Entry.objects.aggregate(Max("id"))["id__max"] or 0
    words = Detail.objects.filter(entry_id__gt=newest - SEARCHED, body__icontains=escaped)
    # A union: each part goes by its own index, where an OR over two tables would read them whole.
    keys = Entry.objects.order_by().values("pk")
    found = keys.filter(trace_id=text).union(keys.filter(subject_id=text), words.order_by().values("entry_id"))
    return entries.filter(pk__in=found)


def entries_of(subject_type: str, subject_id: str) -> QuerySet[Entry]:
    """The history of one record, oldest first. Whoever may see the record may see it."""
    entries = Entry.objects.select_related("detail")
    return entries.filter(subject_type=subject_type, subject_id=subject_id).order_by("id")


def entries_with_trace(trace_id: str, *, teams: set[str] | None = None) -> QuerySet[Entry]:
    """Everything that one request or event touched, oldest first."""
    return visible_entries(teams).filter(trace_id=trace_id).order_by("id")


def entries_about(subject: Subject) -> QuerySet[Entry]:
    """Entries on a subject and, when it is a person, those where they acted: what an erasure looks at first."""
    about = Q(subject_type=subject.type, subject_id=subject.id)
    if subject.type == "person":
        about |= Q(actor_kind="human", actor_id=subject.id)
    return Entry.objects.filter(about)


def entries_mentioning(texts: list[str]) -> QuerySet[Entry]:
    """Entries whose detail holds one of the texts, whatever the case. Reads every detail: for erasures only."""
    mentions = Q(pk__in=[])
    for text in texts:
        mentions |= Q(detail__body__icontains=json.dumps(text, ensure_ascii=False)[1:-1])
    return Entry.objects.filter(mentions)


def get_entry(entry_id: int, *, teams: set[str] | None) -> Entry:
    """One entry; raises NotFound, also for another team's."""
    entry = visible_entries(teams).filter(pk=entry_id).first()
    if entry is None:
        raise NotFound("unknown_entry", "There is no such entry, or you may not see it.")
    return entry


def get_seal_of(entry: Entry) -> Seal | None:
    """The seal that holds an entry; None while it waits. Looks at the seals around the entry's place only."""
    near = Seal.objects.filter(max_id__gte=entry.pk, entry_count__gt=0).defer("leaves").order_by("number")
    for seal in near[:100]:
        if any(first <= entry.pk <= last for first, last in json.loads(seal.spans)):
            return seal
    return None


def visible_teams(principal: Any) -> set[str] | None:
    """Slugs of the teams whose entries a principal may see, None for all. The room of people answers it."""
    answer: set[str] | None = _visibility()(principal)
    return answer


@lru_cache(maxsize=1)
def _visibility() -> Any:
    return import_string(settings.AUDIT_VISIBLE_TEAMS)


def head() -> Head | None:
    """The newest seal; None before the first."""
    newest = Seal.objects.order_by("-number").values_list("number", "hash", "sealed_at", "max_id").first()
    return Head(newest[0], bytes(newest[1]).hex(), newest[2], newest[3]) if newest else None


def chain_status(now: datetime) -> ChainStatus:
    """Whether the trail is sealed and verified, in one sentence."""
    newest = head()
    unsealed = Entry.objects.filter(id__gt=newest.max_id if newest else 0).order_by("id")
    waiting = unsealed[:COUNTED].aggregate(count=Count("id"), since=Min("at"))
    checked = Verification.objects.exclude(finished_at=None).order_by("-finished_at").first()
    is_protected = not guard.missing(connection)
    verdict = _verdict(newest, waiting["since"], checked, now) if is_protected else UNPROTECTED
    return ChainStatus(newest, waiting["count"], waiting["since"], checked, is_protected, *verdict)


UNPROTECTED = ("not protected", "bad", "The database no longer refuses changes. Run `manage.py protect_audit`.")


def _verdict(
    newest: Head | None, oldest: datetime | None, checked: Verification | None, now: datetime
) -> tuple[str, str, str]:
    if checked is not None and checked.problem:
        return "does not verify", "bad", checked.problem
    if newest is None:
        return "not sealed yet", "warn", "No seal has been made so far. The worker makes one every two minutes."
    if oldest is not None and now - oldest > LATE_SEAL and now - newest.sealed_at > LATE_SEAL:
        return "sealing is late", "warn", "Entries are waiting to be sealed. Check that the worker runs."
    if checked is None:
        return "sealed", "calm", "The trail is sealed up to now. Its first verification is under way."
    return "verified", "good", "Every entry since the first is as it was written."
