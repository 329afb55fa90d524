"""Domain errors: a stable code for programs and a sentence fit for the person who sees it.

Pages show the sentence at the field, the API maps the class to an HTTP status (opsportal.api.errors).
"""

RETRY_AFTER_SECONDS = 5  # what a caller is told who met something that passes


class DomainError(Exception):
    """Something the rules of the house refuse. `field` names the input it belongs to, or is empty."""

    def __init__(self, code: str, message: str, *, field: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.field = field


class InvalidInput(DomainError):
    """The request is well formed, but its values cannot be accepted (HTTP 422)."""


class Conflict(DomainError):
    """The request does not fit the present state of the record (HTTP 409)."""


class NotFound(DomainError):
    """There is no such record, or none this person may see (HTTP 404)."""


class Forbidden(DomainError):
    """The person is known and may not do this (HTTP 403)."""


class Unavailable(DomainError):
    """Something this needs cannot answer at present; trying again later may help (HTTP 503)."""


class InvalidInputs(InvalidInput):
    """Several fields are refused at once; `errors` holds one InvalidInput each."""

    def __init__(self, errors: list[InvalidInput]) -> None:
        first = errors[0]
        super().__init__(first.code, first.message, field=first.field)
        self.errors = errors
