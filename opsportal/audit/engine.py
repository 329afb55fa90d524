"""What an audit entry says, and its commitment. No database here.

The commitment is SHA-256(salt || canonical JSON of the detail). The chain is built over commitments, so the detail
(labels, reason, before, after) can be erased while the chain still verifies.
"""

import hashlib
import json
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts. `kind` is human, system, token or unknown; `id` is stable, `label` is what a reader sees."""

    kind: str
    id: str
    label: str

    @classmethod
    def system(cls, name: str) -> "Actor":
        return cls("system", name, name)


@dataclass(frozen=True, slots=True)
class Subject:
    """What was acted on: `type` is the record's kind (handoff, rule, token), `id` its stable key."""

    type: str
    id: str
    label: str = ""


@dataclass(frozen=True, slots=True)
class Draft:
    """One audit entry before it is written. `extra` holds what only this action has (stage, recipients)."""

    actor: Actor
    action: str
    subject: Subject
    at: datetime
    trace_id: str = ""
    source: str = ""
    rule: str = ""
    team: str = ""
    occurred_at: datetime | None = None
    reason: str = ""
    before: dict[str, Any] = field(default_factory=dict)
    after: dict[str, Any] = field(default_factory=dict)
    extra: dict[str, Any] = field(default_factory=dict)


def detail_of(draft: Draft) -> str:
    """The canonical JSON of what may be erased: sorted keys, no spaces, UTF-8 kept, times as ISO 8601 with Z."""
    body = {
        "actor": draft.actor.label,
        "subject": draft.subject.label,
        "occurred_at": draft.occurred_at or draft.at,
        "reason": draft.reason,
        "before": draft.before,
        "after": draft.after,
        "extra": draft.extra,
    }
    text = _encode(body)
    return text if _is_unicode(text) else json.dumps(json.loads(text), sort_keys=True, separators=(",", ":"))


def key_of(value: str, length: int) -> str:
    """A key as the trail keeps it: at most `length` characters, nothing a database refuses.

    What is recorded may come from outside (the user name of a failed sign-in); recording it must never fail.
    """
    if value.isascii() and len(value) <= length and "\x00" not in value:
        return value
    return value.encode("utf-8", "replace").decode().replace("\x00", "?")[:length]


def commitment_of(salt: bytes, detail: str) -> bytes:
    """32 bytes that bind an entry to its detail without revealing it."""
    return hashlib.sha256(salt + detail.encode()).digest()


def _is_unicode(text: str) -> bool:
    """False for lone surrogates: they cannot be stored, but their JSON escapes can."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _plain(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    return str(value)


# Made once: json.dumps would build an encoder for every entry.
_encode = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=_plain).encode
