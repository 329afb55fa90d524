"""The last word on /api/: whatever went wrong before or beside a view is a problem too, never HTML."""

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from opsportal.api.errors import Problem

PREFIX = "/api/"
CARRIED_HEADERS = ("Allow", "Retry-After", "WWW-Authenticate")


class ProblemMiddleware:
    """Stands outside of the others, so that refused hosts, failed CSRF checks and failures pass it as answers."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if not request.path_info.startswith(PREFIX):
            return self.get_response(request)
        if settings.API_REQUIRES_HTTPS and not request.is_secure():
            # Refused, not redirected: a redirect would teach clients to send the token in clear first.
            return Problem(403, "https_required", "This API is served over https only.").http_response()
        response = self.get_response(request)
        if response.status_code < 400 or "json" in response.get("Content-Type", ""):
            return response
        carried = {name: response[name] for name in CARRIED_HEADERS if name in response}
        return Problem(response.status_code, headers=carried).http_response()
