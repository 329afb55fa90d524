"""Writing the trail: always inside the transaction of the change it records."""

import secrets
from collections.abc import Iterable

from django.db import transaction

from opsportal import trace
from opsportal.audit.engine import Draft, commitment_of, detail_of
from opsportal.audit.models import Detail, Entry


def record(draft: Draft) -> Entry:
    """Write one entry. Call it in the transaction of the change, so neither exists without the other."""
    return record_many([draft])[0]


def record_many(drafts: Iterable[Draft]) -> list[Entry]:
    """Write many entries with two statements; sweeps use it."""
    pairs = [_rows(draft) for draft in drafts]
    with transaction.atomic():
        entries = Entry.objects.bulk_create([entry for entry, _ in pairs])
        for entry, detail in pairs:
            detail.entry = entry
        Detail.objects.bulk_create([detail for _, detail in pairs])
    return entries


def _rows(draft: Draft) -> tuple[Entry, Detail]:
    salt, body = secrets.token_bytes(16), detail_of(draft)
    entry = Entry(
        at=draft.at,
        actor_kind=draft.actor.kind,
        actor_id=draft.actor.id,
        action=draft.action,
        subject_type=draft.subject.type,
        subject_id=draft.subject.id,
        team=draft.team,
        rule=draft.rule,
        source=draft.source or trace.current_source(),
        trace_id=draft.trace_id or trace.current_trace_id(),
        commitment=commitment_of(salt, body),
    )
    return entry, Detail(salt=salt, body=body)
