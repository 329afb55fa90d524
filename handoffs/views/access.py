"""What the views of this room ask about a request: may they, and does it exist for them."""

from collections.abc import Callable
from typing import TypeVar

from django.http import Http404, HttpRequest

from opsportal.errors import NotFound
from opsportal.identity.actors import principal_of

T = TypeVar("T")


def may(request: HttpRequest, scope: str) -> bool:
    principal = principal_of(request)
    return principal is not None and principal.allows(scope)


def found(read: Callable[[], T]) -> T:
    """What `read` answers; its NotFound becomes the 404 page."""
    try:
        return read()
    except NotFound as missing:
        raise Http404(missing.message) from None
