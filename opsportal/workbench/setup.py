"""The first start of a production portal: a key worth the name, migrated tables, one admin. No default account."""

from datetime import datetime

from django.conf import settings
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError

from opsportal.audit.engine import Actor
from opsportal.errors import InvalidInput
from opsportal.identity import operations
from opsportal.identity.models import Person
from opsportal.identity.roles import Role
from slos.policy import operations as policies

SHORTEST_KEY = 50
SETUP = Actor.system("setup")


def key_problem() -> str:
    """Why the secret key will not do for production, or nothing."""
    key = settings.SECRET_KEY
    if len(key) < SHORTEST_KEY:
        return f"SECRET_KEY has {len(key)} characters; at least {SHORTEST_KEY} random ones are needed."
    if key.startswith(("django-insecure", "development-only")):
        return "SECRET_KEY is the one of development. Set one of your own."
    return ""


def has_admin() -> bool:
    return any(Role.ADMIN in person.roles for person in Person.objects.filter(is_active=True))


def publish_policy(now: datetime) -> None:
    """Error budgets decide from the first day on; people change or retire it at /policy/."""
    policies.publish_policy(actor=SETUP, now=now)


def make_first_admin(*, username: str, name: str, email: str, password: str, now: datetime) -> Person:
    """The first admin. Raises InvalidInput `weak_password`, InvalidInputs, Conflict `username_taken`."""
    try:
        validate_password(password, Person(username=username, name=name, email=email))
    except ValidationError as error:
        raise InvalidInput("weak_password", " ".join(error.messages), field="password") from error
    return operations.create_person(
        actor=SETUP, now=now, username=username, name=name, email=email, password=password, roles=[Role.ADMIN]
    )
