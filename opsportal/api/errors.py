"""Every refusal of the API as RFC 9457 problem+json, whatever raised it. Never HTML, never a path, SQL or version."""

import json
import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from django.core.exceptions import PermissionDenied, RequestDataTooBig, SuspiciousOperation, TooManyFieldsSent
from django.core.signals import got_request_exception
from django.db import DataError, IntegrityError, InterfaceError, OperationalError
from django.http import Http404, HttpResponse
from rest_framework import exceptions
from rest_framework.response import Response

from opsportal import errors as domain
from opsportal import trace
from opsportal.errors import RETRY_AFTER_SECONDS

CONTENT_TYPE = "application/problem+json"
logger = logging.getLogger("opsportal.api")

# status -> (code, title): what a refusal says when nothing more precise is known
TITLES = {
    400: ("malformed", "The request cannot be read"),
    401: ("not_authenticated", "Who is asking?"),
    403: ("forbidden", "Not allowed"),
    404: ("not_found", "There is no such thing here"),
    405: ("method_not_allowed", "This address does not answer that method"),
    406: ("not_acceptable", "No such representation"),
    409: ("conflict", "It does not fit the present state"),
    413: ("too_large", "The body is too large"),
    415: ("unsupported_media_type", "The body has a type that is not read here"),
    422: ("invalid", "The values cannot be accepted"),
    429: ("throttled", "Too many requests"),
    500: ("internal_error", "Something broke on our side"),
    503: ("unavailable", "Not available at present"),
}
DETAILS = {
    404: "There is no such address or record, or none that you may see. Paths end with a slash.",
    500: "The failure was recorded under this trace id; nothing of this request was kept.",
    503: "A part this needs cannot answer at present. Trying again later may help.",
}
STATUS_OF_DOMAIN_ERROR = (
    (domain.InvalidInput, 422),
    (domain.Conflict, 409),
    (domain.NotFound, 404),
    (domain.Forbidden, 403),
    (domain.Unavailable, 503),
)
SAFE_METHODS = ("GET", "HEAD", "OPTIONS")


class Malformed(exceptions.ParseError):
    """The bytes or the query cannot be read as what they should be (400)."""

    def __init__(self, code: str, message: str, *, field: str = "") -> None:
        super().__init__(message, code)
        self.field = field


class TooLarge(exceptions.APIException):
    """The body is longer than this address takes (413)."""

    status_code = 413
    default_code = "too_large"


class Unusable(exceptions.APIException):
    """Well formed, but what it asks cannot be accepted (422); `field` names the part."""

    status_code = 422

    def __init__(self, code: str, message: str, *, field: str = "") -> None:
        super().__init__(message, code)
        self.field = field


class Busy(exceptions.APIException):
    """The same request is being worked on at this moment (409)."""

    status_code = 409
    default_code = "in_progress"


@dataclass(frozen=True, slots=True)
class Problem:
    """One answer in the shape of RFC 9457. `errors` holds {field, code, message} each."""

    status: int
    code: str = ""
    detail: str = ""
    errors: list[dict[str, str]] = field(default_factory=list)
    headers: Mapping[str, str] = field(default_factory=dict)

    def body(self) -> dict[str, Any]:
        code, title = TITLES.get(self.status, (f"http_{self.status}", "The request was refused"))
        return {
            "type": f"urn:opsportal:problem:{self.code or code}",
            "title": title,
            "status": self.status,
            "detail": self.detail or DETAILS.get(self.status, title + "."),
            "code": self.code or code,
            "errors": self.errors,
            "trace_id": trace.current_trace_id(),
        }

    def http_response(self) -> HttpResponse:
        return HttpResponse(
            json.dumps(self.body()), status=self.status, content_type=CONTENT_TYPE, headers=dict(self.headers)
        )


def exception_handler(exc: Exception, context: Mapping[str, Any]) -> Response:
    """REST framework's hook: any exception of a view becomes a problem, unforeseen ones a logged 500."""
    problem = problem_of(exc)
    request = context.get("request")
    if problem.status == 422 and request is not None and request.method in SAFE_METHODS:
        problem = replace(problem, status=400)  # nothing but the query string can be wrong
    if problem.status >= 500 or isinstance(exc, IntegrityError):
        _report(exc, problem, context)
    response = Response(problem.body(), status=problem.status, headers=dict(problem.headers), content_type=CONTENT_TYPE)
    response.exception = True
    return response


