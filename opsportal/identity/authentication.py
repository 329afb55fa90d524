"""Who calls the API: a bearer token, else a browser session with CSRF. Refusals of known tokens are in the trail."""

from typing import Any

from django.contrib.auth.models import AnonymousUser
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework import exceptions
from rest_framework.authentication import BaseAuthentication
from rest_framework.authentication import SessionAuthentication as FrameworkSession
from rest_framework.request import Request

from opsportal import clock
from opsportal.identity import keys, operations
from opsportal.identity.addresses import client_address, is_in
from opsportal.identity.models import ApiToken, Person

REALM = 'Bearer realm="opsportal"'


class TokenAuthentication(BaseAuthentication):
    """`Authorization: Bearer ops_…`. Answers (the person who answers for the token or nobody, the token)."""

    def authenticate(self, request: Request) -> tuple[Person | AnonymousUser, ApiToken] | None:
        _refuse_tokens_in_the_address(request)
        scheme, _, text = request.META.get("HTTP_AUTHORIZATION", "").partition(" ")
        if scheme.lower() != "bearer":
            return None
        key = keys.parse(text.strip())
        token = _find(key) if key is not None else None
        if token is None:
            raise exceptions.AuthenticationFailed("This token is not known.", "unknown_token")
        self._check(token, request)
        operations.note_use(token, now=clock.now())
        return token.person or AnonymousUser(), token

    def authenticate_header(self, request: Request) -> str:
        return REALM

    def _check(self, token: ApiToken, request: Request) -> None:
        """Raise and record when the token may not be used now or from here."""
        now, address = clock.now(), client_address(request)
        if token.is_usable(now) and (not token.networks or is_in(address, token.networks)):
            return
        reason = _reason(token, now)
        operations.record_refused_token(token, reason=reason, address=address, now=now)
        raise exceptions.AuthenticationFailed(MESSAGES[reason], f"token_{reason}")


MESSAGES = {
    "expired": "This token has expired.",
    "disabled": "This token was withdrawn.",
    "person_gone": "The person who answers for this token is no longer active.",
    "wrong_network": "This token may not be used from this network.",
}


def _reason(token: ApiToken, now: Any) -> str:
    if token.disabled_at is not None and token.disabled_at <= now:
        return "disabled"
    if token.expires_at <= now:
        return "expired"
    return "wrong_network" if token.is_usable(now) else "person_gone"


def _find(key: keys.Key) -> ApiToken | None:
    token = ApiToken.objects.select_related("person", "team").filter(key_id=key.key_id).first()
    return token if token is not None and key.matches(bytes(token.digest)) else None


def _refuse_tokens_in_the_address(request: Request) -> None:
    """A token in the query string stands in access logs and histories by now: refuse it and flag it as leaked."""
    for value in (value for values in request.query_params.lists() for value in values[1]):
        key = keys.parse(value)
        if key is None:
            continue
        if (token := _find(key)) is not None:
            operations.record_leaked_token(token, address=client_address(request), now=clock.now())
        raise exceptions.AuthenticationFailed(
            "A token in the address is not taken. Put it into the Authorization header, and replace it: it has leaked.",
            "token_in_address",
        )


class SessionAuthentication(FrameworkSession):
    """The browser's session; writing needs the CSRF token too."""

    def authenticate(self, request: Request) -> tuple[Person, None] | None:
        user = getattr(request._request, "user", None)
        if not isinstance(user, Person) or not user.is_active:
            return None
        try:
            self.enforce_csrf(request)
        except exceptions.PermissionDenied as refused:
            raise exceptions.PermissionDenied(str(refused.detail), "csrf_failed") from None
        return user, None


class _TokenScheme(OpenApiAuthenticationExtension):
    target_class = TokenAuthentication
    name = "token"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer", "description": "A token made with `manage.py create_token`."}


class _SessionScheme(OpenApiAuthenticationExtension):
    target_class = SessionAuthentication
    name = "session"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {"type": "apiKey", "in": "cookie", "name": "sessionid"}
