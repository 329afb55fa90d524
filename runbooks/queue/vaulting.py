"""Payloads in and out of the vault: each is closed under the key of the person or record it speaks of."""

import hashlib
from collections.abc import Sequence

from django.utils.crypto import salted_hmac

from opsportal.vault import operations as vault
from runbooks.models import Payload, ReplayItem

SALT = "runbooks.queue.vaulting"


def subject_for(record_key: str, external_id: str, item_id: object) -> str:
    """Whose key closes a payload: what names its record, as a keyed hash, for a mail address is soon guessed."""
    named = record_key or external_id
    if not named:
        return f"replay-item:{item_id}"
    return f"lead:{salted_hmac(SALT, named, algorithm='sha256').hexdigest()[:40]}"


def close(subject: str, body: bytes) -> bytes:
    return vault.encrypt(subject, body)


def close_many(pairs: Sequence[tuple[str, bytes]]) -> list[bytes]:
    """The same for many, in order: a statement or two for all of them."""
    return vault.encrypt_many(pairs)


def open_payload(item: ReplayItem, revision: int | None = None) -> bytes:
    """The bytes as they came in (revision 0), or as they are to be sent. Raises vault's Shredded after an erasure."""
    wanted = item.revision if revision is None else revision
    payload = Payload.objects.get(item=item, revision=wanted)
    return vault.decrypt(payload.subject, bytes(payload.sealed))


def sha256(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()
