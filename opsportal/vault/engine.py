"""Envelopes: AES-256-GCM (NIST SP 800-38D) with random 96-bit nonces. No database here.

Sealed bytes = version (1) | key id (16) | nonce (12) | ciphertext and tag. The subject and the key id are associated
data, so a ciphertext moved to another subject's row does not open.
"""

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

VERSION = b"\x01"
KEY_BYTES, NONCE_BYTES, ID_BYTES = 32, 12, 16
HEAD_BYTES = len(VERSION) + ID_BYTES + NONCE_BYTES


class VaultError(Exception):
    """The ciphertext does not open: it was changed, belongs to another subject, or the wrapping key is missing."""


class Shredded(VaultError):
    """The subject's data key was destroyed; nothing can open this any more."""


@dataclass(frozen=True, slots=True)
class WrappingKey:
    """A key-encryption key; `fingerprint` is safe to store beside what it wrapped."""

    material: bytes

    @property
    def fingerprint(self) -> str:
        return hashlib.sha256(b"opsportal vault key:" + self.material).hexdigest()[:8]


def new_data_key() -> bytes:
    return secrets.token_bytes(KEY_BYTES)


def wrap(data_key: bytes, *, by: WrappingKey, key_id: UUID, subject: str) -> bytes:
    """The data key, closed under a key-encryption key."""
    return _close(by.material, data_key, b"wrap:" + _bound(key_id, subject))


def unwrap(
    wrapped: bytes,
    *,
    keys: Sequence[WrappingKey],
    fingerprint: str,
    key_id: UUID,
    subject: str,
) -> bytes:
    """The data key again; VaultError when no key of the configuration has this fingerprint."""
    for key in keys:
        if key.fingerprint == fingerprint:
            return _open(key.material, wrapped, b"wrap:" + _bound(key_id, subject))
    raise VaultError(f"The key {fingerprint} is not among OPSPORTAL_VAULT_KEYS.")


def seal(plaintext: bytes, *, data_key: bytes, key_id: UUID, subject: str) -> bytes:
    return VERSION + key_id.bytes + _close(data_key, plaintext, b"data:" + _bound(key_id, subject))


def unseal(sealed: bytes, *, data_key: bytes, key_id: UUID, subject: str) -> bytes:
    return _open(data_key, sealed[len(VERSION) + ID_BYTES :], b"data:" + _bound(key_id, subject))


def key_id_of(sealed: bytes) -> UUID:
    """Which data key closed these bytes; VaultError when they are not ours."""
    if len(sealed) < HEAD_BYTES or sealed[:1] != VERSION:
        raise VaultError("These bytes were not sealed here.")
    return UUID(bytes=bytes(sealed[len(VERSION) : len(VERSION) + ID_BYTES]))


def _bound(key_id: UUID, subject: str) -> bytes:
    return key_id.bytes + subject.encode()


def _close(key: bytes, plaintext: bytes, bound: bytes) -> bytes:
    nonce = secrets.token_bytes(NONCE_BYTES)
    return nonce + AESGCM(key).encrypt(nonce, plaintext, bound)


def _open(key: bytes, closed: bytes, bound: bytes) -> bytes:
    try:
        return AESGCM(key).decrypt(closed[:NONCE_BYTES], closed[NONCE_BYTES:], bound)
    except (InvalidTag, ValueError) as error:
        raise VaultError("The ciphertext does not open: it was changed or belongs to another subject.") from error
