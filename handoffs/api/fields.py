"""What the bodies of rules and of handoffs share: lines of text, people by user name, who did it as a caller says."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers as drf
from rest_framework.request import Request

from handoffs.engine.ladder import MAX_SLA_MINUTES
from opsportal.api.serializers import Serializer
from opsportal.audit.engine import Actor
from opsportal.errors import Forbidden, InvalidInput, NotFound
from opsportal.identity.actors import principal_of
from opsportal.identity.models import ApiToken, Person
from opsportal.identity.queries import get_person
from opsportal.identity.roles import CONFIGURE_HANDOFFS

MINUTES: dict[str, Any] = {"min_value": 1, "max_value": MAX_SLA_MINUTES}
ACTOR_KINDS = ("human", "system", "unknown")


def words(*, max_length: int = 60, **options: Any) -> drf.CharField:
    """An optional line of text; left out and empty mean the same."""
    return drf.CharField(max_length=max_length, **{"required": False, "allow_blank": True, **options})


@extend_schema_field(
    {
        "oneOf": [
            {"type": "string", "maxLength": 150},
            {
                "type": "object",
                "properties": {
                    "kind": {"type": "string", "enum": list(ACTOR_KINDS)},
                    "id": {"type": "string", "maxLength": 150},
                },
                "required": ["kind"],
                "additionalProperties": False,
            },
        ]
    }
)
class SaidActorField(drf.Field[Actor, Any, Any, Any]):
    """Who did it, as the caller says: a user name, or {kind, id}. A name that is nobody's here is an unknown actor."""

    def to_internal_value(self, data: Any) -> Actor:
        said = {"kind": "", "id": data} if isinstance(data, str) else data
        if not isinstance(said, dict) or set(said) - {"kind", "id"}:
            raise drf.ValidationError("An actor is a user name, or an object of kind and id.", "bad_actor")
        kind, name = said.get("kind", ""), said.get("id", "")
        if kind not in ("", *ACTOR_KINDS) or not isinstance(name, str) or len(name) > 150 or "\x00" in name:
            raise drf.ValidationError(f"The kind of an actor is {', '.join(ACTOR_KINDS)}.", "bad_actor")
        person = Person.objects.filter(username=name).first() if kind in ("", "human") and name else None
        if person is not None:
            return Actor("human", str(person.pk), str(person))
        return Actor(kind or "unknown", name, name or "somebody unknown")


class ReasonOnlySerializer(Serializer):
    reason = words(max_length=240)


def person_named(username: str | None, field: str) -> Person | None:
    if not username:
        return None
    try:
        return get_person(username)
    except NotFound as missing:
        raise InvalidInput(missing.code, missing.message, field=field) from None


def require_configuring(
    request: Request, sentence: str = "Timers and rules at work are changed by an ops lead."
) -> None:
    principal = principal_of(request)
    if principal is None or not principal.allows(CONFIGURE_HANDOFFS):
        raise Forbidden("missing_scope", sentence)


def source_of(request: Request) -> str:
    """The sending system: what a token is fixed to."""
    return request.auth.source if isinstance(request.auth, ApiToken) else ""
