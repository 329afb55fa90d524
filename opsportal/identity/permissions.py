"""What a page asks of the person who opens it."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponseBase

from opsportal.identity.actors import principal_of
from opsportal.identity.refusals import observe

View = Callable[..., HttpResponseBase]


def scope_required(scope: str) -> Callable[[View], View]:
    """Decorate a page: people without `scope` get the 403 page (signing in is asked for by the middleware before)."""

    def decorate(view: View) -> View:
        @wraps(view)
        def checked(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            principal = principal_of(request)
            if principal is None or not principal.allows(scope):
                observe(request, scope)
                raise PermissionDenied(f"Your roles do not include the right “{scope}”.")
            return view(request, *args, **kwargs)

        return checked

    return decorate
