"""The secrets of targets: our own signing secret from the vault, a foreign one by reference to the environment.

`secret_ref` is `env:NAME`, read from OPSPORTAL_REPLAY_SECRET_NAME. That prefix keeps a target from naming any other
variable of the process and having it sent away.
"""

import os
import re
from dataclasses import dataclass

from opsportal.errors import InvalidInput
from opsportal.vault import operations as vault
from opsportal.vault import signatures
from runbooks.models import ReplayTarget, Webhook

REFERENCE = re.compile(r"env:([A-Z][A-Z0-9_]{0,59})")
PREFIX = "OPSPORTAL_REPLAY_SECRET_"


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a request carries: a secret it is signed with, and a bearer token where the target wants one."""

    signing: str
    bearer: str = ""

    @property
    def all(self) -> tuple[str, ...]:
        return tuple(filter(None, (self.signing, self.bearer)))


# Webhooks that steps of runbooks call keep theirs the same way.
Holder = ReplayTarget | Webhook


def subject_of(target: Holder) -> str:
    return f"secret:{target.KEPT_AS}:{target.slug}"


def close(target: Holder, secret: str) -> bytes:
    return vault.encrypt(subject_of(target), secret.encode())


def check_reference(reference: str, *, field: str = "secret_ref") -> None:
    """Refuse a reference that is none. That it resolves is asked when it is used: a secret may come later."""
    if reference and not REFERENCE.fullmatch(reference):
        sentence = "A reference is env:NAME; the secret stands in OPSPORTAL_REPLAY_SECRET_NAME."
        raise InvalidInput("secret_ref_invalid", sentence, field=field)


def is_resolved(reference: str) -> bool:
    return not reference or bool(_resolve(reference))


def credentials(target: Holder) -> Credentials:
    """Raises LookupError when the reference leads nowhere: such a request would be refused, or worse, accepted."""
    own = vault.decrypt(subject_of(target), bytes(target.signing_secret)).decode() if target.signing_secret else ""
    return _foreign(target.secret_ref, own) if target.secret_ref else Credentials(own)


def shadow_credentials(target: ReplayTarget) -> Credentials:
    """What a shadow is sent: its own secret, or none. Whoever reads along there must not be able to sign in earnest."""
    return _foreign(target.shadow_secret_ref, "") if target.shadow_secret_ref else Credentials("")


def _foreign(reference: str, own: str) -> Credentials:
    secret = _resolve(reference)
    if not secret:
        raise LookupError(f"{reference} is not set.")
    return Credentials(secret) if secret.startswith(signatures.PREFIX) else Credentials(own, bearer=secret)


def _resolve(reference: str) -> str:
    found = REFERENCE.fullmatch(reference)
    return os.environ.get(PREFIX + found[1], "").strip() if found else ""
