"""Erasing a person on their request: every room erases, two people answer for it, a certificate says what was done."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection, transaction
from django.utils.crypto import salted_hmac

from opsportal.approvals.models import Approval
from opsportal.audit import erasers
from opsportal.audit import operations as audit
from opsportal.audit.engine import Draft, Subject
from opsportal.audit.erasers import Erased, Found, Sought
from opsportal.audit.mentions import Mentions
from opsportal.audit.models import Entry
from opsportal.errors import Conflict, Forbidden, InvalidInput
from opsportal.identity.actors import actor_for
from opsportal.identity.models import Person
from opsportal.identity.roles import Role
from opsportal.privacy.models import Erasure
from opsportal.vault import operations as vault

SALT = "opsportal.privacy.erasing"
MOST_KEYS, SHORTEST_KEY, LONGEST_KEY = 20, 4, 200
PATIENCE = "600s"  # every table is searched; an ordinary statement has a minute


@dataclass(frozen=True, slots=True)
class Look:
    """What an erasure would come to now. `names` stand on their records; `held` is the case by record."""

    rooms: dict[str, Erased]
    found: Found

    @property
    def total(self) -> int:
        return sum(count for room in self.rooms.values() for count in room.counts.values())


@transaction.atomic
def look(keys: Sequence[str], *, by: Person, now: datetime) -> Look:
    """What `erase_person` would erase now, by room. Only who may take part in an erasure may look."""
    _require_part(by)
    sought = _seek(checked(keys))
    return Look(erasers.erase_all(sought, is_look=True, actor=actor_for(by), now=now), sought.found)


@transaction.atomic
def ask(*, keys: Sequence[str], reason: str, by: Person, keep_held: bool, now: datetime) -> Erasure:
    """Note an erasure that a second person decides. `by` is an admin. Raises as `erase_person` does."""
    known = _agreed(keys, reason, by)
    _refuse_held(_seek(known), keep_held)
    erasure = Erasure(
        subjects=[subject_hash(key) for key in known],
        keep_held=keep_held,
        reason=reason.strip()[:500],
        requested_by=by,
        requested_at=now,
    )
    erasure.sealed_keys = vault.encrypt(_vault_name(erasure), json.dumps(known).encode())
    erasure.save(force_insert=True)
    return erasure


@transaction.atomic
def erase_person(
    *, keys: Sequence[str], reason: str, by: Person, second: Person, now: datetime, keep_held: bool = False
) -> dict[str, Any]:
    """Erase, and answer the certificate. `by` is an admin, `second` another admin or an ops lead.

    The certificate names the person by a keyed hash alone; `certificate_hash` stands in the entry of the trail, too.
    Raises Conflict `legal_hold` where one keeps something, unless the rest is to go all the same (`keep_held`).
    """
    erasure = ask(keys=keys, reason=reason, by=by, keep_held=keep_held, now=now)
    return carry_out(erasure, second=second, now=now)


@transaction.atomic
def carry_out(erasure: Erasure, *, second: Person, now: datetime, approval: Approval | None = None) -> dict[str, Any]:
    """Do what was asked for, once: the certificate."""
    require_two(erasure.requested_by, second)
    if erasure.closed_at is not None:
        raise Conflict("erasure_over", "This erasure is over.")
    sought, actor = _seek(keys_of(erasure)), actor_for(erasure.requested_by)
    _refuse_held(sought, erasure.keep_held)
    forget_keys(erasure, now=now)
    rooms = erasers.erase_all(sought, is_look=False, actor=actor, now=now)
    content: dict[str, Any] = {
        "subjects": erasure.subjects,
        "erased_at": now.isoformat(),
        "by": erasure.requested_by.username,
        "second": second.username,
        "rooms": {name: {"erased": erased.counts, "kept": erased.kept} for name, erased in rooms.items()},
    }
    digest = hash_of(content)
    extra = {"certificate_hash": digest, "second": str(second), "rooms": content["rooms"]}
    whom = Subject("data_subject", erasure.subjects[0])
    entry = audit.record(Draft(actor, "person.erased", whom, now, reason=erasure.reason, extra=extra))
    certificate = {**content, "certificate_hash": digest, "audit_entry": entry.pk}
    erasure.second, erasure.approval, erasure.erased_at, erasure.certificate = second, approval, now, certificate
    erasure.save(update_fields=["second", "approval", "erased_at", "certificate"])
    return certificate


def forget_keys(erasure: Erasure, *, now: datetime) -> None:
    """It is over, done or not: nobody needs to know any more whom it was about."""
    vault.shred(_vault_name(erasure))
    Erasure.objects.filter(pk=erasure.pk).update(sealed_keys=None, closed_at=now)
    erasure.sealed_keys, erasure.closed_at = None, now


def keys_of(erasure: Erasure) -> list[str]:
    """What the person is known by, while it is not decided; nothing afterwards."""
    if erasure.sealed_keys is None:
        return []
    keys: list[str] = json.loads(vault.decrypt(_vault_name(erasure), bytes(erasure.sealed_keys)))
    return keys


def fault_of(certificate: Any) -> str:
    """Why this is not the certificate of an erasure done here, as the trail has it; empty where it is."""
    if not isinstance(certificate, dict) or not isinstance(certificate.get("audit_entry"), int):
        return "This is no certificate."
    if hash_of(certificate) != certificate.get("certificate_hash"):
        return "It was changed: its hash does not fit what it says."
    entry = Entry.objects.select_related("detail").filter(pk=certificate["audit_entry"], action="person.erased").first()
    if entry is None:
        return "The trail has no such erasure."
    if json.loads(entry.detail.body)["extra"]["certificate_hash"] != certificate["certificate_hash"]:
        return "The trail says something else of this erasure."
    return ""


def subject_hash(key: str) -> str:
    """Keyed, so that nobody finds a mail address by trying."""
    return salted_hmac(SALT, key, algorithm="sha256").hexdigest()[:40]


def hash_of(content: dict[str, Any]) -> str:
    """Of a certificate without its last two fields."""
    plain = {name: value for name, value in content.items() if name not in ("certificate_hash", "audit_entry")}
    return hashlib.sha256(json.dumps(plain, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def checked(keys: Sequence[str]) -> list[str]:
    """The keys as they are looked for. Raises InvalidInput for none, too many, and what is too short to be one."""
    found = sorted({key.strip() for key in keys if key.strip()})
    if not found:
        raise InvalidInput("required", "Name the person by at least one key.", field="keys")
    if len(found) > MOST_KEYS:
        raise InvalidInput("too_many", f"At most {MOST_KEYS} keys at once.", field="keys")
    if any(not SHORTEST_KEY <= len(key) <= LONGEST_KEY or "\x00" in key for key in found):
        sentence = f"A key has {SHORTEST_KEY} to {LONGEST_KEY} characters: a shorter one would be found everywhere."
        raise InvalidInput("key_length", sentence, field="keys")
    return found


def require_two(by: Person, second: Person) -> None:
    if by.pk == second.pk or Role.ADMIN not in by.roles or not may_take_part(second):
        raise Forbidden("two_people", "An erasure takes an admin, and another admin or an ops lead.")


def may_take_part(person: Any) -> bool:
    """Whether somebody may see whom an erasure is about, and be one of its two people."""
    return isinstance(person, Person) and bool({Role.ADMIN, Role.OPS_LEAD} & set(person.roles))


def may_ask(person: Any) -> bool:
    return isinstance(person, Person) and Role.ADMIN in person.roles


def _require_part(by: Person) -> None:
    if not may_take_part(by):
        raise Forbidden("not_allowed", "Admins and ops leads look after erasures.")


def _agreed(keys: Sequence[str], reason: str, by: Person) -> list[str]:
    if not may_ask(by):
        raise Forbidden("two_people", "An erasure takes an admin, and another admin or an ops lead.")
    known = checked(keys)
    if not reason.strip():
        raise InvalidInput("required", "Say what it follows from, such as the number of the request.", field="reason")
    if Mentions(known).stand_in(reason):
        raise InvalidInput("names_person", "The reason stays. Name the request, not the person.", field="reason")
    return known


def _refuse_held(sought: Sought, keep_held: bool) -> None:
    if sought.found.held and not keep_held:
        count, case = len(sought.found.held), sorted(set(sought.found.held.values()))[0]
        sentence = f"A legal hold keeps {count} of their records ({case}). End it first, or leave what is held out."
        raise Conflict("legal_hold", sentence)


def _seek(keys: Sequence[str]) -> Sought:
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT set_config('statement_timeout', %s, true)", [PATIENCE])
    return erasers.seek(keys)


def _vault_name(erasure: Erasure) -> str:
    return f"erasure:{erasure.pk}"
