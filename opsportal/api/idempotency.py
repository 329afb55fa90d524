"""Idempotency-Key: the same request twice has one effect and one answer.

The effect and its stored answer commit in one transaction, so a crash leaves both or neither, and no row ever says
"in progress". What is in progress is known by an advisory lock that dies with its connection (PostgreSQL); on SQLite
writers queue anyway, and the second one finds the answer of the first.
"""

import base64
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography.fernet import Fernet
from django.conf import settings
from django.db import connection, transaction
from rest_framework.request import Request

from opsportal.api.errors import Busy, Malformed, Unusable
from opsportal.api.models import IdempotentAnswer

KEPT = timedelta(hours=24)
MAX_KEY_LENGTH = 255
KEPT_HEADERS = ("Content-Type", "Location", "Duplicate")
PRUNE_BATCH = 1000


@dataclass(frozen=True, slots=True)
class Answer:
    """A finished answer: what is stored, and what is sent again."""

    status: int
    headers: dict[str, str]
    body: bytes
    replayed: bool = False


def key_of(request: Request) -> str:
    """The caller's key, or empty when there is none; raises Malformed when it is not 1-255 printable ASCII characters.

    An empty one is refused as well: some servers hand bytes beyond ASCII on as nothing, and the caller counts on it.
    """
    key: str | None = request.META.get("HTTP_IDEMPOTENCY_KEY")
    if request.method != "POST" or key is None:
        return ""
    key = key.strip()
    if not 0 < len(key) <= MAX_KEY_LENGTH or not (key.isascii() and key.isprintable()):
        raise Malformed("bad_idempotency_key", "An Idempotency-Key has 1 to 255 printable ASCII characters.")
    return key


def scope_of(credential: str, method: str, path: str, key: str) -> bytes:
    """What makes a key unique: SHA-256 over length-prefixed parts, so that no two of them can run together."""
    parts = (part.encode("utf-8", "surrogateescape") for part in (credential, method, path, key))
    return hashlib.sha256(b"".join(len(part).to_bytes(4, "big") + part for part in parts)).digest()


def once(*, scope: bytes, request_hash: bytes, now: datetime, produce: Callable[[], Answer]) -> Answer:
    """Run `produce` at most once in 24 hours for this scope, and answer the same ever after.

    `produce` runs inside the transaction that stores its answer; when it raises, or answers 5xx, nothing is stored.
    Raises Busy (409) while another request holds the scope, Unusable (422) when the request differs from the first.
    """
    with transaction.atomic():
        _take(scope)
        known = IdempotentAnswer.objects.filter(pk=scope).first()
        if known is not None and known.created_at > now - KEPT:
            return _replay(known, request_hash)
        answer = produce()
        if answer.status < 500:
            _store(scope, request_hash, answer, now)
        else:
            transaction.set_rollback(True)
        return answer


def prune(now: datetime) -> int:
    """Forget answers older than a day; one bounded batch, returns how many went."""
    old = IdempotentAnswer.objects.filter(created_at__lte=now - KEPT).order_by("created_at").values("pk")
    deleted, _ = IdempotentAnswer.objects.filter(pk__in=[row["pk"] for row in old[:PRUNE_BATCH]]).delete()
    return deleted


def _take(scope: bytes) -> None:
    if connection.vendor != "postgresql":
        return
    number = int.from_bytes(scope[:8], "big", signed=True)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [number])
        if not cursor.fetchone()[0]:
            raise Busy("A request with this Idempotency-Key is being worked on. Ask again in a moment.")


def _replay(known: IdempotentAnswer, request_hash: bytes) -> Answer:
    if bytes(known.request_hash) != request_hash:
        raise Unusable("idempotency_key_reused", "This Idempotency-Key came before with another body.")
    return Answer(known.status, known.headers, _sealer(bytes(known.scope)).decrypt(bytes(known.body)), replayed=True)


def _sealer(scope: bytes) -> Fernet:
    """Some answers hold a secret that is shown once: who reads the table alone reads none of them."""
    return Fernet(base64.urlsafe_b64encode(hashlib.sha256(b"answer" + settings.SECRET_KEY.encode() + scope).digest()))


def _store(scope: bytes, request_hash: bytes, answer: Answer, now: datetime) -> None:
    IdempotentAnswer.objects.bulk_create(
        [
            IdempotentAnswer(
                scope=scope,
                request_hash=request_hash,
                status=answer.status,
                headers=answer.headers,
                body=_sealer(scope).encrypt(answer.body),
                created_at=now,
            )
        ],
        update_conflicts=True,  # a forgotten key of more than a day ago
        unique_fields=["scope"],
        update_fields=["request_hash", "status", "headers", "body", "created_at"],
    )
