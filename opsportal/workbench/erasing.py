"""Erasing a person on their request: every room erases, two people answer for it, a certificate says what was done."""

import hashlib
import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils.crypto import salted_hmac

from opsportal.audit import erasers
from opsportal.audit import operations as audit
from opsportal.audit.engine import Draft, Subject
from opsportal.audit.erasers import Erased
from opsportal.errors import Forbidden, InvalidInput
from opsportal.identity.actors import actor_for
from opsportal.identity.models import Person
from opsportal.identity.roles import Role

SALT = "opsportal.workbench.erasing"


def look(keys: Sequence[str], *, by: Person, now: datetime) -> dict[str, Erased]:
    """What `erase_person` would erase now, by room."""
    return erasers.erase_all(_checked(keys), is_look=True, actor=actor_for(by), now=now)


@transaction.atomic
def erase_person(*, keys: Sequence[str], reason: str, by: Person, second: Person, now: datetime) -> dict[str, Any]:
    """Erase, and answer the certificate. `by` is an admin, `second` another admin or an ops lead.

    The certificate names the person by a keyed hash alone; `certificate_hash` stands in the entry of the trail, too.
    """
    if by.pk == second.pk or Role.ADMIN not in by.roles or not {Role.ADMIN, Role.OPS_LEAD} & set(second.roles):
        raise Forbidden("two_people", "An erasure takes an admin, and another admin or an ops lead.")
    if not reason.strip():
        raise InvalidInput("required", "Say what it follows from, such as the number of the request.", field="reason")
    checked, actor = _checked(keys), actor_for(by)
    hashes = [subject_hash(key) for key in checked]
    rooms = erasers.erase_all(checked, is_look=False, actor=actor, now=now)
    content: dict[str, Any] = {
        "subjects": hashes,
        "erased_at": now.isoformat(),
        "by": by.username,
        "second": second.username,
        "rooms": {name: {"erased": erased.counts, "kept": erased.kept} for name, erased in rooms.items()},
    }
    digest = hash_of(content)
    entry = audit.record(
        Draft(
            actor,
            "person.erased",
            Subject("data_subject", hashes[0]),
            now,
            reason=reason,
            extra={"certificate_hash": digest, "second": str(second), "rooms": content["rooms"]},
        )
    )
    return {**content, "certificate_hash": digest, "audit_entry": entry.pk}


def subject_hash(key: str) -> str:
    """Keyed, so that nobody finds a mail address by trying."""
    return salted_hmac(SALT, key, algorithm="sha256").hexdigest()[:40]


def hash_of(content: dict[str, Any]) -> str:
    """Of a certificate without its last two fields."""
    plain = {name: value for name, value in content.items() if name not in ("certificate_hash", "audit_entry")}
    return hashlib.sha256(json.dumps(plain, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def _checked(keys: Sequence[str]) -> list[str]:
    found = sorted({key.strip() for key in keys if key.strip()})
    if not found:
        raise InvalidInput("required", "Name the person by at least one key.", field="keys")
    return found
