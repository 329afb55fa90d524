"""What a page asks of the person who opens it."""

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponseBase

from opsportal.identity.actors import principal_of

P = ParamSpec("P")
View = Callable[Concatenate[HttpRequest, P], HttpResponseBase]


def scope_required(scope: str) -> Callable[[View[P]], View[P]]:
    """Decorate a page: people without `scope` get the 403 page (signing in is asked for by the middleware before)."""

    def decorate(view: View[P]) -> View[P]:
        @wraps(view)
        def checked(request: HttpRequest, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
            principal = principal_of(request)
            if principal is None or not principal.allows(scope):
                raise PermissionDenied(f"This needs the right “{scope}”.")
            return view(request, *args, **kwargs)

        return checked

    return decorate
