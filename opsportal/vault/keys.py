"""The key-encryption keys of this installation: OPSPORTAL_VAULT_KEYS, the first closes, all open."""

import base64
import binascii
import hashlib

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from opsportal.vault.engine import KEY_BYTES, WrappingKey


def wrapping_keys() -> list[WrappingKey]:
    """At least one key. Without configuration a development key is derived from SECRET_KEY; production refuses that."""
    if settings.VAULT_KEYS:
        return [_read(text) for text in settings.VAULT_KEYS]
    if settings.PRODUCTION:
        raise ImproperlyConfigured("Production needs OPSPORTAL_VAULT_KEYS: one or more keys of 32 bytes in base64.")
    return [WrappingKey(hashlib.sha256(b"opsportal vault:" + settings.SECRET_KEY.encode()).digest())]


def _read(text: str) -> WrappingKey:
    try:
        material = base64.b64decode(text.strip().replace("-", "+").replace("_", "/") + "==", validate=False)
    except (binascii.Error, ValueError) as error:
        raise ImproperlyConfigured("OPSPORTAL_VAULT_KEYS holds something that is not base64.") from error
    if len(material) != KEY_BYTES:
        raise ImproperlyConfigured(f"A key in OPSPORTAL_VAULT_KEYS has {len(material)} bytes; it needs {KEY_BYTES}.")
    return WrappingKey(material)
