"""The one permission of the API: the principal must hold the scope that the action names."""

from collections.abc import Callable
from typing import Any, Protocol, cast

from rest_framework.permissions import BasePermission
from rest_framework.request import Request


class Principal(Protocol):
    """Whoever asks, a person or a token: the rooms above know which."""

    pk: Any

    def allows(self, scope: str) -> bool: ...


RefusalObserver = Callable[[Request, str], None]
_observers: list[RefusalObserver] = []


def observe_refusals(observer: RefusalObserver) -> None:
    """Have `observer(request, scope)` called when a principal lacks a scope (the trail stands above this room)."""
    if observer not in _observers:
        _observers.append(observer)


def principal_of(request: Request) -> Principal | None:
    """The token, else the active person, else None."""
    if request.auth is not None:
        return cast(Principal, request.auth)
    person: Any = request.user
    return person if person.is_active and person.pk is not None else None


def credential_of(principal: Principal) -> str:
    """A stable name of the credential, such as `apitoken:7`: what limits and idempotency keys are counted by."""
    return f"{principal.__class__.__name__.lower()}:{principal.pk}"


class KnownPermission(BasePermission):
    """Any person or token, whatever they may do."""

    def has_permission(self, request: Request, view: Any) -> bool:
        return principal_of(request) is not None


class ScopePermission(BasePermission):
    """Views answer `required_scope()`; None means that any known principal may ask."""

    def has_permission(self, request: Request, view: Any) -> bool:
        principal = principal_of(request)
        if principal is None:
            return False
        scope = view.required_scope()
        if scope is None or principal.allows(scope):
            return True
        self.message = f"This needs the scope “{scope}”."
        self.code = "missing_scope"
        for observer in _observers:
            observer(request, scope)
        return False
