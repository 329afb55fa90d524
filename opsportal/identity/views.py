"""Pages of sign-in, people and one's own account."""

from typing import Any

from django.http import HttpRequest, HttpResponse


def locked(request: HttpRequest, response: Any, credentials: dict[str, Any]) -> HttpResponse:
    """Too many wrong passwords: whatever the password, this is the answer for a while."""
    return HttpResponse("Too many attempts. Wait a quarter of an hour.", status=429, content_type="text/plain")
