"""The form of a token: `ops_<key id>_<secret><check>`. No database here.

The key id finds the row, the secret (238 bits) is stored as its SHA-256 only, and the check digits let a mistyped or
made-up token be refused before any query, and let secret scanners recognise a leaked one.
"""

import hashlib
import hmac
import re
import secrets
import string
import zlib
from dataclasses import dataclass

ALPHABET = string.digits + string.ascii_uppercase + string.ascii_lowercase
KEY_ID_LENGTH, SECRET_LENGTH, CHECK_LENGTH = 12, 40, 6
FORM = re.compile(rf"ops_([a-z0-9]{{{KEY_ID_LENGTH}}})_([A-Za-z0-9]{{{SECRET_LENGTH}}})([A-Za-z0-9]{{{CHECK_LENGTH}}})")


@dataclass(frozen=True, slots=True)
class Key:
    """A token taken apart. `digest` is what may be stored."""

    key_id: str
    secret: str

    @property
    def text(self) -> str:
        """The whole token as its holder keeps it. Shown once, never stored or logged."""
        return f"ops_{self.key_id}_{self.secret}{check_digits(self.key_id, self.secret)}"

    @property
    def digest(self) -> bytes:
        return hashlib.sha256(self.secret.encode()).digest()

    def matches(self, digest: bytes) -> bool:
        """Whether a stored digest belongs to this secret; takes the same time for every answer."""
        return hmac.compare_digest(self.digest, digest)


def new_key() -> Key:
    lower = string.digits + string.ascii_lowercase
    key_id = "".join(secrets.choice(lower) for _ in range(KEY_ID_LENGTH))
    return Key(key_id, "".join(secrets.choice(ALPHABET) for _ in range(SECRET_LENGTH)))


def parse(text: str) -> Key | None:
    """The parts of a well-formed token, or None; asks no database."""
    match = FORM.fullmatch(text)
    if match is None or not hmac.compare_digest(match[3], check_digits(match[1], match[2])):
        return None
    return Key(match[1], match[2])


def check_digits(key_id: str, secret: str) -> str:
    """CRC-32 of both parts, written with six digits of base 62."""
    number, digits = zlib.crc32(f"{key_id}_{secret}".encode()), ""
    for _ in range(CHECK_LENGTH):
        number, digit = divmod(number, len(ALPHABET))
        digits = ALPHABET[digit] + digits
    return digits
