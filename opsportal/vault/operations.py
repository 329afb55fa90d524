"""Closing, opening, shredding, and moving to a new key-encryption key."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import CharField, QuerySet, Value
from django.db.models.functions import Cast, Concat, Now

from opsportal.vault import engine
from opsportal.vault.engine import Shredded, VaultError, WrappingKey
from opsportal.vault.keys import wrapping_keys
from opsportal.vault.models import SubjectKey

__all__ = [
    "Rewrapped",
    "Shredded",
    "VaultError",
    "decrypt",
    "decrypt_many",
    "encrypt",
    "encrypt_many",
    "list_unrotated",
    "rewrap",
    "shred",
]

AT_ONCE = 500  # SQLite takes so many parameters and more


def encrypt(subject: str, plaintext: bytes) -> bytes:
    """Close bytes under the subject's data key, which is made when there is none (or none any more)."""
    key = _living(subject) or _make(subject)
    return engine.seal(plaintext, data_key=_opened(key), key_id=key.pk, subject=subject)


def encrypt_many(pairs: Sequence[tuple[str, bytes]]) -> list[bytes]:
    """The same for many (subject, plaintext), in order; all new subjects get their keys in one statement a piece."""
    subjects = sorted({subject for subject, _ in pairs})
    keys: dict[str, SubjectKey] = {}
    for start in range(0, len(subjects), AT_ONCE):
        keys |= _living_or_made(subjects[start : start + AT_ONCE])
    opened = {subject: _opened(key) for subject, key in keys.items()}
    return [
        engine.seal(plaintext, data_key=opened[subject], key_id=keys[subject].pk, subject=subject)
        for subject, plaintext in pairs
    ]


def decrypt(subject: str, ciphertext: bytes) -> bytes:
    """Open what `encrypt` closed for this subject. Shredded when its key was destroyed, VaultError otherwise."""
    sealed = bytes(ciphertext)
    key_id = engine.key_id_of(sealed)
    key = SubjectKey.objects.filter(pk=key_id).first()
    if key is None or (key.subject != subject and key.shredded_at is None):
        raise VaultError("The ciphertext does not open: it belongs to another subject.")
    return engine.unseal(sealed, data_key=_opened(key), key_id=key_id, subject=subject)


def decrypt_many(several: Sequence[tuple[str, bytes]]) -> list[bytes | None]:
    """Open many, each with its subject, by one read of keys; None where one does not open, erased or not ours."""
    keys = {(key.pk, key.subject): key for key in SubjectKey.objects.filter(subject__in={name for name, _ in several})}
    return [_opens(subject, sealed, keys) for subject, sealed in several]


def _opens(subject: str, sealed: bytes, keys: Mapping[tuple[UUID, str], SubjectKey]) -> bytes | None:
    try:
        key_id = engine.key_id_of(sealed)
        key = keys.get((key_id, subject))
        if key is None:
            return None
        return engine.unseal(sealed, data_key=_opened(key), key_id=key_id, subject=subject)
    except VaultError:
        return None


def shred(subject: str) -> bool:
    """Destroy the subject's data key; answers whether there was one. What comes later gets a new key.

    The row stays, so that what it closed reads as erased, and no longer says whose it was.
    """
    living = SubjectKey.objects.filter(subject=subject, shredded_at=None)
    nobody = Concat(Value("shredded:"), Cast("pk", CharField()))
    return bool(living.update(wrapped=b"", shredded_at=Now(), subject=nobody))


@dataclass(frozen=True, slots=True)
class Rewrapped:
    """What one batch came to: `moved` keys, `stuck` ones, `last` the key to go on after (None: the end)."""

    moved: int
    stuck: tuple[SubjectKey, ...]
    last: UUID | None


def rewrap(*, limit: int = 1000, after: UUID | None = None) -> Rewrapped:
    """Put up to `limit` data keys under the first key-encryption key. Each is moved by itself, so a run that was
    interrupted goes on where it stopped, and two at once do no harm.
    """
    keys = wrapping_keys()
    old = list_unrotated().order_by("pk")
    batch = list((old if after is None else old.filter(pk__gt=after))[:limit])
    moved, stuck = 0, []
    for key in batch:
        try:
            moved += _rewrap(key, keys[0])
        except VaultError:
            stuck.append(key)
    return Rewrapped(moved, tuple(stuck), batch[-1].pk if batch else None)


def list_unrotated() -> QuerySet[SubjectKey]:
    """Living data keys that are not under the first key-encryption key yet."""
    return SubjectKey.objects.filter(shredded_at=None).exclude(wrapped_by=wrapping_keys()[0].fingerprint)


def _rewrap(key: SubjectKey, first: WrappingKey) -> int:
    wrapped = engine.wrap(_opened(key), by=first, key_id=key.pk, subject=key.subject)
    living = SubjectKey.objects.filter(pk=key.pk, shredded_at=None, wrapped_by=key.wrapped_by)
    return living.update(wrapped=wrapped, wrapped_by=first.fingerprint)


def _living(subject: str) -> SubjectKey | None:
    return SubjectKey.objects.filter(subject=subject, shredded_at=None).first()


def _living_or_made(subjects: Sequence[str]) -> dict[str, SubjectKey]:
    living = SubjectKey.objects.filter(shredded_at=None, subject__in=subjects)
    found = {key.subject: key for key in living}
    missing = [_fresh(subject) for subject in subjects if subject not in found]
    if missing:
        # Where another process was first, its key is the one.
        SubjectKey.objects.bulk_create(missing, ignore_conflicts=True)
        found = {key.subject: key for key in living.all()}
    return found


def _fresh(subject: str) -> SubjectKey:
    first = wrapping_keys()[0]
    key = SubjectKey(subject=subject, wrapped_by=first.fingerprint)
    key.wrapped = engine.wrap(engine.new_data_key(), by=first, key_id=key.pk, subject=subject)
    return key


def _make(subject: str) -> SubjectKey:
    """A new data key; when another process was first, theirs."""
    key = _fresh(subject)
    try:
        with transaction.atomic():
            key.save(force_insert=True)
    except IntegrityError:
        return SubjectKey.objects.get(subject=subject, shredded_at=None)
    return key


def _opened(key: SubjectKey) -> bytes:
    if key.shredded_at is not None:
        raise Shredded("The key of this subject was destroyed.")
    return engine.unwrap(
        bytes(key.wrapped),
        keys=wrapping_keys(),
        fingerprint=key.wrapped_by,
        key_id=key.pk,
        subject=key.subject,
    )
