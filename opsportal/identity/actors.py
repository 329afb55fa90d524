"""Who is behind a request: the principal (what they may do and see) and the actor (what the trail says)."""

from typing import Any

from opsportal.audit.engine import Actor
from opsportal.errors import Forbidden
from opsportal.identity.models import ApiToken, Person

Principal = ApiToken | Person

UNKNOWN = Actor("unknown", "", "somebody unknown")


def principal_of(request: Any) -> Principal | None:
    """The token of a request, else the signed-in person, else None. Takes Django's and the API's request alike."""
    token = getattr(request, "auth", None)
    if isinstance(token, ApiToken):
        return token
    user = getattr(request, "user", None)
    return user if isinstance(user, Person) and user.is_active else None


def require_person(request: Any, refusal: str = "A person does this, never a token.") -> Person:
    """The signed-in person of a request, for what no token may do. Raises Forbidden `needs_a_person`."""
    principal = principal_of(request)
    if not isinstance(principal, Person):
        raise Forbidden("needs_a_person", refusal)
    return principal


def actor_of(request: Any) -> Actor:
    principal = principal_of(request)
    return UNKNOWN if principal is None else actor_for(principal)


def actor_for(principal: Principal) -> Actor:
    """The trail's name for a principal: its key is `str(pk)`."""
    if isinstance(principal, ApiToken):
        return Actor("token", str(principal.pk), principal.name)
    return Actor("human", str(principal.pk), principal.name or principal.username)
