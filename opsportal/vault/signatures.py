"""Signatures of Standard Webhooks (standardwebhooks.com, scheme v1: HMAC-SHA-256 over id.timestamp.body).

Used in both directions: what leaves is signed here, what comes in is verified here, always over the raw bytes.
"""

import base64
import binascii
import hashlib
import hmac
import secrets as randomness
from collections.abc import Sequence
from datetime import datetime

from opsportal.errors import InvalidInput

PREFIX = "whsec_"
SHORTEST, LONGEST = 24, 64  # bytes of a secret, as the specification asks
TOLERANCE_SECONDS = 300
MOST_SIGNATURES = 20


class SignatureError(Exception):
    """A message that was not signed by somebody who knows the secret, or not now. `code` says which."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def new_secret() -> str:
    """A signing secret with 32 random bytes, in the form `whsec_<base64>`."""
    return PREFIX + base64.b64encode(randomness.token_bytes(32)).decode()


def checked_secret(secret: str) -> str:
    """The secret in its usual form; InvalidInput when it is not 24 to 64 bytes in base64."""
    try:
        size = len(_key(secret))
    except (binascii.Error, ValueError):
        size = 0
    if not SHORTEST <= size <= LONGEST:
        raise InvalidInput("secret_invalid", "A secret is whsec_ and 24 to 64 bytes in base64.", field="secret")
    return PREFIX + secret.removeprefix(PREFIX)


def sign(secret: str, *, message_id: str, timestamp: int, body: bytes) -> str:
    """One signature `v1,<base64>`; several may stand in one header, separated by spaces."""
    digest = hmac.digest(_key(secret), f"{message_id}.{timestamp}.".encode() + body, hashlib.sha256)
    return "v1," + base64.b64encode(digest).decode()


def verify(
    secrets: Sequence[str], *, message_id: str, timestamp: str, signature: str, body: bytes, now: datetime
) -> None:
    """Raise SignatureError unless one of the signatures holds for one of the secrets and the time is near `now`.

    Every pair is compared, in constant time, so the answer's timing says nothing about which one held.
    """
    if not (message_id and timestamp and signature):
        raise SignatureError("signature_missing", "webhook-id, webhook-timestamp and webhook-signature are needed.")
    at = _timestamp(timestamp)
    if abs(now.timestamp() - at) > TOLERANCE_SECONDS:
        raise SignatureError("timestamp_out_of_tolerance", "The timestamp is more than five minutes away.")
    offered = [part.encode() for part in signature.split(" ")[:MOST_SIGNATURES]]
    expected = [sign(secret, message_id=message_id, timestamp=at, body=body).encode() for secret in secrets]
    held = [hmac.compare_digest(one, other) for one in offered for other in expected]
    if not any(held):
        raise SignatureError("signature_invalid", "No signature holds for this message.")


def _timestamp(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 12):
        raise SignatureError("timestamp_invalid", "The timestamp is not a number of seconds.")
    return int(text)


def _key(secret: str) -> bytes:
    text = secret.removeprefix(PREFIX)
    return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
