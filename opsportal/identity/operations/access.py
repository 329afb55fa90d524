"""Signing in and out, refusals, passwords, sessions: who tried what from where, and never a secret."""

from datetime import datetime

from axes.utils import reset as reset_attempts
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import transaction

from opsportal.api import throttles
from opsportal.audit.engine import Actor, Draft, Subject
from opsportal.audit.operations import record
from opsportal.errors import InvalidInput, InvalidInputs
from opsportal.identity.actors import UNKNOWN, actor_for
from opsportal.identity.models import BrowserSession, Person
from opsportal.identity.operations.people import subject_of


def record_sign_in(person: Person, *, address: str | None, now: datetime) -> None:
    record(Draft(actor_for(person), "person.signed_in", subject_of(person), now, extra={"address": address}))


def record_sign_out(person: Person, *, reason: str, now: datetime) -> None:
    """`reason` is empty for a click on the button, else idle or too_long."""
    record(Draft(actor_for(person), "person.signed_out", subject_of(person), now, reason=reason))


def record_failed_sign_in(username: str, *, address: str | None, now: datetime) -> None:
    """An unknown user name is not written down: people type passwords into that field."""
    record(Draft(UNKNOWN, "person.sign_in_failed", _named(username), now, extra={"address": address}))


def record_lock(username: str, *, address: str | None, now: datetime) -> None:
    """Sign-in is refused for a while, whatever the password. One entry a minute for each address."""
    seen, _ = throttles.count(f"locked:{address}", now)
    if seen == 1:
        record(Draft(UNKNOWN, "person.locked", _named(username), now, extra={"address": address}))


def record_refused_scope(actor: Actor, *, scope: str, path: str, address: str | None, now: datetime) -> None:
    """A known person or token lacked a right. One entry a minute for each of them and right."""
    seen, _ = throttles.count(f"refused:{actor.kind}:{actor.id}:{scope}", now)
    if seen == 1:
        subject = Subject("scope", scope, scope)
        record(Draft(actor, "access.refused", subject, now, extra={"path": path[:200], "address": address}))


@transaction.atomic
def unlock(person: Person, *, actor: Actor, now: datetime) -> int:
    """Forget the failed attempts on this account; returns how many there were."""
    forgotten: int = reset_attempts(username=person.username)
    record(Draft(actor, "person.unlocked", subject_of(person), now, extra={"attempts": forgotten}))
    return forgotten


@transaction.atomic
def change_password(person: Person, password: str, *, actor: Actor, now: datetime, keep_session: str = "") -> None:
    """Set a password and end every other session. Raises InvalidInputs when it is short, common or like the name."""
    try:
        validate_password(password, person)
    except ValidationError as error:
        raise InvalidInputs(
            [InvalidInput(str(one.code), " ".join(one.messages), field="password") for one in error.error_list]
        ) from None
    person.set_password(password)
    person.save(update_fields=["password"])
    person.sessions.exclude(session_key=keep_session).delete()
    record(Draft(actor, "person.password_changed", subject_of(person), now))


@transaction.atomic
def end_session(session: BrowserSession, *, actor: Actor, now: datetime) -> None:
    """Sign one browser out; the trail names its address, never its key."""
    person = session.person
    session.delete()
    if person is not None:
        record(Draft(actor, "session.ended", subject_of(person), now, extra={"address": session.address}))


def _named(username: str) -> Subject:
    person = Person.objects.filter(username=username).first() if "\x00" not in username else None
    return subject_of(person) if person is not None else Subject("person", "unknown", "an unknown account")