def problem_of(exc: Exception) -> Problem:
    """What an exception is for the outside."""
    if isinstance(exc, domain.DomainError):
        return _of_domain(exc)
    if isinstance(exc, exceptions.APIException):
        return _of_framework(exc)
    if isinstance(exc, Http404):
        return Problem(404)
    if isinstance(exc, PermissionDenied):
        return Problem(403, detail=str(exc))
    if isinstance(exc, RequestDataTooBig):
        return Problem(413)
    if isinstance(exc, SuspiciousOperation | TooManyFieldsSent):
        return Problem(400)
    if isinstance(exc, IntegrityError):  # two requests raced for what only one can have
        return Problem(409)
    if isinstance(exc, DataError):
        return Problem(422, "out_of_range", "A value is outside the range that can be stored.")
    if isinstance(exc, OperationalError | InterfaceError):
        return Problem(503, headers={"Retry-After": str(RETRY_AFTER_SECONDS)})
    return Problem(500)


def _of_domain(exc: domain.DomainError) -> Problem:
    status = next((status for kind, status in STATUS_OF_DOMAIN_ERROR if isinstance(exc, kind)), 422)
    several = exc.errors if isinstance(exc, domain.InvalidInputs) else [exc]
    listed = [item(one.field, one.code, one.message) for one in several if one.field]
    headers = {"Retry-After": str(RETRY_AFTER_SECONDS)} if status == 503 else {}
    return Problem(status, exc.code, exc.message, listed, headers)


def _of_framework(exc: exceptions.APIException) -> Problem:
    headers = _headers_of(exc)
    if isinstance(exc, exceptions.ValidationError):
        listed = list(_flatten(exc.get_full_details()))
        code = listed[0]["code"] if len({error["code"] for error in listed}) == 1 else "invalid"
        return Problem(422, code, _summary(listed), listed, headers)
    code = str(exc.get_codes()) if isinstance(exc.detail, str) else ""
    name = getattr(exc, "field", "")
    listed = [item(name, code, str(exc.detail))] if name else []
    return Problem(exc.status_code, code.replace("parse_error", "malformed"), str(exc.detail), listed, headers)


def _headers_of(exc: exceptions.APIException) -> dict[str, str]:
    headers = {}
    if challenge := getattr(exc, "auth_header", None):
        headers["WWW-Authenticate"] = challenge
    if (wait := getattr(exc, "wait", None)) is not None:
        headers["Retry-After"] = str(max(1, int(wait)))
    return headers


def item(name: str, code: str, message: str) -> dict[str, str]:
    return {"field": name, "code": code, "message": message}


def _flatten(details: Any, path: str = "") -> Iterator[dict[str, str]]:
    """The framework's nested details as flat rows; a list item is named `stages.0.percent`."""
    if isinstance(details, Mapping) and set(details) == {"message", "code"} and isinstance(details["message"], str):
        yield item(path, details["code"], details["message"])
    elif isinstance(details, Mapping):
        for key, value in details.items():
            name = "" if key == "non_field_errors" else str(key)
            yield from _flatten(value, ".".join(part for part in (path, name) if part))
    else:
        plain = all(isinstance(value, Mapping) and set(value) == {"message", "code"} for value in details)
        for index, value in enumerate(details):
            yield from _flatten(value, path if plain else f"{path}.{index}".lstrip("."))


def _summary(listed: list[dict[str, str]]) -> str:
    if len(listed) == 1:
        error = listed[0]
        return f"{error['field']}: {error['message']}" if error["field"] else error["message"]
    return f"{len(listed)} values cannot be accepted."


def _report(exc: Exception, problem: Problem, context: Mapping[str, Any]) -> None:
    view = type(context.get("view")).__name__
    if problem.status != 500:
        logger.warning("%s in %s", type(exc).__name__, view, exc_info=exc)
        return
    logger.error("unforeseen failure in %s", view, exc_info=exc)
    if (request := context.get("request")) is not None:
        got_request_exception.send(sender=type(context.get("view")), request=request._request)
